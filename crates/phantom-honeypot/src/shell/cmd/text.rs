//! What the programs over text share.

use super::ctx::{Ctx, Need, show};
use crate::vfs::Errno;

/// A file's name, empty for the input, and its content.
pub(super) type Named = (Vec<u8>, Vec<u8>);

/// The contents of the operands, or the input; failures are worded and skipped.
pub(super) fn contents(ctx: &mut Ctx<'_>, files: &[Vec<u8>]) -> Result<(Vec<Named>, i32), Need> {
    let mut status = 0;
    let mut all = Vec::new();
    if files.is_empty() {
        all.push((Vec::new(), ctx.input()?));
    }
    for file in files {
        match ctx.content(file)? {
            Ok(bytes) => all.push((file.clone(), bytes)),
            Err(errno) => {
                let shown = show(file);
                let text = match (ctx.name.as_str(), errno) {
                    ("head" | "tail", Errno::EISDIR) => format!("error reading '{shown}': {errno}"),
                    ("head" | "tail", _) => format!("cannot open '{shown}' for reading: {errno}"),
                    ("tac", Errno::EISDIR) => format!("{shown}: read error: Invalid argument"),
                    ("tac", _) => format!("failed to open '{shown}' for reading: {errno}"),
                    ("sort", Errno::EISDIR) => format!("read failed: {shown}: {errno}"),
                    ("sort", _) => format!("cannot read: {shown}: {errno}"),
                    ("rev" | "column", _) => format!("cannot open {shown}: {errno}"),
                    ("base64" | "base32", Errno::EISDIR) => format!("read error: {errno}"),
                    _ => format!("{shown}: {errno}"),
                };
                status = ctx.fail(&text);
            }
        }
    }
    Ok((all, status))
}

pub(super) fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut all: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    if all.last().is_some_and(|l| l.is_empty()) {
        all.pop();
    }
    all
}

pub(super) fn put(ctx: &mut Ctx<'_>, line: &[u8]) {
    ctx.out.extend_from_slice(line);
    ctx.out.push(b'\n');
}

/// A count with a suffix as coreutils takes it: `b` 512, `kB` 1000, `K` 1024 and so on.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let value: u64 = text.get(..digits)?.parse().ok()?;
    let unit: u64 = match text.get(digits..)? {
        "" | "c" => 1,
        "w" => 2,
        "b" => 512,
        "kB" | "KB" => 1000,
        "k" | "K" | "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "m" | "M" | "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "G" | "GiB" => 1 << 30,
        "TB" => 1_000_000_000_000,
        "T" | "TiB" => 1 << 40,
        _ => return None,
    };
    value.checked_mul(unit)
}
