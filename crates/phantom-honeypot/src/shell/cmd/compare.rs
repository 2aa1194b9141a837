//! cmp(1) and diff(1) of diffutils 3.8.

use super::ctx::{Ctx, Need, show};
use super::getopt::Spec;
use super::registry::{Row, bin};
use super::text::put;
use crate::shell::facts::strftime;
use crate::vfs::{Kind, join, split};

pub(super) const PROGRAMS: &[Row] =
    &[bin("cmp", "diffutils", 52_176, cmp), bin("diff", "diffutils", 155_216, diff)];

/// Lines of a file that are compared, and the differences looked for, before all of the rest counts as changed.
const LINES: usize = 20_000;
const EDITS: usize = 2_000;

fn cmp(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "bi:ln:sv",
        longs: &[
            ("print-bytes", b'b'),
            ("ignore-initial=", b'i'),
            ("verbose", b'l'),
            ("bytes=", b'n'),
            ("quiet", b's'),
            ("silent", b's'),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 2) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let mut files = parsed.rest.clone();
    if files.is_empty() {
        ctx.fail("missing operand after 'cmp'\ncmp: Try 'cmp --help' for more information.");
        return Ok(2);
    }
    if files.len() == 1 {
        files.push(b"-".to_vec());
    }
    let mut both = Vec::new();
    for file in files.iter().take(2) {
        match ctx.content(file)? {
            Ok(bytes) => both.push(bytes),
            Err(errno) => {
                if !parsed.has(b's') {
                    ctx.fail(&format!("{}: {errno}", show(file)));
                }
                return Ok(2);
            }
        }
    }
    let most =
        parsed.value(b'n').and_then(|v| super::text::size(&show(v))).map_or(usize::MAX, |n| n as usize);
    let skip = parsed.value(b'i').and_then(|v| super::text::size(&show(v))).map_or(0, |n| n as usize);
    let part = |n: usize| {
        let bytes: &[u8] = both.get(n).map_or(&[], Vec::as_slice);
        let bytes = bytes.get(skip.min(bytes.len())..).unwrap_or(&[]);
        bytes.get(..most.min(bytes.len())).unwrap_or(bytes)
    };
    let (a, b) = (part(0), part(1));
    let names: Vec<String> = files.iter().map(|f| show(f)).collect();
    let name = |n: usize| names.get(n).cloned().unwrap_or_default();
    if parsed.has(b'l') {
        let width = a.len().min(b.len()).to_string().len();
        let mut differ = false;
        for (n, (x, y)) in a.iter().zip(b).enumerate().filter(|(_, (x, y))| x != y).take(100_000) {
            differ = true;
            ctx.print(&format!("{:>width$} {x:3o} {y:3o}\n", n + 1));
        }
        if a.len() != b.len() {
            let (short, at) = if a.len() < b.len() { (name(0), a.len()) } else { (name(1), b.len()) };
            ctx.fail(&format!("EOF on {short} after byte {at}"));
            differ = true;
        }
        return Ok(i32::from(differ));
    }
    let Some(at) = a.iter().zip(b).position(|(x, y)| x != y) else {
        if a.len() == b.len() {
            return Ok(0);
        }
        if !parsed.has(b's') {
            let (short, bytes) = if a.len() < b.len() { (name(0), a) } else { (name(1), b) };
            let text = if bytes.is_empty() {
                format!("EOF on {short} which is empty")
            } else {
                let newlines = bytes.iter().filter(|b| **b == b'\n').count();
                let (word, line) =
                    if bytes.ends_with(b"\n") { ("line", newlines) } else { ("in line", newlines + 1) };
                format!("EOF on {short} after byte {}, {word} {line}", bytes.len())
            };
            ctx.fail(&text);
        }
        return Ok(1);
    };
    if !parsed.has(b's') {
        let line = a.iter().take(at).filter(|b| **b == b'\n').count() + 1;
        let mut text = format!("{} {} differ: byte {}, line {line}", name(0), name(1), at + 1);
        if parsed.has(b'b') {
            let of = |bytes: &[u8]| bytes.get(at).copied().unwrap_or(0);
            let shown = |b: u8| match b {
                0..32 | 127 => format!("^{}", char::from(b ^ 64)),
                32..=126 => char::from(b).to_string(),
                b => match b & 127 {
                    low @ (0..32 | 127) => format!("M-^{}", char::from(low ^ 64)),
                    low => format!("M-{}", char::from(low)),
                },
            };
            text += &format!(" is {:3o} {} {:3o} {}", of(a), shown(of(a)), of(b), shown(of(b)));
        }
        ctx.print(&format!("{text}\n"));
    }
    Ok(1)
}

