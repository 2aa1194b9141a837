//! Records, read with C's functions for numbers as scp.c reads them.

use phantom_core::{Timestamp, from_micros};

use crate::vfs::SetAttr;

/// `goto screwup`: why a record cannot be.
pub(super) struct Screwup(pub(super) &'static str);

/// A `C` or `D` record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) name: &'a [u8],
}

/// `C0644 12 name`.
pub(super) fn header(text: &[u8]) -> Result<Header<'_>, Screwup> {
    let mut mode = 0;
    for at in 1..5 {
        match text.get(at) {
            Some(digit @ b'0'..=b'7') => mode = mode << 3 | u32::from(digit - b'0'),
            _ => return Err(Screwup("bad mode")),
        }
    }
    let rest = text.get(5..).and_then(|rest| rest.strip_prefix(b" ")).ok_or(Screwup("mode not delimited"))?;
    let (size, rest) = unsigned(rest).ok_or(Screwup("size not present"))?;
    let name = rest.strip_prefix(b" ").ok_or(Screwup("size not delimited"))?;
    if i64::try_from(size).is_err() {
        return Err(Screwup("size out of range"));
    }
    Ok(Header { mode, size, name })
}

/// `T1183828267 0 1183828267 0`; `None` where a time is out of range.
pub(super) fn times(text: &[u8]) -> Result<Option<SetAttr>, Screwup> {
    let rest = text.get(1..).unwrap_or(&[]);
    let (change, rest) = unsigned(rest).ok_or(Screwup("mtime.sec not present"))?;
    let rest = rest.strip_prefix(b" ").ok_or(Screwup("mtime.sec not delimited"))?;
    let rest = micros(rest).and_then(|rest| rest.strip_prefix(b" "));
    let rest = rest.ok_or(Screwup("mtime.usec not delimited"))?;
    let (access, rest) = unsigned(rest).ok_or(Screwup("atime.sec not present"))?;
    let rest = rest.strip_prefix(b" ").ok_or(Screwup("atime.sec not delimited"))?;
    if micros(rest) != Some(b"") {
        return Err(Screwup("atime.usec not delimited"));
    }
    let both = instant(change).zip(instant(access));
    Ok(both.map(|(mtime, atime)| SetAttr { mtime: Some(mtime), atime: Some(atime), ..SetAttr::default() }))
}

/// ext4 keeps times up to May 2446; later ones become the last it has.
const LAST: i64 = 15_032_385_535;

fn instant(seconds: u64) -> Option<Timestamp> {
    Some(from_micros(i64::try_from(seconds).ok()?.min(LAST) * 1_000_000))
}

/// strtoull(3) of a text that must begin with a digit: the greatest number where it is too great.
fn unsigned(text: &[u8]) -> Option<(u64, &[u8])> {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.is_empty() {
        return None;
    }
    let sum = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    Some((digits.iter().try_fold(0, sum).unwrap_or(u64::MAX), rest))
}

/// What follows strtol(3)'s number of microseconds, if that is one.
fn micros(text: &[u8]) -> Option<&[u8]> {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | 11 | 12 | b'\r' | b'\n');
    let start = text.iter().position(|b| !blank(b)).unwrap_or(text.len());
    let signed = text.get(start..)?;
    let digits = signed.strip_prefix(b"+").or_else(|| signed.strip_prefix(b"-")).unwrap_or(signed);
    let Some((value, rest)) = unsigned(digits) else { return Some(text) };
    let negative = signed.starts_with(b"-") && value > 0;
    if negative || value > 999_999 { None } else { Some(rest) }
}
