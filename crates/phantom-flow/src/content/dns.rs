//! DNS messages (RFC 1035 section 4.1): strict enough that chance does not pass for one.

/// Whether a whole datagram is a query or a response of one question.
pub(super) fn is_message(message: &[u8]) -> bool {
    let Some(mut rest) = begins(message) else { return false };
    let mut total = 0;
    loop {
        let Some((len, after)) = rest.split_first() else { return false };
        let len = usize::from(*len);
        total += len + 1;
        if len > 63 || total > 255 {
            return false;
        }
        let Some(after) = after.get(len..) else { return false };
        rest = after;
        if len == 0 {
            break;
        }
    }
    // Class: IN, CH, HS, NONE or ANY; the highest bit is multicast DNS's (RFC 6762 section 5.4).
    matches!(rest, [_, _, 0x00 | 0x80, 1 | 3 | 4 | 254 | 255, ..])
}

/// Whether this is the beginning of a message: its header and first label.
pub(super) fn begins_message(message: &[u8]) -> bool {
    let Some([len, label @ ..]) = begins(message) else { return false };
    let name = label.get(..usize::from(*len)).unwrap_or_default();
    *len > 0
        && name.len() == usize::from(*len)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What follows the header if the header is one of a message with one question.
fn begins(message: &[u8]) -> Option<&[u8]> {
    let ([_, _, flags, _, q0, q1, a0, _, n0, _, e0, _], rest) = message.split_first_chunk::<12>()?;
    let opcode = flags >> 3 & 0x0f;
    let response = flags & 0x80 != 0;
    let fits = matches!(opcode, 0 | 1 | 2 | 4 | 5)
        && (*q0, *q1) == (0, 1)
        && (response || *a0 == 0)
        && *n0 <= 1
        && *e0 == 0;
    fits.then_some(rest)
}
