//! Stable names of the core's enums, for files and for the output for programs.

use crate::failover::{Cause, DrillStep, HoldKind, Outcome, Reason, Role, Step, UnitState};
use crate::probe::Verdict;

pub(crate) fn role(role: &Role) -> &'static str {
    match role {
        Role::Standby => "standby",
        Role::Promoting(_) => "promoting",
        Role::Active(_) => "active",
        Role::Demoting(_) => "demoting",
    }
}

pub(crate) fn step(step: &Step) -> &'static str {
    match step {
        Step::Sync { .. } => "sync",
        Step::Start { .. } => "start",
        Step::Verify(_) => "verify",
        Step::Clear { .. } => "clear",
    }
}

pub(crate) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Outage => "outage",
        Cause::Flapping => "flapping",
        Cause::Operator => "operator",
        Cause::Drill { .. } => "drill",
        Cause::Found => "found",
    }
}

/// Parses the cause of a failover. `drill` is not one.
pub(crate) fn parse_cause(name: &str) -> Option<Cause> {
    [Cause::Outage, Cause::Flapping, Cause::Operator, Cause::Found].into_iter().find(|&known| cause(known) == name)
}

pub(crate) fn parse_drill_step(name: &str) -> Option<DrillStep> {
    DrillStep::ALL.into_iter().find(|step| step.name() == name)
}

pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed { .. } => "failed",
        Outcome::Overtaken => "overtaken",
        Outcome::Promoted => "promoted",
        Outcome::Stopped => "stopped",
        Outcome::Interrupted => "interrupted",
    }
}

/// Parses an outcome; `step` is the failed step, if one failed.
pub(crate) fn parse_outcome(name: &str, step: DrillStep) -> Option<Outcome> {
    let failed = Outcome::Failed { step };
    [Outcome::Passed, failed, Outcome::Overtaken, Outcome::Promoted, Outcome::Stopped, Outcome::Interrupted]
        .into_iter()
        .find(|&known| outcome(known) == name)
}

pub(crate) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Ready { .. } => "ready",
        Reason::Operator => "operator",
        Reason::DrillOver => "drill_over",
        Reason::Found => "found",
    }
}

/// Parses a reason; `upstream` is the upstream that is ready, if one is.
pub(crate) fn parse_reason(name: &str, upstream: usize) -> Option<Reason> {
    [Reason::Ready { upstream }, Reason::Operator, Reason::DrillOver, Reason::Found]
        .into_iter()
        .find(|&known| reason(known) == name)
}

pub(crate) fn hold(kind: HoldKind) -> &'static str {
    match kind {
        HoldKind::Promoted => "promoted",
        HoldKind::Standby => "standby",
        HoldKind::Paused => "paused",
    }
}

pub(crate) fn parse_hold(name: &str) -> Option<HoldKind> {
    [HoldKind::Promoted, HoldKind::Standby, HoldKind::Paused].into_iter().find(|&kind| hold(kind) == name)
}

pub(crate) fn unit_state(state: UnitState) -> &'static str {
    match state {
        UnitState::Active => "active",
        UnitState::Activating => "activating",
        UnitState::Deactivating => "deactivating",
        UnitState::Down => "down",
    }
}

/// Names of all verdicts.
pub(crate) const VERDICTS: [&str; 12] = [
    "healthy",
    "dns",
    "this-host",
    "refused",
    "unreachable",
    "connect-timeout",
    "response-timeout",
    "tls",
    "http-status",
    "not-openclaw",
    "starting",
    "draining",
];

/// Returns the name of a verdict. Readiness of a healthy gateway is stored separately.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy { .. } => "healthy",
        Verdict::Failing(failure) => failure.name(),
    }
}
