//! Rows as a table for people, JSON Lines for programs, or CSV for spreadsheets. What an attacker chose is escaped for
//! each of them.

use std::io::Write;

use anyhow::Result;
use phantom_core::event::{Alert, Endpoint};
use phantom_core::{Event, Untrusted, from_micros, rfc3339};
use phantom_detect::SourceScore;
use phantom_flow::{FlowRecord, PacketRow};
use serde_json::{Value, json};

use super::Tally;
use crate::cli::Format;

/// Rows of one kind.
pub(super) struct Output<W> {
    out: W,
    format: Format,
    headed: bool,
}

impl<W: Write> Output<W> {
    pub(super) fn new(out: W, format: Format) -> Self {
        Self { out, format, headed: false }
    }

    pub(super) fn packet(&mut self, row: &PacketRow) -> Result<()> {
        self.row(&[
            ("time", json!(rfc3339(from_micros(row.at)))),
            ("src_ip", json!(row.src)),
            ("src_port", json!(row.src_port)),
            ("dst_ip", json!(row.dst)),
            ("dst_port", json!(row.dst_port)),
            ("protocol", json!(row.protocol)),
            ("length", json!(row.length)),
            ("ttl", json!(row.ttl)),
            ("tcp_flags", json!(row.tcp_flags)),
            ("payload_len", json!(row.payload_len)),
            ("flow_id", json!(format!("{:016x}", row.flow_id))),
        ])
    }

    pub(super) fn flow(&mut self, record: &FlowRecord) -> Result<()> {
        let flow = &record.flow;
        self.row(&[
            ("first", json!(rfc3339(from_micros(record.first)))),
            ("src", json!(shown(record.key.src))),
            ("dst", json!(shown(record.key.dst))),
            ("transport", json!(record.key.transport)),
            ("app", json!(flow.app)),
            ("state", json!(flow.state)),
            ("duration_ms", json!(flow.duration_ms)),
            ("packets_out", json!(flow.packets_out)),
            ("packets_in", json!(flow.packets_in)),
            ("bytes_out", json!(flow.bytes_out)),
            ("bytes_in", json!(flow.bytes_in)),
            ("http_requests", json!(record.http_requests)),
            ("login_failures", json!(record.login_failures)),
        ])
    }

    pub(super) fn alert(&mut self, event: &Event, alert: &Alert) -> Result<()> {
        if self.format == Format::Jsonl {
            return Ok(writeln!(self.out, "{}", event.to_json())?);
        }
        let evidence: Vec<&str> = alert.evidence.iter().map(|evidence| evidence.text.as_str()).collect();
        self.row(&[
            ("time", json!(rfc3339(event.at))),
            ("rule", json!(alert.rule)),
            ("severity", json!(alert.severity)),
            ("source", json!(event.source())),
            ("count", json!(alert.count)),
            ("technique", json!(alert.technique.join(" "))),
            ("title", json!(alert.title)),
            ("evidence", json!(evidence.join("; "))),
        ])
    }

    pub(super) fn source(&mut self, source: &SourceScore) -> Result<()> {
        let reasons: Vec<&str> = source.reasons.iter().map(|reason| reason.text.as_str()).collect();
        self.row(&[
            ("ip", json!(source.ip)),
            ("score", json!((source.value * 10.0).round() / 10.0)),
            ("level", json!(source.level)),
            ("first", json!(rfc3339(source.first))),
            ("last", json!(rfc3339(source.last))),
            ("reasons", json!(reasons.join("; "))),
        ])
    }

    pub(super) fn event(&mut self, event: &Event) -> Result<()> {
        let line = event.to_json();
        if self.format == Format::Jsonl {
            return Ok(writeln!(self.out, "{line}")?);
        }
        let body: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        self.row(&[
            ("time", json!(rfc3339(event.at))),
            ("kind", json!(event.body.kind())),
            ("service", json!(event.service)),
            ("source", json!(event.src.map(shown))),
            ("body", json!(body[event.body.kind()].to_string())),
        ])
    }

