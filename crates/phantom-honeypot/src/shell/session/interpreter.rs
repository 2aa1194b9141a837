//! bash and dash as programs: their arguments, scripts, the first line of a script.

use super::SCRIPT;
use crate::shell::eval::Running;
use crate::shell::io::Desc;
use crate::shell::options::SHOPTS;
use crate::shell::{Shell, arith};
use crate::vfs::join;

impl Shell {
    /// Forgets what a new program does not inherit, and begins as bash or dash.
    fn renew(&mut self, bash: bool, name: &[u8]) {
        self.vars.retain(|_, var| var.exported && !var.unset && var.array.is_none());
        let exported = std::mem::take(&mut self.exported);
        self.functions.retain(|name, _| bash && exported.contains(name));
        self.exported = exported;
        self.letters.clear();
        self.indirect = 0;
        self.aliases.clear();
        self.traps.clear();
        self.calls.clear();
        self.scopes.clear();
        self.files.clear();
        self.shopts.clear();
        self.hashed.clear();
        self.disabled.clear();
        self.dirs.clear();
        self.history.clear();
        (self.errexit, self.nounset, self.xtrace, self.noglob) = (false, false, false, false);
        (self.noclobber, self.pipefail, self.allexport, self.noexec) = (false, false, false, false);
        (self.in_condition, self.login, self.interactive) = (false, false, false);
        (self.loops, self.subshells, self.sourced, self.trapping) = (0, 0, 0, 0);
        (self.status, self.line, self.last_background) = (0, 1, 0);
        self.parent = self.main_pid;
        self.main_pid = self.pid;
        self.bash = bash;
        self.braceexpand = true;
        self.given = false;
        self.from_input = false;
        self.name = name.to_vec();
        self.args.clear();
        self.defaults();
        if bash {
            let level = self.get(b"SHLVL").and_then(|v| arith::number(&v)).unwrap_or(0);
            self.set_exported(b"SHLVL", (level + 1).to_string().as_bytes());
        }
    }

    /// sh, bash and dash with their arguments, in a process made for them.
    pub(in crate::shell) fn interpret<'a>(&'a mut self, name: &'a str, args: Vec<Vec<u8>>) -> Running<'a> {
        Box::pin(async move {
            let bash = matches!(name, "bash" | "rbash");
            self.renew(bash, name.as_bytes());
            let mut rest = args.into_iter().peekable();
            let (mut command, mut stdin, mut typed, mut login) = (false, false, false, false);
            while let Some(arg) =
                rest.next_if(|a| a.len() > 1 && (a.starts_with(b"-") || a.starts_with(b"+")))
            {
                match arg.as_slice() {
                    b"--" => break,
                    b"--login" => login = true,
                    b"--norc" | b"--noprofile" | b"--posix" | b"--noediting" | b"--restricted" => {}
                    b"--rcfile" | b"--init-file" => {
                        rest.next();
                    }
                    b"--version" if bash => {
                        self.write(1, b"GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)\nCopyright (C) 2022 Free Software Foundation, Inc.\nLicense GPLv3+: GNU GPL version 3 or later <http://gnu.org/licenses/gpl.html>\n\nThis is free software; you are free to change and redistribute it.\nThere is NO WARRANTY, to the extent permitted by law.\n")?;
                        return Ok(0);
                    }
                    word if word.starts_with(b"--") => {
                        let word = String::from_utf8_lossy(word).into_owned();
                        let said = if bash {
                            format!("{name}: {word}: invalid option\n{}", usage(name))
                        } else {
                            format!("{name}: 0: Illegal option --\n")
                        };
                        self.write(2, said.as_bytes())?;
                        return Ok(2);
                    }
                    letters => {
                        let on = letters.first() == Some(&b'-');
                        for letter in letters.iter().skip(1) {
                            match letter {
                                b'c' => command = true,
                                b's' => stdin = true,
                                b'i' => typed = true,
                                b'l' => login = true,
                                b'o' | b'O' => {
                                    let Some(option) = rest.next() else { continue };
                                    let word = String::from_utf8_lossy(&option).into_owned();
                                    let shopt = SHOPTS.iter().any(|(known, _)| *known == word);
                                    let said = match letter {
                                        b'O' if shopt => {
                                            self.shopts.insert(option, on);
                                            continue;
                                        }
                                        b'O' => format!("line 0: {word}: invalid shell option name"),
                                        _ if self.set_long_option(&option, on) => continue,
                                        _ if bash => format!("line 0: {name}: {word}: invalid option name"),
                                        _ => format!("0: Illegal option -o {word}"),
                                    };
                                    self.write(2, format!("{name}: {said}\n").as_bytes())?;
                                    return Ok(2);
                                }
                                letter if self.set_option(*letter, on) => {}
                                letter => {
                                    let letter = char::from(*letter);
                                    let said = if bash {
                                        format!("{name}: -{letter}: invalid option\n{}", usage(name))
                                    } else {
                                        format!("{name}: 0: Illegal option -{letter}\n")
                                    };
                                    self.write(2, said.as_bytes())?;
                                    return Ok(2);
                                }
                            }
                        }
                    }
                }
            }
            self.login = login;
            if command {
                let Some(text) = rest.next() else {
                    let said = if bash {
                        format!("{name}: -c: option requires an argument\n")
                    } else {
                        format!("{name}: 0: -c requires an argument\n")
                    };
                    self.write(2, said.as_bytes())?;
                    return Ok(2);
                };
                if let Some(zero) = rest.next() {
                    self.name = zero;
                }
                self.args = rest.collect();
                self.given = true;
                let result = self.program(&text, Some("-c"), true).await;
                return self.end_process(result).await;
            }
            if !stdin && let Some(file) = rest.next() {
                let read = match self.descriptor_content(&file) {
                    Some(text) => Ok(text),
                    None => self.vfs().read(&self.account.cred, &join(&self.cwd, &file), 0, SCRIPT),
                };
                let shown = String::from_utf8_lossy(&file).into_owned();
                return match read {
                    // dash opens a directory and takes its failing read for the end.
                    Err(crate::vfs::Errno::EISDIR) if !bash => Ok(0),
                    Ok(text) if text.starts_with(b"\x7fELF") && bash => {
                        self.write(2, format!("{shown}: {shown}: cannot execute binary file\n").as_bytes())?;
                        Ok(126)
                    }
                    Ok(text) => {
                        self.args = rest.collect();
                        self.name = file;
                        let result = self.program(&text, None, true).await;
                        self.end_process(result).await
                    }
                    Err(errno) => {
                        let said = match (bash, errno) {
                            (true, crate::vfs::Errno::EISDIR) => {
                                format!("{shown}: {shown}: Is a directory\n")
                            }
                            (true, _) => format!("{name}: {shown}: {errno}\n"),
                            (false, crate::vfs::Errno::ENOENT) => {
                                format!("{name}: 0: cannot open {shown}: No such file\n")
                            }
                            (false, _) => format!("{name}: 0: cannot open {shown}: {errno}\n"),
                        };
                        self.write(2, said.as_bytes())?;
                        Ok(if bash && errno == crate::vfs::Errno::EISDIR {
                            126
                        } else if bash {
                            127
                        } else {
                            2
                        })
                    }
                };
            }
            self.args = rest.collect();
            let terminal = matches!(self.fds.get(&0), Some(Desc::Console(_))) && self.io.lock().pty;
            self.interactive = terminal || typed;
            if terminal {
                if bash {
                    self.set(b"PS1", b"${debian_chroot:+($debian_chroot)}\\u@\\h:\\w\\$ ");
                }
                let result = self.prompting().await;
                return self.end_process(result).await;
            }
            self.interactive = false;
            self.from_input = true;
            let result = self.commands_of_input().await;
            self.end_process(result).await
        })
    }

