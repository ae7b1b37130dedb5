//! Metrics: `metrics.prom`, in Prometheus's text format, for node_exporter's textfile collector.
//!
//! The file is written beside `status.json` and has the same content, so the monitor needs no port. Times are Unix
//! timestamps rather than ages, so that they stay true after the monitor has stopped.
//! Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

mod families;
mod file;

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::failover::{CauseKind, DemotionReasonKind, MachineNotice};
use crate::probe::{Verdict, VerdictKind};
use crate::status::Status;

/// Prefix of every metric name.
const METRIC_PREFIX: &str = "openclaw_failover_";

/// Number of occurrences of each kind, in the order of its `ALL`.
type Counts<const KINDS: usize> = [u64; KINDS];

/// Counters since the monitor started. They are not saved: Prometheus handles counter resets.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Probes of each upstream, by its name.
    probes: BTreeMap<String, Counts<{ VerdictKind::ALL.len() }>>,
    promotions: Counts<{ CauseKind::ALL.len() }>,
    demotions: Counts<{ DemotionReasonKind::ALL.len() }>,
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
        increment(self.probes.entry(upstream.to_owned()).or_default(), verdict.kind() as usize);
    }

    /// Counts a notice, if it has a counter.
    pub fn count_notice(&mut self, notice: &MachineNotice) {
        match notice {
            MachineNotice::Promoted { cause, .. } => increment(&mut self.promotions, cause.kind() as usize),
            MachineNotice::Demoted { reason, .. } => increment(&mut self.demotions, reason.kind() as usize),
            MachineNotice::StartFailed { .. } => self.failed_starts += 1,
            _ => {}
        }
    }
}

fn increment(counts: &mut [u64], kind: usize) {
    if let Some(count) = counts.get_mut(kind) {
        *count += 1;
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
