//! Events to and from their JSON line.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Body, EVENT_VERSION, Endpoint, Event, Service, Transport};
use crate::time::serde_rfc3339;
use crate::{EventId, SessionId, Timestamp};

/// Why a line is not an event.
#[derive(Debug, Error)]
pub enum EventError {
    /// Not JSON, or a field is missing or of the wrong type.
    #[error("not an event: {0}")]
    Json(#[from] serde_json::Error),
    /// `kind` names an object that the line does not hold.
    #[error("not an event: kind is {0:?} and there is no object of that name")]
    NoBody(String),
}

#[derive(Serialize, Deserialize)]
struct Head<'a> {
    v: u32,
    id: EventId,
    #[serde(with = "serde_rfc3339")]
    time: Timestamp,
    #[serde(borrow)]
    sensor: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<Service>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    src: Option<Endpoint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dst: Option<Endpoint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transport: Option<Transport>,
}

const HEAD_FIELDS: [&str; 10] =
    ["v", "id", "time", "sensor", "kind", "service", "session", "src", "dst", "transport"];

impl Event {
    /// The journal's line, without its newline. Never contains a raw newline, since JSON strings escape it.
    pub fn to_json(&self) -> String {
        let head = Head {
            v: EVENT_VERSION,
            id: self.id,
            time: self.at,
            sensor: Cow::Borrowed(&self.sensor),
            kind: Cow::Borrowed(self.body.kind()),
            service: self.service.clone(),
            session: self.session,
            src: self.src,
            dst: self.dst,
            transport: self.transport,
        };
        let body = self.body_json();
        let mut line = serde_json::to_string(&head).unwrap_or_default();
        line.pop();
        line.push(',');
        line.push_str(&Value::String(self.body.kind().to_owned()).to_string());
        line.push(':');
        line.push_str(&body);
        for (name, value) in &self.extra {
            line.push(',');
            line.push_str(&Value::String(name.clone()).to_string());
            line.push(':');
            line.push_str(&value.to_string());
        }
        line.push('}');
        line
    }

    fn body_json(&self) -> String {
        if self.body_extra.is_empty() {
            return self.body_string();
        }
        let mut value: Value = serde_json::from_str(&self.body_string()).unwrap_or(Value::Null);
        if let Value::Object(object) = &mut value {
            for (name, unknown) in &self.body_extra {
                object.entry(name).or_insert_with(|| unknown.clone());
            }
        }
        value.to_string()
    }

    fn body_string(&self) -> String {
        match &self.body {
            Body::Opened(b) => serde_json::to_string(b),
            Body::Login(b) => serde_json::to_string(b),
            Body::Command(b) => serde_json::to_string(b),
            Body::Request(b) => serde_json::to_string(b),
            Body::Transfer(b) => serde_json::to_string(b),
            Body::Note(b) => serde_json::to_string(b),
            Body::Flow(b) => serde_json::to_string(b),
            Body::Score(b) => serde_json::to_string(b),
            Body::Alert(b) => serde_json::to_string(b),
            Body::Action(b) => serde_json::to_string(b),
            Body::Fault(b) => serde_json::to_string(b),
            Body::Closed(b) => serde_json::to_string(b),
            Body::Unknown { value, .. } => Ok(value.to_string()),
        }
        .unwrap_or_default()
    }

    /// Reads a journal line. Kinds and fields that this version does not know are kept verbatim.
    ///
    /// # Errors
    /// [`EventError`] names what is missing or of the wrong type.
    pub fn from_json(line: &[u8]) -> Result<Self, EventError> {
        let head: Head<'_> = serde_json::from_slice(line)?;
        let mut rest: Map<String, Value> = serde_json::from_slice(line)?;
        for name in HEAD_FIELDS {
            rest.remove(name);
        }
        let kind = head.kind.into_owned();
        let value = rest.remove(&kind).ok_or_else(|| EventError::NoBody(kind.clone()))?;
        let mut unknown = Map::new();
        let body = read_body(kind, value, &mut unknown)?;
        Ok(Self {
            id: head.id,
            at: head.time,
            sensor: Arc::from(head.sensor.as_ref()),
            service: head.service,
            session: head.session,
            src: head.src,
            dst: head.dst,
            transport: head.transport,
            body,
            extra: rest,
            body_extra: unknown,
        })
    }
}

