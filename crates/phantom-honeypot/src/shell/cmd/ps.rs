//! ps(1) of procps 4.0.2.

use phantom_core::Timestamp;

use super::accounts::user_name;
use super::registry::{Row, bin};
use super::{Ctx, Need, show};
use crate::machine::{Process, Tty};
use crate::shell::facts::strftime;
use crate::shell::io::Desc;

pub(super) const PROGRAMS: &[Row] = &[bin("ps", "procps", 146_360, ps)];

/// What a column shows, as ps -o names it.
struct Column {
    keys: &'static [&'static str],
    header: &'static str,
    width: usize,
    right: bool,
    cell: fn(&Process, &Frame) -> String,
}

/// What cells need besides the process.
struct Frame {
    now: Timestamp,
    memory_kib: u64,
    users: Vec<(u32, String)>,
}

impl Frame {
    fn user(&self, uid: u32) -> String {
        let known = self.users.iter().find(|(id, _)| *id == uid).map(|(_, name)| name.clone());
        let name = known.unwrap_or_else(|| uid.to_string());
        match name.chars().count() {
            0..=8 => name,
            _ => name.chars().take(7).chain("+".chars()).collect(),
        }
    }
}

const fn column(
    keys: &'static [&'static str],
    header: &'static str,
    width: usize,
    right: bool,
    cell: fn(&Process, &Frame) -> String,
) -> Column {
    Column { keys, header, width, right, cell }
}

const COLUMNS: &[Column] = &[
    column(&["pid", "tgid"], "PID", 7, true, |p, _| p.pid.to_string()),
    column(&["ppid"], "PPID", 7, true, |p, _| p.ppid.to_string()),
    column(&["pgid", "pgrp"], "PGID", 7, true, |p, _| if p.is_kernel() { 0 } else { p.pid }.to_string()),
    column(&["sid", "sess", "session"], "SID", 7, true, |p, _| p.sid.to_string()),
    column(&["tpgid"], "TPGID", 7, true, |p, _| {
        if p.tty == Tty::None { "-1".to_owned() } else { p.pid.to_string() }
    }),
    column(&["user", "euser", "uname", "ruser"], "USER", 8, false, |p, f| f.user(p.uid)),
    column(&["UID"], "UID", 8, false, |p, f| f.user(p.uid)),
    column(&["uid", "euid", "ruid"], "UID", 5, true, |p, _| p.uid.to_string()),
    column(&["gid", "egid", "rgid"], "GID", 5, true, |p, _| p.gid.to_string()),
    column(&["group", "egroup"], "GROUP", 8, false, |p, f| f.user(p.gid)),
    column(&["%cpu", "pcpu"], "%CPU", 4, true, |p, f| format!("{:.1}", share(p, f.now))),
    column(&["c"], "C", 2, true, |p, f| format!("{:.0}", share(p, f.now).floor())),
    column(&["%mem", "pmem"], "%MEM", 4, true, |p, f| format!("{:.1}", memory(p, f.memory_kib))),
    column(&["vsz", "vsize"], "VSZ", 6, true, |p, _| p.vsz_kib.to_string()),
    column(&["rss", "rssize", "rsz"], "RSS", 5, true, |p, _| p.rss_kib.to_string()),
    column(&["sz"], "SZ", 5, true, |p, _| (p.vsz_kib / 4).to_string()),
    column(&["tty", "tt"], "TT", 8, false, |p, _| p.tty.name()),
    column(&["tname"], "TTY", 8, false, |p, _| p.tty.name()),
    column(&["stat"], "STAT", 4, false, |p, _| p.stat()),
    column(&["s", "state"], "S", 1, false, |p, _| p.state.to_string()),
    column(&["f", "flag", "flags"], "F", 1, true, |p, _| if p.is_kernel() { "1" } else { "4" }.to_owned()),
    column(&["ni", "nice"], "NI", 3, true, |p, _| p.nice.to_string()),
    column(&["pri"], "PRI", 3, true, |p, _| (19 - i32::from(p.nice)).to_string()),
    column(&["opri", "priority"], "PRI", 3, true, |p, _| (80 + i32::from(p.nice)).to_string()),
    column(&["psr"], "PSR", 3, true, |_, _| "0".to_owned()),
    column(&["nlwp", "thcount"], "NLWP", 4, true, |p, _| p.threads.to_string()),
    column(&["addr"], "ADDR", 4, false, |_, _| "-".to_owned()),
    column(&["wchan"], "WCHAN", 6, false, |_, _| "-".to_owned()),
    column(&["start_time", "stime"], "STIME", 5, true, |p, f| started(p, f.now)),
    column(&["start"], "STARTED", 8, true, |p, f| {
        let young = f.now.as_second() - p.start.as_second() < 86_400;
        strftime(p.start, if young { "%T" } else { "  %b %d" })
    }),
    column(&["bsdstart"], "START", 6, true, |p, f| started(p, f.now)),
    column(&["lstart"], "STARTED", 24, true, |p, _| strftime(p.start, "%a %b %e %T %Y")),
    column(&["etime"], "ELAPSED", 11, true, |p, f| elapsed(f.now.as_second() - p.start.as_second())),
    column(&["etimes"], "ELAPSED", 7, true, |p, f| {
        (f.now.as_second() - p.start.as_second()).max(0).to_string()
    }),
    column(&["time", "cputime"], "TIME", 8, true, |p, f| {
        let s = p.ticks(f.now) / 100;
        format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }),
    column(&["bsdtime"], "TIME", 6, true, |p, f| {
        let s = p.ticks(f.now) / 100;
        format!("{}:{:02}", s / 60, s % 60)
    }),
    column(&["comm", "ucomm", "ucmd"], "COMMAND", 15, false, |p, _| p.comm.clone()),
    column(&["args", "command", "cmd"], "COMMAND", 27, false, |p, _| p.command()),
    column(
        &["unit"],
        "UNIT",
        31,
        false,
        |p, _| if p.unit.is_empty() { "-".to_owned() } else { p.unit.clone() },
    ),
    column(&["cgroup"], "CGROUP", 27, false, |p, _| format!("0::/system.slice/{}", p.unit)),
];

