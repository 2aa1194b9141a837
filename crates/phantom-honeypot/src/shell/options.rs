//! Options of `set` and `shopt`, `$-`, and the escapes of prompts.

use super::{Shell, facts};

/// `set -o` names with their letters, in the order that bash lists them.
pub(super) const OPTIONS: [(&str, u8); 27] = [
    ("allexport", b'a'),
    ("braceexpand", b'B'),
    ("emacs", 0),
    ("errexit", b'e'),
    ("errtrace", b'E'),
    ("functrace", b'T'),
    ("hashall", b'h'),
    ("histexpand", b'H'),
    ("history", 0),
    ("ignoreeof", 0),
    ("interactive-comments", 0),
    ("keyword", b'k'),
    ("monitor", b'm'),
    ("noclobber", b'C'),
    ("noexec", b'n'),
    ("noglob", b'f'),
    ("nolog", 0),
    ("notify", b'b'),
    ("nounset", b'u'),
    ("onecmd", b't'),
    ("physical", b'P'),
    ("pipefail", 0),
    ("posix", 0),
    ("privileged", b'p'),
    ("verbose", b'v'),
    ("vi", 0),
    ("xtrace", b'x'),
];

/// The same of dash 0.5.12.
pub(super) const DASH_OPTIONS: [(&str, u8); 18] = [
    ("errexit", b'e'),
    ("noglob", b'f'),
    ("ignoreeof", 0),
    ("interactive", 0),
    ("monitor", b'm'),
    ("noexec", b'n'),
    ("stdin", 0),
    ("xtrace", b'x'),
    ("verbose", b'v'),
    ("vi", 0),
    ("emacs", 0),
    ("noclobber", b'C'),
    ("allexport", b'a'),
    ("notify", b'b'),
    ("nounset", b'u'),
    ("privileged", b'p'),
    ("nolog", 0),
    ("debug", 0),
];

/// `shopt` names, and whether they are on from the start.
pub(super) const SHOPTS: [(&str, bool); 57] = [
    ("autocd", false),
    ("assoc_expand_once", false),
    ("cdable_vars", false),
    ("cdspell", false),
    ("checkhash", false),
    ("checkjobs", false),
    ("checkwinsize", true),
    ("cmdhist", true),
    ("compat31", false),
    ("compat32", false),
    ("compat40", false),
    ("compat41", false),
    ("compat42", false),
    ("compat43", false),
    ("compat44", false),
    ("complete_fullquote", true),
    ("direxpand", false),
    ("dirspell", false),
    ("dotglob", false),
    ("execfail", false),
    ("expand_aliases", false),
    ("extdebug", false),
    ("extglob", false),
    ("extquote", true),
    ("failglob", false),
    ("force_fignore", true),
    ("globasciiranges", true),
    ("globskipdots", true),
    ("globstar", false),
    ("gnu_errfmt", false),
    ("histappend", false),
    ("histreedit", false),
    ("histverify", false),
    ("hostcomplete", true),
    ("huponexit", false),
    ("inherit_errexit", false),
    ("interactive_comments", true),
    ("lastpipe", false),
    ("lithist", false),
    ("localvar_inherit", false),
    ("localvar_unset", false),
    ("login_shell", false),
    ("mailwarn", false),
    ("no_empty_cmd_completion", false),
    ("nocaseglob", false),
    ("nocasematch", false),
    ("noexpand_translation", false),
    ("nullglob", false),
    ("patsub_replacement", true),
    ("progcomp", true),
    ("progcomp_alias", false),
    ("promptvars", true),
    ("restricted_shell", false),
    ("shift_verbose", false),
    ("sourcepath", true),
    ("varredir_close", false),
    ("xpg_echo", false),
];

impl Shell {
    /// Whether an option of `set` is on.
    pub(super) fn option(&self, letter: u8, name: &str) -> bool {
        match (letter, name) {
            (b'a', _) => self.allexport,
            (b'B', _) => self.braceexpand,
            (b'e', _) => self.errexit,
            (b'E', _) => self.errtrace,
            (b'T', _) => self.functrace,
            (b'h', _) => self.bash && !self.letters.contains(&letter),
            (_, "interactive-comments") => self.bash,
            (b'b' | b'k' | b'p' | b't' | b'P', _) => self.letters.contains(&letter),
            (b'H', _) | (_, "history") => self.interactive && !self.history_off,
            (b'm', _) => self.interactive || self.letters.contains(&letter),
            (_, "emacs") => self.interactive,
            (b'C', _) => self.noclobber,
            (b'n', _) => self.noexec,
            (b'f', _) => self.noglob,
            (b'u', _) => self.nounset,
            (b'x', _) => self.xtrace,
            (b'v', _) => self.verbose,
            (_, "pipefail") => self.pipefail,
            _ => false,
        }
    }

    /// Sets an option by its letter; `false`: there is none.
    pub(super) fn set_option(&mut self, letter: u8, on: bool) -> bool {
        match letter {
            b'a' => self.allexport = on,
            b'B' if self.bash => self.braceexpand = on,
            b'e' => self.errexit = on,
            b'E' if self.bash => self.errtrace = on,
            b'T' if self.bash => self.functrace = on,
            b'C' => self.noclobber = on,
            b'n' => self.noexec = on && !self.interactive,
            b'f' => self.noglob = on,
            b'u' => self.nounset = on,
            b'x' => self.xtrace = on,
            b'v' => self.verbose = on,
            b'H' if self.bash => self.history_off = !on,
            b'h' if self.bash && on => drop(self.letters.remove(&letter)),
            b'h' if self.bash => drop(self.letters.insert(letter)),
            b'b' | b'm' | b'k' | b'p' | b't' | b'P' if self.bash || b"bmp".contains(&letter) => {
                if on {
                    self.letters.insert(letter)
                } else {
                    self.letters.remove(&letter)
                };
            }
            b'I' | b'V' if !self.bash => {}
            _ => return false,
        }
        true
    }

