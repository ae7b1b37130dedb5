//! JSON codec for one event of the machine.

use crate::events::codec;
use crate::failover::{
    Answerer, Event, Hold, InvocationId, Observation, ObservedUnit, OperatorCommand, UnitActionError, UnitState,
};
use crate::probe::{ProbeFailure, Verdict};
use crate::text::Time;
use crate::text::json::{Node, Value};
use crate::text::json_fields::{self, as_seconds, as_text, nullable_field, required_field};

/// Encodes the event as one entry of its line's object.
pub(super) fn to_json(event: &Event) -> (&'static str, Value) {
    match event {
        Event::Probed { upstream, verdict } => {
            ("probed", Value::from_entries([("upstream", (*upstream).into()), ("verdict", verdict_to_json(*verdict))]))
        }
        Event::WitnessesAnswered { alive } => ("witnessed", (*alive).into()),
        Event::Observed(seen) => (
            "observed",
            Value::from_entries([
                ("unit", seen.unit.map(unit_to_json).into()),
                ("verdict", seen.verdict.map(verdict_to_json).into()),
                ("channels_well", seen.are_channels_healthy.into()),
                ("answerer", answerer_to_json(&seen.answerer)),
            ]),
        ),
        Event::UnitActionEnded(result) => ("ordered", result.as_ref().err().map(|error| error.why.as_str()).into()),
        Event::Pulled { unreturned } => ("pulled", (*unreturned).into()),
        Event::Pushed { returned } => ("pushed", (*returned).into()),
        Event::Command(OperatorCommand::Hold { kind, until, reason }) => {
            // The event's time is when the hold begins.
            let (kind, since, until, reason) = (*kind, Time::default(), *until, reason.clone());
            ("hold", codec::hold_to_json(&Hold { kind, since, until, reason }))
        }
        Event::Command(OperatorCommand::Resume) => ("resume", true.into()),
        Event::Command(OperatorCommand::Drill { hold, degraded }) => {
            let hold = json_fields::seconds_to_json(*hold);
            ("drill", Value::from_entries([("hold_seconds", hold), ("degraded", (*degraded).into())]))
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
            upstream: read_usize(node, "upstream")?,
            verdict: read_verdict(required_field(node, "verdict")?, "verdict")?,
        },
        "witnessed" => Event::WitnessesAnswered { alive: truth()? },
        "observed" => Event::Observed(Observation {
            unit: nullable_field(node, "unit", |node, _| read_unit(node))?,
            verdict: nullable_field(node, "verdict", |node, key| read_verdict(node, key))?,
            are_channels_healthy: required_field(node, "channels_well")?
                .as_bool()
                .ok_or("`channels_well` is neither true nor false")?,
            // Traces of older versions lack it: there every answer counted as the unit's.
            answerer: node.get("answerer").map_or(Ok(Answerer::Unit), read_answerer)?,
        }),
        "ordered" if node.is_null() => Event::UnitActionEnded(Ok(())),
        "ordered" => Event::UnitActionEnded(Err(UnitActionError::refused(as_text(node, name)?))),
        "pulled" => Event::Pulled { unreturned: truth()? },
        "pushed" => Event::Pushed { returned: truth()? },
        "hold" => {
            let Hold { kind, until, reason, .. } = codec::hold_from_json(node)?;
            Event::Command(OperatorCommand::Hold { kind, until, reason })
        }
        "resume" => Event::Command(OperatorCommand::Resume),
        "drill" => Event::Command(OperatorCommand::Drill {
            hold: as_seconds(required_field(node, "hold_seconds")?, "hold_seconds")?,
            degraded: required_field(node, "degraded")?.as_bool().ok_or("`degraded` is neither true nor false")?,
        }),
        _ => Event::Tick,
    })
}

/// Encodes the answerer: `null` while pending, `"unit"`, or an object with the reason why it is not the unit.
fn answerer_to_json(answerer: &Answerer) -> Value {
    match answerer {
        Answerer::Pending => Value::Null,
        Answerer::Unit => "unit".into(),
        Answerer::Other(why) => Value::from_entries([("other", why.as_str().into())]),
        Answerer::Unverified(why) => Value::from_entries([("unverified", why.as_str().into())]),
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
        Verdict::Failing(ProbeFailure::Status(status)) => status.into(),
        Verdict::Failing(failure) => failure.name().into(),
    }
}

