//! Programs that run other commands, wait or talk to their terminal.

use phantom_core::{from_micros, micros};

use super::ctx::version;
use super::find::command;
use super::getopt::{Parsed, Spec, parse};
use super::registry::{Row, Waits, helper, twin, waits};
use super::wrappers::{duration, refuse};
use super::{show, system};
use crate::shell::Shell;
use crate::shell::io::{BUFFER, Desc, Stop};
use crate::shell::transfer;
use crate::vfs::{Errno, Kind, join};

/// One line each, as a coroutine's type cannot be named.
macro_rules! boxed {
    ($f:path) => {
        (|sh, name, args| Box::pin($f(sh, name, args))) as Waits
    };
}
pub(super) const PROGRAMS: &[Row] = &[
    waits("bash", "bash", 1_265_648, boxed!(interpreter)),
    waits("rbash", "bash", 0, boxed!(interpreter)).linked("bash"),
    waits("cat", "coreutils", 44_016, boxed!(cat)),
    waits("curl", "curl", 280_800, boxed!(system::download)),
    waits("dash", "dash", 125_640, boxed!(interpreter)),
    waits("env", "coreutils", 48_536, boxed!(env)),
    waits("nohup", "coreutils", 43_920, boxed!(nohup)),
    waits("scp", "openssh-client", 273_024, boxed!(transfer::scp)),
    helper("/usr/lib/openssh", "sftp-server", "openssh-sftp-server", 207_056, boxed!(transfer::sftp_server)),
    waits("sh", "dash", 0, boxed!(interpreter)).linked("dash"),
    waits("sleep", "coreutils", 43_888, boxed!(sleep)),
    waits("wget", "wget", 470_384, boxed!(system::download)),
    twin("[", "coreutils", 68_496),
    twin("echo", "coreutils", 43_856),
    twin("false", "coreutils", 35_664),
    twin("kill", "procps", 22_840),
    twin("printf", "coreutils", 64_432),
    twin("pwd", "coreutils", 43_952),
    twin("test", "coreutils", 60_304),
    twin("true", "coreutils", 35_664),
];

/// `--version` of GNU's programs, or what is wrong with the options in their words.
async fn options(
    sh: &mut Shell,
    name: &str,
    args: &[Vec<u8>],
    spec: &Spec,
    by: &str,
    refused: i32,
) -> Result<Result<Parsed, i32>, Stop> {
    match parse(args, spec) {
        Ok(parsed) if parsed.has(VERSION) => {
            sh.write(1, version(name, "GNU coreutils", "9.1", by).as_bytes())?;
            Ok(Err(0))
        }
        Ok(parsed) => Ok(Ok(parsed)),
        Err(why) => refuse(sh, name, &why, refused).await.map(Err),
    }
}

/// The code of `--version`.
const VERSION: u8 = 201;

