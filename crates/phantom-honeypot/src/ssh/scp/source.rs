//! `scp -f`: files go out.

use sha2::{Digest, Sha256};

use super::{Common, MODES, PIECE, Quit};
use crate::shell::Emit;
use crate::ssh::calls::PATH_MAX;
use crate::ssh::sftp::{Step, download};
use crate::vfs::{Ino, Kind, OpenFlags, Stat};

pub(super) struct Source {
    jobs: Vec<Job>,
    state: State,
}

enum Job {
    Name(Vec<u8>),
    /// The rest of an open directory.
    Dir(Directory),
}

struct Directory {
    ino: Ino,
    path: Vec<u8>,
    place: Option<(u64, Vec<u8>)>,
    /// Names read ahead, the next one last.
    names: Vec<Vec<u8>>,
}

/// Names read at a time: each reading sorts the whole directory.
const AHEAD: usize = 512;

/// What the peer's answer is awaited for.
enum State {
    /// Nothing: the next job's turn.
    Ready,
    Begin,
    FileTimes(Outgoing),
    FileHeader(Outgoing),
    Sending(Outgoing),
    DirTimes(Ino, Vec<u8>, u32),
    DirHeader(Ino, Vec<u8>),
    /// Whatever it says.
    Whatever,
}

struct Outgoing {
    ino: Ino,
    name: Vec<u8>,
    stat: Stat,
    place: u64,
}

impl Source {
    pub(super) fn new(names: Vec<Vec<u8>>) -> Self {
        Self { jobs: names.into_iter().rev().map(Job::Name).collect(), state: State::Begin }
    }

    pub(super) fn close(&mut self, common: &Common) {
        let mut open: Vec<Ino> = Vec::new();
        match std::mem::replace(&mut self.state, State::Ready) {
            State::FileTimes(file) | State::FileHeader(file) | State::Sending(file) => open.push(file.ino),
            State::DirTimes(ino, ..) | State::DirHeader(ino, _) => open.push(ino),
            State::Ready | State::Begin | State::Whatever => {}
        }
        for job in self.jobs.drain(..) {
            if let Job::Dir(dir) = job {
                open.push(dir.ino);
            }
        }
        let mut vfs = common.calls.lock();
        open.into_iter().for_each(|ino| vfs.release(ino));
    }

    pub(super) fn step(&mut self, common: &mut Common, out: &mut Vec<Emit>) -> Result<Step, Quit> {
        match &self.state {
            State::Ready => return Ok(self.next(common, out)),
            State::Sending(_) => {
                self.send(common, out);
                return Ok(Step::Went);
            }
            _ => {}
        }
        let Some(fine) = common.response()? else { return Ok(Step::Idle) };
        match std::mem::replace(&mut self.state, State::Ready) {
            State::FileTimes(file) if fine => self.file_header(file, common, out),
            State::FileHeader(file) if fine => {
                let sum = digest(common, &file);
                out.push(download(&file.name, file.stat.size, Some(sum)));
                self.state = State::Sending(file);
            }
            State::FileTimes(file) | State::FileHeader(file) => common.calls.lock().release(file.ino),
            State::DirTimes(ino, name, mode) if fine => self.dir_header(ino, name, mode, common, out),
            State::DirHeader(ino, path) if fine => {
                self.jobs.push(Job::Dir(Directory { ino, path, place: None, names: Vec::new() }));
            }
            State::DirTimes(ino, ..) | State::DirHeader(ino, _) => common.calls.lock().release(ino),
            State::Begin | State::Whatever | State::Ready | State::Sending(_) => {}
        }
        Ok(Step::Went)
    }

    fn next(&mut self, common: &mut Common, out: &mut Vec<Emit>) -> Step {
        match self.jobs.pop() {
            None => Step::Exit(0),
            Some(Job::Name(name)) => {
                self.begin(name, common, out);
                Step::Went
            }
            Some(Job::Dir(mut dir)) => {
                if dir.names.is_empty() {
                    let entries = common.calls.readdir(dir.ino, &dir.path, &mut dir.place, AHEAD);
                    dir.names = entries.into_iter().rev().map(|(name, _)| name).collect();
                }
                let Some(name) = dir.names.pop() else {
                    common.calls.lock().release(dir.ino);
                    out.push(Emit::Stdout(b"E\n".to_vec()));
                    self.state = State::Whatever;
                    return Step::Went;
                };
                let whole = [&dir.path, &b"/"[..], &name].concat();
                self.jobs.push(Job::Dir(dir));
                if name == b"." || name == b".." {
                    return Step::Went;
                }
                // `char path[PATH_MAX]` takes no more.
                if whole.len() >= PATH_MAX - 1 {
                    common.fail(&[&whole, b": name too long"], out);
                } else {
                    self.jobs.push(Job::Name(whole));
                }
                Step::Went
            }
        }
    }

