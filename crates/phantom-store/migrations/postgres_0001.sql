-- Text sorts bytewise, as in SQLite; jsonb and text hold U+0000 escaped (see src/postgres/value.rs).
CREATE TABLE state (name text COLLATE "C" PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE events (
    id uuid NOT NULL UNIQUE,
    seq bigint NOT NULL,
    time timestamptz NOT NULL,
    kind text COLLATE "C" NOT NULL,
    service text COLLATE "C",
    session uuid,
    src_ip inet,
    username text COLLATE "C",
    secret text COLLATE "C",
    accepted boolean,
    doc jsonb NOT NULL
);
CREATE INDEX events_time ON events (time, seq);
CREATE INDEX events_kind ON events (kind, time, seq);
CREATE INDEX events_src ON events (src_ip, time, seq) WHERE src_ip IS NOT NULL;
CREATE INDEX events_session ON events (session, time, seq) WHERE session IS NOT NULL;
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    sensor text COLLATE "C" NOT NULL,
    service text COLLATE "C",
    src_ip inet,
    src_port bigint,
    dst_ip inet,
    dst_port bigint,
    transport text COLLATE "C",
    opened timestamptz NOT NULL,
    closed timestamptz,
    duration_ms bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    why text COLLATE "C",
    events bigint NOT NULL,
    logins bigint NOT NULL,
    commands bigint NOT NULL,
    requests bigint NOT NULL,
    transfers bigint NOT NULL,
    accepted boolean NOT NULL,
    username text COLLATE "C"
);
CREATE INDEX sessions_opened ON sessions (opened, id);
CREATE INDEX sessions_src ON sessions (src_ip, opened, id);
CREATE TABLE alerts (
    id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    time timestamptz NOT NULL,
    sensor text COLLATE "C" NOT NULL,
    service text COLLATE "C",
    session uuid,
    src_ip inet,
    dst_ip inet,
    dst_port bigint,
    rule text COLLATE "C" NOT NULL,
    severity text COLLATE "C" NOT NULL,
    score double precision NOT NULL,
    doc jsonb NOT NULL
);
CREATE INDEX alerts_time ON alerts (time, seq);
CREATE INDEX alerts_src ON alerts (src_ip, time, seq);
CREATE TABLE triage (
    alert uuid PRIMARY KEY,
    status text COLLATE "C" NOT NULL,
    note text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    time timestamptz NOT NULL
);
CREATE TABLE flows (
    id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    time timestamptz NOT NULL,
    src_ip inet,
    src_port bigint,
    dst_ip inet,
    dst_port bigint,
    transport text COLLATE "C",
    app text COLLATE "C",
    doc jsonb NOT NULL
);
CREATE INDEX flows_time ON flows (time, seq);
CREATE INDEX flows_src ON flows (src_ip, time, seq);
CREATE TABLE sources (
    ip inet PRIMARY KEY,
    score double precision NOT NULL,
    level text COLLATE "C" NOT NULL,
    first timestamptz NOT NULL,
    last timestamptz NOT NULL,
    events bigint NOT NULL,
    sessions bigint NOT NULL,
    services jsonb NOT NULL,
    rules jsonb NOT NULL,
    reasons jsonb NOT NULL
);
CREATE INDEX sources_score ON sources (score, last, (host(ip) COLLATE "C"));
CREATE INDEX sources_last ON sources (last);
CREATE TABLE blocks (
    target text COLLATE "C" PRIMARY KEY,
    since timestamptz NOT NULL,
    until timestamptz,
    ended timestamptz,
    reason text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL
);
CREATE TABLE actions (
    id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    time timestamptz NOT NULL,
    target text COLLATE "C" NOT NULL,
    doc jsonb NOT NULL
);
CREATE INDEX actions_time ON actions (time, seq);
CREATE TABLE rollups (
    minute timestamptz NOT NULL,
    kind text COLLATE "C" NOT NULL,
    service text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (minute, kind, service)
);
CREATE TABLE users (
    name text COLLATE "C" PRIMARY KEY,
    role text COLLATE "C" NOT NULL,
    hash text COLLATE "C" NOT NULL,
    created timestamptz NOT NULL
);
CREATE TABLE tokens (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash bytea NOT NULL UNIQUE,
    name text COLLATE "C" NOT NULL,
    user_name text COLLATE "C",
    role text COLLATE "C" NOT NULL,
    created timestamptz NOT NULL,
    expires timestamptz,
    browser boolean NOT NULL
);
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time timestamptz NOT NULL,
    actor text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    detail text COLLATE "C" NOT NULL
);
CREATE INDEX audit_time ON audit (time, id);
CREATE SEQUENCE packet_log_id;
CREATE TABLE packet_logs (
    id bigint NOT NULL DEFAULT nextval('packet_log_id'),
    time timestamptz NOT NULL,
    src_ip inet NOT NULL,
    dst_ip inet NOT NULL,
    src_port integer NOT NULL,
    dst_port integer NOT NULL,
    protocol text COLLATE "C" NOT NULL,
    length bigint NOT NULL,
    ttl smallint NOT NULL,
    tcp_flags smallint NOT NULL,
    payload_len bigint NOT NULL,
    flow_id bigint NOT NULL,
    score double precision
) PARTITION BY RANGE (time);
CREATE INDEX packet_logs_time ON packet_logs (time, id);
CREATE INDEX packet_logs_src ON packet_logs (src_ip, time, id);
