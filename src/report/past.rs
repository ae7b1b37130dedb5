//! Holds and failovers in JSON and back: the state remembers them, the status shows them.

use std::time::Duration;

use super::clock::Wall;
use super::fields::{self, as_seconds, as_text, as_time, field, optional};
use super::names;
use crate::failover::{Cause, Failover, Hold};
use crate::json::Value;

/// The same hold with the wall clock's times.
pub(super) fn hold_at_wall(hold: Hold, wall: Wall) -> Hold {
    Hold { kind: hold.kind, since: wall.at(hold.since), until: hold.until.map(|at| wall.at(at)) }
}

/// The same failover with the wall clock's times.
pub(super) fn failover_at_wall(failover: &Failover, wall: Wall) -> Failover {
    Failover {
        cause: failover.cause,
        life: wall.at(failover.life),
        decided: wall.at(failover.decided),
        started: failover.started.map(|at| wall.at(at)),
        answered: failover.answered.map(|at| wall.at(at)),
        ended: failover.ended.map(|at| wall.at(at)),
    }
}

pub(super) fn hold_to_json(hold: Hold) -> Value {
    Value::object([
        ("kind", names::hold(hold.kind).into()),
        ("since", fields::time(hold.since)),
        ("until", hold.until.map(fields::time).into()),
    ])
}

pub(super) fn hold(node: &Value) -> Result<Hold, String> {
    let kind = as_text(field(node, "kind")?, "kind")?;
    Ok(Hold {
        kind: names::parse_hold(kind).ok_or_else(|| format!("`{kind}` is no hold"))?,
        since: as_time(field(node, "since")?, "since")?,
        until: optional(node, "until", as_time)?,
    })
}

pub(super) fn failover_to_json(failover: &Failover) -> Value {
    let drill = match failover.cause {
        Cause::Drill { hold } => Some(fields::seconds(hold)),
        Cause::Outage | Cause::Operator | Cause::Found => None,
    };
    Value::object([
        ("cause", names::cause(failover.cause).into()),
        ("drill_seconds", drill.into()),
        ("life_at", fields::time(failover.life)),
        ("decided_at", fields::time(failover.decided)),
        ("started_at", failover.started.map(fields::time).into()),
        ("answered_at", failover.answered.map(fields::time).into()),
        ("ended_at", failover.ended.map(fields::time).into()),
    ])
}

pub(super) fn failover(node: &Value) -> Result<Failover, String> {
    let drill = optional(node, "drill_seconds", as_seconds)?.unwrap_or(Duration::ZERO);
    let cause = as_text(field(node, "cause")?, "cause")?;
    Ok(Failover {
        cause: names::parse_cause(cause, drill).ok_or_else(|| format!("`{cause}` is no cause"))?,
        life: as_time(field(node, "life_at")?, "life_at")?,
        decided: as_time(field(node, "decided_at")?, "decided_at")?,
        started: optional(node, "started_at", as_time)?,
        answered: optional(node, "answered_at", as_time)?,
        ended: optional(node, "ended_at", as_time)?,
    })
}
