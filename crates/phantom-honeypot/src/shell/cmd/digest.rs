//! Checksums and encodings of coreutils 9.1.

use blake2::Blake2b512;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::ctx::{Ctx, Need, show};
use super::getopt::{Parsed, Spec};
use super::registry::{Row, bin};
use super::text::{contents, lines};

pub(super) const PROGRAMS: &[Row] = &[
    bin("b2sum", "coreutils", 60_400, digest),
    bin("base32", "coreutils", 48_016, encode),
    bin("base64", "coreutils", 48_016, encode),
    bin("cksum", "coreutils", 142_384, cksum),
    bin("md5sum", "coreutils", 52_176, digest),
    bin("sha1sum", "coreutils", 56_272, digest),
    bin("sha224sum", "coreutils", 60_368, digest),
    bin("sha256sum", "coreutils", 60_368, digest),
    bin("sha384sum", "coreutils", 64_464, digest),
    bin("sha512sum", "coreutils", 64_464, digest),
    bin("sum", "coreutils", 52_184, sum),
];

const SPEC: Spec = Spec {
    shorts: "bctwz",
    longs: &[
        ("binary", b'b'),
        ("check", b'c'),
        ("ignore-missing", 200),
        ("quiet", 201),
        ("status", 202),
        ("text", b't'),
        ("warn", b'w'),
        ("strict", 203),
        ("tag", 204),
        ("zero", b'z'),
    ],
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn hash(name: &str, bytes: &[u8]) -> String {
    match name {
        "md5sum" => hex(&Md5::digest(bytes)),
        "sha1sum" => hex(&Sha1::digest(bytes)),
        "sha224sum" => hex(&Sha224::digest(bytes)),
        "sha384sum" => hex(&Sha384::digest(bytes)),
        "sha512sum" => hex(&Sha512::digest(bytes)),
        "b2sum" => hex(&Blake2b512::digest(bytes)),
        _ => hex(&Sha256::digest(bytes)),
    }
}

fn tag(name: &str) -> String {
    match name {
        "b2sum" => "BLAKE2b".to_owned(),
        other => other.trim_end_matches("sum").to_uppercase(),
    }
}

fn digest(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let name = ctx.name.clone();
    let mut files = parsed.rest.clone();
    if files.is_empty() {
        files.push(b"-".to_vec());
    }
    if parsed.has(b'c') {
        return check(ctx, &parsed, &files);
    }
    let (all, status) = contents(ctx, &files)?;
    let end = if parsed.has(b'z') { '\0' } else { '\n' };
    for (file, bytes) in all {
        let (sum, file) = (hash(&name, &bytes), show(&file));
        // A name with a newline or backslash is escaped, and the line says so by its first byte.
        let odd = end == '\n' && file.contains(['\n', '\\', '\r']);
        let shown =
            if odd { file.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r") } else { file };
        let mark = if odd { "\\" } else { "" };
        let text = if parsed.has(204) {
            format!("{mark}{} ({shown}) = {sum}{end}", tag(&name))
        } else {
            let kind = if parsed.has(b'b') { '*' } else { ' ' };
            format!("{mark}{sum} {kind}{shown}{end}")
        };
        ctx.print(&text);
    }
    Ok(status)
}

/// Sum and name of a line of a list.
fn listed(line: &str, name: &str, length: usize) -> Option<(String, String)> {
    let line = line.trim_start_matches([' ', '\t']);
    let line = line.strip_prefix('\\').unwrap_or(line);
    if let Some(rest) = line.strip_prefix(&format!("{} (", tag(name))) {
        let (file, sum) = rest.rsplit_once(") = ")?;
        return Some((sum.to_owned(), file.to_owned()));
    }
    let sum = line.get(..length)?;
    let rest = line.get(length..)?.strip_prefix(' ')?;
    let file = rest.strip_prefix([' ', '*']).unwrap_or(rest);
    let whole = sum.bytes().all(|b| b.is_ascii_hexdigit()) && !file.is_empty();
    whole.then(|| (sum.to_owned(), file.to_owned()))
}

fn check(ctx: &mut Ctx<'_>, parsed: &Parsed, files: &[Vec<u8>]) -> Result<i32, Need> {
    let name = ctx.name.clone();
    let length = hash(&name, b"").len();
    let (quiet, silent) = (parsed.has(201), parsed.has(202));
    let (all, mut status) = contents(ctx, files)?;
    for (list, bytes) in all {
        let (mut good, mut wrong, mut unread, mut odd) = (0u32, 0u32, 0u32, 0u32);
        for line in lines(&bytes) {
            let Some((sum, file)) = listed(&show(line), &name, length) else {
                odd += 1;
                continue;
            };
            match ctx.content(file.as_bytes())? {
                Err(crate::vfs::Errno::ENOENT) if parsed.has(200) => {}
                Err(errno) => {
                    unread += 1;
                    ctx.fail(&format!("{file}: {errno}"));
                    if !silent {
                        ctx.print(&format!("{file}: FAILED open or read\n"));
                    }
                }
                Ok(content) if hash(&name, &content).eq_ignore_ascii_case(&sum) => {
                    good += 1;
                    if !quiet && !silent {
                        ctx.print(&format!("{file}: OK\n"));
                    }
                }
                Ok(_) => {
                    wrong += 1;
                    if !silent {
                        ctx.print(&format!("{file}: FAILED\n"));
                    }
                }
            }
        }
        let shown = if list == b"-" { "'standard input'".to_owned() } else { show(&list) };
        let (s, are) = (|n: u32| if n == 1 { "" } else { "s" }, |n: u32| if n == 1 { "is" } else { "are" });
        if good + wrong + unread == 0 && !(parsed.has(200) && odd == 0) {
            status = ctx.fail(&format!("{shown}: no properly formatted checksum lines found"));
            continue;
        }
        if !silent {
            if odd > 0 {
                ctx.fail(&format!("WARNING: {odd} line{} {} improperly formatted", s(odd), are(odd)));
            }
            if unread > 0 {
                ctx.fail(&format!("WARNING: {unread} listed file{} could not be read", s(unread)));
            }
            if wrong > 0 {
                ctx.fail(&format!("WARNING: {wrong} computed checksum{} did NOT match", s(wrong)));
            }
            if parsed.has(200) && good == 0 && wrong == 0 {
                ctx.fail(&format!("{shown}: no file was verified"));
            }
        }
        if wrong + unread > 0 || (odd > 0 && parsed.has(203)) || (parsed.has(200) && good + wrong == 0) {
            status = 1;
        }
    }
    Ok(status)
}

/// The CRC of POSIX: polynomial 0x04c11db7, the length appended.
fn posix_crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: u8| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            if crc & 0x8000_0000 == 0 { crc << 1 } else { crc << 1 ^ 0x04c1_1db7 }
        })
    };
    let mut crc = bytes.iter().fold(0, |crc, byte| step(crc, *byte));
    let mut length = bytes.len();
    while length > 0 {
        crc = step(crc, (length & 255) as u8);
        length >>= 8;
    }
    !crc
}

