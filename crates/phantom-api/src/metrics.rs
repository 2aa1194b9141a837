//! The Prometheus text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{Counter, CounterKind};

/// Lists counters grouped by name, since Prometheus wants all samples of a metric together.
pub(crate) fn render(counters: &[Counter]) -> String {
    let mut groups: BTreeMap<&str, Vec<&Counter>> = BTreeMap::new();
    for counter in counters {
        groups.entry(&counter.name).or_default().push(counter);
    }
    let mut out = String::new();
    for (name, group) in groups {
        if let Some(first) = group.first() {
            let kind = match first.kind {
                CounterKind::Counter => "counter",
                CounterKind::Gauge => "gauge",
            };
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", escape(&first.help, false));
        }
        for counter in group {
            let labels: Vec<String> =
                counter.labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escape(v, true))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(out, "{name}{labels} {}", counter.value);
        }
    }
    out
}

fn escape(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_a_metric_stand_together_and_labels_are_escaped() {
        let of = |name: &str, label: &str, value| Counter {
            name: name.to_owned(),
            help: "what\nit is".to_owned(),
            kind: CounterKind::Gauge,
            labels: vec![("k".to_owned(), label.to_owned())],
            value,
        };
        assert_eq!(
            render(&[of("b", "x\"\\\n", 1.0), of("a", "", 0.5), of("b", "y", 2.0)]),
            "# HELP a what\\nit is\n# TYPE a gauge\na{k=\"\"} 0.5\n# HELP b what\\nit is\n# TYPE b gauge\nb{k=\"x\\\"\\\\\\n\"} 1\nb{k=\"y\"} 2\n"
        );
    }
}
