//! Entries about drills: refused, or ended.

use crate::events::{Entry, Severity, Teller, codec};
use crate::failover::{Drill, DrillStep, Outcome, Refusal, names};
use crate::text::utc::span;

impl Teller<'_> {
    pub(super) fn drill_refused(&self, why: Refusal) -> Entry {
        let (name, words) = match why {
            Refusal::NotStandby => ("not_standby", "this host is not in standby"),
            Refusal::PrimaryDown => ("primary_down", "no upstream is healthy"),
            Refusal::Held => ("held", "a hold is set; `openclaw-failover resume` ends it"),
            Refusal::UnderWay => ("under_way", "another drill is running"),
            Refusal::Degraded => (
                "degraded",
                "a known problem could block a failover; `openclaw-failover status` names it. To run the drill anyway: \
                 `openclaw-failover drill --force`",
            ),
        };
        Entry::warning("drill_refused", &format!("drill refused: {words}")).with("why", name)
    }

    pub(super) fn drill_ended(&self, drill: &Drill) -> Entry {
        let unit = self.unit();
        let outcome = drill.outcome.unwrap_or(Outcome::Interrupted);
        let (severity, how) = match outcome {
            Outcome::Passed => (Severity::Notice, "passed: this host can take over".to_owned()),
            Outcome::Failed { step } => {
                let (step, why) = (step.name(), failed(step));
                (Severity::Error, format!("failed at step '{step}': {unit} {why}. See `openclaw-failover history`"))
            }
            Outcome::Overtaken => (
                Severity::Warning,
                format!(
                    "ended early: no upstream is healthy any more, so this is a real outage. {unit} stays up if it was \
                     started"
                ),
            ),
            Outcome::Promoted => {
                (Severity::Notice, format!("ended early: an operator promoted this host; {unit} stays up"))
            }
            Outcome::Stopped => (Severity::Notice, "ended early on an operator's request".to_owned()),
            Outcome::Interrupted => (
                Severity::Warning,
                format!("was interrupted: the monitor restarted, or {unit} was started or stopped from outside"),
            ),
        };
        let steps: Vec<_> = drill.steps().map(|(step, took)| format!("{} {}", step.name(), span(took))).collect();
        let text = format!("the drill {how}. {}", steps.join(", "));
        let failed = match outcome {
            Outcome::Failed { step } => Some(step.name()),
            _ => None,
        };
        Entry::new(severity, "drill_ended", &text)
            .with("outcome", names::outcome(outcome))
            .with("failed_step", failed)
            .with("took_seconds", codec::took(drill))
    }
}

/// Describes the failure of a step, with the gateway's unit as the subject.
fn failed(step: DrillStep) -> &'static str {
    match step {
        DrillStep::Pull | DrillStep::Start => "was not started",
        DrillStep::Verify => "was not healthy in time",
        DrillStep::Hold => "did not stay up with all its channels",
        DrillStep::Stop => "did not stop in time",
        DrillStep::Return => "was stopped, but its changes did not reach the git remote",
    }
}
