//! The recording of a visit: what passed between the visitor and the programs it ran, with its timing.
//!
//! A recording is lines of JSON that only ever grow: `[microseconds since the visit began, channel, code, data]`. The
//! codes are those of asciicast v2: `o` output, `i` input, `r` the terminal's size, `m` a mark in words. Data is
//! lossless as in [`Untrusted`]. What is shown to people goes through [`scenes`], which tames it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::bytes::whole_characters;
use crate::{SessionId, Tamer, Untrusted};

/// Bytes of data in one line; longer data are parted.
pub const PIECE: usize = 16 * 1024;
/// Longest line in bytes: each byte of data is at most six of JSON.
pub const LINE: usize = 6 * PIECE + 64;
/// Columns and rows of a terminal, as far as they are believed: players allocate what they are told.
const SIZES: (u32, u32) = (500, 200);
/// Channels told apart when played; the others of a recording that names more are shown as one.
const CHANNELS: usize = 64;

/// What passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cue {
    /// From the visitor.
    Input(Vec<u8>),
    /// To the visitor.
    Output(Vec<u8>),
    /// The terminal has this size; a channel without one has no terminal.
    Resize {
        /// In characters.
        columns: u32,
        /// In lines.
        rows: u32,
    },
    /// Something that neither side typed: a program began or ended.
    Mark(Vec<u8>),
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Microseconds since the visit began.
    pub at: u64,
    /// Which of the visit's programs.
    pub channel: u32,
    /// What passed.
    pub cue: Cue,
}

impl Entry {
    /// As lines with their ends, each at most [`LINE`] bytes.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let (code, data) = match &self.cue {
            Cue::Input(data) => ("i", data.clone()),
            Cue::Output(data) => ("o", data.clone()),
            Cue::Mark(data) => ("m", data.get(..PIECE).unwrap_or(data).to_vec()),
            Cue::Resize { columns, rows } => ("r", format!("{columns}x{rows}").into_bytes()),
        };
        let pieces = data.len().div_ceil(PIECE);
        (0..pieces).map(move |index| {
            let piece = data.get(index * PIECE..data.len().min((index + 1) * PIECE)).unwrap_or_default();
            let text = Value::String(Untrusted::capped(piece, PIECE).to_lossless());
            format!("[{},{},\"{code}\",{text}]\n", self.at, self.channel)
        })
    }

    /// Reads a line; `None` for anything else, such as one that a power cut tore.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let (at, channel, code, data): (u64, u32, String, Untrusted) = serde_json::from_slice(line).ok()?;
        let data = data.as_bytes().to_vec();
        let cue = match code.as_str() {
            "i" => Cue::Input(data),
            "o" => Cue::Output(data),
            "m" => Cue::Mark(data),
            "r" => {
                let (columns, rows) = std::str::from_utf8(&data).ok()?.split_once('x')?;
                Cue::Resize { columns: columns.parse().ok()?, rows: rows.parse().ok()? }
            }
            _ => return None,
        };
        Some(Self { at, channel, cue })
    }
}

/// All entries of a recording; lines that are none are left out.
pub fn read(recording: &[u8]) -> impl Iterator<Item = Entry> + '_ {
    recording.split(|byte| *byte == b'\n').filter_map(Entry::parse)
}

/// How a recording is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Show {
    /// Only this channel; absent: all, in the order of time.
    pub channel: Option<u32>,
    /// Exactly the bytes recorded, which may attack the terminal that shows them.
    pub raw: bool,
}

/// One step of the play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Microseconds since the visit began; never less than the step before.
    pub at: u64,
    /// `o`, `i`, `r` or `m`, as in asciicast v2.
    pub code: char,
    /// Bytes for a terminal; UTF-8 unless raw.
    pub bytes: Vec<u8>,
}