#[derive(Clone, Copy)]
struct Options {
    unified: Option<usize>,
    brief: bool,
    same: bool,
    space: bool,
    all_space: bool,
    fold: bool,
    blank: bool,
    new_file: bool,
    recursive: bool,
    text: bool,
}

fn diff(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec {
        shorts: "0123456789abBc::C:deiNnqrstTu::U:wyZ",
        longs: &[
            ("brief", b'q'),
            ("unified?", b'u'),
            ("ignore-case", b'i'),
            ("ignore-all-space", b'w'),
            ("ignore-space-change", b'b'),
            ("ignore-blank-lines", b'B'),
            ("new-file", b'N'),
            ("recursive", b'r'),
            ("report-identical-files", b's'),
            ("text", b'a'),
            ("color?", 200),
        ],
    };
    let parsed = match ctx.getopt(&SPEC, 2) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let operand = |ctx: &mut Ctx<'_>, what: String| {
        ctx.fail(&format!("{what}\ndiff: Try 'diff --help' for more information."));
        2
    };
    let [first, second] = parsed.rest.as_slice() else {
        let what = match parsed.rest.as_slice() {
            [] => {
                let last = ctx.args.last().map_or_else(|| "diff".to_owned(), |arg| show(arg));
                format!("missing operand after '{last}'")
            }
            [one] => format!("missing operand after '{}'", show(one)),
            [_, _, extra, ..] => format!("extra operand '{}'", show(extra)),
            _ => String::new(),
        };
        return Ok(operand(ctx, what));
    };
    let lines = parsed.value(b'U').or(parsed.value(b'u').filter(|v| !v.is_empty())).map(show);
    let unified =
        (parsed.has(b'u') || parsed.has(b'U')).then(|| lines.and_then(|l| l.parse().ok()).unwrap_or(3));
    let options = Options {
        unified,
        brief: parsed.has(b'q'),
        same: parsed.has(b's'),
        space: parsed.has(b'b'),
        all_space: parsed.has(b'w'),
        fold: parsed.has(b'i'),
        blank: parsed.has(b'B'),
        new_file: parsed.has(b'N'),
        recursive: parsed.has(b'r'),
        text: parsed.has(b'a'),
    };
    let kind = |ctx: &Ctx<'_>, name: &[u8]| {
        if ctx.sh.is_descriptor(name) {
            return Ok(Kind::File);
        }
        let path = ctx.path(name);
        let found = ctx.sh.vfs().stat(&ctx.sh.account.cred, &path);
        found.map(|s| s.kind)
    };
    let mut failed = false;
    for name in [first, second] {
        if name != b"-"
            && let Err(errno) = kind(ctx, name)
            && !options.new_file
        {
            ctx.fail(&format!("{}: {errno}", show(name)));
            failed = true;
        }
    }
    if failed {
        return Ok(2);
    }
    let is_dir = |ctx: &Ctx<'_>, name: &[u8]| kind(ctx, name) == Ok(Kind::Dir);
    match (is_dir(ctx, first), is_dir(ctx, second)) {
        (true, true) => {
            let flags: String =
                ctx.args.iter().filter(|a| a.starts_with(b"-")).map(|a| format!(" {}", show(a))).collect();
            directories(ctx, first, second, options, &flags, 0)
        }
        (true, false) => files(ctx, &join_name(first, split(second).1), second, options),
        (false, true) => files(ctx, first, &join_name(second, split(first).1), options),
        _ => files(ctx, first, second, options),
    }
}

