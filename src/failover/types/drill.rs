//! Drill, a rehearsed failover: its steps, its outcome and its record.

use std::time::Duration;

use crate::text::named_enum::named_enum;
use crate::text::timestamp::Time;

named_enum! {
    /// Steps of a drill, in order.
    #[derive(PartialOrd, Ord)]
    pub enum DrillStep {
        /// The workspace is pulled.
        Pull = "pull",
        /// The gateway is started.
        Start = "start",
        /// The gateway has not answered yet.
        Verify = "verify",
        /// The gateway stays up for the requested time.
        Hold = "hold",
        /// The gateway is stopped, and drains.
        Stop = "stop",
        /// The local changes are pushed.
        Return = "return",
    }
}

/// Outcome of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillOutcome {
    /// Every step succeeded.
    Passed,
    /// A step failed.
    Failed {
        /// First step that failed.
        step: DrillStep,
    },
    /// Every upstream went down, which made it a real outage.
    Overtaken,
    /// An operator promoted this host.
    Promoted,
    /// An operator ended it early.
    Stopped,
    /// The monitor was restarted, or the gateway was started or stopped from outside this program.
    Interrupted,
}

named_enum! {
    /// Outcomes of a drill, without their data.
    pub enum DrillOutcomeKind of DrillOutcome {
        Passed = "passed",
        Failed = "failed",
        Overtaken = "overtaken",
        Promoted = "promoted",
        Stopped = "stopped",
        Interrupted = "interrupted",
    }
}

/// Record of one drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// Time of the request.
    pub began_at: Time,
    /// Current step, or the last one.
    pub step: DrillStep,
    /// Start time of that step.
    pub step_since: Time,
    /// Duration of each step, in the order of [`DrillStep::ALL`]; `None` for a step that has not ended.
    pub step_durations: [Option<Duration>; 6],
    /// Outcome. While the drill runs, it is set as soon as the drill cannot pass any more.
    pub outcome: Option<DrillOutcome>,
    /// End time.
    pub ended_at: Option<Time>,
}

impl Drill {
    pub(in crate::failover) fn new(now: Time) -> Self {
        Self {
            began_at: now,
            step: DrillStep::Pull,
            step_since: now,
            step_durations: [None; 6],
            outcome: None,
            ended_at: None,
        }
    }

    /// Returns the duration of each finished step.
    pub fn finished_steps(&self) -> impl Iterator<Item = (DrillStep, Duration)> {
        DrillStep::ALL.into_iter().zip(self.step_durations).filter_map(|(step, took)| Some((step, took?)))
    }

    pub(in crate::failover) fn finish_step(&mut self, now: Time) {
        if let Some(took) = self.step_durations.get_mut(self.step as usize) {
            *took = Some(now.since(self.step_since));
        }
    }
}
