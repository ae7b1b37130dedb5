//! Metrics: `metrics.prom`, in Prometheus's text format, for node_exporter's textfile collector.
//!
//! The file is written beside `status.json` and has the same content, so the monitor needs no port. Times are Unix
//! timestamps rather than ages, so that they stay true after the monitor has stopped.
//! Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

mod families;
mod file;

use std::fmt::Write;

use crate::failover::{MachineNotice, names};
use crate::probe::Verdict;
use crate::status::Status;

/// Prefix of every metric name.
const METRIC_PREFIX: &str = "openclaw_failover_";

/// Counters since the monitor started. They are not saved: Prometheus handles counter resets.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Probes by upstream name and verdict.
    probes: Vec<(String, &'static str, u64)>,
    promotions: Vec<(&'static str, u64)>,
    demotions: Vec<(&'static str, u64)>,
    failed_starts: u64,
}

/// Deliveries to one webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Name of the webhook's credential.
    pub webhook: String,
    /// Number of messages delivered.
    pub delivered: u64,
    /// Number of failed attempts.
    pub failed: u64,
}

/// Data from which the metrics are rendered.
#[derive(Clone, Copy, Debug)]
pub struct MetricsSnapshot<'a> {
    /// Present status.
    pub status: &'a Status,
    /// Counters.
    pub counters: &'a Counters,
    /// Deliveries, by webhook.
    pub deliveries: &'a [DeliveryCounts],
}

impl Counters {
    /// Counts a probe of the upstream of that name.
    pub fn count_probe(&mut self, upstream: &str, verdict: Verdict) {
        let verdict = names::verdict_name(verdict);
        match self.probes.iter_mut().find(|(name, found, _)| name == upstream && *found == verdict) {
            Some((.., count)) => *count += 1,
            None => self.probes.push((upstream.to_owned(), verdict, 1)),
        }
    }

    /// Counts a notice, if it has a counter.
    pub fn count_notice(&mut self, notice: &MachineNotice) {
        match notice {
            MachineNotice::Promoted { cause, .. } => increment(&mut self.promotions, names::cause_name(*cause)),
            MachineNotice::Demoted { reason, .. } => increment(&mut self.demotions, names::reason_name(*reason)),
            MachineNotice::StartFailed { .. } => self.failed_starts += 1,
            _ => {}
        }
    }

    fn probe_count(&self, upstream: &str, verdict: &str) -> u64 {
        let found = self.probes.iter().find(|(name, found, _)| name == upstream && *found == verdict);
        found.map_or(0, |(.., count)| *count)
    }
}

fn increment(counts: &mut Vec<(&'static str, u64)>, name: &'static str) {
    match counts.iter_mut().find(|(known, _)| *known == name) {
        Some((_, count)) => *count += 1,
        None => counts.push((name, 1)),
    }
}

/// Metric family: one name and its samples.
struct MetricFamily {
    name: &'static str,
    /// Type: `gauge` or `counter`.
    kind: &'static str,
    help: &'static str,
    samples: fn(&MetricsSnapshot<'_>, &mut SampleWriter<'_>),
}

/// Writer for the samples of one family.
struct SampleWriter<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl SampleWriter<'_> {
    /// Writes a sample without labels.
    fn write(&mut self, value: f64) {
        self.write_labelled(&[], value);
    }

    /// Writes a sample with these labels.
    fn write_labelled(&mut self, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(METRIC_PREFIX);
        self.text.push_str(self.name);
        for (index, (label, content)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            content.chars().for_each(|char| match char {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                char => self.text.push(char),
            });
            self.text.push('"');
        }
        self.text.push_str(if labels.is_empty() { " " } else { "} " });
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{value}");
    }
}
