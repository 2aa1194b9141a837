//! What was typed: kept, written to $HISTFILE, called back with `!`.

use crate::shell::{Shell, arith};
use crate::vfs::join;

impl Shell {
    pub(super) fn remember(&mut self, text: &[u8]) {
        let line = text.strip_suffix(b"\n").unwrap_or(text);
        let control = self.get(b"HISTCONTROL").unwrap_or_default();
        let has =
            |word: &[u8]| control.split(|b| *b == b':').any(|part| part == word || part == b"ignoreboth");
        let spaced = has(b"ignorespace") && line.starts_with(b" ");
        let twice = has(b"ignoredups") && self.history.last().map(Vec::as_slice) == Some(line);
        if line.is_empty() || spaced || twice || self.history_off {
            return;
        }
        self.history.push(line.to_vec());
        self.history_new += 1;
        if self.history.len() > 500 {
            self.history.remove(0);
        }
    }

    pub(super) fn load_history(&mut self, file: &[u8]) {
        let text = self.vfs().read(&self.account.cred, file, 0, 1 << 16).unwrap_or_default();
        let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').filter(|line| !line.is_empty()).collect();
        self.history = lines.iter().rev().take(500).rev().map(|line| line.to_vec()).collect();
    }

    /// Appends what was typed to $HISTFILE, as a shell does that ends.
    pub(in crate::shell) fn save_history(&mut self) {
        let new = std::mem::take(&mut self.history_new).min(self.history.len());
        let Some(file) = self.get(b"HISTFILE").filter(|f| !f.is_empty() && f != b"/dev/null") else { return };
        if new == 0 || !self.bash {
            return;
        }
        let mut text = Vec::new();
        for line in self.history.iter().skip(self.history.len() - new) {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        let path = join(&self.cwd, &file);
        let mut vfs = self.vfs();
        if let Ok(ino) = vfs.create(&self.account.cred, &path, 0o600, false) {
            let _ = vfs.write(ino, None, &text);
        }
    }

    /// `!!`, `!n`, `!-n`, `!text`; `None` where nothing was asked for.
    pub(super) fn history_expand(&self, line: &[u8]) -> Result<Option<Vec<u8>>, String> {
        if !self.bash || !line.contains(&b'!') || self.history_off {
            return Ok(None);
        }
        let (mut out, mut at, mut quote, mut changed) = (Vec::new(), 0, false, false);
        while let Some(byte) = line.get(at) {
            let next = line.get(at + 1).copied().unwrap_or(b' ');
            match byte {
                b'\'' => quote = !quote,
                b'\\' if !quote => {
                    out.push(b'\\');
                    at += 1;
                    out.extend(line.get(at));
                    at += 1;
                    continue;
                }
                b'!' if !quote && !b" \t\n=(\"".contains(&next) => {
                    let rest = line.get(at + 1..).unwrap_or(&[]);
                    let length = match rest {
                        [b'!' | b'$', ..] => 1,
                        _ => rest.iter().take_while(|b| !b" \t\n;|&<>()\"'".contains(b)).count(),
                    };
                    let event = rest.get(..length).unwrap_or(&[]);
                    let count = self.history.len() as i64;
                    let found = match event {
                        b"!" => self.history.last().cloned(),
                        b"$" => self.history.last().and_then(|l| {
                            l.split(|b| *b == b' ').rfind(|w| !w.is_empty()).map(<[u8]>::to_vec)
                        }),
                        event => match arith::decimal(event) {
                            Some(n) => {
                                let index = if n < 0 { count + n } else { n - 1 };
                                usize::try_from(index).ok().and_then(|n| self.history.get(n)).cloned()
                            }
                            None => self.history.iter().rev().find(|l| l.starts_with(event)).cloned(),
                        },
                    };
                    let Some(found) = found else {
                        return Err(format!("!{}", String::from_utf8_lossy(event)));
                    };
                    out.extend(found.into_iter().take(65_536));
                    changed = true;
                    at += 1 + length;
                    continue;
                }
                _ => {}
            }
            out.push(*byte);
            at += 1;
        }
        Ok(changed.then_some(out))
    }
}
