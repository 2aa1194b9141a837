//! What ls is told.

use super::names::Style;
use crate::shell::cmd::getopt::Spec;
use crate::shell::cmd::{Ctx, show};
use crate::vfs::{Kind, Stat};

const SPEC: Spec = Spec {
    shorts: "abcdfghiklmnopqrstuvw:xABCDFGHI:LNQRST:UXZ1",
    longs: &[
        ("all", b'a'),
        ("almost-all", b'A'),
        ("author", 200),
        ("escape", b'b'),
        ("block-size=", 201),
        ("ignore-backups", b'B'),
        ("color?", 202),
        ("directory", b'd'),
        ("dired", b'D'),
        ("classify?", 203),
        ("file-type", 204),
        ("format=", 205),
        ("full-time", 206),
        ("group-directories-first", 207),
        ("no-group", b'G'),
        ("human-readable", b'h'),
        ("si", 208),
        ("dereference-command-line", b'H'),
        ("dereference-command-line-symlink-to-dir", 209),
        ("hide=", 210),
        ("hyperlink?", 211),
        ("indicator-style=", 212),
        ("inode", b'i'),
        ("ignore=", b'I'),
        ("kibibytes", b'k'),
        ("dereference", b'L'),
        ("numeric-uid-gid", b'n'),
        ("literal", b'N'),
        ("hide-control-chars", b'q'),
        ("show-control-chars", 213),
        ("quote-name", b'Q'),
        ("quoting-style=", 214),
        ("reverse", b'r'),
        ("recursive", b'R'),
        ("size", b's'),
        ("sort=", 215),
        ("time=", 216),
        ("time-style=", 217),
        ("tabsize=", b'T'),
        ("width=", b'w'),
        ("context", b'Z'),
        ("zero", 218),
        ("version", 219),
    ],
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Long,
    Single,
    Columns,
    Across,
    Commas,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    Time,
    Size,
    Version,
    Extension,
    Width,
}

pub(super) enum Time {
    Locale,
    Iso,
    Long,
    Full,
    /// For times long ago, and for those of the last half year.
    Custom(String, String),
}

pub(super) struct Options {
    pub(super) operands: Vec<Vec<u8>>,
    pub(super) format: Format,
    /// None: as the directory has them.
    pub(super) sort: Option<Sort>,
    pub(super) style: Style,
    pub(super) time: Time,
    pub(super) all: bool,
    almost: bool,
    backups: bool,
    ignored: Vec<Vec<u8>>,
    hidden: Vec<Vec<u8>>,
    pub(super) itself: bool,
    pub(super) deep: bool,
    pub(super) reverse: bool,
    pub(super) dirs_first: bool,
    pub(super) follow: bool,
    pub(super) follow_operands: bool,
    pub(super) access: bool,
    pub(super) human: bool,
    pub(super) si: bool,
    /// Bytes that sizes are counted in.
    pub(super) unit: Option<u64>,
    /// What is printed behind a size in them.
    pub(super) unit_name: &'static str,
    pub(super) numeric: bool,
    pub(super) owner: bool,
    pub(super) group: bool,
    pub(super) inode: bool,
    pub(super) blocks: bool,
    pub(super) context: bool,
    pub(super) hide_control: bool,
    /// Marks behind names: `F` all, `t` all but programs, `/` directories.
    pub(super) indicator: Option<u8>,
    pub(super) color: bool,
    pub(super) width: usize,
    pub(super) tab: usize,
    pub(super) end: u8,
}

/// One of the words an option takes; what is not among them is refused with all of them, those of one meaning in a
/// line.
fn word<T: Copy + PartialEq>(
    ctx: &mut Ctx<'_>,
    option: &str,
    value: &str,
    words: &[(&str, T)],
) -> Result<T, i32> {
    if let Some((_, found)) = words.iter().find(|(name, _)| *name == value) {
        return Ok(*found);
    }
    let list: String = words
        .chunk_by(|a, b| a.1 == b.1)
        .map(|same| {
            let names: Vec<String> = same.iter().map(|(name, _)| format!("‘{name}’")).collect();
            format!("\n  - {}", names.join(", "))
        })
        .collect();
    let name = ctx.name.clone();
    ctx.fail(&format!(
        "invalid argument ‘{value}’ for ‘--{option}’\nValid arguments are:{list}\nTry '{name} --help' for more information."
    ));
    Err(1)
}

impl Options {
    pub(super) fn is_long(&self) -> bool {
        self.format == Format::Long
    }