    fn begin(&mut self, mut name: Vec<u8>, common: &mut Common, out: &mut Vec<Emit>) {
        while name.len() > 1 && name.ends_with(b"/") {
            name.pop();
        }
        let opened = common.calls.open(&name, OpenFlags { read: true, ..OpenFlags::default() }, 0);
        let ino = match opened {
            Ok(ino) => ino,
            Err(errno) => return common.fail_errno(&name, errno, out),
        };
        // Each open directory holds a descriptor of open(2) and one of opendir(3).
        let open = self.jobs.iter().filter(|job| matches!(job, Job::Dir(_))).count();
        let number = (3 + 2 * open).to_string();
        common.trace(&[b"scp: debug1: fd ", number.as_bytes(), b" clearing O_NONBLOCK\r\n"], out);
        let stat = common.calls.lock().stat_ino(ino);
        match stat {
            Ok(stat) if stat.kind == Kind::File => {
                let file = Outgoing { ino, name: visible(&name), stat, place: 0 };
                if common.times {
                    times(&file.stat, common, out);
                    self.state = State::FileTimes(file);
                } else {
                    self.file_header(file, common, out);
                }
            }
            Ok(stat) if stat.kind == Kind::Dir && common.recursive => {
                if common.times {
                    times(&stat, common, out);
                    self.state = State::DirTimes(ino, name, stat.mode);
                } else {
                    self.dir_header(ino, name, stat.mode, common, out);
                }
            }
            Ok(_) => {
                common.calls.lock().release(ino);
                common.fail(&[&visible(&name), b": not a regular file"], out);
            }
            Err(errno) => common.fail_errno(&name, errno, out),
        }
    }

    fn file_header(&mut self, file: Outgoing, common: &Common, out: &mut Vec<Emit>) {
        let head = format!("C{:04o} {} ", file.stat.mode & MODES, file.stat.size);
        let record = [head.as_bytes(), last(&file.name), b"\n"].concat();
        common.trace(&[b"Sending file modes: ", &record], out);
        out.push(Emit::Stdout(record));
        self.state = State::FileHeader(file);
    }

    fn dir_header(&mut self, ino: Ino, name: Vec<u8>, mode: u32, common: &Common, out: &mut Vec<Emit>) {
        let head = format!("D{:04o} 0 ", mode & MODES);
        let short = last(&name);
        let record = [head.as_bytes(), short.get(..1024).unwrap_or(short), b"\n"].concat();
        common.trace(&[b"Entering directory: ", &record], out);
        out.push(Emit::Stdout(record));
        self.state = State::DirHeader(ino, name);
    }

    fn send(&mut self, common: &Common, out: &mut Vec<Emit>) {
        let State::Sending(file) = &mut self.state else { return };
        let left = file.stat.size.saturating_sub(file.place);
        if left > 0 {
            let piece = piece(common, file.ino, file.place, left);
            file.place += piece.len() as u64;
            out.push(Emit::Stdout(piece));
            return;
        }
        common.calls.lock().release(file.ino);
        common.trace(&[b"scp: debug1: fd 1 clearing O_NONBLOCK\r\n"], out);
        out.push(Emit::Stdout(vec![0]));
        self.state = State::Whatever;
    }
}

/// The next bytes of a file, zeros where it became shorter.
fn piece(common: &Common, ino: Ino, place: u64, left: u64) -> Vec<u8> {
    let want = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
    let mut bytes = common.calls.lock().read_open(ino, place, want).unwrap_or_default();
    bytes.resize(want, 0);
    bytes
}

fn digest(common: &Common, file: &Outgoing) -> [u8; 32] {
    let (mut hash, mut place) = (Sha256::new(), 0);
    while place < file.stat.size {
        let piece = piece(common, file.ino, place, file.stat.size - place);
        place += piece.len() as u64;
        hash.update(&piece);
    }
    hash.finalize().into()
}

/// The record of a file's times.
fn times(stat: &Stat, common: &Common, out: &mut Vec<Emit>) {
    let seconds = |at| phantom_core::micros(at).div_euclid(1_000_000);
    let (change, access) = (seconds(stat.mtime), seconds(stat.atime));
    let record = format!("T{} 0 {} 0\n", change.max(0), access.max(0));
    common.trace(&[format!("File mtime {change} atime {access}\n").as_bytes()], out);
    common.trace(&[b"Sending file timestamps: ", record.as_bytes()], out);
    out.push(Emit::Stdout(record.into_bytes()));
}

fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// A name with a newline is told as strnvis(3) with `VIS_NL` writes it.
fn visible(name: &[u8]) -> Vec<u8> {
    if !name.contains(&b'\n') {
        return name.to_vec();
    }
    let mut out = Vec::new();
    for byte in name {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            0..=31 => out.extend([b'\\', b'^', byte + 64]),
            127 => out.extend_from_slice(b"\\^?"),
            _ => out.push(*byte),
        }
    }
    out
}