fn share(p: &Process, now: Timestamp) -> f64 {
    let age = (now.as_second() - p.start.as_second()).max(1);
    p.ticks(now) as f64 / age as f64
}

fn memory(p: &Process, total: u64) -> f64 {
    (p.rss_kib as f64 * 100.0 / total.max(1) as f64 * 10.0).floor() / 10.0
}

/// Hour, day or year of the start, whatever is enough (procps, pr_stime).
fn started(p: &Process, now: Timestamp) -> String {
    let same = |format| strftime(p.start, format) == strftime(now, format);
    strftime(
        p.start,
        if !same("%Y") {
            "%Y"
        } else if !same("%j") {
            "%b%d"
        } else {
            "%R"
        },
    )
}

fn elapsed(seconds: i64) -> String {
    let s = seconds.max(0);
    let (days, hours) = (s / 86_400, s / 3600 % 24);
    let head = match (days, hours) {
        (0, 0) => String::new(),
        (0, _) => format!("{hours:02}:"),
        _ => format!("{days}-{hours:02}:"),
    };
    format!("{head}{:02}:{:02}", s / 60 % 60, s % 60)
}

/// What was asked for.
#[derive(Default)]
struct Wanted {
    columns: Vec<(String, Option<String>)>,
    all: bool,
    with_tty: bool,
    without_tty: bool,
    negate: bool,
    forest: bool,
    no_header: bool,
    wide: u32,
    by: Vec<(char, Vec<String>)>,
    sort: Option<String>,
    bsd: bool,
    bad: Option<String>,
}