fn join_name(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let sep: &[u8] = if dir.ends_with(b"/") { b"" } else { b"/" };
    [dir, sep, name].concat()
}

fn directories(
    ctx: &mut Ctx<'_>,
    a: &[u8],
    b: &[u8],
    options: Options,
    flags: &str,
    depth: u32,
) -> Result<i32, Need> {
    let names = |ctx: &Ctx<'_>, dir: &[u8]| -> Vec<Vec<u8>> {
        let path = ctx.path(dir);
        let entries = ctx.sh.vfs().readdir(&ctx.sh.account.cred, &path).unwrap_or_default();
        entries.into_iter().map(|(name, _)| name).collect()
    };
    let (left, right) = (names(ctx, a), names(ctx, b));
    let mut all = [left.clone(), right.clone()].concat();
    all.sort();
    all.dedup();
    let mut status = 0;
    for name in all.into_iter().take(5000) {
        if !left.contains(&name) || !right.contains(&name) {
            let dir = if left.contains(&name) { a } else { b };
            ctx.print(&format!("Only in {}: {}\n", show(dir), show(&name)));
            status = status.max(1);
            continue;
        }
        let (x, y) = (join_name(a, &name), join_name(b, &name));
        let is_dir = |ctx: &Ctx<'_>, name: &[u8]| {
            let path = join(&ctx.sh.cwd, name);
            ctx.sh.vfs().stat(&ctx.sh.account.cred, &path).is_ok_and(|s| s.kind == Kind::Dir)
        };
        if is_dir(ctx, &x) && is_dir(ctx, &y) {
            if options.recursive && depth < 64 {
                status = status.max(directories(ctx, &x, &y, options, flags, depth + 1)?);
            } else {
                ctx.print(&format!("Common subdirectories: {} and {}\n", show(&x), show(&y)));
            }
            continue;
        }
        let before = ctx.out.len();
        let one = files(ctx, &x, &y, options)?;
        if one == 1 && !options.brief {
            let made = ctx.out.split_off(before);
            if !made.starts_with(b"Binary") {
                ctx.print(&format!("diff{flags} {} {}\n", show(&x), show(&y)));
            }
            ctx.out.extend(made);
        }
        status = status.max(one);
    }
    Ok(status)
}

fn key(line: &[u8], options: Options) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let line = if options.space || options.all_space { line.trim_ascii_end() } else { line };
    for byte in line {
        let blank = byte.is_ascii_whitespace();
        if options.all_space && blank {
            continue;
        }
        if options.space && blank {
            if out.last() != Some(&b' ') {
                out.push(b' ');
            }
            continue;
        }
        out.push(if options.fold { byte.to_ascii_lowercase() } else { *byte });
    }
    out
}

