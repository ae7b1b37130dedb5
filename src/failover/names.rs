//! Stable names of the core's enums, for files and for the output for programs.

use crate::failover::{Cause, DemotionReason, DrillOutcome, DrillStep, PromotionStep, Role};
use crate::probe::Verdict;

pub(crate) fn role_name(role: &Role) -> &'static str {
    match role {
        Role::Standby => "standby",
        Role::Promoting(_) => "promoting",
        Role::Active(_) => "active",
        Role::Demoting(_) => "demoting",
    }
}

pub(crate) fn step_name(step: &PromotionStep) -> &'static str {
    match step {
        PromotionStep::Sync { .. } => "sync",
        PromotionStep::Start { .. } => "start",
        PromotionStep::Verify(_) => "verify",
        PromotionStep::Clear { .. } => "clear",
    }
}

pub(crate) fn cause_name(cause: Cause) -> &'static str {
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
    [Cause::Outage, Cause::Flapping, Cause::Operator, Cause::Found].into_iter().find(|&known| cause_name(known) == name)
}

pub(crate) fn outcome_name(outcome: DrillOutcome) -> &'static str {
    match outcome {
        DrillOutcome::Passed => "passed",
        DrillOutcome::Failed { .. } => "failed",
        DrillOutcome::Overtaken => "overtaken",
        DrillOutcome::Promoted => "promoted",
        DrillOutcome::Stopped => "stopped",
        DrillOutcome::Interrupted => "interrupted",
    }
}

/// Parses an outcome; `step` is the failed step, if one failed.
pub(crate) fn parse_outcome(name: &str, step: DrillStep) -> Option<DrillOutcome> {
    let failed = DrillOutcome::Failed { step };
    [
        DrillOutcome::Passed,
        failed,
        DrillOutcome::Overtaken,
        DrillOutcome::Promoted,
        DrillOutcome::Stopped,
        DrillOutcome::Interrupted,
    ]
    .into_iter()
    .find(|&known| outcome_name(known) == name)
}

pub(crate) fn reason_name(reason: DemotionReason) -> &'static str {
    match reason {
        DemotionReason::Ready { .. } => "ready",
        DemotionReason::Operator => "operator",
        DemotionReason::DrillOver => "drill_over",
        DemotionReason::Found => "found",
    }
}

/// Parses a reason; `upstream` is the upstream that is ready, if one is.
pub(crate) fn parse_reason(name: &str, upstream: usize) -> Option<DemotionReason> {
    [DemotionReason::Ready { upstream }, DemotionReason::Operator, DemotionReason::DrillOver, DemotionReason::Found]
        .into_iter()
        .find(|&known| reason_name(known) == name)
}

/// Names of all verdicts.
pub(crate) const VERDICT_NAMES: [&str; 12] = [
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
pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy { .. } => "healthy",
        Verdict::Failing(failure) => failure.name(),
    }
}
