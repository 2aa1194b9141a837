//! gzip(1), gunzip(1) and zcat(1) of GNU gzip 1.12.

use std::io::{Read, Write};

use flate2::{Compression, GzBuilder, read::MultiGzDecoder};

use super::ctx::{Ctx, Need, show};
use super::getopt::{Parsed, Spec};
use super::registry::{Row, bin};
use crate::shell::io::BUFFER;
use crate::vfs::{Errno, Kind, SetAttr};

pub(super) const PROGRAMS: &[Row] = &[
    bin("gunzip", "gzip", 2_346, gzip),
    bin("gzip", "gzip", 98_136, gzip),
    bin("uncompress", "gzip", 2_346, gzip),
    bin("zcat", "gzip", 1_984, gzip),
];

const SPEC: Spec = Spec {
    shorts: "123456789ab:cdfhklLnNqrS:tvV",
    longs: &[
        ("stdout", b'c'),
        ("to-stdout", b'c'),
        ("decompress", b'd'),
        ("uncompress", b'd'),
        ("force", b'f'),
        ("keep", b'k'),
        ("list", b'l'),
        ("no-name", b'n'),
        ("name", b'N'),
        ("quiet", b'q'),
        ("recursive", b'r'),
        ("suffix=", b'S'),
        ("test", b't'),
        ("verbose", b'v'),
        ("version", b'V'),
        ("fast", b'1'),
        ("best", b'9'),
    ],
};

/// What a gzip file holds, as far as our buffer goes: a bomb fills it and no more.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    if bytes.is_empty() {
        return Err("unexpected end of file");
    }
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Err("not in gzip format");
    }
    let mut out = Vec::new();
    match MultiGzDecoder::new(bytes).take(BUFFER as u64).read_to_end(&mut out) {
        Ok(_) => Ok(out),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err("unexpected end of file"),
        Err(_) => Err("invalid compressed data--format violated"),
    }
}

/// A gzip file of `bytes`.
pub(super) fn pack(bytes: &[u8], name: Option<&[u8]>, seconds: u32, level: u32) -> Vec<u8> {
    let mut builder = GzBuilder::new().mtime(seconds).operating_system(3);
    if let Some(name) = name.filter(|n| !n.contains(&0)) {
        builder = builder.filename(name.to_vec());
    }
    let mut writer = builder.write(Vec::new(), Compression::new(level));
    // Writing into memory does not fail.
    let _ = writer.write_all(bytes);
    writer.finish().unwrap_or_default()
}

fn gzip(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let called = std::mem::replace(&mut ctx.name, "gzip".to_owned());
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.has(b'V') {
        ctx.print(&super::ctx::version("gzip", "", "1.12", "Jean-loup Gailly").replace(" ()", ""));
        return Ok(0);
    }
    let back = parsed.has(b'd') || parsed.has(b't') || called != "gzip";
    let out = parsed.has(b'c') || called == "zcat";
    let level =
        parsed.given.iter().rev().find(|(c, _)| c.is_ascii_digit()).map_or(6, |(c, _)| u32::from(c - b'0'));
    if parsed.rest.is_empty() || parsed.rest.iter().all(|f| f == b"-") {
        if ctx.terminal() && !back && !parsed.has(b'f') {
            ctx.fail("compressed data not written to a terminal. Use -f to force compression.\nFor help, type: gzip -h");
            return Ok(1);
        }
        let input = ctx.input()?;
        if !back {
            ctx.out = pack(&input, None, 0, level);
            return Ok(0);
        }
        return Ok(match unpack(&input) {
            Ok(bytes) => {
                if !parsed.has(b't') {
                    ctx.out = bytes;
                }
                0
            }
            Err(why) => {
                ctx.err.extend_from_slice(format!("\ngzip: stdin: {why}\n").as_bytes());
                1
            }
        });
    }
    let mut status = 0;
    let mut files = parsed.rest.clone();
    if parsed.has(b'l') {
        ctx.print("         compressed        uncompressed  ratio uncompressed_name\n");
    }
    let mut left = 4096;
    while !files.is_empty() && left > 0 {
        left -= 1;
        let name = files.remove(0);
        let path = ctx.path(&name);
        let who = ctx.sh.account.cred.clone();
        let found = ctx.sh.vfs().stat(&who, &path);
        if found.is_ok_and(|s| s.kind == Kind::Dir) {
            if parsed.has(b'r') {
                let entries = ctx.sh.vfs().readdir(&who, &path).unwrap_or_default();
                files.extend(entries.into_iter().take(4096).map(|(e, _)| super::attrs::inside(&name, &e)));
            } else {
                ctx.fail(&format!("{} is a directory -- ignored", show(&name)));
                status = status.max(2);
            }
            continue;
        }
        match one(ctx, &parsed, &name, back, out, level)? {
            0 => {}
            1 => status = 1,
            other => status = if status == 0 { other } else { status },
        }
    }
    Ok(status)
}