fn files(ctx: &mut Ctx<'_>, first: &[u8], second: &[u8], options: Options) -> Result<i32, Need> {
    let mut both = Vec::new();
    for name in [first, second] {
        match ctx.content(name)? {
            Ok(bytes) => both.push(bytes),
            Err(_) if options.new_file => both.push(Vec::new()),
            Err(errno) => {
                ctx.fail(&format!("{}: {errno}", show(name)));
                return Ok(2);
            }
        }
    }
    let empty = Vec::new();
    let (a, b) = (both.first().unwrap_or(&empty), both.get(1).unwrap_or(&empty));
    let (shown_a, shown_b) = (show(first), show(second));
    if a == b {
        if options.same {
            ctx.print(&format!("Files {shown_a} and {shown_b} are identical\n"));
        }
        return Ok(0);
    }
    if !options.text && (a.contains(&0) || b.contains(&0)) {
        let word = if options.brief { "Files" } else { "Binary files" };
        ctx.print(&format!("{word} {shown_a} and {shown_b} differ\n"));
        return Ok(1);
    }
    let rows = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes.split_inclusive(|b| *b == b'\n').take(LINES).map(<[u8]>::to_vec).collect()
    };
    let (a, b) = (rows(a), rows(b));
    let keys = |rows: &[Vec<u8>]| -> Vec<Vec<u8>> { rows.iter().map(|l| key(l, options)).collect() };
    let mut hunks = changes(&keys(&a), &keys(&b));
    if options.blank {
        let blank = |rows: &[Vec<u8>], from: usize, to: usize| {
            rows.get(from..to).unwrap_or(&[]).iter().all(|l| l.as_slice() == b"\n")
        };
        hunks.retain(|h| !(blank(&a, h.0, h.1) && blank(&b, h.2, h.3)));
    }
    if hunks.is_empty() {
        return Ok(0);
    }
    if options.brief {
        ctx.print(&format!("Files {shown_a} and {shown_b} differ\n"));
        return Ok(1);
    }
    match options.unified {
        Some(context) => {
            for (mark, name) in [("---", first), ("+++", second)] {
                let path = ctx.path(name);
                let at = ctx.sh.vfs().stat(&ctx.sh.account.cred, &path).map(|s| s.mtime);
                let at = at.unwrap_or_else(|_| ctx.sh.io.now());
                ctx.print(&format!(
                    "{mark} {}\t{}\n",
                    show(name),
                    strftime(at, "%Y-%m-%d %H:%M:%S.%N +0000")
                ));
            }
            unified(ctx, &a, &b, &hunks, context);
        }
        None => normal(ctx, &a, &b, &hunks),
    }
    Ok(1)
}

/// From and to of what goes, and of what comes.
type Hunk = (usize, usize, usize, usize);

/// What has to change, by Myers' algorithm.
fn changes(a: &[Vec<u8>], b: &[Vec<u8>]) -> Vec<Hunk> {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let tail = a.iter().skip(head).rev().zip(b.iter().skip(head).rev()).take_while(|(x, y)| x == y).count();
    let (x, y) = (a.get(head..a.len() - tail).unwrap_or(&[]), b.get(head..b.len() - tail).unwrap_or(&[]));
    let mut hunks = Vec::new();
    let (mut i, mut j) = (0, 0);
    let mut add = |from: usize, to: usize, start: usize, end: usize| {
        if from < to || start < end {
            hunks.push((from + head, to + head, start + head, end + head));
        }
    };
    for (p, q) in common(x, y) {
        add(i, p, j, q);
        (i, j) = (p + 1, q + 1);
    }
    add(i, x.len(), j, y.len());
    hunks
}

/// Pairs of equal lines, as many as can be kept.
fn common(a: &[Vec<u8>], b: &[Vec<u8>]) -> Vec<(usize, usize)> {
    let (n, m) = (a.len() as isize, b.len() as isize);
    let most = ((n + m) as usize).min(EDITS) as isize;
    let offset = most + 1;
    let mut reach = vec![0isize; (2 * most + 3) as usize];
    let mut trace: Vec<Vec<isize>> = Vec::new();
    let at = |v: &[isize], k: isize| v.get((k + offset) as usize).copied().unwrap_or(0);
    for d in 0..=most {
        trace.push(reach.get((offset - d).max(0) as usize..=(offset + d) as usize).unwrap_or(&[]).to_vec());
        let mut k = -d;
        while k <= d {
            let down = k == -d || (k != d && at(&reach, k - 1) < at(&reach, k + 1));
            let mut x = if down { at(&reach, k + 1) } else { at(&reach, k - 1) + 1 };
            let mut y = x - k;
            while x < n && y < m && a.get(x as usize) == b.get(y as usize) {
                (x, y) = (x + 1, y + 1);
            }
            if let Some(slot) = reach.get_mut((k + offset) as usize) {
                *slot = x;
            }
            if x >= n && y >= m {
                return walk_back(&trace, n, m, d);
            }
            k += 2;
        }
    }
    Vec::new()
}

