//! The status in numbers: `metrics.prom`, in Prometheus's text format, for node_exporter's textfile collector.
//!
//! It lies beside `status.json`, and says what that says: nobody needs a port, and the monitor none that listens. Moments
//! are given as Unix timestamps rather than as ages, so that they stay true when the monitor has died.
//! Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

mod families;

use std::fmt::Write;
use std::path::Path;

use crate::failover::{Note, names};
use crate::os::atomic_file::{
    Error, {self},
};
use crate::probe::Verdict;
use crate::status::Status;
use crate::status::metrics::families::FAMILIES;

/// What every name begins with.
const PREFIX: &str = "openclaw_failover_";

/// What has happened since the monitor started. It is not kept: whoever reads counters expects them to begin anew.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// By the upstream's name and the verdict's.
    probes: Vec<(String, &'static str, u64)>,
    promotions: Vec<(&'static str, u64)>,
    demotions: Vec<(&'static str, u64)>,
    failed_starts: u64,
}

/// How many messages one webhook has taken, and how many tries have failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The webhook, by the name of its credential.
    pub webhook: String,
    /// What it has taken.
    pub delivered: u64,
    /// What it has not, each try counted.
    pub failed: u64,
}

/// What the metrics are read off.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// How things stand.
    pub status: &'a Status,
    /// What has happened.
    pub counts: &'a Counts,
    /// What became of the notifications.
    pub sent: &'a [Sent],
}

impl Counts {
    /// Counts a probe of the upstream of that name.
    pub fn probed(&mut self, upstream: &str, verdict: Verdict) {
        let verdict = names::verdict(verdict);
        match self.probes.iter_mut().find(|(name, found, _)| name == upstream && *found == verdict) {
            Some((.., count)) => *count += 1,
            None => self.probes.push((upstream.to_owned(), verdict, 1)),
        }
    }

    /// Counts what is said of, where it counts.
    pub fn said(&mut self, note: &Note) {
        match note {
            Note::Promoted { cause, .. } => add(&mut self.promotions, names::cause(*cause)),
            Note::Demoted { reason, .. } => add(&mut self.demotions, names::reason(*reason)),
            Note::StartFailed { .. } => self.failed_starts += 1,
            _ => {}
        }
    }

    fn probes(&self, upstream: &str, verdict: &str) -> u64 {
        let found = self.probes.iter().find(|(name, found, _)| name == upstream && *found == verdict);
        found.map_or(0, |(.., count)| *count)
    }
}

fn add(counts: &mut Vec<(&'static str, u64)>, name: &'static str) {
    match counts.iter_mut().find(|(known, _)| *known == name) {
        Some((_, count)) => *count += 1,
        None => counts.push((name, 1)),
    }
}

/// One name, and what stands under it.
struct Family {
    name: &'static str,
    /// `gauge` or `counter`.
    kind: &'static str,
    help: &'static str,
    samples: fn(&Scene<'_>, &mut Samples<'_>),
}

/// Takes the samples of one family.
struct Samples<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Samples<'_> {
    /// A sample without labels.
    fn one(&mut self, value: f64) {
        self.with(&[], value);
    }

    /// A sample with these labels.
    fn with(&mut self, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(PREFIX);
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
        // A string takes whatever is written to it.
        let _ = writeln!(self.text, "{value}");
    }
}

impl Scene<'_> {
    /// The whole file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for Family { name, kind, help, samples } in FAMILIES {
            for (word, rest) in [("HELP", help), ("TYPE", kind)] {
                ["# ", word, " ", PREFIX, name, " ", rest, "\n"].iter().for_each(|part| text.push_str(part));
            }
            samples(self, &mut Samples { text: &mut text, name });
        }
        text
    }

    /// Puts it where everybody may read it, at once and as a whole, as [`Status::save`] does.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        atomic_file::replace(path, 0o644, self.to_text().as_bytes())
    }
}