/// A recording as it is played. Channels without a terminal get the carriage returns that a terminal would have added.
pub fn scenes(recording: &[u8], show: Show) -> impl Iterator<Item = Scene> + '_ {
    let mut channels: BTreeMap<u32, Channel> = BTreeMap::new();
    let mut last = 0;
    read(recording).filter(move |entry| show.channel.is_none_or(|wanted| wanted == entry.channel)).filter_map(
        move |entry| {
            last = entry.at.max(last);
            let known = if channels.len() < CHANNELS { entry.channel } else { 0 };
            let channel = channels.entry(known).or_default();
            let (code, bytes) = match entry.cue {
                Cue::Resize { columns, rows } => {
                    channel.terminal = true;
                    let (columns, rows) = (columns.clamp(1, SIZES.0), rows.clamp(1, SIZES.1));
                    ('r', format!("{columns}x{rows}").into_bytes())
                }
                Cue::Mark(text) => ('m', Untrusted::from(text).to_string().into_bytes()),
                Cue::Input(bytes) => ('i', channel.tame(bytes, true, show.raw)),
                Cue::Output(bytes) => ('o', channel.tame(bytes, false, show.raw)),
            };
            (!bytes.is_empty()).then_some(Scene { at: last, code, bytes })
        },
    )
}

#[derive(Default)]
struct Channel {
    terminal: bool,
    input: Tamer,
    output: Tamer,
}

impl Channel {
    fn tame(&mut self, bytes: Vec<u8>, input: bool, raw: bool) -> Vec<u8> {
        if raw {
            return bytes;
        }
        let tamer = if input { &mut self.input } else { &mut self.output };
        let text = tamer.tame(&bytes);
        if self.terminal || input { text } else { text.replace('\n', "\r\n") }.into_bytes()
    }
}

