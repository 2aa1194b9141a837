//! ls(1), dir(1) and vdir(1) of coreutils 9.1.

mod colors;
mod columns;
mod names;
mod options;

use std::cmp::Ordering;

use phantom_core::Timestamp;

use super::files::{human, owner};
use super::registry::{Row, bin};
use super::{Ctx, Need, show};
use crate::shell::collate;
use crate::shell::facts::strftime;
use crate::vfs::{Errno, Kind, Stat, join};
use colors::Colors;
use columns::{Cell, Layout};
use names::{Style, quote};
use options::{Format, Options, Sort, Time};

pub(super) const PROGRAMS: &[Row] = &[
    bin("ls", "coreutils", 151_344, ls),
    bin("dir", "coreutils", 151_344, ls),
    bin("vdir", "coreutils", 151_344, ls),
];

/// A name as error messages of GNU programs show it.
pub(super) fn quoted(name: &[u8]) -> Vec<u8> {
    quote(name, Style::ShellEscapeAlways)
}

/// Entries that one call shows.
const ENTRIES: usize = 100_000;
/// Half a year of 365.2425 days: times older, or later than now, show their year.
const RECENT: i64 = 15_778_476;

/// A name to be shown, and what it stands for.
struct Entry {
    name: Vec<u8>,
    path: Vec<u8>,
    stat: Stat,
    /// Where a symbolic link leads, and what is there.
    link: Option<(Vec<u8>, Option<Stat>)>,
}

