//! Columns and widths: cut, paste, fold, expand, unexpand of coreutils 9.1, column and colrm of util-linux 2.38.

use super::ctx::{Ctx, Need, show};
use super::getopt::Spec;
use super::registry::{Row, bin};
use super::text::{contents, lines, put};

pub(super) const PROGRAMS: &[Row] = &[
    bin("column", "bsdextrautils", 55_616, column),
    bin("cut", "coreutils", 48_112, cut),
    bin("expand", "coreutils", 43_952, expand),
    bin("fold", "coreutils", 43_920, fold),
    bin("paste", "coreutils", 43_920, paste),
    bin("unexpand", "coreutils", 43_952, expand),
];

const CUT: Spec = Spec {
    shorts: "b:c:d:f:nsz",
    longs: &[
        ("bytes=", b'b'),
        ("characters=", b'c'),
        ("fields=", b'f'),
        ("delimiter=", b'd'),
        ("only-delimited", b's'),
        ("output-delimiter=", 200),
        ("complement", 201),
        ("zero-terminated", b'z'),
    ],
};

fn ranges(text: &str, fields: bool) -> Result<Vec<(usize, usize)>, String> {
    let noun = if fields { "fields" } else { "byte/character positions" };
    let mut all = Vec::new();
    for part in text.split([',', ' ', '\t']) {
        let number = |text: &str| -> Result<Option<usize>, String> {
            if text.is_empty() {
                return Ok(None);
            }
            match text.parse::<usize>() {
                Ok(0) => Err(format!("{noun} are numbered from 1")),
                Ok(n) => Ok(Some(n)),
                Err(_) if fields => Err(format!("invalid field value ‘{text}’")),
                Err(_) => Err(format!("invalid byte/character position ‘{text}’")),
            }
        };
        all.push(match part.split_once('-') {
            Some(("", "")) => return Err("invalid range with no endpoint: -".to_owned()),
            Some((low, high)) => {
                let (low, high) = (number(low)?.unwrap_or(1), number(high)?.unwrap_or(usize::MAX));
                if high < low {
                    return Err("invalid decreasing range".to_owned());
                }
                (low, high)
            }
            None => match number(part)? {
                Some(n) => (n, n),
                None => return Err(format!("{noun} are numbered from 1")),
            },
        });
    }
    Ok(all)
}

