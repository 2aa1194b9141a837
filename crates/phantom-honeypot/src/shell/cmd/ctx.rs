//! What a program is handed: its arguments, its input and where its output goes.

use crate::shell::Shell;
use crate::shell::io::Desc;
use crate::vfs::{Errno, join};

/// A letter and its value, empty where it takes none.
pub(in crate::shell) type Flag = (u8, Vec<u8>);

/// The program wants its standard input; it is run again with it.
pub(in crate::shell) struct Need;

pub(in crate::shell) struct Ctx<'a> {
    pub(in crate::shell) sh: &'a mut Shell,
    pub(in crate::shell) name: String,
    pub(in crate::shell) args: Vec<Vec<u8>>,
    pub(super) input: Option<Vec<u8>>,
    pub(in crate::shell) out: Vec<u8>,
    pub(in crate::shell) err: Vec<u8>,
    /// How much of both outputs there was when something was complained of: their order.
    pub(super) marks: Vec<(usize, usize)>,
}

impl Ctx<'_> {
    pub(in crate::shell) fn input(&mut self) -> Result<Vec<u8>, Need> {
        self.input.clone().ok_or(Need)
    }

    pub(in crate::shell) fn print(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// `name: what` to standard error.
    pub(in crate::shell) fn fail(&mut self, what: &str) -> i32 {
        if self.marks.len() < 4096 {
            self.marks.push((self.out.len(), self.err.len()));
        }
        self.err.extend_from_slice(format!("{}: {what}\n", self.name).as_bytes());
        1
    }

    /// Whether the output goes to a terminal.
    pub(super) fn terminal(&self) -> bool {
        self.sh.io.lock().pty && matches!(self.sh.fds.get(&1), Some(crate::shell::io::Desc::Console(_)))
    }

    pub(in crate::shell) fn path(&self, arg: &[u8]) -> Vec<u8> {
        join(&self.sh.cwd, arg)
    }

    /// A file's content; of `-` the input's.
    pub(in crate::shell) fn content(&mut self, arg: &[u8]) -> Result<Result<Vec<u8>, Errno>, Need> {
        if arg == b"-" {
            return self.input().map(Ok);
        }
        if let Some(bytes) = self.sh.descriptor_content(arg) {
            return Ok(Ok(bytes));
        }
        let path = self.path(arg);
        let vfs = self.sh.vfs();
        Ok(vfs.read(&self.sh.account.cred, &path, 0, crate::shell::io::BUFFER))
    }

    /// Writes a file as open(2) with O_CREAT and the umask does; a name of a descriptor (/dev/fd/63,
    /// /dev/stdout) means what that is open on.
    pub(super) fn write_file(&mut self, name: &[u8], bytes: &[u8], append: bool) -> Result<(), Errno> {
        if let Some(fd) = self.sh.descriptor(name) {
            return self.write_descriptor(fd, bytes);
        }
        let path = self.path(name);
        let mode = 0o666 & !self.sh.umask;
        let who = self.sh.account.cred.clone();
        let mut vfs = self.sh.vfs();
        let ino = vfs.create(&who, &path, mode, !append)?;
        vfs.write(ino, if append { None } else { Some(0) }, bytes)
    }

    fn write_descriptor(&mut self, fd: u32, bytes: &[u8]) -> Result<(), Errno> {
        match self.sh.fds.get(&fd) {
            None => return Err(Errno::ENOENT),
            Some(Desc::Input(_)) => return Err(Errno::EACCES),
            Some(_) => {}
        }
        match fd {
            // Behind what was printed before.
            1 => self.out.extend_from_slice(bytes),
            2 => {
                if self.marks.len() < 4096 {
                    self.marks.push((self.out.len(), self.err.len()));
                }
                self.err.extend_from_slice(bytes);
            }
            _ => self.sh.write(fd, bytes).map_err(|_| Errno::EIO)?,
        }
        Ok(())
    }

    /// Letters given as options, and what is left. `with` names those that take a value.
    pub(in crate::shell) fn options(&self, with: &[u8]) -> (Vec<Flag>, Vec<Vec<u8>>) {
        let (mut flags, mut rest) = (Vec::new(), Vec::new());
        let mut args = self.args.iter();
        while let Some(arg) = args.next() {
            if arg == b"--" {
                rest.extend(args.by_ref().cloned());
            } else if arg.starts_with(b"--") || arg.len() < 2 || arg.first() != Some(&b'-') {
                rest.push(arg.clone());
            } else {
                for (at, letter) in arg.iter().enumerate().skip(1) {
                    if with.contains(letter) {
                        let tail = arg.get(at + 1..).unwrap_or(&[]);
                        let value = if tail.is_empty() {
                            args.next().cloned().unwrap_or_default()
                        } else {
                            tail.to_vec()
                        };
                        flags.push((*letter, value));
                        break;
                    }
                    flags.push((*letter, Vec::new()));
                }
            }
        }
        (flags, rest)
    }
}

pub(in crate::shell) fn has_flag(flags: &[(u8, Vec<u8>)], letter: u8) -> bool {
    flags.iter().any(|(l, _)| *l == letter)
}

pub(in crate::shell) fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What `--version` of a GNU program prints.
pub(super) fn version(name: &str, package: &str, number: &str, authors: &str) -> String {
    format!(
        "{name} ({package}) {number}\nCopyright (C) 2022 Free Software Foundation, Inc.\nLicense GPLv3+: GNU GPL version 3 or later <https://gnu.org/licenses/gpl.html>.\nThis is free software: you are free to change and redistribute it.\nThere is NO WARRANTY, to the extent permitted by law.\n\nWritten by {authors}.\n"
    )
}
