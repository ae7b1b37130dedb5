//! Codec for holds, failovers and drills in JSON, as the state file and the status store them.

use crate::failover::{DemotionReason, Drill, DrillOutcome, DrillStep, Failover, Hold, HoldKind, names};
use crate::os::clock::WallClockOffset;
use crate::text::json::{Node, Value};
use crate::text::json_fields::{self, as_seconds, as_text, as_time, nullable_field, optional_field, required_field};

/// Returns the hold in wall-clock times.
pub(crate) fn hold_at_wall(hold: &Hold, wall: WallClockOffset) -> Hold {
    let (since, until) = (wall.to_wall_clock(hold.since), hold.until.map(|at| wall.to_wall_clock(at)));
    Hold { since, until, ..hold.clone() }
}

/// Returns the failover in wall-clock times.
pub(crate) fn failover_at_wall(failover: &Failover, wall: WallClockOffset) -> Failover {
    Failover {
        cause: failover.cause,
        last_healthy_at: wall.to_wall_clock(failover.last_healthy_at),
        decided_at: wall.to_wall_clock(failover.decided_at),
        started_at: failover.started_at.map(|at| wall.to_wall_clock(at)),
        answered_at: failover.answered_at.map(|at| wall.to_wall_clock(at)),
        ended_at: failover.ended_at.map(|at| wall.to_wall_clock(at)),
    }
}

pub(crate) fn hold_to_json(hold: &Hold) -> Value {
    Value::from_entries([
        ("kind", hold.kind.name().into()),
        ("since", json_fields::time_to_json(hold.since)),
        ("until", hold.until.map(json_fields::time_to_json).into()),
        ("reason", hold.reason.clone().into()),
    ])
}

pub(crate) fn hold_from_json(node: &Value) -> Result<Hold, String> {
    let kind = as_text(required_field(node, "kind")?, "kind")?;
    Ok(Hold {
        kind: HoldKind::from_name(kind).ok_or_else(|| format!("`{kind}` is not a hold"))?,
        since: as_time(required_field(node, "since")?, "since")?,
        until: nullable_field(node, "until", as_time)?,
        // Older versions stored it beside the hold.
        reason: optional_field(node, "reason", |node, key| as_text(node, key).map(str::to_owned))?,
    })
}

pub(crate) fn failover_to_json(failover: &Failover) -> Value {
    Value::from_entries([
        ("cause", names::cause_name(failover.cause).into()),
        ("life_at", json_fields::time_to_json(failover.last_healthy_at)),
        ("decided_at", json_fields::time_to_json(failover.decided_at)),
        ("started_at", failover.started_at.map(json_fields::time_to_json).into()),
        ("answered_at", failover.answered_at.map(json_fields::time_to_json).into()),
        ("ended_at", failover.ended_at.map(json_fields::time_to_json).into()),
    ])
}

pub(crate) fn failover_from_json(node: &Value) -> Result<Failover, String> {
    let cause = as_text(required_field(node, "cause")?, "cause")?;
    Ok(Failover {
        cause: names::parse_cause(cause).ok_or_else(|| format!("`{cause}` is not a cause"))?,
        last_healthy_at: as_time(required_field(node, "life_at")?, "life_at")?,
        decided_at: as_time(required_field(node, "decided_at")?, "decided_at")?,
        started_at: nullable_field(node, "started_at", as_time)?,
        answered_at: nullable_field(node, "answered_at", as_time)?,
        ended_at: nullable_field(node, "ended_at", as_time)?,
    })
}

/// Returns the drill in wall-clock times.
pub(crate) fn drill_at_wall(drill: &Drill, wall: WallClockOffset) -> Drill {
    Drill {
        began_at: wall.to_wall_clock(drill.began_at),
        step_since: wall.to_wall_clock(drill.step_since),
        ended_at: drill.ended_at.map(|at| wall.to_wall_clock(at)),
        ..drill.clone()
    }
}

pub(crate) fn drill_to_json(drill: &Drill) -> Value {
    let failed = match drill.outcome {
        Some(DrillOutcome::Failed { step }) => Some(step.name()),
        _ => None,
    };
    Value::from_entries([
        ("began_at", json_fields::time_to_json(drill.began_at)),
        ("step", drill.step.name().into()),
        ("step_since", json_fields::time_to_json(drill.step_since)),
        ("took_seconds", step_durations_to_json(drill)),
        ("outcome", drill.outcome.map(names::outcome_name).into()),
        ("failed_step", failed.into()),
        ("ended_at", drill.ended_at.map(json_fields::time_to_json).into()),
    ])
}

/// Returns the duration of each finished step, by step name.
pub(crate) fn step_durations_to_json(drill: &Drill) -> Value {
    Value::from_entries(drill.finished_steps().map(|(step, took)| (step.name(), json_fields::seconds_to_json(took))))
}

pub(crate) fn drill_from_json(node: &Value) -> Result<Drill, String> {
    let step = |node: &Node, key: &str| {
        DrillStep::from_name(as_text(node, key)?).ok_or_else(|| format!("`{key}` is not a step"))
    };
    let now_in = step(required_field(node, "step")?, "step")?;
    let failed = nullable_field(node, "failed_step", step)?.unwrap_or(now_in);
    let spans = required_field(node, "took_seconds")?;
    let mut took = [None; 6];
    for (took, step) in took.iter_mut().zip(DrillStep::ALL) {
        *took = optional_field(spans, step.name(), as_seconds)?;
    }
    let outcome = |node: &Node, key: &str| {
        names::parse_outcome(as_text(node, key)?, failed).ok_or_else(|| format!("`{key}` is not an outcome"))
    };
    Ok(Drill {
        began_at: as_time(required_field(node, "began_at")?, "began_at")?,
        step: now_in,
        step_since: as_time(required_field(node, "step_since")?, "step_since")?,
        step_durations: took,
        outcome: nullable_field(node, "outcome", outcome)?,
        ended_at: nullable_field(node, "ended_at", as_time)?,
    })
}

pub(crate) fn reason_to_json(reason: DemotionReason) -> Value {
    let upstream = match reason {
        DemotionReason::Ready { upstream } => Some(upstream),
        DemotionReason::Operator | DemotionReason::DrillOver | DemotionReason::Found => None,
    };
    Value::from_entries([("reason", names::reason_name(reason).into()), ("upstream", upstream.into())])
}

pub(crate) fn reason_from_json(node: &Value) -> Result<DemotionReason, String> {
    let index = |node: &Node, key: &str| {
        let number = node.as_u64().and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| format!("`{key}` is not a number"))
    };
    let upstream = nullable_field(node, "upstream", index)?.unwrap_or_default();
    let name = as_text(required_field(node, "reason")?, "reason")?;
    names::parse_reason(name, upstream).ok_or_else(|| format!("`{name}` is not a reason"))
}
