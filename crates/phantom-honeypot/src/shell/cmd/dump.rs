//! od(1) of coreutils and hexdump(1) of util-linux.

use super::ctx::{Ctx, Need, show};
use super::getopt::Spec;
use super::registry::{Row, bin};
use super::text::contents;

pub(super) const PROGRAMS: &[Row] = &[
    bin("hd", "bsdextrautils", 0, hexdump).linked("hexdump"),
    bin("hexdump", "bsdextrautils", 59_720, hexdump),
    bin("od", "coreutils", 80_912, od),
];

/// A number as `0x1f`, `017`, `12`, with `b` (512), `k`, `m`.
fn number(text: &str) -> Option<u64> {
    let (text, unit) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (text.get(..at)?, 1024),
        (at, 'm' | 'M') => (text.get(..at)?, 1 << 20),
        (at, 'b') if !text.starts_with("0x") => (text.get(..at)?, 512),
        _ => (text, 1),
    };
    let value = if let Some(hex) = text.strip_prefix("0x") {
        u64::from_str_radix(hex, 16).ok()?
    } else if text.len() > 1 && text.starts_with('0') {
        u64::from_str_radix(text, 8).ok()?
    } else {
        text.parse().ok()?
    };
    value.checked_mul(unit)
}

/// The operands' bytes one after the other.
fn whole(ctx: &mut Ctx<'_>, files: &[Vec<u8>]) -> Result<(Vec<u8>, i32), Need> {
    let (all, status) = contents(ctx, files)?;
    Ok((all.into_iter().flat_map(|(_, b)| b).collect(), status))
}

#[derive(Clone)]
struct Format {
    kind: u8,
    size: usize,
    text: bool,
}

fn formats(text: &str) -> Option<Vec<Format>> {
    let mut all = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(kind) = bytes.get(at).copied() {
        at += 1;
        if !b"acdfoux".contains(&kind) {
            return None;
        }
        let size = match bytes.get(at) {
            Some(b'C') if kind != b'f' => Some(1),
            Some(b'S') => Some(2),
            Some(b'I') => Some(4),
            Some(b'L') => Some(8),
            Some(b'1') => Some(1),
            Some(b'2') => Some(2),
            Some(b'4') => Some(4),
            Some(b'8') => Some(8),
            _ => None,
        };
        at += usize::from(size.is_some());
        let size = match kind {
            b'a' | b'c' => 1,
            b'f' => size.unwrap_or(8),
            _ => size.unwrap_or(4),
        };
        let text = bytes.get(at) == Some(&b'z');
        at += usize::from(text);
        all.push(Format { kind, size, text });
    }
    Some(all)
}

impl Format {
    /// Columns one value takes, without the blank before it.
    fn width(&self) -> usize {
        match (self.kind, self.size) {
            (b'a' | b'c', _) => 3,
            (b'x', n) => n * 2,
            (b'o', 1) => 3,
            (b'o', 2) => 6,
            (b'o', 4) => 11,
            (b'o', _) => 22,
            (b'd', 1) => 4,
            (b'd', 2) => 6,
            (b'd', 4) => 11,
            (b'd', _) => 20,
            (b'u', 1) => 3,
            (b'u', 2) => 5,
            (b'u', 4) => 10,
            (b'u', _) => 20,
            (_, 4) => 15,
            _ => 24,
        }
    }

