// Made from docs/openapi.json by scripts/types.mjs (npm run codegen); do not edit.

/** Something the response did. */
export type Action = {
  "id": string;
  /** `dry_run`, `enforced`, `refused: WHY`, `failed: WHY`, `expired`. */
  "outcome": string;
  "reason": string;
  "target": string;
  "time": string;
  /** Seconds; absent where it has no end. */
  "ttl"?: number | null;
  /** `block`, `unblock`. */
  "what": string;
};

export type ActionPage = {
  "items": Array<Action>;
  /** Hand it back as `cursor` for the page after this one; absent on the last page. */
  "next"?: string | null;
};

/** An alert and its triage. */
export type Alert = {
  /** Observations in the window. */
  "count": number;
  "dst"?: Endpoint | null;
  "evidence": Array<Evidence>;
  "first": string;
  "id": string;
  "last": string;
  "note": string;
  "rule": string;
  /** The source's score when the rule fired, 0 to 100. */
  "score": number;
  "sensor": string;
  /** Its place in the journal. */
  "seq": number;
  "service"?: string | null;
  "session"?: string | null;
  "severity": Severity;
  /** The source accused. */
  "src"?: string | null;
  "status": Triage;
  /** MITRE ATT&CK ids. */
  "technique": Array<string>;
  "time": string;
  "title": string;
  "triaged_at"?: string | null;
  "triaged_by"?: string | null;
};

export type AlertPage = {
  "items": Array<Alert>;
  /** Hand it back as `cursor` for the page after this one; absent on the last page. */
  "next"?: string | null;
};

/** Something somebody did with the node. */
export type Audit = {
  "action": string;
  /** A user, `token:NAME`, or `cli`. */
  "actor": string;
  "detail": string;
  "target": string;
  "time": string;
};

export type AuditPage = {
  "items": Array<Audit>;
  /** Hand it back as `cursor` for the page after this one; absent on the last page. */
  "next"?: string | null;
};

/** A block, standing or past. */
export type Block = {
  /** When it was lifted or expired, if it was. */
  "ended"?: string | null;
  /** `dry_run` or `enforced`. */
  "outcome": string;
  "reason": string;
  "since": string;
  /** An address or network. */
  "target": string;
  /** Absent where it has no end. */
  "until"?: string | null;
};

export type BlockPage = {
  "items": Array<Block>;
  /** Hand it back as `cursor` for the page after this one; absent on the last page. */
  "next"?: string | null;
};

/** A slice of time. */
export type Bucket = {
  "alerts": number;
  "events": number;
  "packets": number;
  "sessions": number;
  "time": string;
};

/** How a part of the node is doing. */
export type Component = {
  /** In words; told only to those who are logged in. */
  "detail"?: string | null;
  /** `store`, `journal`, `honeypot.ssh`, `capture`, ... */
  "name": string;
  /** Whether it does what the settings ask of it. */
  "ok": boolean;
};

/** What was guessed most. */
export type Credentials = {
  "secrets": Array<Guess>;
  "usernames": Array<Guess>;
};

/** What the response did when asked by hand. */
export type Done = {
  /** `dry_run`, `enforced`, `refused: WHY`, `failed: WHY`, `expired`. */
  "outcome": string;
  "reason": string;
  "target": string;
  /** Seconds; absent where it has no end. */
  "ttl"?: number | null;
  /** `block`, `unblock`. */
  "what": string;
};

/** An address and a port; port 0 where there is none. */
export type Endpoint = {
  "ip": string;
  "port": number;
};

/** One thing that happened: the journal's line. It holds one more object, named as its `kind`. Bytes that an attacker chose are strings in which U+F780 to U+F7FF stand for the raw bytes 0x80 to 0xff. */
export type Event = {
  "dst"?: Endpoint;
  "id": string;
  /** `opened`, `login`, `command`, `request`, `transfer`, `note`, `flow`, `score`, `alert`, `action`, `fault`, `closed`, or one of a newer version. */
  "kind": string;
  "sensor": string;
  "service"?: string;
  "session"?: string;
  "src"?: Endpoint;
  "time": string;
  "transport"?: string;
  /** Layout version. */
  "v": number;
  [name: string]: unknown;
};

export type EventPage = {
  "items": Array<Event>;
  /** Hand it back as `cursor` for the page after this one; absent on the last page. */
  "next"?: string | null;
};

/** What an alert rests on. */
export type Evidence = {
  /** The event that shows it. */
  "event"?: string | null;
  /** The session that shows it. */
  "session"?: string | null;
  "text": string;
};

/** A conversation seen on the wire; "out" is from the initiator. */
export type Flow = {
  /** Protocol recognised by content. */
  "app"?: string | null;
  "bytes_in": number;
  "bytes_out": number;
  "dst"?: Endpoint | null;
  "duration_ms": number;
  "id": string;
  "packets_in": number;
  "packets_out": number;
  "payload_in": number;
  "payload_out": number;
  "src"?: Endpoint | null;
  /** As Zeek names it: `S0`, `S1`, `SF`, `REJ`, `RSTO`, `RSTR`, `OTH`. */
  "state": string;
  /** When it ended. */
  "time": string;
  "transport"?: string | null;
};

