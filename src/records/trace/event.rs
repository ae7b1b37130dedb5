//! JSON codec for one event of the machine.

use crate::events::codec;
use crate::failover::{Answerer, Command, Event, Hold, Invocation, Observation, Unit, UnitState, names};
use crate::probe::{Failure, Verdict};
use crate::text::Time;
use crate::text::json::{Node, Value};
use crate::text::json_fields::{
    as_seconds, as_text, field, optional, {self},
};

/// Encodes the event as one entry of its line's object.
pub(super) fn to_json(event: &Event) -> (&'static str, Value) {
    match event {
        Event::Probed { upstream, verdict } => {
            ("probed", Value::object([("upstream", (*upstream).into()), ("verdict", verdict_to_json(*verdict))]))
        }
        Event::Witnessed { alive } => ("witnessed", (*alive).into()),
        Event::Observed(seen) => (
            "observed",
            Value::object([
                ("unit", seen.unit.map(unit_to_json).into()),
                ("verdict", seen.verdict.map(verdict_to_json).into()),
                ("channels_well", seen.channels_well.into()),
                ("answerer", answerer_to_json(&seen.answerer)),
            ]),
        ),
        Event::Ordered(result) => ("ordered", result.as_ref().err().map(String::as_str).into()),
        Event::Pulled { unreturned } => ("pulled", (*unreturned).into()),
        Event::Pushed { returned } => ("pushed", (*returned).into()),
        Event::Command(Command::Hold { kind, until }) => {
            // The event's time is when the hold begins.
            ("hold", codec::hold_to_json(Hold { kind: *kind, since: Time::default(), until: *until }))
        }
        Event::Command(Command::Resume) => ("resume", true.into()),
        Event::Command(Command::Drill { hold, degraded }) => {
            let hold = json_fields::seconds(*hold);
            ("drill", Value::object([("hold_seconds", hold), ("degraded", (*degraded).into())]))
        }
        Event::Tick => ("tick", true.into()),
    }
}

/// Decodes the event of a line.
pub(super) fn read(line: &Value) -> Result<Event, String> {
    let names = ["probed", "witnessed", "observed", "ordered", "pulled", "pushed", "hold", "resume", "drill", "tick"];
    let known = names.iter().find_map(|name| Some((*name, line.get(name)?)));
    let (name, node) = known.ok_or("the line has no event")?;
    let truth = || node.as_bool().ok_or_else(|| format!("`{name}` is neither true nor false"));
    Ok(match name {
        "probed" => Event::Probed {
            upstream: number(node, "upstream")?,
            verdict: read_verdict(field(node, "verdict")?, "verdict")?,
        },
        "witnessed" => Event::Witnessed { alive: truth()? },
        "observed" => Event::Observed(Observation {
            unit: optional(node, "unit", |node, _| read_unit(node))?,
            verdict: optional(node, "verdict", |node, key| read_verdict(node, key))?,
            channels_well: field(node, "channels_well")?
                .as_bool()
                .ok_or("`channels_well` is neither true nor false")?,
            // Traces of older versions lack it: there every answer counted as the unit's.
            answerer: node.get("answerer").map_or(Ok(Answerer::Unit), read_answerer)?,
        }),
        "ordered" => Event::Ordered(if node.is_null() { Ok(()) } else { Err(as_text(node, name)?.to_owned()) }),
        "pulled" => Event::Pulled { unreturned: truth()? },
        "pushed" => Event::Pushed { returned: truth()? },
        "hold" => {
            let Hold { kind, until, .. } = codec::hold(node)?;
            Event::Command(Command::Hold { kind, until })
        }
        "resume" => Event::Command(Command::Resume),
        "drill" => Event::Command(Command::Drill {
            hold: as_seconds(field(node, "hold_seconds")?, "hold_seconds")?,
            degraded: field(node, "degraded")?.as_bool().ok_or("`degraded` is neither true nor false")?,
        }),
        _ => Event::Tick,
    })
}

/// Encodes the answerer: `null` while pending, `"unit"`, or an object with the reason why it is not the unit.
fn answerer_to_json(answerer: &Answerer) -> Value {
    match answerer {
        Answerer::Pending => Value::Null,
        Answerer::Unit => "unit".into(),
        Answerer::Other(why) => Value::object([("other", why.as_str().into())]),
        Answerer::Unverified(why) => Value::object([("unverified", why.as_str().into())]),
    }
}

fn read_answerer(node: &Node) -> Result<Answerer, String> {
    let words = |key: &str| node.get(key).map(|node| as_text(node, key).map(str::to_owned));
    match (words("other"), words("unverified")) {
        (Some(why), _) => Ok(Answerer::Other(why?)),
        (None, Some(why)) => Ok(Answerer::Unverified(why?)),
        (None, None) if node.is_null() => Ok(Answerer::Pending),
        (None, None) if node.as_str() == Some("unit") => Ok(Answerer::Unit),
        (None, None) => Err("`answerer` is not valid".to_owned()),
    }
}