    pub(super) fn read(ctx: &mut Ctx<'_>) -> Result<Self, i32> {
        let parsed = ctx.getopt(&SPEC, 2)?;
        if parsed.has(219) {
            let text = crate::shell::cmd::ctx::version(
                &ctx.name.clone(),
                "GNU coreutils",
                "9.1",
                "Richard M. Stallman and David MacKenzie",
            );
            ctx.print(&text);
            return Err(0);
        }
        let terminal = ctx.terminal();
        let columns = ctx.sh.get(b"COLUMNS").and_then(|v| show(&v).parse().ok()).filter(|n| *n > 0);
        let line = if terminal { usize::try_from(ctx.sh.io.lock().size.0).unwrap_or(80) } else { 80 };
        let (format, style) = match ctx.name.as_str() {
            "dir" => (Format::Columns, Style::Escape),
            "vdir" => (Format::Long, Style::Escape),
            _ if terminal => (Format::Columns, Style::ShellEscape),
            _ => (Format::Single, Style::Literal),
        };
        let mut o = Self {
            operands: parsed.rest.clone(),
            format,
            sort: Some(Sort::Name),
            style,
            time: Time::Locale,
            all: false,
            almost: false,
            backups: false,
            ignored: Vec::new(),
            hidden: Vec::new(),
            itself: false,
            deep: false,
            reverse: false,
            dirs_first: false,
            follow: false,
            follow_operands: false,
            access: false,
            human: false,
            si: false,
            unit: None,
            unit_name: "",
            numeric: false,
            owner: true,
            group: true,
            inode: false,
            blocks: false,
            context: false,
            hide_control: terminal && ctx.name == "ls",
            indicator: None,
            color: false,
            width: columns.unwrap_or(line),
            tab: 8,
            end: b'\n',
        };
        let (mut sorted, mut timed, mut time_style) = (None, false, None);
        for (letter, value) in &parsed.given {
            let text = show(value);
            match letter {
                b'a' => o.all = true,
                b'A' => (o.almost, o.all) = (true, false),
                b'b' => o.style = Style::Escape,
                b'B' => o.backups = true,
                b'c' => timed = true,
                b'u' => (timed, o.access) = (true, true),
                b'C' => o.format = Format::Columns,
                b'd' => o.itself = true,
                b'f' => {
                    (o.all, o.color, sorted) = (true, false, Some(None));
                    if o.is_long() {
                        o.format = if terminal { Format::Columns } else { Format::Single };
                    }
                }
                b'F' => o.indicator = Some(b'F'),
                203 => {
                    let when = if text.is_empty() { "always" } else { &text };
                    if word(ctx, "classify", when, WHEN)?.unwrap_or(terminal) {
                        o.indicator = Some(b'F');
                    }
                }
                204 => o.indicator = Some(b't'),
                b'p' => o.indicator = Some(b'/'),
                212 => {
                    let words = [
                        ("none", None),
                        ("slash", Some(b'/')),
                        ("file-type", Some(b't')),
                        ("classify", Some(b'F')),
                    ];
                    o.indicator = word(ctx, "indicator-style", &text, &words)?;
                }
                b'g' => (o.format, o.owner) = (Format::Long, false),
                b'o' => (o.format, o.group) = (Format::Long, false),
                b'G' => o.group = false,
                b'l' => o.format = Format::Long,
                b'n' => (o.format, o.numeric) = (Format::Long, true),
                b'1' if o.is_long() => {}
                b'1' => o.format = Format::Single,
                b'x' => o.format = Format::Across,
                b'm' => o.format = Format::Commas,
                205 => {
                    let words = [
                        ("verbose", Format::Long),
                        ("long", Format::Long),
                        ("commas", Format::Commas),
                        ("horizontal", Format::Across),
                        ("across", Format::Across),
                        ("vertical", Format::Columns),
                        ("single-column", Format::Single),
                    ];
                    o.format = word(ctx, "format", &text, &words)?;
                }
                b'h' => (o.human, o.si, o.unit) = (true, false, None),
                208 => (o.human, o.si, o.unit) = (false, true, None),
                b'k' => (o.human, o.si) = (false, false),
                201 if UNITS.iter().any(|unit| unit.0 == text) => {
                    let (name, unit) = UNITS.iter().copied().find(|unit| unit.0 == text).unwrap_or(("", 1));
                    (o.human, o.si, o.unit, o.unit_name) = (false, false, Some(unit), name);
                }
                201 => match crate::shell::cmd::text::size(&text) {
                    Some(unit) if unit > 0 => (o.human, o.si, o.unit) = (false, false, Some(unit)),
                    _ => {
                        ctx.fail(&format!("invalid --block-size argument '{text}'"));
                        return Err(2);
                    }
                },
                b'H' | 209 => o.follow_operands = true,
                b'L' => o.follow = true,
                b'i' => o.inode = true,
                b's' => o.blocks = true,
                b'Z' => o.context = true,
                b'I' => o.ignored.push(value.clone()),
                210 => o.hidden.push(value.clone()),
                b'N' => o.style = Style::Literal,
                b'Q' => o.style = Style::C,
                214 => {
                    let words = [
                        ("literal", Style::Literal),
                        ("shell", Style::Shell),
                        ("shell-always", Style::ShellAlways),
                        ("shell-escape", Style::ShellEscape),
                        ("shell-escape-always", Style::ShellEscapeAlways),
                        ("c", Style::C),
                        ("c-maybe", Style::CMaybe),
                        ("escape", Style::Escape),
                        ("locale", Style::Locale),
                        ("clocale", Style::CLocale),
                    ];
                    o.style = word(ctx, "quoting-style", &text, &words)?;
                }
                b'q' => o.hide_control = true,
                213 => o.hide_control = false,
                b'r' => o.reverse = true,
                b'R' => o.deep = true,
                b't' => sorted = Some(Some(Sort::Time)),
                b'S' => sorted = Some(Some(Sort::Size)),
                b'U' => sorted = Some(None),
                b'v' => sorted = Some(Some(Sort::Version)),
                b'X' => sorted = Some(Some(Sort::Extension)),
                215 => {
                    let words = [
                        ("none", None),
                        ("time", Some(Sort::Time)),
                        ("size", Some(Sort::Size)),
                        ("extension", Some(Sort::Extension)),
                        ("version", Some(Sort::Version)),
                        ("width", Some(Sort::Width)),
                    ];
                    sorted = Some(word(ctx, "sort", &text, &words)?);
                }
                216 => {
                    // Of the four only two differ here.
                    let words = [
                        ("atime", 'a'),
                        ("access", 'a'),
                        ("use", 'a'),
                        ("ctime", 'c'),
                        ("status", 'c'),
                        ("birth", 'b'),
                        ("creation", 'b'),
                    ];
                    (timed, o.access) = (true, word(ctx, "time", &text, &words)? == 'a');
                }
                217 => time_style = Some(text),
                206 => (o.format, time_style) = (Format::Long, Some("full-iso".to_owned())),
                207 => o.dirs_first = true,
                b'T' | b'w' => match text.parse() {
                    Ok(number) if *letter == b'T' => o.tab = number,
                    Ok(number) => o.width = number,
                    Err(_) => {
                        let what = if *letter == b'T' { "invalid tab size" } else { "invalid line width" };
                        ctx.fail(&format!("{what}: ‘{text}’"));
                        return Err(2);
                    }
                },
                202 => {
                    let when = if text.is_empty() { "always" } else { &text };
                    o.color = word(ctx, "color", when, WHEN)?.unwrap_or(terminal);
                }
                218 => {
                    (o.end, o.style, o.color, o.hide_control) = (0, Style::Literal, false, false);
                    if !o.is_long() {
                        o.format = Format::Single;
                    }
                }
                _ => {}
            }
        }
        // -c and -u alone sort by that time where it is not shown.
        o.sort = match sorted {
            Some(sort) => sort,
            None if timed && !o.is_long() => Some(Sort::Time),
            None => Some(Sort::Name),
        };
        if let Some(style) = time_style {
            o.time = o.read_time(ctx, &style)?;
        }
        // Names between quotes need no question marks.
        o.hide_control &= matches!(o.style, Style::Literal | Style::Shell | Style::ShellAlways);
        Ok(o)
    }