fn cksum(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "a:cl:z",
        longs: &[("algorithm=", b'a'), ("check", b'c'), ("untagged", 200), ("tag", 201)],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let algorithm = parsed.value(b'a').map(show);
    let (all, status) = contents(ctx, &parsed.rest)?;
    for (file, bytes) in all {
        let shown = show(&file);
        let tail = if shown.is_empty() { String::new() } else { format!(" {shown}") };
        let text = match algorithm.as_deref() {
            None | Some("crc") => format!("{} {}{tail}\n", posix_crc(&bytes), bytes.len()),
            Some("bsd") => format!("{:05} {:5}{tail}\n", bsd(&bytes), bytes.len().div_ceil(1024)),
            Some("sysv") => format!("{} {}{tail}\n", sysv(&bytes), bytes.len().div_ceil(512)),
            Some(other) => {
                let program = if other == "blake2b" { "b2sum".to_owned() } else { format!("{other}sum") };
                let shown = if shown.is_empty() { "-" } else { &shown };
                let sum = hash(&program, &bytes);
                if parsed.has(200) {
                    format!("{sum}  {shown}\n")
                } else {
                    format!("{} ({shown}) = {sum}\n", tag(&program))
                }
            }
        };
        ctx.print(&text);
    }
    Ok(status)
}