    /// A text file run by its name: by what its first line asks for, or by this kind of shell.
    pub(in crate::shell) fn run_file<'a>(
        &'a mut self,
        name: &'a [u8],
        text: &'a [u8],
        args: Vec<Vec<u8>>,
    ) -> Running<'a> {
        Box::pin(async move {
            let first = text.split(|b| *b == b'\n').next().unwrap_or(&[]);
            let mut bash = self.bash;
            if let Some(line) = first.strip_prefix(b"#!") {
                let words: Vec<&[u8]> =
                    line.split(|b| b" \t\r".contains(b)).filter(|w| !w.is_empty()).collect();
                let base = |path: &[u8]| path.rsplit(|b| *b == b'/').next().unwrap_or(&[]).to_vec();
                let program = words.first().copied().unwrap_or(b"");
                let found = self.vfs().stat(&self.account.cred, program).is_ok() && !line.ends_with(b"\r");
                if !found {
                    let shown = String::from_utf8_lossy(name).into_owned();
                    let said = if !self.bash {
                        format!("{shown}: not found")
                    } else {
                        let program = String::from_utf8_lossy(line.trim_ascii_start()).replace('\r', "^M");
                        format!("{shown}: cannot execute: required file not found").replace("\u{0}", &program)
                    };
                    self.complain(&said)?;
                    return Ok(127);
                }
                let mut program = base(program);
                let mut extra: Vec<Vec<u8>> = words.iter().skip(1).map(|w| w.to_vec()).collect();
                if program == b"env" && !extra.is_empty() {
                    program = base(&extra.remove(0));
                }
                match program.as_slice() {
                    b"bash" | b"rbash" => bash = true,
                    b"sh" | b"dash" => bash = false,
                    _ => {
                        extra.push(name.to_vec());
                        extra.extend(args);
                        return Box::pin(crate::shell::cmd::run(self, &program, extra)).await;
                    }
                }
                self.renew(bash, name);
                for letter in extra.iter().filter(|w| w.starts_with(b"-")).flatten() {
                    self.set_option(*letter, true);
                }
            } else {
                self.renew(bash, name);
            }
            self.args = args;
            let result = self.program(text, None, true).await;
            self.end_process(result).await
        })
    }
}

/// What bash 5.2 prints beneath an option that it has not.
fn usage(name: &str) -> String {
    const LONG: [&str; 16] = [
        "debug",
        "debugger",
        "dump-po-strings",
        "dump-strings",
        "help",
        "init-file",
        "login",
        "noediting",
        "noprofile",
        "norc",
        "posix",
        "pretty-print",
        "rcfile",
        "restricted",
        "verbose",
        "version",
    ];
    let long: String = LONG.iter().map(|word| format!("\t--{word}\n")).collect();
    format!(
        "Usage:\t{name} [GNU long option] [option] ...\n\t{name} [GNU long option] [option] script-file ...\nGNU long options:\n{long}Shell options:\n\t-ilrsD or -c command or -O shopt_option\t\t(invocation only)\n\t-abefhkmnptuvxBCEHPT or -o option\n"
    )
}
