//! Credentials in requests: forms and HTTP Basic.

use phantom_core::Untrusted;
use phantom_core::event::{Body, Login};

/// Names under which public login forms send the user and the password.
const USER_FIELDS: [&[u8]; 6] = [b"username", b"user", b"login", b"email", b"log", b"name"];
const SECRET_FIELDS: [&[u8]; 5] = [b"password", b"pass", b"pwd", b"passwd", b"secret"];

/// The user name and password of an `application/x-www-form-urlencoded` body, if it holds either.
pub(super) fn form(body: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut user, mut secret) = (None, None);
    for pair in body.split(|b| *b == b'&').take(64) {
        let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(at);
        let name = form_decode(name).to_ascii_lowercase();
        let value = || form_decode(value.get(1..).unwrap_or_default());
        if USER_FIELDS.contains(&name.as_slice()) {
            user.get_or_insert_with(value);
        } else if SECRET_FIELDS.contains(&name.as_slice()) {
            secret.get_or_insert_with(value);
        }
    }
    (user.is_some() || secret.is_some()).then(|| (user.unwrap_or_default(), secret.unwrap_or_default()))
}

fn form_decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
        let escaped = match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        match (escaped, first) {
            (Some(byte), _) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (None, b'+') => out.push(b' '),
            (None, byte) => out.push(*byte),
        }
        rest = after;
    }
    out
}

/// The user name and password of an `Authorization: Basic` value (RFC 7617).
pub(super) fn basic(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = base64(rest.trim_ascii())?;
    let colon = decoded.iter().position(|b| *b == b':').unwrap_or(decoded.len());
    let (user, secret) = decoded.split_at(colon);
    Some((user.to_vec(), secret.get(1..).unwrap_or_default().to_vec()))
}

/// RFC 4648 section 4; padding may be missing, as nginx allows.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0x00ff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
        }
    }
    Some(out)
}

/// The event of refused credentials.
pub(super) fn refused(method: &str, (user, secret): (Vec<u8>, Vec<u8>)) -> Body {
    Body::Login(Login {
        username: Untrusted::capped(&user, Login::CAP),
        secret: Untrusted::capped(&secret, Login::CAP),
        method: method.into(),
        accepted: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read() {
        let read = |body: &str| {
            form(body.as_bytes()).map(|(u, s)| (String::from_utf8(u).unwrap(), String::from_utf8(s).unwrap()))
        };
        let pair = |u: &str, s: &str| Some((u.to_owned(), s.to_owned()));
        assert_eq!(read("username=a+b&password=%26x%"), pair("a b", "&x%"));
        assert_eq!(read("log=admin&pwd=1&pwd=2"), pair("admin", "1"));
        assert_eq!(read("PASS=x"), pair("", "x"));
        assert_eq!(read("q=1"), None);
    }

    #[test]
    fn basic_is_read() {
        assert_eq!(basic(b"Basic dTpw"), Some((b"u".to_vec(), b"p".to_vec())));
        assert_eq!(basic(b"basic YWRtaW46YTpi"), Some((b"admin".to_vec(), b"a:b".to_vec())));
        assert_eq!(basic(b"Basic YQ=="), Some((b"a".to_vec(), Vec::new())));
        assert_eq!(basic(b"Basic ?"), None);
        assert_eq!(basic(b"Bearer x"), None);
    }
}
