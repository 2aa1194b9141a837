//! A protocol of lines: each is recorded as a command and answered with `ok LINE`; some do more.

use std::time::Duration;

use phantom_core::dialogue::{Action, Actions, Dialogue, Protocol, SideEvent, Visit};
use phantom_core::event::{Command, Note, Service};
use phantom_core::recording::Cue;
use phantom_core::{Body, Timestamp, Untrusted};

pub(crate) struct Lines;

impl Protocol for Lines {
    fn service(&self) -> Service {
        Service::known("lines")
    }

    fn open(&self, visit: Visit) -> Box<dyn Dialogue> {
        Box::new(Talk { visit, line: Vec::new(), left: 0 })
    }
}

struct Talk {
    visit: Visit,
    line: Vec<u8>,
    /// Bytes still to send on the side, piece by piece.
    left: usize,
}

const PIECE: usize = 32 * 1024;

impl Talk {
    fn say(&mut self, line: &[u8], out: &mut Actions) {
        let text = String::from_utf8_lossy(line).into_owned();
        let mut words = text.split(' ');
        let verb = words.next().unwrap_or_default();
        let number: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        if verb == "tape" {
            out.tape(3, Cue::Input(line.to_vec()));
            out.tape(3, Cue::Output(vec![b't'; number]));
        }
        if verb == "artifact" {
            out.push(Action::Artifact(vec![b'a'; number]));
        }
        out.record(Body::Command(Command { line: Untrusted::capped(line, Command::CAP), accepted: true }));
        match verb {
            "pause" => out.push(Action::Pause(Duration::from_millis(number as u64))),
            "flood" => out.send(vec![b'f'; number]),
            "listen" => return out.push(Action::Listen),
            "connect" => return out.push(Action::Connect(u16::try_from(number).unwrap_or(0))),
            "download" => {
                self.left = number;
                self.piece(out);
                return;
            }
            "sideclose" => out.push(Action::SideClose),
            "wake" => {
                let at = Timestamp::now() + Duration::from_millis(number as u64);
                return out.push(Action::Wake(Some(at)));
            }
            _ => {}
        }
        out.send([b"ok ", line, b"\n"].concat());
        if verb == "quit" {
            out.close();
            out.send("never");
        }
    }

    fn piece(&mut self, out: &mut Actions) {
        let size = self.left.min(PIECE);
        self.left -= size;
        if size > 0 {
            out.push(Action::SideSend(vec![b'd'; size]));
        } else {
            out.push(Action::SideClose);
            out.send("sent\n");
        }
    }
}

impl Dialogue for Talk {
    fn start(&mut self, _now: Timestamp, out: &mut Actions) {
        out.send(format!("hello {}\n", self.visit.peer.port()));
    }

    fn input(&mut self, _now: Timestamp, bytes: &[u8], out: &mut Actions) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.say(&line, out);
            } else if self.line.len() < 1000 {
                self.line.push(*byte);
            }
        }
    }

    fn end_of_input(&mut self, _now: Timestamp, out: &mut Actions) {
        let value = Untrusted::capped(&self.line, 1000);
        out.record(Body::Note(Note { name: "last_words".into(), value }));
        out.send("bye\n");
    }

    fn wake(&mut self, _now: Timestamp, out: &mut Actions) {
        out.send("awake\n");
    }

    fn side(&mut self, _now: Timestamp, event: SideEvent<'_>, out: &mut Actions) {
        match event {
            SideEvent::Listening(address) => out.send(format!("listening {address}\n")),
            SideEvent::Connected => out.send("connected\n"),
            SideEvent::Bytes(bytes) => {
                out.record(Body::Note(Note { name: "upload".into(), value: Untrusted::capped(bytes, 1000) }))
            }
            SideEvent::Drained => self.piece(out),
            SideEvent::Ended => out.send("ended\n"),
            SideEvent::Failed => out.send("failed\n"),
        }
    }
}
