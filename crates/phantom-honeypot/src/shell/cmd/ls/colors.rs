//! What ls paints: its own table, and what LS_COLORS changes of it.

use super::options::Options;
use super::{Ctx, Entry};
use crate::vfs::{Kind, Stat};

/// The table of coreutils 9.1: indicator and its code.
const TABLE: [(&str, &str); 13] = [
    ("di", "01;34"),
    ("ln", "01;36"),
    ("pi", "33"),
    ("so", "01;35"),
    ("bd", "01;33"),
    ("cd", "01;33"),
    ("or", ""),
    ("su", "37;41"),
    ("sg", "30;43"),
    ("tw", "30;42"),
    ("ow", "34;42"),
    ("st", "37;44"),
    ("ex", "01;32"),
];

/// Terminals that are painted on where LS_COLORS says nothing.
const TERMINALS: [&str; 25] = [
    "Eterm",
    "ansi",
    "*color*",
    "con[0-9]*x[0-9]*",
    "cons25",
    "console",
    "cygwin",
    "*direct*",
    "dtterm",
    "gnome",
    "hurd",
    "jfbterm",
    "konsole",
    "kterm",
    "linux",
    "linux-c",
    "mlterm",
    "putty",
    "rxvt*",
    "screen*",
    "st",
    "terminator",
    "tmux*",
    "vt100",
    "xterm*",
];

fn fits(pattern: &str, term: &[u8]) -> bool {
    let live: Vec<(u8, bool)> = pattern.bytes().map(|b| (b, true)).collect();
    crate::shell::glob::matches(&live, term)
}

pub(super) struct Colors {
    table: Vec<(String, String)>,
    /// Endings of names.
    endings: Vec<(Vec<u8>, String)>,
    /// Whether anything was painted before.
    begun: std::cell::Cell<bool>,
}

impl Colors {
    pub(super) fn new(ctx: &Ctx<'_>, options: &Options) -> Option<Self> {
        if !options.color {
            return None;
        }
        let mut colors = Self {
            table: TABLE.iter().map(|(name, code)| ((*name).to_owned(), (*code).to_owned())).collect(),
            endings: Vec::new(),
            begun: std::cell::Cell::new(false),
        };
        let given = ctx.sh.get(b"LS_COLORS").unwrap_or_default();
        let term = ctx.sh.get(b"TERM").unwrap_or_default();
        if given.is_empty() && !TERMINALS.iter().any(|name| fits(name, &term)) {
            return None;
        }
        for part in String::from_utf8_lossy(&given).split(':').take(512) {
            let Some((name, code)) = part.split_once('=') else { continue };
            match (name.strip_prefix('*'), colors.table.iter_mut().find(|row| row.0 == name)) {
                (Some(ending), _) => colors.endings.push((ending.as_bytes().to_vec(), code.to_owned())),
                (None, Some(row)) => code.clone_into(&mut row.1),
                _ => {}
            }
        }
        Some(colors)
    }

    fn code(&self, name: &str) -> Option<String> {
        self.table
            .iter()
            .find(|row| row.0 == name)
            .map(|row| row.1.clone())
            .filter(|c| !c.is_empty() && c != "0")
    }

    /// The colour of an entry; none for a plain file.
    pub(super) fn of(&self, entry: &Entry) -> Option<String> {
        match &entry.link {
            Some((_, None)) => self.code("or").or_else(|| self.code("ln")),
            Some((_, Some(there))) if self.code("ln").as_deref() == Some("target") => {
                self.plain(&entry.name, there)
            }
            _ => self.plain(&entry.name, &entry.stat),
        }
    }

    /// The colour of what a link leads to, which is looked at only where marks or broken links are to be told.
    pub(super) fn target(&self, name: &[u8], stat: &Stat, indicator: Option<u8>) -> Option<String> {
        let looked = matches!(indicator, Some(b'F' | b't')) || self.code("or").is_some();
        self.plain(name, stat).filter(|_| looked)
    }

    /// The colour of what lies under a name.
    pub(super) fn plain(&self, name: &[u8], stat: &Stat) -> Option<String> {
        let bit = |bits: u32| stat.mode & bits == bits;
        let kind = match stat.kind {
            Kind::Dir if bit(0o1002) => "tw",
            Kind::Dir if bit(0o0002) => "ow",
            Kind::Dir if bit(0o1000) => "st",
            Kind::Dir => "di",
            Kind::Link => "ln",
            Kind::Device => "cd",
            Kind::File if bit(0o4000) => "su",
            Kind::File if bit(0o2000) => "sg",
            Kind::File if stat.mode & 0o111 != 0 => "ex",
            Kind::File => {
                return self.endings.iter().rev().find(|e| name.ends_with(&e.0)).map(|e| e.1.clone());
            }
        };
        self.code(kind)
    }

    /// A name between its colour and the end of it.
    pub(super) fn paint(&self, code: &str, name: &[u8]) -> Vec<u8> {
        let reset: &[u8] = if self.begun.replace(true) { b"" } else { b"\x1b[0m" };
        [reset, b"\x1b[", code.as_bytes(), b"m", name, b"\x1b[0m"].concat()
    }
}
