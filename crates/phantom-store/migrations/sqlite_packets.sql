CREATE TABLE IF NOT EXISTS packet_logs (
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    src_ip TEXT NOT NULL,
    dst_ip TEXT NOT NULL,
    src_port INTEGER NOT NULL,
    dst_port INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    length INTEGER NOT NULL,
    ttl INTEGER NOT NULL,
    tcp_flags INTEGER NOT NULL,
    payload_len INTEGER NOT NULL,
    flow_id INTEGER NOT NULL,
    score REAL
);
CREATE INDEX IF NOT EXISTS packet_logs_time ON packet_logs (time, id);
CREATE INDEX IF NOT EXISTS packet_logs_src ON packet_logs (src_ip, time, id);