    /// Sets an option by its name; `false`: there is none.
    pub(super) fn set_long_option(&mut self, name: &[u8], on: bool) -> bool {
        let Some((name, letter)) = OPTIONS.iter().find(|(n, _)| n.as_bytes() == name) else { return false };
        match *name {
            "pipefail" => self.pipefail = on,
            "history" => self.history_off = !on,
            _ if *letter != 0 => return self.set_option(*letter, on),
            _ => {}
        }
        true
    }

    /// `$-`.
    pub(super) fn flags(&self) -> Vec<u8> {
        let order: &[u8] = if self.bash { b"abefhikmnptuvxBCEHPT" } else { b"eufxvnCa" };
        let mut all: Vec<u8> = order
            .iter()
            .copied()
            .filter(|letter| match letter {
                b'i' => self.interactive,
                letter => self.option(*letter, ""),
            })
            .collect();
        if self.given {
            all.extend(self.bash.then_some(b'c'));
        } else if self.interactive || self.from_input {
            all.push(b's');
        }
        all
    }

    /// `$SHELLOPTS`.
    pub(super) fn shell_options(&self) -> Vec<u8> {
        let on: Vec<&str> = OPTIONS.iter().filter(|(n, l)| self.option(*l, n)).map(|(n, _)| *n).collect();
        on.join(":").into_bytes()
    }

    /// `$BASHOPTS`.
    pub(super) fn shopt_list(&self) -> Vec<u8> {
        let on: Vec<&str> = SHOPTS.iter().map(|s| s.0).filter(|n| self.shopt(n.as_bytes())).collect();
        on.join(":").into_bytes()
    }

    /// Whether an option of `shopt` is on.
    pub(super) fn shopt(&self, name: &[u8]) -> bool {
        match self.shopts.get(name) {
            Some(on) => *on,
            None if name == b"expand_aliases" => self.interactive,
            None if name == b"login_shell" => self.login,
            None => SHOPTS.iter().any(|(n, on)| *on && n.as_bytes() == name),
        }
    }

    /// `$0`.
    pub(super) fn zero(&self) -> Vec<u8> {
        if self.login && self.bash { [b"-", self.name.as_slice()].concat() } else { self.name.clone() }
    }

    /// The process that started this shell.
    pub(super) fn parent_pid(&self) -> u32 {
        self.parent
    }

    /// The backslash escapes of a prompt (bash(1), PROMPTING).
    pub(super) fn prompt_text(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at = 0;
        let home = self.get(b"HOME").unwrap_or_default();
        let host = self.hostname();
        let cwd = match self.cwd.strip_prefix(home.as_slice()) {
            Some(rest) if home.len() > 1 && (rest.is_empty() || rest.starts_with(b"/")) => {
                [b"~", rest].concat()
            }
            _ => self.cwd.clone(),
        };
        while let Some(byte) = text.get(at) {
            at += 1;
            if *byte != b'\\' {
                out.push(*byte);
                continue;
            }
            let Some(letter) = text.get(at) else {
                out.push(b'\\');
                break;
            };
            at += 1;
            let now = self.io.now();
            match letter {
                b'u' => out.extend_from_slice(self.account.name.as_bytes()),
                b'h' => out.extend_from_slice(host.split('.').next().unwrap_or(&host).as_bytes()),
                b'H' => out.extend_from_slice(host.as_bytes()),
                b'w' => out.extend_from_slice(&cwd),
                b'W' if cwd == b"~" || cwd == b"/" => out.extend_from_slice(&cwd),
                b'W' => out.extend_from_slice(cwd.rsplit(|b| *b == b'/').next().unwrap_or(&[])),
                b'$' => out.push(if self.account.cred.uid == 0 { b'#' } else { b'$' }),
                b's' => out.extend_from_slice(self.zero().rsplit(|b| *b == b'/').next().unwrap_or(&[])),
                b'v' => out.extend_from_slice(b"5.2"),
                b'V' => out.extend_from_slice(b"5.2.15"),
                b'n' => out.push(b'\n'),
                b'r' => out.push(b'\r'),
                b'a' => out.push(7),
                b'e' => out.push(27),
                b't' => out.extend_from_slice(facts::strftime(now, "%H:%M:%S").as_bytes()),
                b'T' => out.extend_from_slice(facts::strftime(now, "%I:%M:%S").as_bytes()),
                b'A' => out.extend_from_slice(facts::strftime(now, "%H:%M").as_bytes()),
                b'@' => out.extend_from_slice(facts::strftime(now, "%I:%M %p").as_bytes()),
                b'd' => out.extend_from_slice(facts::strftime(now, "%a %b %d").as_bytes()),
                b'j' => out.extend_from_slice(self.jobs.len().to_string().as_bytes()),
                b'!' => out.extend_from_slice((self.history.len() + 1).to_string().as_bytes()),
                b'#' => out.extend_from_slice((self.history_new + 1).to_string().as_bytes()),
                b'l' => out.push(b'0'),
                b'[' | b']' => {}
                b'\\' => out.push(b'\\'),
                b'0'..=b'7' => {
                    let digits = text.iter().skip(at - 1).take(3).take_while(|b| (b'0'..=b'7').contains(b));
                    let (count, value) =
                        digits.fold((0, 0u32), |(n, v), b| (n + 1, v * 8 + u32::from(b - b'0')));
                    out.push(value as u8);
                    at += count - 1;
                }
                other => out.extend_from_slice(&[b'\\', *other]),
            }
        }
        out
    }
}
