-- Instants are microseconds since the Unix epoch; addresses and ids are text; doc columns are JSON.
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
    id TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    service TEXT,
    session TEXT,
    src_ip TEXT,
    username TEXT,
    secret TEXT,
    accepted INTEGER,
    doc TEXT NOT NULL
);
CREATE INDEX events_time ON events (time, seq);
CREATE INDEX events_kind ON events (kind, time, seq);
CREATE INDEX events_src ON events (src_ip, time, seq) WHERE src_ip IS NOT NULL;
CREATE INDEX events_session ON events (session, time, seq) WHERE session IS NOT NULL;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    sensor TEXT NOT NULL,
    service TEXT,
    src_ip TEXT,
    src_port INTEGER,
    dst_ip TEXT,
    dst_port INTEGER,
    transport TEXT,
    opened INTEGER NOT NULL,
    closed INTEGER,
    duration_ms INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    why TEXT,
    events INTEGER NOT NULL,
    logins INTEGER NOT NULL,
    commands INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    transfers INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    username TEXT
) WITHOUT ROWID;
CREATE INDEX sessions_opened ON sessions (opened, id);
CREATE INDEX sessions_src ON sessions (src_ip, opened, id);
CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    sensor TEXT NOT NULL,
    service TEXT,
    session TEXT,
    src_ip TEXT,
    dst_ip TEXT,
    dst_port INTEGER,
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    score REAL NOT NULL,
    doc TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX alerts_time ON alerts (time, seq);
CREATE INDEX alerts_src ON alerts (src_ip, time, seq);
CREATE TABLE triage (
    alert TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    note TEXT NOT NULL,
    actor TEXT NOT NULL,
    time INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE flows (
    id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    src_ip TEXT,
    src_port INTEGER,
    dst_ip TEXT,
    dst_port INTEGER,
    transport TEXT,
    app TEXT,
    doc TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX flows_time ON flows (time, seq);
CREATE INDEX flows_src ON flows (src_ip, time, seq);
CREATE TABLE sources (
    ip TEXT PRIMARY KEY,
    score REAL NOT NULL,
    level TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    events INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    services TEXT NOT NULL,
    rules TEXT NOT NULL,
    reasons TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sources_score ON sources (score, last, ip);
CREATE INDEX sources_last ON sources (last);
CREATE TABLE blocks (
    target TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    until INTEGER,
    ended INTEGER,
    reason TEXT NOT NULL,
    outcome TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE actions (
    id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    target TEXT NOT NULL,
    doc TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX actions_time ON actions (time, seq);
CREATE TABLE rollups (
    minute INTEGER NOT NULL,
    kind TEXT NOT NULL,
    service TEXT NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (minute, kind, service)
) WITHOUT ROWID;
CREATE TABLE users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    hash TEXT NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    user_name TEXT,
    role TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    browser INTEGER NOT NULL
);
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_time ON audit (time, id);
