//! Codec for holds, failovers and drills in JSON, as the state file and the status store them.

use crate::failover::{Drill, DrillStep, Failover, Hold, Outcome, Reason, names};
use crate::os::clock::Wall;
use crate::text::json::{Node, Value};
use crate::text::json_fields::{
    as_seconds, as_text, as_time, field, newer, optional, {self},
};

/// Returns the hold in wall-clock times.
pub(crate) fn hold_at_wall(hold: Hold, wall: Wall) -> Hold {
    Hold { kind: hold.kind, since: wall.at(hold.since), until: hold.until.map(|at| wall.at(at)) }
}

/// Returns the failover in wall-clock times.
pub(crate) fn failover_at_wall(failover: &Failover, wall: Wall) -> Failover {
    Failover {
        cause: failover.cause,
        life: wall.at(failover.life),
        decided: wall.at(failover.decided),
        started: failover.started.map(|at| wall.at(at)),
        answered: failover.answered.map(|at| wall.at(at)),
        ended: failover.ended.map(|at| wall.at(at)),
    }
}

pub(crate) fn hold_to_json(hold: Hold) -> Value {
    Value::object([
        ("kind", names::hold(hold.kind).into()),
        ("since", json_fields::time(hold.since)),
        ("until", hold.until.map(json_fields::time).into()),
    ])
}

pub(crate) fn hold(node: &Value) -> Result<Hold, String> {
    let kind = as_text(field(node, "kind")?, "kind")?;
    Ok(Hold {
        kind: names::parse_hold(kind).ok_or_else(|| format!("`{kind}` is not a hold"))?,
        since: as_time(field(node, "since")?, "since")?,
        until: optional(node, "until", as_time)?,
    })
}

pub(crate) fn failover_to_json(failover: &Failover) -> Value {
    Value::object([
        ("cause", names::cause(failover.cause).into()),
        ("life_at", json_fields::time(failover.life)),
        ("decided_at", json_fields::time(failover.decided)),
        ("started_at", failover.started.map(json_fields::time).into()),
        ("answered_at", failover.answered.map(json_fields::time).into()),
        ("ended_at", failover.ended.map(json_fields::time).into()),
    ])
}

pub(crate) fn failover(node: &Value) -> Result<Failover, String> {
    let cause = as_text(field(node, "cause")?, "cause")?;
    Ok(Failover {
        cause: names::parse_cause(cause).ok_or_else(|| format!("`{cause}` is not a cause"))?,
        life: as_time(field(node, "life_at")?, "life_at")?,
        decided: as_time(field(node, "decided_at")?, "decided_at")?,
        started: optional(node, "started_at", as_time)?,
        answered: optional(node, "answered_at", as_time)?,
        ended: optional(node, "ended_at", as_time)?,
    })
}

/// Returns the drill in wall-clock times.
pub(crate) fn drill_at_wall(drill: &Drill, wall: Wall) -> Drill {
    Drill {
        began: wall.at(drill.began),
        since: wall.at(drill.since),
        ended: drill.ended.map(|at| wall.at(at)),
        ..drill.clone()
    }
}

pub(crate) fn drill_to_json(drill: &Drill) -> Value {
    let failed = match drill.outcome {
        Some(Outcome::Failed { step }) => Some(step.name()),
        _ => None,
    };
    Value::object([
        ("began_at", json_fields::time(drill.began)),
        ("step", drill.step.name().into()),
        ("step_since", json_fields::time(drill.since)),
        ("took_seconds", took(drill)),
        ("outcome", drill.outcome.map(names::outcome).into()),
        ("failed_step", failed.into()),
        ("ended_at", drill.ended.map(json_fields::time).into()),
    ])
}

/// Returns the duration of each finished step, by step name.
pub(crate) fn took(drill: &Drill) -> Value {
    Value::object(drill.steps().map(|(step, took)| (step.name(), json_fields::seconds(took))))
}

pub(crate) fn drill(node: &Value) -> Result<Drill, String> {
    let step = |node: &Node, key: &str| {
        names::parse_drill_step(as_text(node, key)?).ok_or_else(|| format!("`{key}` is not a step"))
    };
    let now_in = step(field(node, "step")?, "step")?;
    let failed = optional(node, "failed_step", step)?.unwrap_or(now_in);
    let spans = field(node, "took_seconds")?;
    let mut took = [None; 6];
    for (took, step) in took.iter_mut().zip(DrillStep::ALL) {
        *took = newer(spans, step.name(), as_seconds)?;
    }
    let outcome = |node: &Node, key: &str| {
        names::parse_outcome(as_text(node, key)?, failed).ok_or_else(|| format!("`{key}` is not an outcome"))
    };
    Ok(Drill {
        began: as_time(field(node, "began_at")?, "began_at")?,
        step: now_in,
        since: as_time(field(node, "step_since")?, "step_since")?,
        took,
        outcome: optional(node, "outcome", outcome)?,
        ended: optional(node, "ended_at", as_time)?,
    })
}

pub(crate) fn reason_to_json(reason: Reason) -> Value {
    let upstream = match reason {
        Reason::Ready { upstream } => Some(upstream),
        Reason::Operator | Reason::DrillOver | Reason::Found => None,
    };
    Value::object([("reason", names::reason(reason).into()), ("upstream", upstream.into())])
}

pub(crate) fn reason(node: &Value) -> Result<Reason, String> {
    let index = |node: &Node, key: &str| {
        let number = node.as_u64().and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| format!("`{key}` is not a number"))
    };
    let upstream = optional(node, "upstream", index)?.unwrap_or_default();
    let name = as_text(field(node, "reason")?, "reason")?;
    names::parse_reason(name, upstream).ok_or_else(|| format!("`{name}` is not a reason"))
}
