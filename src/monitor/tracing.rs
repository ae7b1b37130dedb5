//! Recording of the machine's events and decisions in the trace.

use crate::failover::{Action, Event, InitialFacts, Role};
use crate::monitor::Monitor;
use crate::monitor::recorder::Record;
use crate::records::trace::{SegmentStart, TraceBatch, decision_names};
use crate::text::Time;

impl Monitor {
    pub(super) fn trace_event(&mut self, at: Time, event: Event, actions: &[Action]) {
        let did = decision_names(actions, at, &self.parts.config);
        if let Some(batch) = self.tracer.record_event(at, event, &did) {
            self.record_trace_batch(batch);
        }
    }

    /// Records the start of a machine, or another configuration.
    pub(super) fn begin_trace(&mut self, begin: SegmentStart) {
        for batch in self.tracer.begin_segment(&begin) {
            self.record_trace_batch(batch);
        }
    }

    /// Begins a new segment of the trace when this one is full, if possible in a state that a new machine would have
    /// too.
    pub(super) fn rotate_trace(&mut self) {
        if !self.tracer.is_full(true) {
            return;
        }
        let (machine, persistent_state) = (&self.machine, self.machine.persistent_state());
        let is_drilling = persistent_state.last_drill.as_ref().is_some_and(|drill| drill.ended_at.is_none());
        let is_troubled = !machine.has_no_recent_outage()
            || machine.is_port_held()
            || machine.upstreams().iter().any(|upstream| upstream.is_unsteady);
        let is_idle = machine.role() == &Role::Standby && machine.window().is_none() && persistent_state.hold.is_none();
        let is_quiet = is_idle && !is_drilling && !is_troubled;
        if !self.tracer.is_full(is_quiet) {
            return;
        }
        let upstreams = self.machine.upstreams();
        let start = InitialFacts {
            persistent_state: persistent_state.clone(),
            armed: upstreams.iter().map(|upstream| upstream.is_armed).collect(),
            unit: self.machine.unit(),
        };
        let (at, config) = (self.clock.now(), self.parts.config.clone());
        let has_witnesses = self.machine.needs_witness();
        self.begin_trace(SegmentStart { at, config, has_witnesses, start, same_upstreams: None });
    }

    pub(super) fn flush_trace(&mut self) {
        if let Some(batch) = self.tracer.flush() {
            self.record_trace_batch(batch);
        }
    }

    fn record_trace_batch(&mut self, batch: TraceBatch) {
        if !self.threads.recorder.enqueue(Record::Trace(batch)) {
            self.tracer.note_lost_batch();
        }
    }
}
