//! Values as PostgreSQL takes and gives them.
//!
//! Neither `text` nor `jsonb` can hold U+0000, which peers may well send. [`ESCAPE`] followed by `0` stands for it,
//! and [`ESCAPE`] twice for itself, so that every string survives.

use std::borrow::Cow;
use std::error::Error;
use std::net::IpAddr;

use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::sql::Value;

/// U+F700, next to the private-use characters that `Untrusted` writes raw bytes with, and used by none of them.
const ESCAPE: char = '\u{f700}';

/// Microseconds from the Unix epoch to 2000-01-01, PostgreSQL's.
const EPOCH: i64 = 946_684_800_000_000;

fn escape_text(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => out.extend([ESCAPE, '0']),
            ESCAPE => out.extend([ESCAPE, ESCAPE]),
            c => out.push(c),
        }
    }
    out.into()
}

/// As [`escape_text`], of the strings within a JSON text.
fn escape_json(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u0000") && !json.contains(ESCAPE) {
        return json.into();
    }
    let mut out = String::with_capacity(json.len() + 8);
    let mut rest = json;
    while let Some(at) = rest.find(['\\', ESCAPE]) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = from.strip_prefix("\\u0000") {
            out.extend([ESCAPE, '0']);
            rest = after;
        } else if let Some(after) = from.strip_prefix(ESCAPE) {
            out.extend([ESCAPE, ESCAPE]);
            rest = after;
        } else {
            // A backslash and what it escapes go together, so that `\\u0000` is not mistaken.
            let end = from.char_indices().nth(2).map_or(from.len(), |(end, _)| end);
            let (pair, after) = from.split_at(end);
            out.push_str(pair);
            rest = after;
        }
    }
    out.push_str(rest);
    out.into()
}

fn unescape(text: &str, nul: &str) -> String {
    if !text.contains(ESCAPE) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ESCAPE => match chars.next() {
                Some('0') => out.push_str(nul),
                other => out.extend(other),
            },
            c => out.push(c),
        }
    }
    out
}

type Failure = Box<dyn Error + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(b) => b.to_sql(ty, out),
            Self::Int(n) if *ty == Type::INT4 => i32::try_from(*n)?.to_sql(ty, out),
            Self::Int(n) if *ty == Type::INT2 => i16::try_from(*n)?.to_sql(ty, out),
            Self::Int(n) => n.to_sql(ty, out),
            Self::Real(x) => x.to_sql(ty, out),
            Self::Text(text) => escape_text(text).to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
            Self::Time(t) => t.saturating_sub(EPOCH).to_sql(&Type::INT8, out),
            Self::Ip(ip) => ip.to_sql(ty, out),
            Self::Uuid(id) => id.to_sql(ty, out),
            Self::Json(json) => {
                if *ty == Type::JSONB {
                    // The one version of jsonb's wire format.
                    out.extend_from_slice(&[1]);
                }
                escape_json(json).to_sql(&Type::TEXT, out)
            }
        }
    }

    /// Statements are ours, and the server checks what it is sent.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(match *ty {
            Type::BOOL => Self::Bool(bool::from_sql(ty, raw)?),
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => Self::Real(f64::from_sql(ty, raw)?),
            Type::TEXT => Self::Text(unescape(<&str>::from_sql(ty, raw)?, "\0")),
            Type::BYTEA => Self::Bytes(raw.to_vec()),
            Type::TIMESTAMPTZ => Self::Time(i64::from_sql(&Type::INT8, raw)?.saturating_add(EPOCH)),
            Type::INET => Self::Ip(IpAddr::from_sql(ty, raw)?),
            Type::UUID => Self::Uuid(Uuid::from_sql(ty, raw)?),
            Type::JSONB => {
                let text = raw.get(1..).ok_or("empty jsonb")?;
                Self::Json(unescape(std::str::from_utf8(text)?, "\\u0000"))
            }
            _ => return Err(format!("column of type {ty}").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_escaped_backslash_before_u0000_is_left_alone() {
        let json = serde_json::to_string(&["\\u0000", "\0", "\u{f700}0", "\\\0"]).unwrap();
        let escaped = escape_json(&json);
        assert_eq!(escaped, "[\"\\\\u0000\",\"\u{f700}0\",\"\u{f700}\u{f700}0\",\"\\\\\u{f700}0\"]");
        assert_eq!(unescape(&escaped, "\\u0000"), json);
    }

    proptest! {
        #[test]
        fn every_string_survives(text in "[\0\u{f700}0\\\\u\"a\u{f7ff}]{0,12}") {
            let escaped = escape_text(&text).into_owned();
            prop_assert!(!escaped.contains('\0'));
            prop_assert_eq!(unescape(&escaped, "\0"), text.clone());
            let json = serde_json::to_string(&text).unwrap();
            let escaped = escape_json(&json).into_owned();
            let held: String = serde_json::from_str(&escaped).unwrap();
            prop_assert!(!held.contains('\0'));
            prop_assert_eq!(unescape(&escaped, "\\u0000"), json);
        }
    }
}