fn walk_back(trace: &[Vec<isize>], n: isize, m: isize, last: isize) -> Vec<(usize, usize)> {
    let (mut x, mut y) = (n, m);
    let mut pairs = Vec::new();
    for d in (0..=last).rev() {
        let Some(v) = trace.get(d as usize) else { break };
        let at = |k: isize| v.get((k + d) as usize).copied().unwrap_or(0);
        let k = x - y;
        let down = k == -d || (k != d && at(k - 1) < at(k + 1));
        let before = if down { k + 1 } else { k - 1 };
        let px = if d == 0 { 0 } else { at(before) };
        let py = if d == 0 { 0 } else { px - before };
        while x > px && y > py && x > 0 && y > 0 {
            (x, y) = (x - 1, y - 1);
            pairs.push((x as usize, y as usize));
            if d == 0 && (x == 0 || y == 0) {
                break;
            }
        }
        (x, y) = (px, py);
    }
    pairs.reverse();
    pairs
}

fn line(ctx: &mut Ctx<'_>, mark: &str, text: &[u8]) {
    ctx.print(mark);
    match text.strip_suffix(b"\n") {
        Some(body) => put(ctx, body),
        None => {
            put(ctx, text);
            ctx.print("\\ No newline at end of file\n");
        }
    }
}

fn normal(ctx: &mut Ctx<'_>, a: &[Vec<u8>], b: &[Vec<u8>], hunks: &[Hunk]) {
    let range = |from: usize, to: usize| match to - from {
        0 => from.to_string(),
        1 => (from + 1).to_string(),
        _ => format!("{},{to}", from + 1),
    };
    for (from, to, start, end) in hunks.iter().copied() {
        let kind = match (from == to, start == end) {
            (true, _) => 'a',
            (_, true) => 'd',
            _ => 'c',
        };
        ctx.print(&format!("{}{kind}{}\n", range(from, to), range(start, end)));
        a.get(from..to).unwrap_or(&[]).iter().for_each(|l| line(ctx, "< ", l));
        if kind == 'c' {
            ctx.print("---\n");
        }
        b.get(start..end).unwrap_or(&[]).iter().for_each(|l| line(ctx, "> ", l));
    }
}

fn unified(ctx: &mut Ctx<'_>, a: &[Vec<u8>], b: &[Vec<u8>], hunks: &[Hunk], context: usize) {
    let mut rest = hunks;
    while !rest.is_empty() {
        // Hunks whose context touches are one.
        let together =
            1 + rest.windows(2).take_while(|w| matches!(w, [x, y] if y.0 <= x.1 + 2 * context)).count();
        let (group, more) = rest.split_at_checked(together).unwrap_or((rest, &[]));
        rest = more;
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
        let from = first.0.saturating_sub(context);
        let start = first.2.saturating_sub(context.min(first.0));
        let to = (last.1 + context).min(a.len());
        let end = (last.3 + context).min(b.len());
        let range = |from: usize, to: usize| match to - from {
            0 => format!("{from},0"),
            1 => (from + 1).to_string(),
            n => format!("{},{n}", from + 1),
        };
        ctx.print(&format!("@@ -{} +{} @@\n", range(from, to), range(start, end)));
        let mut at = from;
        for (from, to, start, end) in group.iter().copied() {
            a.get(at..from).unwrap_or(&[]).iter().for_each(|l| line(ctx, " ", l));
            a.get(from..to).unwrap_or(&[]).iter().for_each(|l| line(ctx, "-", l));
            b.get(start..end).unwrap_or(&[]).iter().for_each(|l| line(ctx, "+", l));
            at = to;
        }
        a.get(at..to).unwrap_or(&[]).iter().for_each(|l| line(ctx, " ", l));
    }
}