fn ls(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let options = match Options::read(ctx) {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let mut names = options.operands.clone();
    if names.is_empty() {
        names.push(b".".to_vec());
    }
    let several = names.len() > 1;
    let mut listing = Listing {
        colors: Colors::new(ctx, &options),
        locale: collate::by_locale(ctx.sh),
        left: ENTRIES,
        status: 0,
        options,
    };
    let (mut files, mut dirs) = (Vec::new(), Vec::new());
    for name in names {
        let path = ctx.path(&name);
        match listing.operand(ctx, &name, &path) {
            Ok(entry) if entry.stat.kind == Kind::Dir && !listing.options.itself => dirs.push(entry),
            Ok(entry) => files.push(entry),
            Err(errno) => {
                ctx.fail(&format!(
                    "cannot access {}: {errno}",
                    show(&quote(&name, Style::ShellEscapeAlways))
                ));
                listing.status = 2;
            }
        }
    }
    listing.sort(&mut files);
    listing.sort(&mut dirs);
    let mut first = files.is_empty();
    if !first {
        // The columns of files that are named leave room for the directories named with them.
        let count = files.len();
        listing.show(ctx, files.iter().chain(&dirs).collect::<Vec<_>>().as_slice(), count);
    }
    // Directories found on the way come before the operands that are left.
    let mut queue: Vec<(Vec<u8>, Vec<u8>, bool)> =
        dirs.into_iter().rev().map(|d| (d.name, d.path, true)).collect();
    while let Some((name, path, operand)) = queue.pop() {
        let entries = ctx.sh.vfs().readdir(&ctx.sh.account.cred, &path);
        let entries = match entries {
            Ok(entries) => entries,
            Err(errno) => {
                let text = format!(
                    "cannot open directory {}: {errno}",
                    show(&quote(&name, Style::ShellEscapeAlways))
                );
                ctx.fail(&text);
                listing.status = listing.status.max(if operand { 2 } else { 1 });
                continue;
            }
        };
        if several || listing.options.deep {
            let gap: &[u8] = if first { b"" } else { b"\n" };
            let head = listing.quoted(&name);
            let head = if listing.options.style == Style::ShellEscape
                && head.contains(&b':')
                && !head.starts_with(b"'")
            {
                quote(&name, Style::ShellEscapeAlways)
            } else {
                head
            };
            ctx.out.extend([gap, &head, b":\n"].concat());
        }
        first = false;
        let mut rows = listing.inside(ctx, &path, entries);
        listing.sort(&mut rows);
        if listing.options.is_long() || listing.options.blocks {
            let total: u64 = rows.iter().map(|row| blocks(&row.stat)).sum();
            let text = format!("total {}\n", listing.block_text(total));
            ctx.print(&text);
        }
        listing.show(ctx, rows.iter().collect::<Vec<_>>().as_slice(), rows.len());
        if listing.options.deep {
            let dot = |name: &[u8]| matches!(name, b"." | b"..");
            let below = rows.iter().rev().filter(|row| row.stat.kind == Kind::Dir && !dot(&row.name));
            queue.extend(below.map(|row| (super::attrs::inside(&name, &row.name), row.path.clone(), false)));
        }
        if listing.left == 0 {
            break;
        }
    }
    Ok(listing.status)
}

/// Kibibytes on the disk, in blocks of ext4.
fn blocks(stat: &Stat) -> u64 {
    match stat.kind {
        Kind::File | Kind::Dir => stat.size.div_ceil(4096) * 4,
        // Short targets lie in the inode.
        Kind::Link | Kind::Device => 0,
    }
}

struct Listing {
    options: Options,
    colors: Option<Colors>,
    locale: bool,
    /// Entries that may still be shown.
    left: usize,
    status: i32,
}

impl Listing {
    fn quoted(&self, name: &[u8]) -> Vec<u8> {
        let shown = if self.options.hide_control { names::hidden(name) } else { name.to_vec() };
        quote(&shown, self.options.style)
    }

    fn entry(&self, ctx: &Ctx<'_>, name: &[u8], path: &[u8], follow: bool) -> Result<Entry, Errno> {
        let vfs = ctx.sh.vfs();
        let who = &ctx.sh.account.cred;
        if name.is_empty() {
            return Err(Errno::ENOENT);
        }
        let stat = if follow {
            vfs.stat(who, path).or_else(|_| vfs.lstat(who, path))
        } else {
            vfs.lstat(who, path)
        }?;
        let link = (stat.kind == Kind::Link)
            .then(|| (vfs.readlink(who, path).unwrap_or_default(), vfs.stat(who, path).ok()));
        Ok(Entry { name: name.to_vec(), path: path.to_vec(), stat, link })
    }

    /// One that was named: a link to a directory is that directory, unless it is looked at itself.
    fn operand(&self, ctx: &Ctx<'_>, name: &[u8], path: &[u8]) -> Result<Entry, Errno> {
        let o = &self.options;
        let slash = name.ends_with(b"/") && name.len() > 1;
        let found = self.entry(ctx, name, path, o.follow || o.follow_operands || slash)?;
        if o.follow && found.stat.kind == Kind::Link {
            return Err(Errno::ENOENT);
        }
        if slash && found.stat.kind != Kind::Dir {
            return Err(Errno::ENOTDIR);
        }
        let plain = !o.is_long() && !o.itself && o.indicator != Some(b'F');
        match &found.link {
            Some((_, Some(there))) if plain && there.kind == Kind::Dir => {
                let there = *there;
                Ok(Entry { stat: there, link: None, ..found })
            }
            _ => Ok(found),
        }
    }

    /// What a directory holds, less what is not to be seen.
    fn inside(&mut self, ctx: &Ctx<'_>, dir: &[u8], entries: Vec<(Vec<u8>, u64)>) -> Vec<Entry> {
        let mut rows = Vec::new();
        if self.options.all {
            for dot in [b".".as_slice(), b".."] {
                rows.extend(self.entry(ctx, dot, &join(dir, dot), false));
            }
        }
        for (name, _) in entries {
            if self.left == 0 {
                break;
            }
            if self.options.hides(&name) {
                continue;
            }
            self.left -= 1;
            rows.extend(self.entry(ctx, &name, &join(dir, &name), self.options.follow));
        }
        rows
    }

    fn sort(&self, rows: &mut [Entry]) {
        let o = &self.options;
        let by_name = |a: &Entry, b: &Entry| collate::compare(&a.name, &b.name, self.locale);
        if let Some(sort) = o.sort {
            rows.sort_by(|a, b| {
                let order = match sort {
                    Sort::Name => Ordering::Equal,
                    Sort::Time => self.time(b).cmp(&self.time(a)),
                    Sort::Size => b.stat.size.cmp(&a.stat.size),
                    Sort::Version => super::sort::versions(&a.name, &b.name),
                    Sort::Extension => collate::compare(extension(&a.name), extension(&b.name), self.locale),
                    Sort::Width => a.name.len().cmp(&b.name.len()),
                };
                let order = order.then_with(|| by_name(a, b));
                if o.reverse { order.reverse() } else { order }
            });
        } else if o.reverse {
            rows.reverse();
        }
        if o.dirs_first {
            rows.sort_by_key(|row| {
                row.stat.kind != Kind::Dir
                    && !matches!(&row.link, Some((_, Some(there))) if there.kind == Kind::Dir)
            });
        }
    }

    fn time(&self, entry: &Entry) -> Timestamp {
        if self.options.access { entry.stat.atime } else { entry.stat.mtime }
    }

    fn block_text(&self, kib: u64) -> String {
        match self.options.unit {
            Some(unit) => format!("{}{}", (kib * 1024).div_ceil(unit), self.options.unit_name),
            None if self.options.human => human(kib * 1024),
            None if self.options.si => names::si(kib * 1024),
            None => kib.to_string(),
        }
    }

    fn size_text(&self, stat: &Stat) -> String {
        match self.options.unit {
            Some(unit) => format!("{}{}", stat.size.div_ceil(unit), self.options.unit_name),
            _ if self.options.human => human(stat.size),
            _ if self.options.si => names::si(stat.size),
            _ => stat.size.to_string(),
        }
    }

    /// Shows the first `count` of these; the widths are those of all.
    fn show(&self, ctx: &mut Ctx<'_>, rows: &[&Entry], count: usize) {
        let mut cells = self.cells(rows);
        cells.truncate(count);
        if self.options.is_long() {
            return self.long(ctx, rows, &cells);
        }
        let layout = Layout {
            format: self.options.format,
            width: self.options.width,
            // Some terminals cannot take tabs and colours in one line.
            tab: if self.colors.is_some() { 0 } else { self.options.tab },
            end: self.options.end,
        };
        let text = layout.lay(&cells);
        ctx.out.extend(text);
    }

    /// Names with what stands before and behind them.
    fn cells(&self, rows: &[&Entry]) -> Vec<Cell> {
        let o = &self.options;
        let width = |f: &dyn Fn(&Entry) -> String| rows.iter().map(|row| f(row).len()).max().unwrap_or(0);
        let inode = |row: &Entry| row.stat.ino.to_string();
        let size = |row: &Entry| self.block_text(blocks(&row.stat));
        let (inodes, sizes) = (width(&inode), width(&size));
        let joined = o.format == Format::Commas;
        let aligned = o.style == Style::ShellEscape
            && (o.is_long() || matches!(o.format, Format::Columns | Format::Across))
            && rows.iter().any(|row| self.quoted(&row.name) != row.name);
        rows.iter()
            .map(|row| {
                let mut before = String::new();
                if o.inode {
                    let n = inode(row);
                    before += &if joined { format!("{n} ") } else { format!("{n:>inodes$} ") };
                }
                if o.blocks {
                    let n = size(row);
                    before += &if joined { format!("{n} ") } else { format!("{n:>sizes$} ") };
                }
                if o.context && !o.is_long() {
                    before += "? ";
                }
                let name = self.quoted(&row.name);
                let pad = aligned && !matches!(name.first(), Some(b'\'' | b'"'));
                let mut text = if pad { b" ".to_vec() } else { Vec::new() };
                let mut wide = before.len() + text.len() + names::width(&name);
                text.extend(self.painted(self.colors.as_ref().and_then(|c| c.of(row)), &name));
                // A link's mark stands behind what it leads to.
                let mark = if o.is_long() && row.link.is_some() { None } else { o.mark(&row.stat) };
                wide += usize::from(mark.is_some());
                text.extend(mark);
                Cell { before, name: text, wide }
            })
            .collect()
    }

    fn long(&self, ctx: &mut Ctx<'_>, rows: &[&Entry], cells: &[Cell]) {
        let o = &self.options;
        let now = ctx.sh.io.now();
        let devices: Vec<(String, String)> =
            rows.iter().filter(|row| row.stat.kind == Kind::Device).map(|row| device(&row.path)).collect();
        let majors = devices.iter().map(|d| d.0.len()).max().unwrap_or(0);
        let minors = devices.iter().map(|d| d.1.len()).max().unwrap_or(0);
        let table: Vec<[String; 4]> = rows
            .iter()
            .map(|row| {
                let s = &row.stat;
                let (user, group) = if o.numeric {
                    (s.uid.to_string(), s.gid.to_string())
                } else {
                    (owner(ctx, s.uid, false), owner(ctx, s.gid, true))
                };
                let size = match s.kind {
                    Kind::Device => {
                        let (major, minor) = device(&row.path);
                        format!("{major:>majors$}, {minor:>minors$}")
                    }
                    _ => self.size_text(s),
                };
                [s.nlink.to_string(), user, group, size]
            })
            .collect();
        let widest = |n: usize| table.iter().map(|row| row.get(n).map_or(0, String::len)).max().unwrap_or(0);
        let (links, users, groups, sizes) = (widest(0), widest(1), widest(2), widest(3));
        let times: Vec<String> = rows.iter().map(|row| self.when(self.time(row), now)).collect();
        for (((row, cell), [count, user, group, size]), time) in
            rows.iter().zip(cells).zip(&table).zip(&times)
        {
            // What stands before a name in columns stands before the mode here.
            let mut text = format!("{}{} {count:>links$} ", cell.before, row.stat.mode_string());
            if o.owner {
                text += &format!("{user:<users$} ");
            }
            if o.group {
                text += &format!("{group:<groups$} ");
            }
            if o.context {
                text += "? ";
            }
            text += &format!("{size:>sizes$} {time} ");
            ctx.print(&text);
            ctx.out.extend_from_slice(&cell.name);
            if let Some((target, there)) = &row.link {
                let shown = self.quoted(target);
                ctx.out.extend_from_slice(b" -> ");
                let code =
                    there.as_ref().and_then(|stat| self.colors.as_ref()?.target(target, stat, o.indicator));
                ctx.out.extend(self.painted(code, &shown));
                ctx.out.extend(there.as_ref().and_then(|stat| o.mark(stat)));
            }
            ctx.out.push(o.end);
        }
    }

    fn painted(&self, code: Option<String>, name: &[u8]) -> Vec<u8> {
        match (code, &self.colors) {
            (Some(code), Some(colors)) => colors.paint(&code, name),
            _ => name.to_vec(),
        }
    }

    fn when(&self, at: Timestamp, now: Timestamp) -> String {
        let age = now.as_second() - at.as_second();
        let recent = (0..RECENT).contains(&age);
        match &self.options.time {
            Time::Locale => strftime(at, if recent { "%b %e %H:%M" } else { "%b %e  %Y" }),
            Time::Iso => strftime(at, if recent { "%m-%d %H:%M" } else { "%Y-%m-%d " }),
            Time::Long => strftime(at, "%Y-%m-%d %H:%M"),
            Time::Full => {
                let nanos = phantom_core::micros(at).rem_euclid(1_000_000) * 1000;
                format!("{}.{nanos:09} +0000", strftime(at, "%Y-%m-%d %H:%M:%S"))
            }
            Time::Custom(old, new) => strftime(at, if recent { new } else { old }),
        }
    }
}

fn extension(name: &[u8]) -> &[u8] {
    name.iter().rposition(|b| *b == b'.').and_then(|at| name.get(at..)).unwrap_or(b"")
}

/// Major and minor numbers of the devices there are, from Linux's devices.txt.
fn device(path: &[u8]) -> (String, String) {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
    let (major, minor) = match name {
        b"null" => (1, 3),
        b"zero" => (1, 5),
        b"full" => (1, 7),
        b"random" => (1, 8),
        b"urandom" => (1, 9),
        b"kmsg" => (1, 11),
        b"tty" => (5, 0),
        b"console" => (5, 1),
        b"ptmx" => (5, 2),
        _ => (136, 0),
    };
    (major.to_string(), minor.to_string())
}