    fn show(&self, bytes: &[u8]) -> String {
        let value = bytes.iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
        match self.kind {
            b'x' => format!("{value:0width$x}", width = self.size * 2),
            b'o' => format!("{value:0width$o}", width = self.width()),
            b'u' => value.to_string(),
            b'd' => {
                let shift = 64 - 8 * self.size;
                (((value << shift) as i64) >> shift).to_string()
            }
            b'f' => {
                let value = if self.size == 4 {
                    f64::from(f32::from_bits(value as u32))
                } else {
                    f64::from_bits(value)
                };
                format!("{value}")
            }
            b'a' => {
                const NAMES: [&str; 33] = [
                    "nul", "soh", "stx", "etx", "eot", "enq", "ack", "bel", "bs", "ht", "nl", "vt", "ff",
                    "cr", "so", "si", "dle", "dc1", "dc2", "dc3", "dc4", "nak", "syn", "etb", "can", "em",
                    "sub", "esc", "fs", "gs", "rs", "us", "sp",
                ];
                let low = (value & 127) as usize;
                match NAMES.get(low) {
                    Some(name) => (*name).to_owned(),
                    None if low == 127 => "del".to_owned(),
                    None => char::from(low as u8).to_string(),
                }
            }
            _ => match value as u8 {
                0 => "\\0".to_owned(),
                7 => "\\a".to_owned(),
                8 => "\\b".to_owned(),
                9 => "\\t".to_owned(),
                10 => "\\n".to_owned(),
                11 => "\\v".to_owned(),
                12 => "\\f".to_owned(),
                13 => "\\r".to_owned(),
                b @ 32..=126 => char::from(b).to_string(),
                b => format!("{b:03o}"),
            },
        }
    }
}

