//! Recording of the machine's events and decisions in the trace.

use crate::failover::{Action, Event, Role, Start};
use crate::monitor::Monitor;
use crate::monitor::recorder::Record;
use crate::records::trace::{Batch, Begin, decisions};
use crate::text::Time;

impl Monitor {
    pub(super) fn trace(&mut self, at: Time, event: Event, actions: &[Action]) {
        let did = decisions(actions, at, &self.parts.config);
        if let Some(batch) = self.tracer.took(at, event, &did) {
            self.trace_batch(batch);
        }
    }

    /// Records the start of a machine, or another configuration.
    pub(super) fn trace_begin(&mut self, begin: Begin) {
        for batch in self.tracer.begin(&begin) {
            self.trace_batch(batch);
        }
    }

    /// Begins a new segment of the trace when this one is full, if possible in a state that a new machine would have
    /// too.
    pub(super) fn trace_anew(&mut self) {
        let (machine, memory) = (&self.machine, self.machine.memory());
        let is_drilling = memory.drill.as_ref().is_some_and(|drill| drill.ended.is_none());
        let is_troubled = !machine.has_no_recent_outage()
            || machine.port_held()
            || machine.upstreams().iter().any(|upstream| upstream.unsteady);
        let is_idle = machine.role() == &Role::Standby && machine.window().is_none() && memory.hold.is_none();
        let is_quiet = is_idle && !is_drilling && !is_troubled;
        if !self.tracer.is_full(is_quiet) {
            return;
        }
        let upstreams = self.machine.upstreams();
        let start = Start {
            memory: memory.clone(),
            armed: upstreams.iter().map(|upstream| upstream.armed).collect(),
            unit: self.machine.unit(),
        };
        let (at, config) = (self.clock.now(), self.parts.config.clone());
        let witnessed = self.machine.wants_witness();
        self.trace_begin(Begin { at, config, witnessed, start, same_upstreams: None });
    }

    pub(super) fn trace_rest(&mut self) {
        if let Some(batch) = self.tracer.flush() {
            self.trace_batch(batch);
        }
    }

    fn trace_batch(&mut self, batch: Batch) {
        if !self.workers.recorder.take(Record::Trace(batch)) {
            self.tracer.lose();
        }
    }
}