fn read_body(kind: String, value: Value, unknown: &mut Map<String, Value>) -> Result<Body, EventError> {
    Ok(match kind.as_str() {
        "opened" => Body::Opened(known(value, unknown)?),
        "login" => Body::Login(known(value, unknown)?),
        "command" => Body::Command(known(value, unknown)?),
        "request" => Body::Request(known(value, unknown)?),
        "transfer" => Body::Transfer(known(value, unknown)?),
        "note" => Body::Note(known(value, unknown)?),
        "flow" => Body::Flow(known(value, unknown)?),
        "score" => Body::Score(known(value, unknown)?),
        "alert" => Body::Alert(known(value, unknown)?),
        "action" => Body::Action(known(value, unknown)?),
        "fault" => Body::Fault(known(value, unknown)?),
        "closed" => Body::Closed(known(value, unknown)?),
        _ => Body::Unknown { kind, value },
    })
}

/// Reads a known body and collects the top-level fields of its object that it has no place for.
fn known<T: for<'de> Deserialize<'de>>(
    value: Value,
    unknown: &mut Map<String, Value>,
) -> Result<T, EventError> {
    let mut ignored = Vec::new();
    let body = serde_ignored::deserialize(&value, |path| {
        if let serde_ignored::Path::Map { parent: serde_ignored::Path::Root, key } = path {
            ignored.push(key);
        }
    })?;
    for name in ignored {
        if let Some(field) = value.get(&name) {
            unknown.insert(name, field.clone());
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Closed, Login};
    use crate::{Untrusted, from_micros};

    fn sample() -> Event {
        let mut event = Event::new(
            EventId::new(from_micros(1_700_000_000_000_000), [7; 10]),
            from_micros(1_700_000_000_000_123),
            "s1".into(),
            Body::Login(Login {
                username: "root".into(),
                secret: Untrusted::from(b"\xff\n".to_vec()),
                method: "password".into(),
                accepted: false,
            }),
        );
        event.service = Some(Service::SSH);
        event.src = Some(Endpoint::new([192, 0, 2, 1].into(), 4242));
        event.transport = Some(Transport::Tcp);
        event
    }

    #[test]
    fn the_line_is_the_documented_layout() {
        let line = sample().to_json();
        assert_eq!(
            line,
            concat!(
                r#"{"v":1,"id":"018bcfe5-6800-7707-8707-070707070707","time":"2023-11-14T22:13:20.000123Z","#,
                r#""sensor":"s1","kind":"login","service":"ssh","src":{"ip":"192.0.2.1","port":4242},"#,
                "\"transport\":\"tcp\",\"login\":{\"username\":\"root\",\"secret\":\"\u{f7ff}\\n\",",
                r#""method":"password","accepted":false}}"#
            )
        );
        assert_eq!(Event::from_json(line.as_bytes()).unwrap(), sample());
    }

    #[test]
    fn unknown_kinds_and_fields_survive() {
        for line in [
            r#"{"v":9,"id":"018bcfe5-6800-7707-8707-070707070707","time":"2023-11-14T22:13:20.000000Z","sensor":"s","kind":"teleported","teleported":{"to":[1,2]},"colour":"red"}"#,
            r#"{"v":1,"id":"018bcfe5-6800-7707-8707-070707070707","time":"2023-11-14T22:13:20.000000Z","sensor":"s","kind":"closed","closed":{"duration_ms":1,"bytes_in":2,"bytes_out":3,"mood":{"deep":true}}}"#,
        ] {
            let event = Event::from_json(line.as_bytes()).unwrap();
            let again: Value = serde_json::from_str(&event.to_json()).unwrap();
            let mut expected: Value = serde_json::from_str(line).unwrap();
            expected["v"] = EVENT_VERSION.into();
            assert_eq!(again, expected);
        }
    }

    #[test]
    fn what_is_no_event_says_why() {
        let missing = Event::from_json(br#"{"v":1}"#).unwrap_err().to_string();
        assert!(missing.contains("missing field `id`"), "{missing}");
        let line = r#"{"v":1,"id":"018bcfe5-6800-7707-8707-070707070707","time":"2023-11-14T22:13:20Z","sensor":"s","kind":"login"}"#;
        assert!(
            matches!(Event::from_json(line.as_bytes()), Err(EventError::NoBody(kind)) if kind == "login")
        );
    }

    #[test]
    fn finer_times_than_microseconds_are_cut_when_read() {
        let line = sample().to_json().replace("20.000123Z", "20.000123999Z");
        assert_eq!(Event::from_json(line.as_bytes()).unwrap(), sample());
    }

    #[test]
    fn a_closed_body_needs_no_reason() {
        let mut event = sample();
        event.body = Body::Closed(Closed { duration_ms: 5, ..Closed::default() });
        assert!(!event.to_json().contains("why"));
    }
}