fn cut(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let parsed = match ctx.getopt(&CUT, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    const HELP: &str = "\nTry 'cut --help' for more information.";
    let lists: Vec<&(u8, Vec<u8>)> =
        parsed.given.iter().filter(|(c, _)| matches!(c, b'b' | b'c' | b'f')).collect();
    let (kind, list) = match lists.as_slice() {
        [] => return Ok(ctx.fail(&format!("you must specify a list of bytes, characters, or fields{HELP}"))),
        [one] => (one.0, show(&one.1)),
        _ => return Ok(ctx.fail(&format!("only one list may be specified{HELP}"))),
    };
    let by = match parsed.value(b'd') {
        None => b'\t',
        Some(_) if kind != b'f' => {
            return Ok(
                ctx.fail(&format!("an input delimiter may be specified only when operating on fields{HELP}"))
            );
        }
        Some([one]) => *one,
        Some([]) => 0,
        Some(_) => return Ok(ctx.fail(&format!("the delimiter must be a single character{HELP}"))),
    };
    let ranges = match ranges(&list, kind == b'f') {
        Ok(ranges) => ranges,
        Err(why) => return Ok(ctx.fail(&format!("{why}{HELP}"))),
    };
    let complement = parsed.has(201);
    let wanted = |n: usize| ranges.iter().any(|(low, high)| (*low..=*high).contains(&n)) != complement;
    let join = parsed.value(200).map(<[u8]>::to_vec);
    let end = if parsed.has(b'z') { 0 } else { b'\n' };
    let (all, status) = contents(ctx, &parsed.rest)?;
    for (_, bytes) in all {
        let mut rows: Vec<&[u8]> = bytes.split(|b| *b == end).collect();
        if rows.last().is_some_and(|l| l.is_empty()) {
            rows.pop();
        }
        for line in rows {
            if kind != b'f' {
                let mut last = 0;
                for (n, byte) in line.iter().enumerate().filter(|(n, _)| wanted(n + 1)) {
                    // Between ranges that do not touch comes the output delimiter.
                    if let Some(join) = join.as_ref().filter(|_| last > 0 && last != n) {
                        ctx.out.extend_from_slice(join);
                    }
                    ctx.out.push(*byte);
                    last = n + 1;
                }
            } else if !line.contains(&by) {
                if parsed.has(b's') {
                    continue;
                }
                ctx.out.extend_from_slice(line);
            } else {
                let parts: Vec<&[u8]> = line
                    .split(|b| *b == by)
                    .enumerate()
                    .filter(|(n, _)| wanted(n + 1))
                    .map(|(_, f)| f)
                    .collect();
                let joined = parts.join(join.as_deref().unwrap_or(&[by]));
                ctx.out.extend(joined);
            }
            ctx.out.push(end);
        }
    }
    Ok(status)
}

fn paste(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec =
        Spec { shorts: "d:sz", longs: &[("delimiters=", b'd'), ("serial", b's'), ("zero-terminated", b'z')] };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let given = parsed.value(b'd').unwrap_or(b"\t");
    let mut delimiters: Vec<Vec<u8>> = Vec::new();
    let mut bytes = given.iter();
    while let Some(byte) = bytes.next() {
        delimiters.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b"\n".to_vec(),
                Some(b't') => b"\t".to_vec(),
                Some(b'0') => Vec::new(),
                Some(other) => vec![*other],
                None => b"\\".to_vec(),
            },
            other => vec![*other],
        });
    }
    if delimiters.is_empty() {
        delimiters.push(Vec::new());
    }
    let delimiter = |n: usize| delimiters.get(n % delimiters.len()).cloned().unwrap_or_default();
    let dashes = parsed.rest.iter().filter(|f| f.as_slice() == b"-").count();
    let mut columns: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut status = 0;
    let mut dash = 0;
    let files = if parsed.rest.is_empty() { vec![b"-".to_vec()] } else { parsed.rest.clone() };
    for file in &files {
        match ctx.content(file)? {
            Ok(bytes) => {
                let all: Vec<Vec<u8>> = lines(&bytes).into_iter().map(<[u8]>::to_vec).collect();
                if file == b"-" && dashes > 1 && !parsed.has(b's') {
                    // Every dash takes its turn at the same input.
                    columns.push(all.into_iter().skip(dash).step_by(dashes).collect());
                    dash += 1;
                } else {
                    columns.push(all);
                }
            }
            Err(errno) => {
                status = ctx.fail(&format!("{}: {errno}", show(file)));
                if !parsed.has(b's') {
                    return Ok(1);
                }
            }
        }
    }
    if parsed.has(b's') {
        for column in columns {
            for (n, cell) in column.iter().enumerate() {
                if n > 0 {
                    ctx.out.extend(delimiter(n - 1));
                }
                ctx.out.extend_from_slice(cell);
            }
            ctx.out.push(b'\n');
        }
        return Ok(status);
    }
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    for row in 0..rows {
        for (n, column) in columns.iter().enumerate() {
            if n > 0 {
                ctx.out.extend(delimiter(n - 1));
            }
            ctx.out.extend_from_slice(column.get(row).map_or(b"".as_slice(), Vec::as_slice));
        }
        ctx.out.push(b'\n');
    }
    Ok(status)
}

fn fold(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec =
        Spec { shorts: "0123456789bsw:", longs: &[("bytes", b'b'), ("spaces", b's'), ("width=", b'w')] };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let digits: String =
        parsed.given.iter().filter(|(c, _)| c.is_ascii_digit()).map(|(c, _)| char::from(*c)).collect();
    let text = parsed.value(b'w').map_or(digits, show);
    let width = match text.parse::<usize>() {
        Ok(n) if n > 0 => n,
        _ if text.is_empty() => 80,
        Ok(_) => {
            return Ok(
                ctx.fail(&format!("invalid number of columns: ‘{text}’: Numerical result out of range"))
            );
        }
        _ => return Ok(ctx.fail(&format!("invalid number of columns: ‘{text}’"))),
    };
    let (all, status) = contents(ctx, &parsed.rest)?;
    for (_, bytes) in all {
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            let mut rest = line.strip_suffix(b"\n").unwrap_or(line);
            while rest.len() > width {
                let mut cut = width;
                if parsed.has(b's')
                    && let Some(at) = rest.iter().take(width).rposition(|b| matches!(b, b' ' | b'\t'))
                {
                    cut = at + 1;
                }
                put(ctx, rest.get(..cut).unwrap_or(&[]));
                rest = rest.get(cut..).unwrap_or(&[]);
            }
            ctx.out.extend_from_slice(rest);
            if line.ends_with(b"\n") {
                ctx.out.push(b'\n');
            }
        }
    }
    Ok(status)
}

