//! `phantomnet replay`: captures and journals through the same parser, flow table and engine as live, with nothing
//! but the answer on standard output.

mod input;
mod output;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use phantom_core::{Event, Timestamp, from_micros};
use phantom_detect::{Engine, Input};
use phantom_flow::capture::CaptureReader;
use phantom_flow::{FlowConfig, FlowNotice, FlowTable, WireBatch, WireCounters};

use crate::cli::{Emit, Replay};
use crate::plan::parse_network;
use crate::settings::Settings;
use input::{Kind, Source};
use output::Output;

/// Packets between two steps of the engine; how many does not matter for the verdicts.
const STEP: u32 = 4_096;

/// Reads the files in the order given and prints what was asked for.
///
/// # Errors
/// A file that cannot be read, or is no capture and no journal; one that is cut short or corrupt, after everything
/// before the fault was taken and printed.
pub(crate) fn run(replay: &Replay) -> Result<()> {
    let settings = Settings::load(replay.config.as_deref(), std::env::vars())?;
    let mut detect = settings.detect;
    detect.check()?;
    for network in &replay.home_net {
        detect.home_net.push(parse_network(network).map_err(|why| anyhow!("--home-net: {why}"))?);
    }
    let stdout = std::io::BufWriter::new(std::io::stdout().lock());
    let mut run = Run {
        emit: replay.emit,
        out: Output::new(stdout, replay.format),
        engine: Engine::new(detect, "replay".into()),
        tally: Tally::default(),
    };
    let mut fault = None;
    for file in &replay.files {
        if let Err(error) = run.file(file) {
            fault = Some(error);
            break;
        }
    }
    let finished = run.finish();
    match (fault, finished) {
        // Whoever reads our output has had enough.
        (None, Err(error)) if output::is_broken_pipe(&error) => Ok(()),
        (Some(error), _) | (None, Err(error)) => Err(error),
        (None, Ok(())) => Ok(()),
    }
}

struct Run<W: std::io::Write> {
    emit: Emit,
    out: Output<W>,
    engine: Engine,
    tally: Tally,
}

/// What the summary says.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) wire: WireCounters,
    pub(super) events: u64,
    pub(super) flows: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) apps: BTreeMap<String, u64>,
    pub(super) states: BTreeMap<String, u64>,
    pub(super) kinds: BTreeMap<String, u64>,
    pub(super) alerts: BTreeMap<String, u64>,
}

impl Tally {
    fn see(&mut self, at: Timestamp) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
    }
}

impl<W: std::io::Write> Run<W> {
    fn file(&mut self, path: &Path) -> Result<()> {
        let source = Source::open(path)?;
        match source.kind {
            Kind::Capture => self.capture(source.reader),
            Kind::Journal => self.journal(source.reader),
        }
        .with_context(|| source.name)
    }

    fn capture(&mut self, reader: impl Read) -> Result<()> {
        let mut reader = CaptureReader::new(reader);
        let mut flows =
            FlowTable::new(FlowConfig { packet_rows: self.emit == Emit::Packets, ..FlowConfig::default() });
        let mut batch = WireBatch::default();
        let mut since_step = 0;
        let fault = loop {
            match reader.next_packet() {
                Ok(Some(packet)) => {
                    flows.frame(packet.at, packet.link, packet.bytes, packet.wire_len, &mut batch);
                    since_step += 1;
                    if since_step == STEP {
                        since_step = 0;
                        self.step(&mut batch)?;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        flows.finish(&mut batch);
        self.step(&mut batch)?;
        fault.map_or(Ok(()), |error| Err(error.into()))
    }

    fn step(&mut self, batch: &mut WireBatch) -> Result<()> {
        for row in &batch.packets {
            self.out.packet(row)?;
        }
        for notice in &batch.notices {
            match notice {
                FlowNotice::Opened { at, .. } => self.tally.see(from_micros(*at)),
                FlowNotice::Activity { .. } => {}
                FlowNotice::Closed(record) => {
                    self.tally.flows += 1;
                    self.tally.see(from_micros(record.last));
                    let app = record.flow.app.clone().unwrap_or_else(|| "unknown".into());
                    *self.tally.apps.entry(app).or_default() += 1;
                    *self.tally.states.entry(record.flow.state.clone()).or_default() += 1;
                    if self.emit == Emit::Flows {
                        self.out.flow(record)?;
                    }
                }
            }
        }
        self.tally.wire.add(&batch.counters);
        let inputs: Vec<Input> = batch.notices.drain(..).map(Input::Wire).collect();
        batch.clear();
        self.judge(&inputs)
    }

    fn journal(&mut self, reader: impl Read) -> Result<()> {
        let mut lines = input::Lines::new(reader);
        let mut inputs = Vec::new();
        while let Some((offset, line)) = lines.next_line()? {
            let event = Event::from_json(line).map_err(|error| anyhow!("byte {offset}: {error}"));
            let event = match event {
                Ok(event) => Arc::new(event),
                Err(error) => {
                    self.judge(&inputs)?;
                    return Err(error);
                }
            };
            self.tally.events += 1;
            self.tally.see(event.at);
            *self.tally.kinds.entry(event.body.kind().to_owned()).or_default() += 1;
            // Verdicts are made again, from the evidence.
            if event.body.is_deed() {
                if self.emit == Emit::Events {
                    self.out.event(&event)?;
                }
                inputs.push(Input::Event(event));
            }
            if inputs.len() as u32 == STEP {
                self.judge(&inputs)?;
                inputs.clear();
            }
        }
        self.judge(&inputs)
    }

    fn judge(&mut self, inputs: &[Input]) -> Result<()> {
        for verdict in self.engine.step(inputs) {
            if let phantom_core::Body::Alert(alert) = &verdict.body {
                *self.tally.alerts.entry(alert.rule.clone()).or_default() += 1;
                if self.emit == Emit::Alerts {
                    self.out.alert(&verdict, alert)?;
                }
            }
            if self.emit == Emit::Events {
                self.out.event(&verdict)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let sources = self.engine.sources();
        match self.emit {
            Emit::Sources => {
                let mut sources = sources;
                sources.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.ip.cmp(&b.ip)));
                for source in sources.iter().filter(|source| source.value > 0.0) {
                    self.out.source(source)?;
                }
            }
            Emit::Summary => self.out.summary(&self.tally, &sources)?,
            Emit::Alerts | Emit::Flows | Emit::Packets | Emit::Events => {}
        }
        self.out.finish()
    }
}
