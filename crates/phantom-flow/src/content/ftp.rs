//! FTP's control connection (RFC 959): a 530 that answers a PASS is a refused login, as is one that answers a USER (a
//! name that is not allowed at all). A 530 to any other command only says that nobody is logged in.

use super::Counts;
use super::line::Line;

#[derive(Debug, Clone, Default)]
pub(super) struct Ftp {
    out: Line,
    back: Line,
    /// PASS commands without a final reply.
    passwords: u16,
    /// Whether the latest command was a USER without a final reply.
    user: bool,
}

impl Ftp {
    pub(super) fn feed(&mut self, from_initiator: bool, hole: bool, mut bytes: &[u8]) -> Counts {
        let mut counts = Counts::default();
        if hole {
            // The next segment is taken to begin with a line, as it does from a peer that waits its turn.
            (if from_initiator { &mut self.out } else { &mut self.back }).clear();
        }
        loop {
            let line = if from_initiator { &mut self.out } else { &mut self.back };
            let Some(rest) = line.take(bytes) else { break };
            bytes = rest;
            if from_initiator {
                self.command();
                self.out.clear();
            } else {
                self.reply(&mut counts);
                self.back.clear();
            }
        }
        counts
    }

    fn command(&mut self) {
        let verb = self.out.head().split(|byte| *byte == b' ').next().unwrap_or_default();
        let is = |name: &[u8]| verb.eq_ignore_ascii_case(name);
        self.passwords = self.passwords.saturating_add(u16::from(is(b"PASS")));
        self.user = is(b"USER");
    }

    fn reply(&mut self, counts: &mut Counts) {
        // `530-` begins a reply of several lines, which ends with `530 `; 1xx announce another reply.
        let [b'2'..=b'5', _, _, b' ', ..] = self.back.head() else { return };
        let refused = self.back.head().starts_with(b"530 ");
        let greeting = self.back.head().starts_with(b"220 ") || self.back.head().starts_with(b"331 ");
        if greeting {
            self.user = false;
        } else if self.passwords > 0 {
            self.passwords -= 1;
            counts.login_failures += u32::from(refused);
        } else {
            counts.login_failures += u32::from(refused && self.user);
            self.user = false;
        }
    }
}
