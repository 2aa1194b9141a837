//! The data types of RFC 4251 section 5: reading never fails by panic, only by `None`.

/// Reads SSH data types off the front of a payload.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    /// `byte`.
    pub fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// `boolean`: every value but zero is true.
    pub fn bool(&mut self) -> Option<bool> {
        self.u8().map(|b| b != 0)
    }

    /// `uint32`.
    pub fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// `string`.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// `string` that C code holds as text, as OpenSSH's `sshbuf_get_cstring` takes it: no zero byte but at its end,
    /// where it is cut off.
    pub fn cstring(&mut self) -> Option<&'a [u8]> {
        let text = self.string()?;
        let text = text.strip_suffix(b"\0").unwrap_or(text);
        (!text.contains(&0)).then_some(text)
    }

    /// `mpint` that is not negative, without leading zeros.
    pub fn mpint(&mut self) -> Option<&'a [u8]> {
        let bytes = self.string()?;
        if bytes.first().is_some_and(|b| b & 0x80 != 0) {
            return None;
        }
        Some(trim(bytes))
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// `Some` when nothing is left (OpenSSH's `sshpkt_get_end`).
    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Writes SSH data types to the end of a buffer.
pub(crate) trait Put {
    fn put_u8(&mut self, value: u8);
    fn put_bool(&mut self, value: bool);
    fn put_u32(&mut self, value: u32);
    fn put_string(&mut self, bytes: &[u8]);
    /// An unsigned big-endian number.
    fn put_mpint(&mut self, magnitude: &[u8]);
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    fn put_bool(&mut self, value: bool) {
        self.push(u8::from(value));
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_string(&mut self, bytes: &[u8]) {
        self.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.extend_from_slice(bytes);
    }

    fn put_mpint(&mut self, magnitude: &[u8]) {
        let digits = trim(magnitude);
        let sign = usize::from(digits.first().is_some_and(|b| b & 0x80 != 0));
        self.put_u32(u32::try_from(digits.len() + sign).unwrap_or(u32::MAX));
        if sign == 1 {
            self.push(0);
        }
        self.extend_from_slice(digits);
    }
}

/// Without leading zeros.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// A message that starts with its number.
pub(crate) fn message(number: u8) -> Vec<u8> {
    vec![number]
}

/// Message numbers of RFC 4250 section 4.1 and of the key exchanges.
pub(crate) mod msg {
    pub(crate) const DISCONNECT: u8 = 1;
    pub(crate) const IGNORE: u8 = 2;
    pub(crate) const UNIMPLEMENTED: u8 = 3;
    pub(crate) const DEBUG: u8 = 4;
    pub(crate) const SERVICE_REQUEST: u8 = 5;
    pub(crate) const SERVICE_ACCEPT: u8 = 6;
    pub(crate) const EXT_INFO: u8 = 7;
    pub(crate) const KEXINIT: u8 = 20;
    pub(crate) const NEWKEYS: u8 = 21;
    pub(crate) const KEX_INIT: u8 = 30;
    pub(crate) const KEX_REPLY: u8 = 31;
    pub(crate) const GEX_REQUEST: u8 = 34;
    pub(crate) const GEX_GROUP: u8 = 31;
    pub(crate) const GEX_INIT: u8 = 32;
    pub(crate) const GEX_REPLY: u8 = 33;
    pub(crate) const USERAUTH_REQUEST: u8 = 50;
    pub(crate) const USERAUTH_FAILURE: u8 = 51;
    pub(crate) const USERAUTH_SUCCESS: u8 = 52;
    pub(crate) const USERAUTH_60: u8 = 60;
    pub(crate) const USERAUTH_INFO_RESPONSE: u8 = 61;
    pub(crate) const GLOBAL_REQUEST: u8 = 80;
    pub(crate) const REQUEST_SUCCESS: u8 = 81;
    pub(crate) const REQUEST_FAILURE: u8 = 82;
    pub(crate) const CHANNEL_OPEN: u8 = 90;
    pub(crate) const CHANNEL_OPEN_CONFIRMATION: u8 = 91;
    pub(crate) const CHANNEL_OPEN_FAILURE: u8 = 92;
    pub(crate) const CHANNEL_WINDOW_ADJUST: u8 = 93;
    pub(crate) const CHANNEL_DATA: u8 = 94;
    pub(crate) const CHANNEL_EXTENDED_DATA: u8 = 95;
    pub(crate) const CHANNEL_EOF: u8 = 96;
    pub(crate) const CHANNEL_CLOSE: u8 = 97;
    pub(crate) const CHANNEL_REQUEST: u8 = 98;
    pub(crate) const CHANNEL_SUCCESS: u8 = 99;
    pub(crate) const CHANNEL_FAILURE: u8 = 100;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mpints_as_in_rfc_4251() {
        let mut out = Vec::new();
        out.put_mpint(&[]);
        out.put_mpint(&[0, 0x80]);
        out.put_mpint(&[0x09, 0xa3]);
        assert_eq!(out, [0, 0, 0, 0, 0, 0, 0, 2, 0, 0x80, 0, 0, 0, 2, 9, 0xa3]);
        let mut reader = Reader::new(&out);
        assert_eq!((reader.mpint(), reader.mpint()), (Some(&[][..]), Some(&[0x80][..])));
        assert_eq!(Reader::new(&[0, 0, 0, 1, 0x80]).mpint(), None, "negative");
    }

    proptest! {
        #[test]
        fn strings_survive_and_cut_ones_are_none(bytes: Vec<u8>, cut: usize) {
            let mut out = Vec::new();
            out.put_string(&bytes);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.string(), Some(&bytes[..]));
            prop_assert!(reader.end().is_some());
            let cut = cut % out.len();
            prop_assert_eq!(Reader::new(&out[..cut]).string(), None);
        }
    }
}