fn bsd(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0u16, |sum, b| sum.rotate_right(1).wrapping_add(u16::from(*b)))
}

fn sysv(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(0u32, |sum, b| sum.wrapping_add(u32::from(*b)));
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded & 0xffff) + (folded >> 16)
}

fn sum(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec { shorts: "rs", longs: &[("sysv", b's')] };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let (all, status) = contents(ctx, &parsed.rest)?;
    for (file, bytes) in all {
        let tail = if file.is_empty() { String::new() } else { format!(" {}", show(&file)) };
        let text = if parsed.has(b's') {
            format!("{} {}{tail}\n", sysv(&bytes), bytes.len().div_ceil(512))
        } else {
            format!("{:05} {:5}{tail}\n", bsd(&bytes), bytes.len().div_ceil(1024))
        };
        ctx.print(&text);
    }
    Ok(status)
}

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encode(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec =
        Spec { shorts: "diw:", longs: &[("decode", b'd'), ("ignore-garbage", b'i'), ("wrap=", b'w')] };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if let Some(extra) = parsed.rest.get(1) {
        let text =
            format!("extra operand ‘{}’\nTry '{} --help' for more information.", show(extra), ctx.name);
        return Ok(ctx.fail(&text));
    }
    let (all, status) = contents(ctx, &parsed.rest)?;
    if status != 0 {
        return Ok(status);
    }
    let bytes: Vec<u8> = all.into_iter().flat_map(|(_, b)| b).collect();
    let (alphabet, bits, group) = if ctx.name == "base32" { (BASE32, 5, 8) } else { (BASE64, 6, 4) };
    if parsed.has(b'd') {
        let (made, whole) = decode(&bytes, alphabet, bits, group, parsed.has(b'i'));
        ctx.out = made;
        return Ok(if whole { 0 } else { ctx.fail("invalid input") });
    }
    let wrap = match parsed.value(b'w').map(show) {
        None => 76,
        Some(text) => match text.parse::<usize>() {
            Ok(n) => n,
            Err(_) => return Ok(ctx.fail(&format!("invalid wrap size: ‘{text}’"))),
        },
    };
    let mut text = Vec::new();
    for chunk in bytes.chunks(group * bits / 8) {
        let held = chunk.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let have = chunk.len() * 8;
        let digits = have.div_ceil(bits);
        let held = held << (digits * bits - have);
        for n in 0..group {
            let digit =
                (n < digits).then(|| (held >> ((digits - 1 - n) * bits)) as usize & (alphabet.len() - 1));
            text.push(digit.and_then(|d| alphabet.get(d)).copied().unwrap_or(b'='));
        }
    }
    if wrap == 0 {
        ctx.out = text;
    } else {
        for line in text.chunks(wrap) {
            ctx.out.extend_from_slice(line);
            ctx.out.push(b'\n');
        }
    }
    Ok(0)
}

/// What was decoded, and whether all of it could be.
fn decode(bytes: &[u8], alphabet: &[u8], bits: usize, group: usize, garbage: bool) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let mut digits: Vec<u64> = Vec::new();
    let mut padding = 0;
    let flush = |digits: &mut Vec<u64>, out: &mut Vec<u8>| {
        let count = digits.len() * bits / 8;
        let held = digits.iter().fold(0u64, |n, d| n << bits | d);
        let held = held >> (digits.len() * bits - count * 8);
        (0..count).rev().for_each(|n| out.push((held >> (n * 8)) as u8));
        digits.clear();
    };
    for byte in bytes.iter().filter(|b| **b != b'\n') {
        if *byte == b'=' && !digits.is_empty() {
            padding += 1;
            if digits.len() + padding == group {
                flush(&mut digits, &mut out);
                padding = 0;
            }
            continue;
        }
        match alphabet.iter().position(|d| d == byte) {
            Some(value) if padding == 0 => digits.push(value as u64),
            None if garbage => continue,
            _ => {
                flush(&mut digits, &mut out);
                return (out, false);
            }
        }
        if digits.len() == group {
            flush(&mut digits, &mut out);
        }
    }
    // What is left of a group is decoded as far as it goes; coreutils 9.1 complains of it all the same.
    let whole = digits.is_empty();
    flush(&mut digits, &mut out);
    (out, whole)
}