/// A recording as asciicast v2 (docs.asciinema.org/manual/asciicast/v2): a head and a line an event.
pub fn asciicast(recording: &[u8], session: SessionId, show: Show) -> String {
    let size = |entry: Entry| match entry.cue {
        Cue::Resize { columns, rows } if show.channel.is_none_or(|wanted| wanted == entry.channel) => {
            Some((columns.clamp(1, SIZES.0), rows.clamp(1, SIZES.1)))
        }
        _ => None,
    };
    let (width, height) = read(recording).find_map(size).unwrap_or((80, 24));
    let began = session.uuid().get_timestamp().map_or(0, |at| at.to_unix().0);
    let title = format!("phantomnet session {session}");
    let head = serde_json::json!({
        "version": 2, "width": width, "height": height, "timestamp": began, "title": title,
    });
    let mut cast = format!("{head}\n");
    // A character parted among two events of raw bytes is put together again.
    let mut parted: BTreeMap<char, Vec<u8>> = BTreeMap::new();
    for scene in scenes(recording, show) {
        let rest = parted.entry(scene.code).or_default();
        rest.extend_from_slice(&scene.bytes);
        let whole = whole_characters(rest);
        let bytes: Vec<u8> = rest.drain(..whole).collect();
        if !bytes.is_empty() {
            let text = Value::String(String::from_utf8_lossy(&bytes).into_owned());
            let (seconds, micros) = (scene.at / 1_000_000, scene.at % 1_000_000);
            cast.push_str(&format!("[{seconds}.{micros:06},\"{}\",{text}]\n", scene.code));
        }
    }
    cast
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_micros;
    use proptest::prelude::*;

    fn write(entries: &[(u64, u32, Cue)]) -> Vec<u8> {
        let entries =
            entries.iter().map(|(at, channel, cue)| Entry { at: *at, channel: *channel, cue: cue.clone() });
        entries.flat_map(|entry| entry.lines().collect::<Vec<_>>()).collect::<String>().into_bytes()
    }

    fn session() -> SessionId {
        SessionId::new(from_micros(1_763_900_000_000_000), [7; 10])
    }

    #[test]
    fn a_recording_is_an_asciicast() {
        let recording = write(&[
            (0, 0, Cue::Resize { columns: 132, rows: 40 }),
            (5, 0, Cue::Mark(b"shell".to_vec())),
            (1_500_000, 0, Cue::Output(b"$ \x1b]0;evil\x07\xc3".to_vec())),
            (1_400_000, 0, Cue::Output(b"\xbc\n".to_vec())),
            (2_000_000, 0, Cue::Input(b"ls\r".to_vec())),
            (3_000_000, 1, Cue::Output(b"a\nb\n".to_vec())),
            (4_000_000, 0, Cue::Resize { columns: u32::MAX, rows: 0 }),
        ]);
        let mut torn = recording.clone();
        torn.extend_from_slice(b"[5000000,0,\"o\",\"never fin");
        let cast = asciicast(&torn, session(), Show::default());
        assert_eq!(
            cast,
            concat!(
                r#"{"height":40,"timestamp":1763900000,"title":"phantomnet session 019ab0a2-0700-7707-8707-070707070707","version":2,"width":132}"#,
                "\n[0.000000,\"r\",\"132x40\"]\n[0.000005,\"m\",\"shell\"]\n[1.500000,\"o\",\"$ \"]\n",
                "[1.500000,\"o\",\"\u{fc}\\n\"]\n[2.000000,\"i\",\"ls\\r\"]\n",
                "[3.000000,\"o\",\"a\\r\\nb\\r\\n\"]\n[4.000000,\"r\",\"500x1\"]\n",
            )
        );
        let second = asciicast(&recording, session(), Show { channel: Some(1), raw: true });
        assert!(
            second.contains("\"width\":80") && second.ends_with("\n[3.000000,\"o\",\"a\\nb\\n\"]\n"),
            "{second}"
        );
        let raw = asciicast(&recording, session(), Show { channel: Some(0), raw: true });
        assert!(raw.contains(r#""$ \u001b]0;evil\u0007"]"#) && raw.contains("\"\u{fc}\\n\""), "{raw}");
    }

    #[test]
    fn what_is_no_entry_is_left_out() {
        for line in
            ["", "[]", "[1,2,\"o\"]", "[1,2,\"z\",\"\"]", "[-1,0,\"o\",\"\"]", "[1,0,\"r\",\"8by2\"]", "{}"]
        {
            assert_eq!(Entry::parse(line.as_bytes()), None, "{line}");
        }
        assert!(Entry { at: 0, channel: 0, cue: Cue::Output(Vec::new()) }.lines().next().is_none());
    }

    #[test]
    fn long_data_are_parted_and_lines_keep_their_cap() {
        let entry = Entry { at: u64::MAX, channel: u32::MAX, cue: Cue::Input(vec![1; PIECE * 2 + 5]) };
        let lines: Vec<String> = entry.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() <= LINE));
        let mark = Entry { cue: Cue::Mark(vec![b'x'; PIECE * 2]), ..entry };
        assert_eq!(mark.lines().count(), 1);
    }

    proptest! {
        #[test]
        fn entries_survive(at: u64, channel: u32, data: Vec<u8>, code in 0..3) {
            prop_assume!(!data.is_empty());
            let cue = match code { 0 => Cue::Input(data), 1 => Cue::Output(data), _ => Cue::Mark(data) };
            let entry = Entry { at, channel, cue };
            let lines: Vec<String> = entry.lines().collect();
            prop_assert_eq!(lines.len(), 1);
            prop_assert_eq!(read(lines[0].as_bytes()).collect::<Vec<_>>(), vec![entry]);
        }

        #[test]
        fn any_bytes_are_played(bytes: Vec<u8>, pieces: Vec<Vec<u8>>, raw: bool) {
            prop_assert_eq!(asciicast(&bytes, session(), Show { channel: None, raw }).lines().count(), 1);
            let cues: Vec<_> = pieces.iter().map(|piece| (0, 0, Cue::Output(piece.clone()))).collect();
            let show = Show { channel: None, raw };
            let cast = asciicast(&write(&cues), session(), show);
            for line in cast.lines().skip(1) {
                prop_assert!(serde_json::from_str::<(f64, String, String)>(line).is_ok(), "{}", line);
            }
            let whole: Vec<u8> = scenes(&write(&cues), Show { channel: None, raw: true }).flat_map(|scene| scene.bytes).collect();
            prop_assert_eq!(whole, pieces.concat());
        }
    }
}