fn parse(args: &[Vec<u8>]) -> Wanted {
    let mut w = Wanted::default();
    let list = |text: &str| -> Vec<String> {
        text.split([',', ' ']).filter(|t| !t.is_empty()).map(str::to_owned).collect()
    };
    let mut preset = "";
    let mut args = args.iter().map(|arg| show(arg)).peekable();
    while let Some(arg) = args.next() {
        if let Some(long) = arg.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_owned())));
            let mut value = || value.clone().or_else(|| args.next()).unwrap_or_default();
            match name {
                "sort" => w.sort = Some(value()),
                "no-headers" | "no-heading" | "noheader" | "noheaders" => w.no_header = true,
                "forest" => w.forest = true,
                "deselect" => w.negate = true,
                "pid" => w.by.push(('p', list(&value()))),
                "ppid" => w.by.push(('P', list(&value()))),
                "user" => w.by.push(('u', list(&value()))),
                "tty" => w.by.push(('t', list(&value()))),
                "format" => add(&mut w.columns, &value()),
                "headers" | "width" | "cols" | "columns" => {}
                _ => w.bad = Some(format!("unknown gnu long option\n{arg}")),
            }
            continue;
        }
        if arg.chars().all(|c| c.is_ascii_digit() || c == ',') && !arg.is_empty() {
            w.by.push(('p', list(&arg)));
            continue;
        }
        let dashed = arg.starts_with('-');
        let letters = arg.trim_start_matches('-').to_owned();
        w.bsd |= !dashed;
        for (at, letter) in letters.char_indices() {
            let tail = letters.get(at + 1..).unwrap_or("").to_owned();
            let takes = matches!(letter, 'o' | 'O' | 'p' | 'C' | 't' | 'U' | 'k' | 'q')
                || (dashed && matches!(letter, 'u' | 'G' | 'g' | 's'));
            if takes {
                let value = if tail.is_empty() { args.next().unwrap_or_default() } else { tail };
                match letter {
                    'o' => add(&mut w.columns, &value),
                    'O' => {
                        add(&mut w.columns, "pid");
                        add(&mut w.columns, &value);
                        add(&mut w.columns, "s,tname,time,args");
                    }
                    'k' => w.sort = Some(value),
                    'p' | 'q' => w.by.push(('p', list(&value))),
                    'U' => w.by.push(('u', list(&value))),
                    other => w.by.push((other, list(&value))),
                }
                break;
            }
            match (letter, dashed) {
                ('e', true) | ('A', _) => w.all = true,
                ('a', _) => w.with_tty = true,
                ('x', false) => w.without_tty = true,
                ('u', false) => {
                    preset = "user,pid,%cpu,%mem,vsz,rss,tname,stat,start_time=START,bsdtime,args"
                }
                ('f', true) | ('F', true) => {
                    preset = "UID,pid,ppid,c,start_time,tname,time,args=CMD";
                }
                ('f', false) | ('H', true) => w.forest = true,
                ('l', true) => preset = "f,s,uid,pid,ppid,c,opri,ni,addr,sz,wchan,tname,time,comm=CMD",
                ('l', false) => preset = "f,uid,pid,ppid,opri,ni,vsz,rss,wchan,stat,tname,bsdtime,args",
                ('j', true) => preset = "pid,pgid,sid,tname,time,comm=CMD",
                ('j', false) => preset = "ppid,pid,pgid,sid,tname,tpgid,stat,uid,bsdtime,args",
                ('w', _) => w.wide += 1,
                ('h', false) => w.no_header = true,
                ('N', true) => w.negate = true,
                ('e' | 'c' | 'n' | 'g' | 'r' | 'm' | 'L' | 'T' | 'y' | 'M' | 'Z' | 'd' | 'S', _) => {}
                _ => w.bad = Some("unsupported SysV option".to_owned()),
            }
        }
    }
    if w.columns.is_empty() {
        add(
            &mut w.columns,
            match (preset, w.bsd) {
                ("", true) => "pid,tname,stat,bsdtime,args",
                ("", false) => "pid,tname,time,comm=CMD",
                (preset, _) => preset,
            },
        );
    }
    w
}

