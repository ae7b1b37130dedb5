//! JSON form of holds, failovers, drills and the state of the machine, in the state file, the trace and the status.

use std::time::Duration;

use crate::failover::{
    Cause, CauseKind, DemotionReason, DemotionReasonKind, Drill, DrillOutcome, DrillOutcomeKind, DrillStep, Failover,
    Hold, PersistentState,
};
use crate::text::json::Value;
use crate::text::json_fields::{JsonField, RecordError, json_record, read_field, read_optional};

json_record!(PersistentState with schema {
    hold: "hold",
    promotions: "promotions",
    has_unpushed_changes: "unpushed",
    last_failover: "failover",
    demotion_reason: "demoting" optional,
    killed_at: "killed_at",
    last_drill: "drill" optional,
    drill_passed_at: "drilled_at" optional,
});

json_record!(Hold { kind: "kind", since: "since", until: "until", reason: "reason" optional });

json_record!(Failover {
    cause: "cause",
    last_healthy_at: "last_healthy_at",
    decided_at: "decided_at",
    started_at: "started_at",
    answered_at: "answered_at",
    ended_at: "ended_at",
});

/// Cause of a failover; a drill is not one.
impl JsonField for Cause {
    fn to_json(&self) -> Value {
        self.kind().to_json()
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        match CauseKind::from_json(node)? {
            CauseKind::Outage => Ok(Self::Outage),
            CauseKind::Flapping => Ok(Self::Flapping),
            CauseKind::Operator => Ok(Self::Operator),
            CauseKind::Found => Ok(Self::Found),
            CauseKind::Drill => Err(RecordError::new("is not a known name")),
        }
    }
}

impl JsonField for Drill {
    fn to_json(&self) -> Value {
        let failed_step = match self.outcome {
            Some(DrillOutcome::Failed { step }) => Some(step),
            _ => None,
        };
        Value::from_entries([
            ("began_at", self.began_at.to_json()),
            ("step", self.step.to_json()),
            ("step_since", self.step_since.to_json()),
            ("took_seconds", step_durations_to_json(self)),
            ("outcome", self.outcome.map(|outcome| outcome.kind()).to_json()),
            ("failed_step", failed_step.to_json()),
            ("ended_at", self.ended_at.to_json()),
        ])
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        let step = read_field(node, "step")?;
        let failed_step: Option<DrillStep> = read_field(node, "failed_step")?;
        let outcome: Option<DrillOutcomeKind> = read_field(node, "outcome")?;
        let to_outcome = |kind| match kind {
            DrillOutcomeKind::Passed => DrillOutcome::Passed,
            DrillOutcomeKind::Failed => DrillOutcome::Failed { step: failed_step.unwrap_or(step) },
            DrillOutcomeKind::Overtaken => DrillOutcome::Overtaken,
            DrillOutcomeKind::Promoted => DrillOutcome::Promoted,
            DrillOutcomeKind::Stopped => DrillOutcome::Stopped,
            DrillOutcomeKind::Interrupted => DrillOutcome::Interrupted,
        };
        Ok(Self {
            began_at: read_field(node, "began_at")?,
            step,
            step_since: read_field(node, "step_since")?,
            step_durations: read_step_durations(node)?,
            outcome: outcome.map(to_outcome),
            ended_at: read_field(node, "ended_at")?,
        })
    }
}

/// Returns the duration of each finished step, by step name.
pub(crate) fn step_durations_to_json(drill: &Drill) -> Value {
    Value::from_entries(drill.finished_steps().map(|(step, took)| (step.name(), took.to_json())))
}

/// Reads the durations of finished steps, in the order of [`DrillStep::ALL`].
fn read_step_durations(node: &Value) -> Result<[Option<Duration>; 6], RecordError> {
    let took = node.get("took_seconds").ok_or(RecordError::new("is missing").in_field("took_seconds"))?;
    let mut durations = [None; 6];
    for (duration, step) in durations.iter_mut().zip(DrillStep::ALL) {
        *duration = read_optional(took, step.name())?;
    }
    Ok(durations)
}

impl JsonField for DemotionReason {
    fn to_json(&self) -> Value {
        let upstream = match *self {
            Self::Ready { upstream } => Some(upstream),
            Self::Operator | Self::DrillOver | Self::Found => None,
        };
        Value::from_entries([("reason", self.kind().to_json()), ("upstream", upstream.to_json())])
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        let upstream: Option<usize> = read_field(node, "upstream")?;
        Ok(match read_field(node, "reason")? {
            DemotionReasonKind::Ready => Self::Ready { upstream: upstream.unwrap_or_default() },
            DemotionReasonKind::Operator => Self::Operator,
            DemotionReasonKind::DrillOver => Self::DrillOver,
            DemotionReasonKind::Found => Self::Found,
        })
    }
}
