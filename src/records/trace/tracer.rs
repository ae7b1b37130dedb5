//! Encoder of the machine's events into trace lines, in bounded memory.

use crate::failover::Event;
use crate::records::trace::begin::Begin;
use crate::records::trace::{SEGMENT, event};
use crate::text::Time;
use crate::text::json::Value;

/// Limit on runs of equal events that are open at once: a few upstreams, polls of the gateway, ticks.
const RUNS: usize = 8;

/// Limit on the events of a run before it is written, so that a killed monitor loses no more.
pub(super) const LENGTH: usize = 64;

/// Time for which a run may stay unwritten, in milliseconds.
const OPEN: u64 = 5 * 60 * 1000;

/// Lines to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Complete lines.
    pub lines: String,
    /// True if a segment begins with them.
    pub begins: bool,
}

/// Run of equal events.
struct Run {
    event: Event,
    first: Time,
    last: Time,
    more: Vec<u32>,
}

/// Encoder with the runs that are still open.
#[derive(Default)]
pub struct Tracer {
    runs: Vec<Run>,
    /// Time of the last event, by the machine's clock.
    now: Time,
    /// Size of the segment so far, in bytes.
    written: usize,
    lost: bool,
}

impl Tracer {
    /// Begins a segment, or records a change of configuration within one.
    pub fn begin(&mut self, begin: &Begin) -> Vec<Batch> {
        let mut batches: Vec<Batch> = self.flush().into_iter().collect();
        self.now = self.now.max(begin.at);
        let begins = begin.same_upstreams.is_none();
        if begins {
            self.written = 0;
        }
        let mut lines = String::new();
        push(&mut lines, &begin.to_json());
        batches.push(self.batch(lines, begins));
        batches
    }

    /// Records an event and the decisions `did` that the machine made on it. Returns what must be written now, if
    /// anything.
    pub fn took(&mut self, at: Time, event: Event, did: &[&'static str]) -> Option<Batch> {
        let at = at.max(self.now);
        let tie = at == std::mem::replace(&mut self.now, at);
        let is_old = self.runs.iter().any(|run| at.since(run.first).as_millis() > u128::from(OPEN));
        let mut lines = String::new();
        // Two events at the same time keep their order only if the first is written first.
        if tie || is_old || !did.is_empty() {
            lines = self.rest();
        }
        match self.runs.iter_mut().find(|run| run.event == event) {
            _ if !did.is_empty() => push(&mut lines, &line(at, &event, &[], did)),
            Some(run) if run.more.len() < LENGTH => {
                run.more.push(u32::try_from(at.since(run.last).as_millis()).unwrap_or(u32::MAX));
                run.last = at;
            }
            _ => {
                if self.runs.len() == RUNS || self.runs.iter().any(|run| run.event == event) {
                    lines.push_str(&self.rest());
                }
                self.runs.push(Run { event, first: at, last: at, more: Vec::new() });
            }
        }
        (!lines.is_empty()).then(|| self.batch(lines, false))
    }

    /// Returns what is not written yet.
    pub fn flush(&mut self) -> Option<Batch> {
        let lines = self.rest();
        (!lines.is_empty()).then(|| self.batch(lines, false))
    }

    /// True if the segment is long enough to end: at [`SEGMENT`] bytes if the machine is idle (`is_quiet`), because its
    /// state then equals a new machine's; otherwise at twice that.
    #[must_use]
    pub fn is_full(&self, is_quiet: bool) -> bool {
        self.written > if is_quiet { SEGMENT } else { 2 * SEGMENT }
    }

    /// Notes that a batch was dropped; the next one says so.
    pub fn lose(&mut self) {
        self.lost = true;
    }

    fn rest(&mut self) -> String {
        let mut lines = String::new();
        for run in self.runs.drain(..) {
            push(&mut lines, &line(run.first, &run.event, &run.more, &[]));
        }
        lines
    }

    fn batch(&mut self, mut lines: String, begins: bool) -> Batch {
        if std::mem::take(&mut self.lost) {
            lines.insert_str(0, "{\"lost\":true}\n");
        }
        self.written += lines.len();
        Batch { lines, begins }
    }
}

fn line(at: Time, event: &Event, more: &[u32], did: &[&'static str]) -> Value {
    let mut entries = vec![("at", at.as_millis().into()), event::to_json(event)];
    if !more.is_empty() {
        entries.push(("more", Value::array(more.iter().copied())));
    }
    if !did.is_empty() {
        entries.push(("did", Value::array(did.iter().copied())));
    }
    Value::object(entries)
}

fn push(lines: &mut String, line: &Value) {
    lines.push_str(&line.to_string());
    lines.push('\n');
}