export type FlowPage = {
  "items": Array<Flow>;
  /** Hand it back as `cursor` for the page after this one; absent on the last page. */
  "next"?: string | null;
};

/** One guess: attacker's bytes. */
export type Guess = {
  "accepted": number;
  "count": number;
  "value": string;
};

/** How the node is doing. */
export type Health = {
  /** Details are told to those who are logged in. */
  "components": Array<Component>;
  /** Whether every component is well. */
  "ok": boolean;
};

/** How a honeypot is doing. */
export type HoneypotStatus = {
  /** Why, where the state is not `up`. */
  "detail"?: string | null;
  /** When its latest event happened. */
  "last_event"?: string | null;
  /** Where it listens. */
  "listen": Array<string>;
  /** Sessions open now. */
  "open": number;
  /** Peers turned away because a limit was reached. */
  "refused": number;
  /** `ssh`, `http`, `ftp`, ... */
  "service": string;
  /** Sessions since its process started. */
  "sessions": number;
  /** When its process started; absent while it does not run. */
  "since"?: string | null;
  /** `up`, `starting`, `holding` (evidence cannot be stored), `down`, `off`. */
  "state": string;
};

/** A packet of the live feed. */
export type LivePacket = {
  "dst_ip": string;
  "dst_port": number;
  "flow_id": number;
  "length": number;
  "payload_len": number;
  /** `tcp`, `udp`, `icmp`, or the IANA number. */
  "protocol": string;
  "src_ip": string;
  "src_port": number;
  "tcp_flags": number;
  "time": string;
  "ttl": number;
};

/** A name and a password. */
export type LoginForm = {
  "password": string;
  "username": string;
};

/** A new token. The secret is told this once. */
export type MadeToken = {
  "id": number;
  /** For `Authorization: Bearer`. */
  "token": string;
};

/** Who is logged in. */
export type Me = {
  /** Whether a cookie rather than a bearer token says so. */
  "browser": boolean;
  "name": string;
  "role": Role;
};

/** A block by hand. */
export type NewBlock = {
  /** Such as `1h`; as the policy has it for a first block when absent. */
  "for"?: string | null;
  "ip": string;
  /** 1 to 200 characters. */
  "why": string;
};

/** A new password. */
export type NewPassword = {
  /** The password until now; needed for one's own. */
  "current"?: string | null;
  /** 12 to 1024 bytes. */
  "password": string;
};

/** Somebody to be added. */
export type NewUser = {
  /** 1 to 64 of the letters a to z, digits, `.`, `_` and `-`. */
  "name": string;
  /** 12 to 1024 bytes. */
  "password": string;
  "role": Role;
};

/** A row of `packet_logs`. */
export type Packet = {
  "dst_ip": string;
  "dst_port": number;
  "flow_id": number;
  /** IP total length in bytes. */
  "length": number;
  "payload_len": number;
  /** `tcp`, `udp`, `icmp`, or the IANA number. */
  "protocol": string;
  /** The sender's threat score when the row was written. */
  "score"?: number | null;
  "src_ip": string;
  "src_port": number;
  /** 0 unless TCP. */
  "tcp_flags": number;
  "time": string;
  "ttl": number;
};

export type PacketPage = {
  "items": Array<Packet>;
  /** Hand it back as `cursor` for the page after this one; absent on the last page. */
  "next"?: string | null;
};

/** The response's policy. */
export type PolicyView = {
  /** Whether blocks also hide the honeypots. */
  "block_honeypots": boolean;
  /** Whether sources of the home network are blocked. */
  "block_internal": boolean;
  /** Why the two differ. */
  "detail"?: string | null;
  /** What is in force now: `enforce` falls back to `dry-run` where it cannot be done or was not confirmed. */
  "effective": string;
  /** How long the first, second, ... block of a source lasts, in seconds. */
  "ladder": Array<number>;
  /** `off`, `dry-run`, `enforce`: as set. */
  "mode": string;
  /** Addresses and networks that are never blocked, as resolved. */
  "never_block": Array<string>;
};

/** What went wrong (RFC 9457), sent as `application/problem+json`. */
export type Problem = {
  /** What happened this time. */
  "detail": string;
  /** Seconds after which trying again may help; also in `Retry-After`. */
  "retry_after"?: number | null;
  /** The HTTP status. */
  "status": number;
  /** What the name means, the same for every problem of the name. */
  "title": string;
  /** `urn:phantomnet:problem:` and a stable name. */
  "type": string;
};

/** Packets of one protocol. */
export type ProtocolCount = {
  /** IP lengths added up. */
  "bytes": number;
  "packets": number;
  "protocol": string;
};

