//! What an attacker made a terminal show, made safe to show again on another terminal.

use std::fmt::Write as _;

use vte::{Params, Parser, Perform};

use crate::bytes::{is_deceptive, whole_characters};

/// Lets text, colours, cursor moves and clearing through, and nothing that asks a terminal to do more than draw:
/// no titles, clipboards, links or colours of the terminal's own (OSC), no device control or private strings (DCS,
/// APC, PM, SOS), no questions whose answer the terminal would type (DA, DSR, ENQ, DECRQM), no printing, resizing,
/// keyboard or mouse modes, no bell. Deceptive characters (bidirectional, invisible) become U+FFFD.
///
/// Bytes come in any pieces; a sequence may be parted among them.
#[derive(Default)]
pub struct Tamer {
    parser: Parser,
    out: Drawing,
    /// The begin of a character whose end has not come.
    begun: Vec<u8>,
}

impl std::fmt::Debug for Tamer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tamer").finish_non_exhaustive()
    }
}

impl Tamer {
    /// What undoes every mode that the tamed text may have left behind: attributes, scroll region, origin and
    /// wrapping, hidden cursor, alternate screen, character set.
    pub const RESET: &'static str = "\x1b[0m\x1b[r\x1b[?6l\x1b[?7h\x1b[?25h\x1b[?1049l\x1b[4l\x1b(B";

    /// At the start of a terminal's output.
    pub fn new() -> Self {
        Self::default()
    }

    /// What of `bytes` is harmless. At most six times as long, and a few bytes of what came before.
    pub fn tame(&mut self, bytes: &[u8]) -> String {
        self.begun.extend_from_slice(bytes);
        let whole = whole_characters(&self.begun);
        // Only whole characters: the parser's own joining of parted ones loses what follows (vte 0.15.0).
        let whole: Vec<u8> = self.begun.drain(..whole).collect();
        self.parser.advance(&mut self.out, String::from_utf8_lossy(&whole).as_bytes());
        std::mem::take(&mut self.out.0)
    }
}

#[derive(Default)]
struct Drawing(String);