fn expand(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "ait:",
        longs: &[("initial", b'i'), ("all", b'a'), ("tabs=", b't'), ("first-only", 200)],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let stop = parsed.value(b't').and_then(|v| show(v).parse::<usize>().ok()).unwrap_or(8).clamp(1, 4096);
    let back = ctx.name == "unexpand";
    let whole = !back || ((parsed.has(b'a') || parsed.has(b't')) && !parsed.has(200));
    let (all, status) = contents(ctx, &parsed.rest)?;
    for (_, bytes) in all {
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            let (mut column, mut blanks, mut started) = (0, 0, false);
            for byte in line {
                let converts = !started || (whole && !parsed.has(b'i'));
                match byte {
                    b'\t' if !back && converts => {
                        let next = column / stop * stop + stop;
                        ctx.out.extend(std::iter::repeat_n(b' ', next - column));
                        column = next;
                    }
                    b' ' | b'\t' if back && converts => {
                        let next = if *byte == b'\t' { column / stop * stop + stop } else { column + 1 };
                        blanks += next - column;
                        column = next;
                        if column % stop == 0 {
                            // One blank alone stays one.
                            ctx.out.push(if blanks == 1 && *byte == b' ' { b' ' } else { b'\t' });
                            blanks = 0;
                        }
                    }
                    _ => {
                        ctx.out.extend(std::iter::repeat_n(b' ', std::mem::take(&mut blanks)));
                        started |= !matches!(byte, b' ' | b'\t');
                        ctx.out.push(*byte);
                        column += 1;
                    }
                }
            }
            ctx.out.extend(std::iter::repeat_n(b' ', blanks));
        }
    }
    Ok(status)
}

fn column(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "c:eJN:no:R:s:tx",
        longs: &[
            ("table", b't'),
            ("separator=", b's'),
            ("output-separator=", b'o'),
            ("output-width=", b'c'),
            ("table-columns=", b'N'),
            ("table-right=", b'R'),
            ("fillrows", b'x'),
            ("json", b'J'),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let (all, status) = contents(ctx, &parsed.rest)?;
    let bytes: Vec<u8> = all.into_iter().flat_map(|(_, b)| b).collect();
    let rows: Vec<String> = lines(&bytes).into_iter().map(show).filter(|l| !l.trim().is_empty()).collect();
    let wide = |text: &str| text.chars().count();
    if parsed.has(b't') {
        let by = parsed.value(b's').map(show);
        let gap = parsed.value(b'o').map_or_else(|| "  ".to_owned(), show);
        let mut table: Vec<Vec<String>> = rows
            .iter()
            .map(|row| match &by {
                Some(by) => row.split(|c| by.contains(c)).map(str::to_owned).collect(),
                None => row.split_whitespace().map(str::to_owned).collect(),
            })
            .collect();
        if let Some(names) = parsed.value(b'N') {
            table.insert(0, show(names).split(',').map(str::to_owned).collect());
        }
        let count = table.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..count)
            .map(|n| table.iter().filter_map(|row| row.get(n)).map(|cell| wide(cell)).max().unwrap_or(0))
            .collect();
        for row in table {
            let mut line = String::new();
            for (n, width) in widths.iter().enumerate() {
                let cell = row.get(n).map_or("", String::as_str);
                line += cell;
                if n + 1 < count {
                    line += &" ".repeat(width.saturating_sub(wide(cell)));
                    line += &gap;
                }
            }
            ctx.print(&format!("{}\n", line));
        }
        return Ok(status);
    }
    let screen = parsed.value(b'c').and_then(|v| show(v).parse::<usize>().ok()).unwrap_or(80);
    let longest = rows.iter().map(|r| wide(r)).max().unwrap_or(0);
    let cell = (longest / 8 + 1) * 8;
    let columns = (screen / cell).max(1);
    if longest >= screen || columns == 1 {
        for row in rows {
            ctx.print(&format!("{row}\n"));
        }
        return Ok(status);
    }
    let height = rows.len().div_ceil(columns);
    for line in 0..height {
        let at =
            |column: usize| if parsed.has(b'x') { line * columns + column } else { column * height + line };
        let mut text = String::new();
        for column in 0..columns {
            let Some(item) = rows.get(at(column)) else { break };
            text += item;
            let more = column + 1 < columns && rows.get(at(column + 1)).is_some();
            if more {
                let mut reached = wide(item);
                while reached < cell {
                    text.push('\t');
                    reached = reached / 8 * 8 + 8;
                }
            }
        }
        ctx.print(&format!("{text}\n"));
    }
    Ok(status)
}