    pub(super) fn summary(&mut self, tally: &Tally, sources: &[SourceScore]) -> Result<()> {
        let wire: serde_json::Map<String, Value> = tally
            .wire
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect();
        let scored = sources.iter().filter(|source| source.value > 0.0).count();
        let rows = [
            ("first", json!(tally.first.map(rfc3339))),
            ("last", json!(tally.last.map(rfc3339))),
            ("wire", Value::Object(wire)),
            ("flows", json!(tally.flows)),
            ("flows_by_app", json!(tally.apps)),
            ("flows_by_state", json!(tally.states)),
            ("events", json!(tally.events)),
            ("events_by_kind", json!(tally.kinds)),
            ("alerts", json!(tally.alerts.values().sum::<u64>())),
            ("alerts_by_rule", json!(tally.alerts)),
            ("sources_scored", json!(scored)),
        ];
        if self.format != Format::Table {
            return self.row(&rows);
        }
        for (name, value) in rows {
            match value {
                Value::Object(map) => {
                    for (part, count) in map {
                        writeln!(self.out, "{name:<16} {part:<24} {count}")?;
                    }
                }
                value => writeln!(self.out, "{name:<16} {}", cell(&value))?,
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }

    fn row(&mut self, columns: &[(&str, Value)]) -> Result<()> {
        let headed = std::mem::replace(&mut self.headed, true);
        match self.format {
            Format::Jsonl => {
                let object: serde_json::Map<String, Value> =
                    columns.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
                writeln!(self.out, "{}", Value::Object(object))?;
            }
            Format::Table => {
                if !headed {
                    writeln!(self.out, "{}", join(columns, "  ", |(name, value)| pad(name, value)))?;
                }
                writeln!(
                    self.out,
                    "{}",
                    join(columns, "  ", |(_, value)| pad(&cell(value), value)).trim_end()
                )?;
            }
            Format::Csv => {
                if !headed {
                    writeln!(self.out, "{}", join(columns, ",", |(name, _)| (*name).to_owned()))?;
                }
                writeln!(self.out, "{}", join(columns, ",", |(_, value)| csv(&cell(value))))?;
            }
        }
        Ok(())
    }
}

/// Whether writing failed because the reader left.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn join<'a>(columns: &[(&'a str, Value)], by: &str, of: impl Fn(&(&'a str, Value)) -> String) -> String {
    columns.iter().map(of).collect::<Vec<_>>().join(by)
}

/// One line of text, safe for a terminal.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => Untrusted::from_lossless(text).to_string(),
        other => Untrusted::from_lossless(&other.to_string()).to_string(),
    }
}

/// Columns that people compare line up; the rest run on.
fn pad(text: &str, value: &Value) -> String {
    match value {
        Value::Number(_) => format!("{text:>11}"),
        Value::String(full) if full.len() <= 21 => format!("{text:<21}"),
        Value::Null => format!("{text:<21}"),
        _ => text.to_owned(),
    }
}

/// Quoted where needed (RFC 4180); what a spreadsheet would run as a formula gets an apostrophe in front.
fn csv(text: &str) -> String {
    let guarded = match text.chars().next() {
        Some('=' | '+' | '@' | '\t' | '\r') => format!("'{text}"),
        Some('-') if text.len() > 1 && text.parse::<f64>().is_err() => format!("'{text}"),
        _ => text.to_owned(),
    };
    if guarded.contains([',', '"', '\n']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

fn shown(endpoint: Endpoint) -> String {
    if endpoint.ip.is_ipv6() {
        format!("[{}]:{}", endpoint.ip, endpoint.port)
    } else {
        format!("{}:{}", endpoint.ip, endpoint.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(format: Format, value: &str) -> String {
        let mut bytes = Vec::new();
        let mut out = Output::new(&mut bytes, format);
        out.row(&[("a", json!(value)), ("n", json!(1))]).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_spreadsheet_runs_no_formula() {
        assert_eq!(print(Format::Csv, "=cmd|' /C calc'!A0"), "a,n\n'=cmd|' /C calc'!A0,1\n");
        assert_eq!(print(Format::Csv, "-1+1,\"x\""), "a,n\n\"'-1+1,\"\"x\"\"\",1\n");
        assert_eq!(csv("-3.5"), "-3.5");
        assert_eq!(csv("-"), "-");
    }

    #[test]
    fn a_terminal_is_not_steered() {
        let table = print(Format::Table, "\u{1b}[2J\u{f7ff}");
        assert!(table.contains("\\x1b[2J\\xff"), "{table}");
        assert!(!table.contains('\u{1b}'));
    }

    #[test]
    fn json_lines_are_json() {
        let line = print(Format::Jsonl, "x\ny");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), json!({"a": "x\ny", "n": 1}));
        assert_eq!(line.lines().count(), 1);
    }
}