fn one(
    ctx: &mut Ctx<'_>,
    parsed: &Parsed,
    name: &[u8],
    back: bool,
    out: bool,
    level: u32,
) -> Result<i32, Need> {
    let mut name = name.to_vec();
    let mut read = ctx.content(&name)?;
    // `gunzip file` finds file.gz.
    if back && read == Err(Errno::ENOENT) && !name.ends_with(b".gz") {
        let longer = [name.as_slice(), b".gz"].concat();
        if let Ok(bytes) = ctx.content(&longer)? {
            (name, read) = (longer, Ok(bytes));
        } else {
            name = longer;
        }
    }
    let shown = show(&name);
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(errno) => return Ok(ctx.fail(&format!("{shown}: {errno}"))),
    };
    let path = ctx.path(&name);
    let who = ctx.sh.account.cred.clone();
    let Ok(stat) = ctx.sh.vfs().stat(&who, &path) else { return Ok(1) };
    let list = parsed.has(b'l');
    let target = if back && !out && !list && !parsed.has(b't') {
        let stem = name.strip_suffix(b".gz").map(<[u8]>::to_vec);
        let stem = stem.or_else(|| name.strip_suffix(b".tgz").map(|s| [s, b".tar"].concat()));
        let Some(stem) = stem.or_else(|| name.strip_suffix(b".Z").map(<[u8]>::to_vec)) else {
            ctx.fail(&format!("{shown}: unknown suffix -- ignored"));
            return Ok(2);
        };
        stem
    } else {
        if !back && !out && !list && name.ends_with(b".gz") {
            ctx.fail(&format!("{shown} already has .gz suffix -- unchanged"));
            return Ok(0);
        }
        [name.as_slice(), parsed.value(b'S').unwrap_or(b".gz")].concat()
    };
    let made = if back || list {
        match unpack(&bytes) {
            Ok(made) => made,
            Err(why) => {
                ctx.err.extend_from_slice(format!("\ngzip: {shown}: {why}\n").as_bytes());
                return Ok(1);
            }
        }
    } else {
        let base = crate::vfs::split(&name).1.to_vec();
        let seconds = u32::try_from(stat.mtime.as_second()).unwrap_or(0);
        let named = !parsed.has(b'n');
        pack(&bytes, named.then_some(base.as_slice()), if named { seconds } else { 0 }, level)
    };
    let ratio = |small: usize, large: usize| {
        if large == 0 {
            0.0
        } else {
            100.0 - (small.saturating_sub(18 + name.len())) as f64 * 100.0 / large as f64
        }
    };
    if list {
        let stem = show(name.strip_suffix(b".gz").unwrap_or(&name));
        ctx.print(&format!(
            "{:19} {:19} {:5.1}% {stem}\n",
            bytes.len(),
            made.len(),
            ratio(bytes.len(), made.len())
        ));
        return Ok(0);
    }
    if parsed.has(b't') {
        return Ok(0);
    }
    if out {
        ctx.out.extend(made);
        return Ok(0);
    }
    let to = ctx.path(&target);
    let there = ctx.sh.vfs().lstat(&who, &to).is_ok();
    if there && !parsed.has(b'f') {
        ctx.fail(&format!("{} already exists;\tnot overwritten", show(&target)));
        return Ok(2);
    }
    let done = {
        let mut vfs = ctx.sh.vfs();
        vfs.create(&who, &to, stat.mode, true).and_then(|ino| {
            vfs.write(ino, Some(0), &made)?;
            let set = SetAttr { mode: Some(stat.mode), mtime: Some(stat.mtime), ..SetAttr::default() };
            vfs.set_attr(&who, &to, set)?;
            if parsed.has(b'k') { Ok(()) } else { vfs.unlink(&who, &path) }
        })
    };
    if let Err(errno) = done {
        return Ok(ctx.fail(&format!("{}: {errno}", show(&target))));
    }
    if parsed.has(b'v') {
        let (small, large) = if back { (bytes.len(), made.len()) } else { (made.len(), bytes.len()) };
        let verb = if parsed.has(b'k') { "created" } else { "replaced with" };
        let text = format!("{shown}:\t{:5.1}% -- {verb} {}\n", ratio(small, large), show(&target));
        ctx.err.extend_from_slice(text.as_bytes());
    }
    Ok(0)
}