/// Adds the columns of `-o`: names parted by commas, a title after `=` up to the end of the word.
fn add(columns: &mut Vec<(String, Option<String>)>, spec: &str) {
    for item in spec.split([',', ' ']).filter(|item| !item.is_empty()) {
        let (name, title) = item.split_once('=').map_or((item, None), |(n, t)| (n, Some(t.to_owned())));
        if columns.len() < 64 {
            columns.push((name.to_owned(), title));
        }
    }
}

fn ps(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut wanted = parse(&ctx.args);
    if let Some(bad) = wanted.bad.take() {
        let text = format!(
            "error: {bad}\n\nUsage:\n ps [options]\n\n Try 'ps --help <simple|list|output|threads|misc|all>'\n  or 'ps --help <s|l|o|t|m|a>'\n for additional help text.\n\nFor more details see ps(1).\n"
        );
        ctx.err.extend_from_slice(text.as_bytes());
        return Ok(1);
    }
    let mut columns: Vec<(&Column, String)> = Vec::new();
    for (name, title) in &wanted.columns {
        let Some(column) = COLUMNS.iter().find(|c| c.keys.contains(&name.as_str())) else {
            let text = format!(
                "error: unknown user-defined format specifier \"{name}\"\n\nUsage:\n ps [options]\n\n Try 'ps --help <simple|list|output|threads|misc|all>'\n  or 'ps --help <s|l|o|t|m|a>'\n for additional help text.\n\nFor more details see ps(1).\n"
            );
            ctx.err.extend_from_slice(text.as_bytes());
            return Ok(1);
        };
        let header = title.clone().unwrap_or_else(|| match name.as_str() {
            "cmd" => "CMD".to_owned(),
            "pcpu" | "pmem" => format!("%{}", name.get(1..).unwrap_or("").to_uppercase()),
            _ => column.header.to_owned(),
        });
        columns.push((column, header));
    }
    let frame = Frame {
        now: ctx.sh.io.now(),
        memory_kib: ctx.sh.machine.persona().memory_kib,
        users: super::accounts::users(ctx.sh).into_iter().map(|u| (u.uid, u.name)).collect(),
    };
    let all: Vec<Process> = ctx.sh.look(|view| view.processes().into_iter().cloned().collect());
    let mine = ctx.sh.live().current();
    let (tty, uid) =
        all.iter().find(|p| p.pid == mine).map_or((Tty::None, ctx.sh.account.cred.uid), |p| (p.tty, p.uid));
    let named = |p: &Process, names: &[String]| {
        let user = user_name(ctx.sh, p.uid);
        names.iter().any(|name| *name == user || *name == p.uid.to_string())
    };
    let chosen = |p: &Process| {
        let picked = wanted.by.iter().any(|(kind, values)| match kind {
            'p' => values.iter().any(|v| *v == p.pid.to_string()),
            'P' => values.iter().any(|v| *v == p.ppid.to_string()),
            'u' => named(p, values),
            'C' => values.contains(&p.comm),
            't' => values.iter().any(|v| v.trim_start_matches("/dev/") == p.tty.name()),
            'g' | 's' => values.iter().any(|v| *v == p.sid.to_string()),
            _ => false,
        });
        let has_tty = p.tty != Tty::None;
        let own = p.uid == uid;
        let plain = match (wanted.with_tty, wanted.without_tty, wanted.bsd) {
            (true, true, _) => true,
            (true, false, true) => has_tty,
            (true, false, false) => has_tty && p.sid != p.pid,
            (false, true, _) => own,
            (false, false, true) => own && has_tty,
            (false, false, false) => wanted.by.is_empty() && own && p.tty == tty,
        };
        let by_default = wanted.by.is_empty() || wanted.with_tty || wanted.without_tty;
        (wanted.all || picked || (by_default && plain)) != wanted.negate
    };
    let mut rows: Vec<(String, &Process)> =
        all.iter().filter(|p| chosen(p)).map(|p| (String::new(), p)).collect();
    if let Some(sort) = &wanted.sort {
        order(&mut rows, sort, &frame);
    } else if wanted.forest {
        rows = forest(&rows);
    }
    let columns_of_terminal = usize::try_from(ctx.sh.io.lock().size.0).unwrap_or(80).max(20);
    let terminal = ctx.sh.io.lock().pty && matches!(ctx.sh.fds.get(&1), Some(Desc::Console(_)));
    let limit = match (terminal, wanted.wide) {
        (true, 0) => columns_of_terminal,
        (true, 1) => columns_of_terminal.max(132),
        _ => usize::MAX,
    };
    let mut text = String::new();
    let headers: Vec<String> = columns.iter().map(|(_, header)| header.clone()).collect();
    if !wanted.no_header && headers.iter().any(|header| !header.is_empty()) {
        text += &line(&columns, &headers, limit);
    }
    let none = rows.is_empty();
    for (prefix, process) in rows {
        let cells: Vec<String> = columns
            .iter()
            .map(|(column, _)| {
                let cell = (column.cell)(process, &frame);
                if matches!(column.header, "COMMAND") { format!("{prefix}{cell}") } else { cell }
            })
            .collect();
        text += &line(&columns, &cells, limit);
    }
    ctx.print(&text);
    Ok(i32::from(none))
}