    fn read_time(&self, ctx: &mut Ctx<'_>, style: &str) -> Result<Time, i32> {
        if let Some(format) = style.strip_prefix('+') {
            let (old, new) = format.split_once('\n').unwrap_or((format, format));
            return Ok(Time::Custom(old.to_owned(), new.to_owned()));
        }
        Ok(match style.strip_prefix("posix-").unwrap_or(style) {
            "full-iso" => Time::Full,
            "long-iso" => Time::Long,
            "iso" => Time::Iso,
            "locale" => Time::Locale,
            _ => {
                let name = ctx.name.clone();
                ctx.fail(&format!("invalid argument ‘{style}’ for ‘time style’\nValid arguments are:\n  - [posix-]full-iso\n  - [posix-]long-iso\n  - [posix-]iso\n  - [posix-]locale\n  - +FORMAT (e.g., +%H:%M) for a 'date'-style format\nTry '{name} --help' for more information."));
                return Err(2);
            }
        })
    }

    /// Whether a name in a directory is left out.
    pub(super) fn hides(&self, name: &[u8]) -> bool {
        let fits = |pattern: &Vec<u8>| {
            let live: Vec<(u8, bool)> = pattern.iter().map(|b| (*b, true)).collect();
            // A dot at the start is matched by a dot alone.
            (!name.starts_with(b".") || pattern.starts_with(b".")) && crate::shell::glob::matches(&live, name)
        };
        let shown = self.all || self.almost;
        (!shown && (name.starts_with(b".") || self.hidden.iter().any(fits)))
            || self.ignored.iter().any(fits)
            || (self.backups && name.ends_with(b"~"))
    }

    /// What stands behind a name to tell its kind.
    pub(super) fn mark(&self, stat: &Stat) -> Option<u8> {
        match (self.indicator?, stat.kind) {
            (_, Kind::Dir) => Some(b'/'),
            (b'F' | b't', Kind::Link) => Some(b'@'),
            (b'F', Kind::File) if stat.mode & 0o111 != 0 => Some(b'*'),
            _ => None,
        }
    }
}

/// Units that are named alone, and then stand behind each size.
const UNITS: [(&str, u64); 6] =
    [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000)];

/// always, never or where it goes to a terminal.
const WHEN: &[(&str, Option<bool>)] = &[
    ("always", Some(true)),
    ("yes", Some(true)),
    ("force", Some(true)),
    ("never", Some(false)),
    ("no", Some(false)),
    ("none", Some(false)),
    ("auto", None),
    ("tty", None),
    ("if-tty", None),
];
