//! Encoder of the machine's events into trace lines, in bounded memory.

use crate::failover::Event;
use crate::records::trace::segment_start::SegmentStart;
use crate::records::trace::{SEGMENT_BYTES, event_codec};
use crate::text::Time;
use crate::text::json::Value;

/// Limit on open runs of equal events, beside one for each upstream: polls of the gateway, ticks, answers of witnesses.
const OTHER_OPEN_RUNS: usize = 4;

/// Limit on the events of a run before it is written, so that a killed monitor loses no more.
pub(super) const MAX_RUN_EVENTS: usize = 64;

/// Time for which a run may stay unwritten, in milliseconds.
const MAX_RUN_AGE_MS: u64 = 5 * 60 * 1000;

/// Lines to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceBatch {
    /// Complete lines.
    pub lines: String,
    /// True if a segment begins with them.
    pub starts_segment: bool,
}

/// Run of equal events.
struct EventRun {
    event: Event,
    first_at: Time,
    last_at: Time,
    gaps_ms: Vec<u32>,
}

/// Encoder with the runs that are still open.
#[derive(Default)]
pub struct Tracer {
    runs: Vec<EventRun>,
    /// Time of the last event, by the machine's clock.
    last_event_at: Time,
    /// Size of the segment so far, in bytes.
    segment_bytes: usize,
    has_lost_batch: bool,
    /// Number of upstreams, each of which has a run of its own.
    upstream_count: usize,
}

impl Tracer {
    /// Begins a segment, or records a change of configuration within one.
    pub fn begin_segment(&mut self, begin: &SegmentStart) -> Vec<TraceBatch> {
        let mut batches: Vec<TraceBatch> = self.flush().into_iter().collect();
        self.last_event_at = self.last_event_at.max(begin.at);
        self.upstream_count = begin.config.upstreams.len();
        let begins = begin.same_upstreams.is_none();
        if begins {
            self.segment_bytes = 0;
        }
        let mut lines = String::new();
        push_line(&mut lines, &begin.to_json());
        batches.push(self.finish_batch(lines, begins));
        batches
    }

    /// Records an event and the decisions `did` that the machine made on it. Returns what must be written now, if
    /// anything.
    pub fn record_event(&mut self, at: Time, event: Event, did: &[&'static str]) -> Option<TraceBatch> {
        let at = at.max(self.last_event_at);
        let tie = at == std::mem::replace(&mut self.last_event_at, at);
        let is_old = self.runs.iter().any(|run| at.since(run.first_at).as_millis() > u128::from(MAX_RUN_AGE_MS));
        let mut lines = String::new();
        // Two events at the same time keep their order only if the first is written first.
        if tie || is_old || !did.is_empty() {
            lines = self.drain_runs();
        }
        match self.runs.iter_mut().find(|run| run.event == event) {
            _ if !did.is_empty() => push_line(&mut lines, &event_line(at, &event, &[], did)),
            Some(run) if run.gaps_ms.len() < MAX_RUN_EVENTS => {
                run.gaps_ms.push(u32::try_from(at.since(run.last_at).as_millis()).unwrap_or(u32::MAX));
                run.last_at = at;
            }
            _ => {
                if self.runs.len() >= self.upstream_count + OTHER_OPEN_RUNS
                    || self.runs.iter().any(|run| run.event == event)
                {
                    lines.push_str(&self.drain_runs());
                }
                self.runs.push(EventRun { event, first_at: at, last_at: at, gaps_ms: Vec::new() });
            }
        }
        (!lines.is_empty()).then(|| self.finish_batch(lines, false))
    }

    /// Returns what is not written yet.
    pub fn flush(&mut self) -> Option<TraceBatch> {
        let lines = self.drain_runs();
        (!lines.is_empty()).then(|| self.finish_batch(lines, false))
    }

    /// True if the segment is long enough to end: at `SEGMENT_BYTES` bytes if the machine is idle (`is_quiet`),
    /// because its state then equals a new machine's; otherwise at twice that.
    pub fn is_full(&self, is_quiet: bool) -> bool {
        self.segment_bytes > if is_quiet { SEGMENT_BYTES } else { 2 * SEGMENT_BYTES }
    }

    /// Notes that a batch was dropped; the next one says so.
    pub fn note_lost_batch(&mut self) {
        self.has_lost_batch = true;
    }

    fn drain_runs(&mut self) -> String {
        let mut lines = String::new();
        for run in self.runs.drain(..) {
            push_line(&mut lines, &event_line(run.first_at, &run.event, &run.gaps_ms, &[]));
        }
        lines
    }

    fn finish_batch(&mut self, mut lines: String, begins: bool) -> TraceBatch {
        if std::mem::take(&mut self.has_lost_batch) {
            lines.insert_str(0, "{\"lost\":true}\n");
        }
        self.segment_bytes += lines.len();
        TraceBatch { lines, starts_segment: begins }
    }
}

fn event_line(at: Time, event: &Event, more: &[u32], did: &[&'static str]) -> Value {
    let mut entries = vec![("at", at.as_millis().into()), event_codec::to_json(event)];
    if !more.is_empty() {
        entries.push(("more", Value::from_items(more.iter().copied())));
    }
    if !did.is_empty() {
        entries.push(("did", Value::from_items(did.iter().copied())));
    }
    Value::from_entries(entries)
}

fn push_line(lines: &mut String, line: &Value) {
    lines.push_str(&line.to_string());
    lines.push('\n');
}