fn line(columns: &[(&Column, String)], cells: &[String], limit: usize) -> String {
    let mut text = String::new();
    for (index, ((column, header), cell)) in columns.iter().zip(cells).enumerate() {
        let width = if header == column.header { column.width } else { column.width.max(header.len()) };
        if index > 0 {
            text.push(' ');
        }
        if column.right {
            text += &format!("{cell:>width$}");
        } else if index + 1 == columns.len() {
            text += cell;
        } else {
            text += &format!("{cell:<width$}");
        }
    }
    let mut text: String = text.chars().take(limit).collect();
    text.push('\n');
    text
}

fn order(rows: &mut [(String, &Process)], sort: &str, frame: &Frame) {
    for key in sort.split(',').rev() {
        let (down, key) =
            key.strip_prefix('-').map_or((false, key.trim_start_matches('+')), |key| (true, key));
        let Some(column) = COLUMNS.iter().find(|c| c.keys.contains(&key)) else { continue };
        rows.sort_by(|(_, a), (_, b)| {
            let (a, b) = ((column.cell)(a, frame), (column.cell)(b, frame));
            let order = match (a.parse::<f64>(), b.parse::<f64>()) {
                (Ok(a), Ok(b)) => a.total_cmp(&b),
                _ => a.cmp(&b),
            };
            if down { order.reverse() } else { order }
        });
    }
}

/// Parents before children, which get procps' branch before their command.
fn forest<'a>(rows: &[(String, &'a Process)]) -> Vec<(String, &'a Process)> {
    let mut out = Vec::new();
    let is_root = |p: &Process| !rows.iter().any(|(_, other)| other.pid == p.ppid);
    // Each entry: process, what stands before it, what stands before its children.
    let mut stack: Vec<(&Process, String, String)> = rows
        .iter()
        .rev()
        .filter(|(_, p)| is_root(p))
        .map(|(_, p)| (*p, String::new(), " ".to_owned()))
        .collect();
    while let Some((process, prefix, below)) = stack.pop() {
        out.push((prefix, process));
        let children: Vec<&Process> =
            rows.iter().map(|(_, p)| *p).filter(|p| p.ppid == process.pid && p.pid != process.pid).collect();
        for (index, child) in children.iter().enumerate().rev() {
            let bar = if index + 1 == children.len() { "    " } else { "|   " };
            stack.push((child, format!("{below}\\_ "), format!("{below}{bar}")));
        }
        if out.len() > rows.len() {
            break;
        }
    }
    out
}