fn od(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "A:aBbcDdeFfHhIij:LlN:OoS:st:vw::Xx",
        longs: &[
            ("skip-bytes=", b'j'),
            ("address-radix=", b'A'),
            ("read-bytes=", b'N'),
            ("format=", b't'),
            ("output-duplicates", b'v'),
            ("strings?", b'S'),
            ("width?", b'w'),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let mut all = Vec::new();
    for (code, value) in &parsed.given {
        let text = match code {
            b't' => show(value),
            b'a' => "a".to_owned(),
            b'b' => "o1".to_owned(),
            b'c' => "c".to_owned(),
            b'd' => "u2".to_owned(),
            b'D' => "u4".to_owned(),
            b'i' | b'I' => "d4".to_owned(),
            b'l' | b'L' => "d8".to_owned(),
            b'o' | b'B' => "o2".to_owned(),
            b'O' => "o4".to_owned(),
            b's' => "d2".to_owned(),
            b'x' | b'h' => "x2".to_owned(),
            b'X' | b'H' => "x4".to_owned(),
            _ => continue,
        };
        match formats(&text) {
            Some(made) => all.extend(made),
            None => {
                let odd = text.chars().find(|c| !"acdfouxz0123456789CSILFD".contains(*c)).unwrap_or('?');
                return Ok(ctx.fail(&format!("invalid character '{odd}' in type string ‘{text}’")));
            }
        }
    }
    if all.is_empty() {
        all.push(Format { kind: b'o', size: 2, text: false });
    }
    let count = |code: u8| parsed.value(code).and_then(|v| number(&show(v)));
    let width = match parsed.value(b'w') {
        Some([]) => 32,
        Some(text) => show(text).parse().unwrap_or(16).clamp(1, 4096),
        None => 16,
    };
    let (bytes, status) = whole(ctx, &parsed.rest)?;
    let skip = count(b'j').unwrap_or(0);
    let from = usize::try_from(skip).unwrap_or(usize::MAX);
    if from > bytes.len() {
        return Ok(ctx.fail("cannot skip past end of combined input"));
    }
    let bytes = bytes.get(from..).unwrap_or(&[]);
    let most = count(b'N').and_then(|n| usize::try_from(n).ok()).unwrap_or(bytes.len()).min(bytes.len());
    let bytes = bytes.get(..most).unwrap_or(&[]);
    let address = |at: u64| match parsed.value(b'A') {
        Some(b"n") => String::new(),
        Some(b"x") => format!("{at:06x}"),
        Some(b"d") => format!("{at:07}"),
        _ => format!("{at:07o}"),
    };
    let blank = " ".repeat(address(0).len());
    // Every format's values take as much room as the widest needs for as many bytes.
    let room = |f: &Format, size: usize| {
        all.iter().map(|g| (g.width() + 1) * size.div_ceil(g.size)).max().unwrap_or(0) * f.size / size.max(1)
    };
    let unit = all.iter().map(|f| f.size).max().unwrap_or(1);
    let (mut last, mut starred) = (None, false);
    for (index, row) in bytes.chunks(width).enumerate() {
        if row.len() == width && last == Some(row) && !parsed.has(b'v') {
            if !starred {
                ctx.print("*\n");
            }
            starred = true;
            continue;
        }
        (last, starred) = (Some(row), false);
        for (n, format) in all.iter().enumerate() {
            let mut line = if n == 0 { address(skip + (index * width) as u64) } else { blank.clone() };
            let cell = room(format, unit);
            for part in row.chunks(format.size) {
                line += &format!("{:>cell$}", format.show(part));
            }
            if format.text {
                line +=
                    &" ".repeat(cell * (width / format.size).saturating_sub(row.len().div_ceil(format.size)));
                let shown: String =
                    row.iter().map(|b| if (32..127).contains(b) { char::from(*b) } else { '.' }).collect();
                line += &format!("  >{shown}<");
            }
            ctx.print(&format!("{line}\n"));
        }
    }
    if parsed.value(b'A') != Some(b"n") && !(status != 0 && bytes.is_empty()) {
        ctx.print(&format!("{}\n", address(skip + bytes.len() as u64)));
    }
    Ok(status)
}

fn printable(row: &[u8]) -> String {
    row.iter().map(|b| if (32..127).contains(b) { char::from(*b) } else { '.' }).collect()
}

fn hexdump(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "bcCde:f:L::n:os:vxhV",
        longs: &[
            ("canonical", b'C'),
            ("format=", b'e'),
            ("length=", b'n'),
            ("skip=", b's'),
            ("no-squeezing", b'v'),
            ("version", b'V'),
            ("one-byte-octal", b'b'),
            ("one-byte-char", b'c'),
            ("two-bytes-hex", b'x'),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.has(b'V') {
        ctx.print("hexdump from util-linux 2.38.1\n");
        return Ok(0);
    }
    let (bytes, status) = whole(ctx, &parsed.rest)?;
    let count =
        |code: u8| parsed.value(code).and_then(|v| number(&show(v))).and_then(|n| usize::try_from(n).ok());
    let skip = count(b's').unwrap_or(0).min(bytes.len());
    let bytes = bytes.get(skip..).unwrap_or(&[]);
    let bytes = bytes.get(..count(b'n').unwrap_or(bytes.len()).min(bytes.len())).unwrap_or(&[]);
    if let Some(format) = parsed.value(b'e').map(show) {
        custom(ctx, &format, bytes);
        return Ok(status);
    }
    let canonical = parsed.has(b'C') || ctx.name == "hd";
    let kind = parsed.given.iter().find(|(c, _)| b"bcdox".contains(c)).map_or(b' ', |(c, _)| *c);
    let address = |at: usize| if canonical { format!("{at:08x}") } else { format!("{at:07x}") };
    let (mut last, mut starred) = (None, false);
    for (index, row) in bytes.chunks(16).enumerate() {
        if row.len() == 16 && last == Some(row) && !parsed.has(b'v') {
            if !starred {
                ctx.print("*\n");
            }
            starred = true;
            continue;
        }
        (last, starred) = (Some(row), false);
        let at = address(skip + index * 16);
        let line = if canonical {
            let cell = |n: usize| row.get(n).map_or("  ".to_owned(), |b| format!("{b:02x}"));
            let half = |from: usize| (from..from + 8).map(cell).collect::<Vec<_>>().join(" ");
            format!("{at}  {}  {}  |{}|", half(0), half(8), printable(row))
        } else {
            let words = row.chunks(2).map(|w| w.iter().rev().fold(0u16, |n, b| n << 8 | u16::from(*b)));
            let cells: Vec<String> = match kind {
                b'b' => row.iter().map(|b| format!(" {b:03o}")).collect(),
                b'c' => row
                    .iter()
                    .map(|b| format!(" {:>3}", Format { kind: b'c', size: 1, text: false }.show(&[*b])))
                    .collect(),
                b'd' => words.map(|w| format!("   {w:05}")).collect(),
                b'o' => words.map(|w| format!("  {w:06o}")).collect(),
                b'x' => words.map(|w| format!("    {w:04x}")).collect(),
                _ => words.map(|w| format!(" {w:04x}")).collect(),
            };
            let width = cells.first().map_or(0, String::len);
            let full = width * if matches!(kind, b'b' | b'c') { 16 } else { 8 };
            format!("{:<full$}", cells.concat())
        };
        let line = if canonical { line } else { format!("{at}{line}") };
        ctx.print(&format!("{line}\n"));
    }
    if !bytes.is_empty() {
        ctx.print(&format!("{}\n", address(skip + bytes.len())));
    }
    Ok(status)
}

/// `-e 'n/s "format" ...'`: the common forms, each unit applied as often as it says.
fn custom(ctx: &mut Ctx<'_>, format: &str, bytes: &[u8]) {
    let mut units: Vec<(usize, usize, String)> = Vec::new();
    let mut rest = format.trim_start();
    while !rest.is_empty() {
        let quote = rest.find('"').unwrap_or(rest.len());
        let head = rest.get(..quote).unwrap_or("").trim();
        let tail = rest.get(quote + 1..).unwrap_or("");
        let end = tail.find('"').unwrap_or(tail.len());
        let text =
            String::from_utf8_lossy(&crate::shell::cmd::unescape(tail.get(..end).unwrap_or("").as_bytes()).0)
                .into_owned();
        let (count, size) = head.split_once('/').unwrap_or((head, ""));
        units.push((
            count.parse().unwrap_or(1),
            size.parse().unwrap_or(if text.contains('%') { 4 } else { 0 }),
            text,
        ));
        rest = tail.get(end + 1..).unwrap_or("").trim_start();
    }
    let per_round: usize =
        units.iter().map(|(n, s, t)| if t.contains('%') { n * s.max(&1) } else { 0 }).sum();
    if per_round == 0 {
        return;
    }
    let mut at = 0;
    while at < bytes.len() && ctx.out.len() < crate::shell::io::BUFFER {
        for (count, size, text) in &units {
            if !text.contains('%') {
                ctx.print(&text.repeat((*count).min(4096)));
                continue;
            }
            let size = (*size).max(1);
            for turn in 0..*count {
                let part = bytes.get(at..(at + size).min(bytes.len())).unwrap_or(&[]);
                at += size;
                let (head, spec) = text.split_once('%').unwrap_or((text, ""));
                let letter = spec.find(|c: char| c.is_ascii_alphabetic() || c == '_').unwrap_or(spec.len());
                let kind = spec.get(letter..letter + 1).unwrap_or("x");
                let long = usize::from(kind == "_") + 1;
                let tail = spec.get(letter + long..).unwrap_or("");
                let conversion = super::float::Conversion::parse(spec.get(..letter).unwrap_or("").as_bytes())
                    .unwrap_or_default();
                let value = part.iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
                let shown = if part.is_empty() {
                    let blank = conversion.unsigned(b'x', 0).len();
                    " ".repeat(blank).into_bytes()
                } else {
                    match kind {
                        "d" | "i" => conversion.integer(i128::from(value)),
                        "o" | "x" | "X" | "u" => {
                            conversion.unsigned(kind.bytes().next().unwrap_or(b'x'), value)
                        }
                        "c" => vec![value as u8],
                        _ => printable(part).into_bytes(),
                    }
                };
                ctx.print(head);
                ctx.out.extend(shown);
                // The blank behind a unit's last turn is left out.
                let last = turn + 1 == *count && *count > 1;
                ctx.print(if last { tail.trim_end_matches(' ') } else { tail });
            }
        }
    }
}