async fn sleep(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec { shorts: "", longs: &[("version", VERSION)] };
    let parsed = match options(sh, name, &args, &SPEC, "Jim Meyering and Paul Eggert", 1).await? {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.rest.is_empty() {
        return refuse(sh, name, "missing operand", 1).await;
    }
    let (mut total, mut wrong) = (0i64, Vec::new());
    for text in parsed.rest.iter().map(|a| show(a)) {
        match duration(&text) {
            Some(micros) => total = total.saturating_add(micros),
            None => wrong.push(format!("invalid time interval ‘{text}’")),
        }
    }
    if !wrong.is_empty() {
        return refuse(sh, name, &wrong.join("\nsleep: "), 1).await;
    }
    let until = from_micros(micros(sh.io.now()).saturating_add(total.min(LONGEST)));
    sh.io.sleep_until(until).await?;
    Ok(0)
}

/// Longest sleep in microseconds: beyond a year nobody is there to see it end.
const LONGEST: i64 = 366 * 86_400 * 1_000_000;

async fn env(sh: &mut Shell, name: &str, mut args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec {
        shorts: "+0C:iS:u:v",
        longs: &[
            ("null", b'0'),
            ("chdir=", b'C'),
            ("ignore-environment", b'i'),
            ("split-string=", b'S'),
            ("unset=", b'u'),
            ("debug", b'v'),
            ("default-signal?", 202),
            ("ignore-signal?", 203),
            ("block-signal?", 204),
            ("version", VERSION),
        ],
    };
    const BY: &str = "Richard Mlynarik, David MacKenzie, and Assaf Gordon";
    let mut parsed = match options(sh, name, &args, &SPEC, BY, 125).await? {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if let Some(text) = parsed.value(b'S').map(<[u8]>::to_vec) {
        let rest = std::mem::take(&mut parsed.rest);
        let before = parsed.given.into_iter().filter(|(code, _)| *code != b'S');
        args = split_string(&text).into_iter().chain(rest).collect();
        parsed = match options(sh, name, &args, &SPEC, BY, 125).await? {
            Ok(parsed) => parsed,
            Err(status) => return Ok(status),
        };
        parsed.given.extend(before);
    }
    let mut rest = parsed.rest.as_slice();
    let mut child = sh.fork()?;
    let dash = rest.first().is_some_and(|a| a == b"-");
    if dash {
        rest = rest.get(1..).unwrap_or(&[]);
    }
    if dash || parsed.has(b'i') {
        child.vars.retain(|_, var| !var.exported);
    }
    for (_, gone) in parsed.given.iter().filter(|(code, _)| *code == b'u') {
        if gone.is_empty() || gone.contains(&b'=') {
            let text = format!("env: cannot unset ‘{}’: Invalid argument\n", show(gone));
            sh.write(2, text.as_bytes())?;
            return Ok(125);
        }
        child.vars.remove(gone);
    }
    while let Some((first, tail)) = rest.split_first() {
        let Some(at) = first.iter().position(|b| *b == b'=') else { break };
        child.set_exported(first.get(..at).unwrap_or(&[]), first.get(at + 1..).unwrap_or(&[]));
        rest = tail;
    }
    if let Some(dir) = parsed.value(b'C') {
        if rest.is_empty() {
            return refuse(sh, name, "must specify command with --chdir (-C)", 125).await;
        }
        let path = join(&sh.cwd, dir);
        let found = sh.vfs().stat(&sh.account.cred, &path).map(|s| s.kind == Kind::Dir);
        if !matches!(found, Ok(true)) {
            let why = found.map_or_else(|errno| errno, |_| Errno::ENOTDIR);
            let text = format!("env: cannot change directory to '{}': {why}\n", show(dir));
            sh.write(2, text.as_bytes())?;
            return Ok(125);
        }
        child.cwd = path;
    }
    if parsed.has(b'0') && !rest.is_empty() {
        return refuse(sh, name, "cannot specify --null (-0) with command", 125).await;
    }
    if !rest.is_empty() {
        if parsed.has(b'v') {
            let words = rest.iter().enumerate();
            let list: String = words.map(|(n, w)| format!("   arg[{n}]= ‘{}’\n", show(w))).collect();
            let text = format!("executing: {}\n{list}", rest.first().map(|w| show(w)).unwrap_or_default());
            sh.write(2, text.as_bytes())?;
        }
        return Box::pin(command(&mut child, rest.to_vec(), "env")).await;
    }
    let end: &[u8] = if parsed.has(b'0') { b"\0" } else { b"\n" };
    let mut vars: Vec<_> = child.vars.iter().filter(|(_, v)| v.exported && !v.unset).collect();
    vars.sort_by_key(|(n, _)| (*n).clone());
    let text: Vec<u8> = vars.iter().flat_map(|(n, v)| [n.as_slice(), b"=", &v.value, end].concat()).collect();
    sh.write(1, &text)?;
    Ok(0)
}

/// The words of `env -S`, which quotes and backslashes keep together.
fn split_string(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<Vec<u8>>, None);
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'\'' | b'"', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (_, Some(open)) if byte == open => quote = None,
            (b'\\', None | Some(b'"')) => {
                let next = match bytes.next() {
                    Some(b'n') => b'\n',
                    Some(b't') => b'\t',
                    Some(b'_') => b' ',
                    Some(other) => other,
                    None => b'\\',
                };
                word.get_or_insert_default().push(next);
            }
            (b' ' | b'\t' | b'\n', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

/// nohup: what goes to the terminal goes to nohup.out, as the command is to live on without it.
async fn nohup(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec { shorts: "+", longs: &[("version", VERSION)] };
    let parsed = match options(sh, name, &args, &SPEC, "Jim Meyering", 125).await? {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if parsed.rest.is_empty() {
        return refuse(sh, name, "missing operand", 125).await;
    }
    let pty = sh.io.lock().pty;
    let typed = |fd: u32| pty && matches!(sh.fds.get(&fd), Some(Desc::Console(_)));
    let (input, output, errors) = (typed(0), typed(1), typed(2));
    let mut child = sh.fork()?;
    let mut said = Vec::new();
    if input {
        child.fds.insert(0, Desc::Null);
        said.push("ignoring input".to_owned());
    }
    if output {
        let home = [sh.get(b"HOME").unwrap_or_default().as_slice(), b"/nohup.out"].concat();
        let opened = [b"nohup.out".to_vec(), home]
            .into_iter()
            .find_map(|file| child.open_write(&file, true).ok().map(|desc| (file, desc)));
        let Some((file, desc)) = opened else {
            sh.write(2, b"nohup: failed to open 'nohup.out': Permission denied\n")?;
            return Ok(125);
        };
        child.fds.insert(1, desc);
        said.push(format!("appending output to '{}'", show(&file)));
    }
    if errors {
        if let Some(desc) = child.fds.get(&1).cloned() {
            child.fds.insert(2, desc);
        }
        if !output {
            said.push("redirecting stderr to stdout".to_owned());
        }
    }
    if !said.is_empty() {
        sh.write(2, format!("nohup: {}\n", said.join(" and ")).as_bytes())?;
    }
    Box::pin(command(&mut child, parsed.rest, "nohup")).await
}

/// sh, bash and dash.
async fn interpreter(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let mut child = sh.fork()?;
    child.pid = sh.live().current();
    child.listed = child.pid;
    Box::pin(subshell(&mut child, name, args)).await
}

pub(super) async fn subshell(child: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    child.interpret(name, args).await
}

/// How cat shows what it copies, and where it is in it.
#[derive(Default)]
struct Copying {
    number: bool,
    nonblank: bool,
    squeeze: bool,
    ends: bool,
    tabs: bool,
    visible: bool,
    line: u64,
    /// Newlines in a row up to here; the text begins as after one.
    newlines: u64,
}

impl Copying {
    fn show(&mut self, bytes: &[u8]) -> Vec<u8> {
        if !(self.number || self.squeeze || self.ends || self.tabs || self.visible) {
            return bytes.to_vec();
        }
        let mut out = Vec::with_capacity(bytes.len() * 2);
        let mut rest = bytes.iter().copied().peekable();
        while let Some(byte) = rest.next() {
            let starts = self.newlines > 0;
            if byte == b'\n' {
                self.newlines += 1;
                if self.squeeze && self.newlines > 2 {
                    continue;
                }
            } else {
                self.newlines = 0;
            }
            if starts && self.number && !(byte == b'\n' && self.nonblank) {
                self.line += 1;
                out.extend(format!("{:6}\t", self.line).into_bytes());
            }
            match byte {
                b'\n' if self.ends => out.extend_from_slice(b"$\n"),
                b'\n' => out.push(byte),
                b'\t' if self.tabs => out.extend_from_slice(b"^I"),
                b'\t' => out.push(byte),
                b'\r' if self.ends && rest.peek() == Some(&b'\n') => out.extend_from_slice(b"^M"),
                _ if self.visible => {
                    if byte >= 128 {
                        out.extend_from_slice(b"M-");
                    }
                    match byte & 127 {
                        127 => out.extend_from_slice(b"^?"),
                        low @ 0..=31 => out.extend([b'^', low + 64]),
                        low => out.push(low),
                    }
                }
                _ => out.push(byte),
            }
        }
        out
    }
}

async fn cat(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    const SPEC: Spec = Spec {
        shorts: "AbeEnstTuv",
        longs: &[
            ("show-all", b'A'),
            ("number-nonblank", b'b'),
            ("show-ends", b'E'),
            ("number", b'n'),
            ("squeeze-blank", b's'),
            ("show-tabs", b'T'),
            ("show-nonprinting", b'v'),
            ("version", VERSION),
        ],
    };
    let by = "Torbjorn Granlund and Richard M. Stallman";
    let parsed = match options(sh, name, &args, &SPEC, by, 1).await? {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    let any = |letters: &[u8]| letters.iter().any(|letter| parsed.has(*letter));
    let mut copying = Copying {
        number: any(b"bn"),
        nonblank: any(b"b"),
        squeeze: any(b"s"),
        ends: any(b"AeE"),
        tabs: any(b"AtT"),
        visible: any(b"Aetv"),
        newlines: 1,
        ..Copying::default()
    };
    let files = if parsed.rest.is_empty() { vec![b"-".to_vec()] } else { parsed.rest };
    let mut status = 0;
    for file in files {
        if file == b"-" {
            // Line by line, as what is typed comes back at once.
            if matches!(sh.fds.get(&0), Some(Desc::Console(_))) {
                while let Some(some) = sh.io.read_some().await? {
                    sh.write(1, &copying.show(&some))?;
                }
            } else {
                let all = sh.read_all().await?;
                sh.write(1, &copying.show(&all))?;
            }
            continue;
        }
        let read = match sh.descriptor_content(&file) {
            Some(bytes) => Ok(bytes),
            None => sh.vfs().read(&sh.account.cred, &join(&sh.cwd, &file), 0, BUFFER),
        };
        match read {
            Ok(bytes) => sh.write(1, &copying.show(&bytes))?,
            Err(errno) => {
                sh.write(2, format!("cat: {}: {errno}\n", show(&file)).as_bytes())?;
                status = 1;
            }
        }
    }
    Ok(status)
}
