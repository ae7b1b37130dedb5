//! Rehearsals: why there is none now, and what became of one.

use crate::events::{Entry, Severity, Teller, codec};
use crate::failover::{Drill, DrillStep, Outcome, Refusal, names};
use crate::text::utc::span;

impl Teller<'_> {
    pub(super) fn drill_refused(&self, why: Refusal) -> Entry {
        let (name, words) = match why {
            Refusal::NotStandby => ("not_standby", "this host is not in standby"),
            Refusal::PrimaryDown => ("primary_down", "no upstream is healthy, so it would be no rehearsal"),
            Refusal::Held => ("held", "a hold stands; `openclaw-failover resume` ends it"),
            Refusal::UnderWay => ("under_way", "one is under way"),
            Refusal::Degraded => (
                "degraded",
                "something stands in the way of a failover; `openclaw-failover status` names it, and `openclaw-failover \
                 drill --force` rehearses all the same",
            ),
        };
        Entry::warning("drill_refused", &format!("no drill now: {words}")).with("why", name)
    }

    pub(super) fn drill_ended(&self, drill: &Drill) -> Entry {
        let unit = self.unit();
        let outcome = drill.outcome.unwrap_or(Outcome::Interrupted);
        let (severity, how) = match outcome {
            Outcome::Passed => (Severity::Notice, "passed: this host could take over".to_owned()),
            Outcome::Failed { step } => {
                let (step, why) = (step.name(), failed(step));
                (Severity::Error, format!("failed at its step '{step}': {unit} {why}. The history says more"))
            }
            Outcome::Overtaken => (
                Severity::Warning,
                format!(
                    "ended early: no upstream shows life any more, so it is no rehearsal. {unit} stays up if it was \
                     started, under the ordinary rules"
                ),
            ),
            Outcome::Promoted => (Severity::Notice, format!("ended early: an operator keeps {unit} up")),
            Outcome::Stopped => (Severity::Notice, "ended early: an operator said so".to_owned()),
            Outcome::Interrupted => (
                Severity::Warning,
                format!("was interrupted: the monitor was restarted, or somebody else started or stopped {unit}"),
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

/// What the gateway did not do.
fn failed(step: DrillStep) -> &'static str {
    match step {
        DrillStep::Pull | DrillStep::Start => "was not started",
        DrillStep::Verify => "did not come up, or not in time",
        DrillStep::Hold => "did not stay up, or not with all its channels",
        DrillStep::Stop => "did not stop as it should",
        DrillStep::Return => "was stopped, and what it has written did not reach the remote",
    }
}
