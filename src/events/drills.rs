//! Entries about drills: refused, or ended.

use crate::events::{EventKind, HistoryEntry, NoticeDescriber, Severity, codec};
use crate::failover::{Drill, DrillOutcome, DrillRefusal, DrillStep};
use crate::text::utc::format_span;

impl NoticeDescriber<'_> {
    pub(super) fn describe_drill_refused(&self, why: DrillRefusal) -> HistoryEntry {
        let (name, words) = match why {
            DrillRefusal::NotStandby => ("not_standby", "this host is not in standby"),
            DrillRefusal::PrimaryDown => ("primary_down", "no upstream is healthy"),
            DrillRefusal::Held => ("held", "a hold is set; `openclaw-failover resume` ends it"),
            DrillRefusal::UnderWay => ("under_way", "another drill is running"),
            DrillRefusal::Degraded => (
                "degraded",
                "a known problem could block a failover; `openclaw-failover status` names it. To run the drill anyway: \
                 `openclaw-failover drill --force`",
            ),
        };
        HistoryEntry::warning(EventKind::DrillRefused, &format!("drill refused: {words}")).with_field("why", name)
    }

    pub(super) fn describe_drill_ended(&self, drill: &Drill) -> HistoryEntry {
        let unit = self.gateway_unit();
        let outcome = drill.outcome.unwrap_or(DrillOutcome::Interrupted);
        let (severity, how) = match outcome {
            DrillOutcome::Passed => (Severity::Notice, "passed: this host can take over".to_owned()),
            DrillOutcome::Failed { step } => {
                let (step, why) = (step.name(), step_failure_phrase(step));
                (Severity::Error, format!("failed at step '{step}': {unit} {why}. See `openclaw-failover history`"))
            }
            DrillOutcome::Overtaken => (
                Severity::Warning,
                format!(
                    "ended early: no upstream is healthy any more, so this is a real outage. {unit} stays up if it was \
                     started"
                ),
            ),
            DrillOutcome::Promoted => {
                (Severity::Notice, format!("ended early: an operator promoted this host; {unit} stays up"))
            }
            DrillOutcome::Stopped => (Severity::Notice, "ended early on an operator's request".to_owned()),
            DrillOutcome::Interrupted => (
                Severity::Warning,
                format!("was interrupted: the monitor restarted, or {unit} was started or stopped from outside"),
            ),
        };
        let steps: Vec<_> =
            drill.finished_steps().map(|(step, took)| format!("{} {}", step.name(), format_span(took))).collect();
        let text = format!("the drill {how}. {}", steps.join(", "));
        let failed = match outcome {
            DrillOutcome::Failed { step } => Some(step.name()),
            _ => None,
        };
        HistoryEntry::new(severity, EventKind::DrillEnded, &text)
            .with_field("outcome", outcome.kind().name())
            .with_field("failed_step", failed)
            .with_field("took_seconds", codec::step_durations_to_json(drill))
    }
}

/// Describes the failure of a step, with the gateway's unit as the subject.
fn step_failure_phrase(step: DrillStep) -> &'static str {
    match step {
        DrillStep::Pull | DrillStep::Start => "was not started",
        DrillStep::Verify => "was not healthy in time",
        DrillStep::Hold => "did not stay up with all its channels",
        DrillStep::Stop => "did not stop in time",
        DrillStep::Return => "was stopped, but its changes did not reach the git remote",
    }
}