/// Encodes a verdict: `"ready"`, `"not ready"`, the name of a failure, or an HTTP status as a number.
fn verdict_to_json(verdict: Verdict) -> Value {
    match verdict {
        Verdict::Healthy { ready: true } => "ready".into(),
        Verdict::Healthy { ready: false } => "not ready".into(),
        Verdict::Failing(Failure::Status(status)) => status.into(),
        Verdict::Failing(failure) => failure.name().into(),
    }
}

fn read_verdict(node: &Value, key: &str) -> Result<Verdict, String> {
    const FAILURES: [Failure; 10] = [
        Failure::Dns,
        Failure::ThisHost,
        Failure::Refused,
        Failure::Unreachable,
        Failure::ConnectTimeout,
        Failure::ResponseTimeout,
        Failure::Tls,
        Failure::NotOpenClaw,
        Failure::Starting,
        Failure::Draining,
    ];
    if let Some(status) = node.as_u64().and_then(|status| u16::try_from(status).ok()) {
        return Ok(Verdict::Failing(Failure::Status(status)));
    }
    let known = match node.as_str() {
        Some("ready") => Some(Verdict::Healthy { ready: true }),
        Some("not ready") => Some(Verdict::Healthy { ready: false }),
        name => FAILURES.into_iter().find(|failure| name == Some(failure.name())).map(Verdict::Failing),
    };
    known.ok_or_else(|| format!("`{key}` is not a verdict"))
}

pub(super) fn unit_to_json(unit: Unit) -> Value {
    Value::object([
        ("state", names::unit_state(unit.state).into()),
        ("invocation", unit.invocation.map(|Invocation(id)| format!("{id:032x}")).into()),
        ("pid", unit.main_pid.into()),
    ])
}

pub(super) fn read_unit(node: &Value) -> Result<Unit, String> {
    let state = as_text(field(node, "state")?, "state")?;
    let states = [UnitState::Active, UnitState::Activating, UnitState::Deactivating, UnitState::Down];
    let invocation = optional(node, "invocation", |node, key| {
        u128::from_str_radix(as_text(node, key)?, 16).map_err(|_| format!("`{key}` is not a number"))
    })?;
    Ok(Unit {
        state: states.into_iter().find(|&known| names::unit_state(known) == state).ok_or("`state` is not valid")?,
        invocation: invocation.map(Invocation),
        main_pid: optional(node, "pid", |node, key| {
            node.as_u64().and_then(|pid| pid.try_into().ok()).ok_or_else(|| format!("`{key}` is not a number"))
        })?,
    })
}

/// Reads a number that fits `usize`.
pub(super) fn number(object: &Value, key: &str) -> Result<usize, String> {
    let number = field(object, key)?.as_u64().and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| format!("`{key}` is not a number"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::failover::HoldKind;
    use crate::text::json;

    #[test]
    fn every_event_reads_back() {
        let unit =
            Unit { state: UnitState::Activating, invocation: Some(Invocation(u128::MAX - 7)), main_pid: Some(42) };
        let seen = |unit, verdict| {
            Event::Observed(Observation { unit, verdict, channels_well: false, answerer: Answerer::Pending })
        };
        let answered =
            |answerer| Event::Observed(Observation { unit: None, verdict: None, channels_well: true, answerer });
        let mut events = vec![
            Event::Witnessed { alive: false },
            seen(Some(unit), Some(Verdict::Healthy { ready: false })),
            seen(Some(Unit { state: UnitState::Down, invocation: None, main_pid: None }), None),
            seen(None, None),
            answered(Answerer::Unit),
            answered(Answerer::Other("port 1 is held by \"x\"\n".into())),
            answered(Answerer::Unverified("polkit".into())),
            Event::Ordered(Ok(())),
            Event::Ordered(Err("Unit \"x\"\nis masked".into())),
            Event::Pulled { unreturned: true },
            Event::Pushed { returned: false },
            Event::Command(Command::Hold { kind: HoldKind::Paused, until: Some(Time::from_millis(1_795_300_227_123)) }),
            Event::Command(Command::Hold { kind: HoldKind::Promoted, until: None }),
            Event::Command(Command::Resume),
            Event::Command(Command::Drill { hold: Duration::from_millis(60_001), degraded: true }),
            Event::Tick,
        ];
        let failures = [
            "dns",
            "this-host",
            "refused",
            "unreachable",
            "connect-timeout",
            "response-timeout",
            "tls",
            "not-openclaw",
        ];
        let verdicts = failures.into_iter().chain(["starting", "draining", "ready", "not ready"]);
        let verdicts = verdicts.map(Value::from).chain([Value::from(502_u16)]);
        events.extend(verdicts.map(|name| Event::Probed { upstream: 3, verdict: read_verdict(&name, "x").unwrap() }));
        for event in events {
            let line = Value::object([to_json(&event)]).to_string();
            assert_eq!(read(&json::parse(&line).unwrap()), Ok(event), "{line}");
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for bad in
            ["{}", r#"{"tick":1,"probed":{}}"#, r#"{"probed":{"upstream":0,"verdict":"fine"}}"#, r#"{"pulled":3}"#]
        {
            assert!(read(&json::parse(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