impl Perform for Drawing {
    fn print(&mut self, c: char) {
        self.0.push(if is_deceptive(c) { char::REPLACEMENT_CHARACTER } else { c });
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\t' | b'\n' | b'\r' | 0x08 => self.0.push(char::from(byte)),
            // Vertical tab and form feed move down a line (VT100 user guide, chapter 3).
            0x0b | 0x0c => self.0.push('\n'),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        let draws = match (intermediates, action) {
            // Cursor moves, erasing, inserting, deleting, scrolling by a few lines, attributes, save and restore.
            (
                [],
                '@'
                | 'A'..='H'
                | 'J'
                | 'K'
                | 'L'
                | 'M'
                | 'P'
                | 'S'
                | 'X'
                | 'Z'
                | '`'
                | 'a'
                | 'd'
                | 'e'
                | 'f'
                | 'm'
                | 'r'
                | 's'
                | 'u',
            ) => true,
            // With five parameters it tracks the mouse.
            ([], 'T') => params.len() == 1,
            ([], 'h' | 'l') => params.iter().all(|mode| mode == [4]),
            // Origin, wrapping, cursor shown, alternate screen.
            ([b'?'], 'h' | 'l') => {
                params.iter().all(|mode| matches!(mode, [6 | 7 | 25 | 47 | 1047 | 1048 | 1049]))
            }
            _ => false,
        };
        if ignore || !draws {
            return;
        }
        self.0.push_str("\x1b[");
        self.0.extend(intermediates.iter().copied().map(char::from));
        for (index, param) in params.iter().enumerate() {
            if index > 0 {
                self.0.push(';');
            }
            for (index, part) in param.iter().enumerate() {
                let _ = if index > 0 { write!(self.0, ":{part}") } else { write!(self.0, "{part}") };
            }
        }
        self.0.push(action);
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], ignore: bool, byte: u8) {
        match (intermediates, byte) {
            _ if ignore => {}
            // Save, restore, line down, next line, line up; ASCII and line drawing.
            ([], b'7' | b'8' | b'D' | b'E' | b'M') | ([b'('], b'B' | b'0') => {
                self.0.push('\x1b');
                self.0.extend(intermediates.iter().copied().map(char::from));
                self.0.push(char::from(byte));
            }
            // A reset would also change what is the operator's own.
            ([], b'c') => self.0.push_str("\x1b[0m\x1b[0r\x1b[0H\x1b[2J"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tame(bytes: &[u8]) -> String {
        Tamer::new().tame(bytes)
    }

    #[test]
    fn what_draws_stays() {
        for kept in [
            "plain text, Gr\u{fc}\u{df}e, \u{1f600}\r\n\t\x08",
            "\x1b[1;31mred\x1b[0m \x1b[38;5;208mx\x1b[38:2:1:2:3my",
            "\x1b[2J\x1b[H\x1b[10;20Hx\x1b[3A\x1b[2K\x1b[5P",
            "\x1b[?1049h\x1b[?25l\x1b[1;23r\x1b7\x1b8\x1bM\x1b(0qqq\x1b(B\x1b[?25h\x1b[?1049l",
        ] {
            // An absent parameter is written as the nought it stands for.
            assert_eq!(tame(kept.as_bytes()).replace("[0H", "[H"), kept);
        }
    }

    #[test]
    fn what_does_more_is_gone() {
        for attack in [
            "\x1b]0;title\x07",
            "\x1b]52;c;ZXZpbA==\x1b\\",
            "\x1b]8;;http://evil/\x1b\\",
            "\x1bP$q\"p\x1b\\",
            "\x1bP1$r0m\x1b\\",
            "\x1b_Gi=1;AAAA\x1b\\",
            "\x1b^private\x1b\\",
            "\x1bXstring\x1b\\",
            "\x1b[c",
            "\x1b[>c",
            "\x1b[6n",
            "\x1b[?6n",
            "\x1b[21t",
            "\x1b[8;1;1t",
            "\x1b[5i",
            "\x1b[?5i",
            "\x1b[?1000h",
            "\x1b[?2004h",
            "\x1b[?1;25h",
            "\x1b[20h",
            "\x1b[2h",
            "\x1b[!p",
            "\x1b[?25$p",
            "\x1b[>4;2m",
            "\x1b[1;2;3;4;5T",
            "\x1b[65535b",
            "\x1bZ",
            "\x1b=",
            "\x1b#8",
            "\x1b%@",
            "\x05\x07\x0e\x0f\x00\x7f",
            "\u{9b}6n",
            "\u{9d}0;t\u{9c}",
        ] {
            let left = tame(attack.as_bytes());
            assert!(!left.contains(['\x1b', '\x07', '\x05', '\u{9b}', '\u{9d}']), "{attack:?} left {left:?}");
        }
        assert_eq!(tame(b"a\x1b]0;evil\x07b\x9b6nc"), "ab\u{fffd}6nc");
        assert_eq!(tame("a\u{202e}b\u{200b}".as_bytes()), "a\u{fffd}b\u{fffd}");
        assert_eq!(tame(b"\x1bcx"), "\x1b[0m\x1b[0r\x1b[0H\x1b[2Jx");
    }

    #[test]
    fn an_unended_string_swallows_without_growing() {
        let mut tamer = Tamer::new();
        assert_eq!(tamer.tame(b"\x1b]0;"), "");
        for _ in 0..1000 {
            assert_eq!(tamer.tame(&[b'x'; 1000]), "");
        }
        assert_eq!(tamer.tame(b"\x07y"), "y");
    }

    proptest! {
        #[test]
        fn tamed_is_tame_and_bounded(bytes: Vec<u8>) {
            let once = tame(&bytes);
            prop_assert_eq!(&tame(once.as_bytes()), &once);
            prop_assert!(once.len() <= bytes.len() * 6 + 16, "{} of {}", once.len(), bytes.len());
        }

        #[test]
        fn pieces_change_nothing(bytes in proptest::collection::vec(
            prop_oneof![Just(0x1b), Just(b'['), Just(b'?'), Just(b'm'), Just(0xc3), Just(0xbc), any::<u8>()], 0..60
        ), cut in 1usize..8) {
            let mut tamer = Tamer::new();
            let parts: String = bytes.chunks(cut).map(|part| tamer.tame(part)).collect();
            prop_assert_eq!(parts, tame(&bytes));
        }
    }
}
