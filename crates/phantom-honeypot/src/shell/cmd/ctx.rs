//! What a program is handed: its arguments, its input and where its output goes.

use crate::shell::Shell;
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
        self.err.extend_from_slice(format!("{}: {what}\n", self.name).as_bytes());
        1
    }

    pub(in crate::shell) fn path(&self, arg: &[u8]) -> Vec<u8> {
        join(&self.sh.cwd, arg)
    }

    /// A file's content; of `-` the input's.
    pub(in crate::shell) fn content(&mut self, arg: &[u8]) -> Result<Result<Vec<u8>, Errno>, Need> {
        if arg == b"-" {
            return self.input().map(Ok);
        }
        let path = self.path(arg);
        let vfs = self.sh.vfs();
        Ok(vfs.read(&self.sh.account.cred, &path, 0, crate::shell::io::BUFFER))
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