fn read_verdict(node: &Value, key: &str) -> Result<Verdict, String> {
    const NAMED_FAILURES: [ProbeFailure; 10] = [
        ProbeFailure::Dns,
        ProbeFailure::ThisHost,
        ProbeFailure::Refused,
        ProbeFailure::Unreachable,
        ProbeFailure::ConnectTimeout,
        ProbeFailure::ResponseTimeout,
        ProbeFailure::Tls,
        ProbeFailure::NotOpenClaw,
        ProbeFailure::Starting,
        ProbeFailure::Draining,
    ];
    if let Some(status) = node.as_u64().and_then(|status| u16::try_from(status).ok()) {
        return Ok(Verdict::Failing(ProbeFailure::Status(status)));
    }
    let known = match node.as_str() {
        Some("ready") => Some(Verdict::Healthy { ready: true }),
        Some("not ready") => Some(Verdict::Healthy { ready: false }),
        name => NAMED_FAILURES.into_iter().find(|failure| name == Some(failure.name())).map(Verdict::Failing),
    };
    known.ok_or_else(|| format!("`{key}` is not a verdict"))
}

pub(super) fn unit_to_json(unit: ObservedUnit) -> Value {
    Value::from_entries([
        ("state", unit.state.name().into()),
        ("invocation", unit.invocation.map(|InvocationId(id)| format!("{id:032x}")).into()),
        ("pid", unit.main_pid.into()),
    ])
}

pub(super) fn read_unit(node: &Value) -> Result<ObservedUnit, String> {
    let state = as_text(required_field(node, "state")?, "state")?;
    let invocation = nullable_field(node, "invocation", |node, key| {
        u128::from_str_radix(as_text(node, key)?, 16).map_err(|_| format!("`{key}` is not a number"))
    })?;
    Ok(ObservedUnit {
        state: UnitState::from_name(state).ok_or("`state` is not valid")?,
        invocation: invocation.map(InvocationId),
        main_pid: nullable_field(node, "pid", |node, key| {
            node.as_u64().and_then(|pid| pid.try_into().ok()).ok_or_else(|| format!("`{key}` is not a number"))
        })?,
    })
}

/// Reads a number that fits `usize`.
pub(super) fn read_usize(object: &Value, key: &str) -> Result<usize, String> {
    let number = required_field(object, key)?.as_u64().and_then(|number| usize::try_from(number).ok());
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
        let unit = ObservedUnit {
            state: UnitState::Activating,
            invocation: Some(InvocationId(u128::MAX - 7)),
            main_pid: Some(42),
        };
        let seen = |unit, verdict| {
            Event::Observed(Observation { unit, verdict, are_channels_healthy: false, answerer: Answerer::Pending })
        };
        let answered =
            |answerer| Event::Observed(Observation { unit: None, verdict: None, are_channels_healthy: true, answerer });
        let mut events = vec![
            Event::WitnessesAnswered { alive: false },
            seen(Some(unit), Some(Verdict::Healthy { ready: false })),
            seen(Some(ObservedUnit { state: UnitState::Down, invocation: None, main_pid: None }), None),
            seen(None, None),
            answered(Answerer::Unit),
            answered(Answerer::Other("port 1 is held by \"x\"\n".into())),
            answered(Answerer::Unverified("polkit".into())),
            Event::UnitActionEnded(Ok(())),
            Event::UnitActionEnded(Err(UnitActionError::refused("Unit \"x\"\nis masked"))),
            Event::Pulled { unreturned: true },
            Event::Pushed { returned: false },
            Event::Command(OperatorCommand::Hold {
                kind: HoldKind::Paused,
                until: Some(Time::from_millis(1_795_300_227_123)),
                reason: Some("a new \"kernel\"".into()),
            }),
            Event::Command(OperatorCommand::Hold { kind: HoldKind::Promoted, until: None, reason: None }),
            Event::Command(OperatorCommand::Resume),
            Event::Command(OperatorCommand::Drill { hold: Duration::from_millis(60_001), degraded: true }),
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
            let line = Value::from_entries([to_json(&event)]).to_string();
            assert_eq!(read(&json::parse(&line).unwrap()), Ok(event), "{line}");
        }
    }

    #[test]
    fn rejects_lines_that_are_no_event() {
        for bad in
            ["{}", r#"{"tick":1,"probed":{}}"#, r#"{"probed":{"upstream":0,"verdict":"fine"}}"#, r#"{"pulled":3}"#]
        {
            assert!(read(&json::parse(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