/** One thing that a score rests on. */
export type Reason = {
  "name": string;
  "points": number;
  "text": string;
};

/** What somebody may do; each role may do what the ones before it may. */
export type Role = "viewer" | "analyst" | "admin";

/** A score at an instant. */
export type ScorePoint = {
  "level": Severity;
  "time": string;
  /** 0 to 100. */
  "value": number;
};

/** One visit of one peer to one service. */
export type Session = {
  /** Whether a login was accepted. */
  "accepted": boolean;
  /** Bytes the peer sent; 0 while open. */
  "bytes_in": number;
  /** Bytes sent to the peer; 0 while open. */
  "bytes_out": number;
  /** Absent while open. */
  "closed"?: string | null;
  "commands": number;
  "dst"?: Endpoint | null;
  /** 0 while open. */
  "duration_ms": number;
  "events": number;
  "id": string;
  "logins": number;
  "opened": string;
  "requests": number;
  "sensor": string;
  "service"?: string | null;
  "src"?: Endpoint | null;
  "transfers": number;
  "transport"?: string | null;
  /** The user name accepted last, or else tried last: attacker's bytes. */
  "username"?: string | null;
  /** Why it closed, where that was out of the ordinary. */
  "why"?: string | null;
};

export type SessionPage = {
  "items": Array<Session>;
  /** Hand it back as `cursor` for the page after this one; absent on the last page. */
  "next"?: string | null;
};

/** How bad. */
export type Severity = "low" | "medium" | "high" | "critical";

/** What the reader was not told since the stream opened. */
export type Skipped = {
  /** Messages lost because the reader was too slow; a batch of packets counts as one. */
  "messages": number;
  /** Packets left out because there were more than a screen holds. */
  "packets": number;
};

/** Somebody who touched us. */
export type Source = {
  /** Whether a block of exactly this address stands. */
  "blocked": boolean;
  "events": number;
  "first": string;
  "ip": string;
  "last": string;
  "level": Severity;
  /** The weightiest first. */
  "reasons": Array<Reason>;
  "rules": Array<string>;
  /** 0 to 100. */
  "score": number;
  "services": Array<string>;
  "sessions": number;
};

/** One source and what it did lately. */
export type SourceDetail = {
  /** Its latest alerts, at most 50. */
  "alerts": Array<Alert>;
  /** How its score changed, oldest first; the latest 200 changes. */
  "scores": Array<ScorePoint>;
  /** Its latest visits, at most 50. */
  "sessions": Array<Session>;
  "source": Source;
  /** MITRE ATT&CK ids of those alerts. */
  "techniques": Array<string>;
};

export type SourcePage = {
  "items": Array<Source>;
  /** Hand it back as `cursor` for the page after this one; absent on the last page. */
  "next"?: string | null;
};

/** One message of the stream, by the name of its `event`. */
export type StreamMessage = {
  /** `packet`: a batch, in the order of capture. */
  "packet": Array<LivePacket>;
} | {
  /** `event`, `score`, `alert`, `action`: an event. */
  "event": Event;
} | {
  /** `skipped`: sent when it changes. */
  "skipped": Skipped;
};

/** The first screen. */
export type Summary = {
  "alerts": number;
  "events": number;
  /** Events an hour, on average. */
  "events_per_hour": number;
  /** Events by kind. */
  "kinds": {
  [name: string]: number;
};
  /** Sources by level. */
  "levels": {
  [name: string]: number;
};
  /** Packets logged. */
  "packets": number;
  /** Alerts by rule. */
  "rules": {
  [name: string]: number;
};
  /** Events by service. */
  "services": {
  [name: string]: number;
};
  /** Visits opened. */
  "sessions": number;
  /** Alerts by severity. */
  "severities": {
  [name: string]: number;
};
  "since": string;
  /** Sources whose time of activity reaches into the window. */
  "sources": number;
  /** The highest scored, at most ten. */
  "top_sources": Array<Source>;
  "until": string;
};

/** A bearer token or a browser's session, without its secret. */
export type Token = {
  /** Whether it is a browser's session. */
  "browser": boolean;
  "created": string;
  "expires"?: string | null;
  "id": number;
  "name": string;
  "role": Role;
  "user"?: string | null;
};

/** A token to be made. */
export type TokenOrder = {
  /** For how long, such as `90d`; without end when absent. */
  "lasts"?: string | null;
  /** What a person calls it, 1 to 64 characters. */
  "name": string;
  /** At most one's own. */
  "role": Role;
};

/** What an analyst thinks of an alert. */
export type Triage = "open" | "acknowledged" | "resolved" | "false_positive";

/** Somebody who may log in. */
export type User = {
  "created": string;
  "name": string;
  "role": Role;
};

/** What an analyst thinks of an alert. */
export type Verdict = {
  /** At most 4000 characters; replaces the note there was. */
  "note"?: string;
  "status": Triage;
};
