//! `phantomnet play`: a visit again, in the operator's terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use phantom_core::Tamer;
use phantom_core::recording::{Show, asciicast, scenes};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::Play;
use crate::control::Places;
use crate::core::read_recording;
use crate::plan::Plan;

/// Plays, or prints the asciicast. An interrupted play leaves the terminal as it found it.
pub(crate) fn run(play: &Play, plan: &Plan) -> Result<()> {
    let dir = Places(plan.data_dir.clone()).recordings();
    let recording =
        read_recording(&dir, play.session).with_context(|| format!("cannot read {}", dir.display()))?;
    let Some(recording) = recording else { bail!("there is no recording of session {}", play.session) };
    let show = Show { channel: play.channel, raw: play.raw };
    let mut out = io::stdout().lock();
    if play.asciicast {
        return quietly(out.write_all(asciicast(&recording, play.session, show).as_bytes()));
    }
    let terminal = out.is_terminal();
    let stop = if terminal { Some(Stop::on_signals()?) } else { None };
    let played = perform(&recording, show, play, &mut out, |pause| match &stop {
        Some(stop) => stop.wait(pause),
        None => {
            std::thread::sleep(pause);
            false
        }
    });
    if terminal {
        let _ = write!(out, "{}\r\n", Tamer::RESET);
        let _ = out.flush();
    }
    quietly(played)
}

/// Writes each step when it is due; `wait` says whether to stop.
fn perform(
    recording: &[u8],
    show: Show,
    play: &Play,
    out: &mut impl Write,
    mut wait: impl FnMut(Duration) -> bool,
) -> io::Result<()> {
    let mut last = 0;
    for scene in scenes(recording, show) {
        if scene.code != 'o' {
            continue;
        }
        let pause = Duration::from_micros(scene.at.saturating_sub(last)).min(play.idle_limit);
        last = scene.at;
        let pause = pause.div_f64(play.speed);
        if !pause.is_zero() {
            out.flush()?;
            if wait(pause) {
                break;
            }
        }
        out.write_all(&scene.bytes)?;
    }
    out.flush()
}

/// Whoever reads us may stop reading.
fn quietly(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}

/// The wish to stop, which ends a pause at once.
struct Stop {
    wished: Arc<(AtomicBool, Mutex<()>, Condvar)>,
}

impl Stop {
    fn on_signals() -> Result<Self> {
        let wished: Arc<(AtomicBool, Mutex<()>, Condvar)> = Arc::default();
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).context("signals")?;
        let told = wished.clone();
        std::thread::spawn(move || {
            for _ in signals.forever() {
                told.0.store(true, Ordering::Relaxed);
                let _lock = told.1.lock().unwrap_or_else(PoisonError::into_inner);
                told.2.notify_all();
            }
        });
        Ok(Self { wished })
    }

    fn wait(&self, pause: Duration) -> bool {
        let (wished, lock, bell) = &*self.wished;
        let lock = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let _woken = bell.wait_timeout_while(lock, pause, |()| !wished.load(Ordering::Relaxed));
        wished.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use phantom_core::recording::{Cue, Entry};

    fn play(arguments: &[&str]) -> Result<Play, String> {
        let session = "019ab0a2-0700-7707-8707-070707070707";
        let words = [&["phantomnet", "play", session], arguments].concat();
        match crate::cli::Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
            crate::cli::Command::Play(play) => Ok(play),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn pauses_are_cut_and_hurried_and_only_output_is_shown() {
        let entry = |at, cue| Entry { at, channel: 0, cue };
        let entries = [
            entry(1_000_000, Cue::Output(b"a\x1b]0;x\x07".to_vec())),
            entry(1_500_000, Cue::Input(b"secret".to_vec())),
            entry(2_000_000, Cue::Output(b"b".to_vec())),
            entry(90_000_000, Cue::Output(b"c".to_vec())),
            entry(90_000_000, Cue::Output(b"d".to_vec())),
        ];
        let recording: String = entries.iter().flat_map(Entry::lines).collect();
        let told = |arguments: &[&str], stop_after| {
            let play = play(arguments).unwrap();
            let (mut out, mut pauses) = (Vec::new(), Vec::new());
            perform(recording.as_bytes(), Show { channel: None, raw: play.raw }, &play, &mut out, |pause| {
                pauses.push(pause.as_millis());
                pauses.len() > stop_after
            })
            .unwrap();
            (String::from_utf8(out).unwrap(), pauses)
        };
        assert_eq!(told(&[], 9), ("abcd".into(), vec![1000, 1000, 3000]));
        assert_eq!(told(&["--speed", "4", "--idle-limit", "2s"], 9), ("abcd".into(), vec![250, 250, 500]));
        assert_eq!(told(&["--raw"], 1), ("a\x1b]0;x\x07".into(), vec![1000, 1000]));
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [["--speed", "0"], ["--speed", "nan"], ["--speed", "-1"], ["--idle-limit", "soon"]] {
            assert!(play(&wrong).is_err(), "{wrong:?}");
        }
        assert!(play(&["--asciicast", "--speed", "2"]).is_err());
    }
}
