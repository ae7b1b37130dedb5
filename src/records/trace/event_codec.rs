//! JSON codec for one event of the machine.

use crate::failover::{
    Answerer, Event, Hold, InvocationId, Observation, ObservedUnit, OperatorCommand, UnitActionError,
};
use crate::probe::{ProbeFailure, Verdict};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::json_fields::{JsonField, RecordError, json_record, read_field, read_name};

json_record!(Observation {
    unit: "unit",
    verdict: "verdict",
    are_channels_healthy: "channels_well",
    answerer: "answerer",
});

json_record!(ObservedUnit { state: "state", invocation: "invocation", main_pid: "pid" });

/// Encodes the event as one entry of its line's object.
pub(super) fn to_json(event: &Event) -> (&'static str, Value) {
    match event {
        Event::Probed { upstream, verdict } => {
            ("probed", Value::from_entries([("upstream", upstream.to_json()), ("verdict", verdict.to_json())]))
        }
        Event::WitnessesAnswered { alive } => ("witnessed", alive.to_json()),
        Event::Observed(seen) => ("observed", seen.to_json()),
        Event::UnitActionEnded(result) => ("ordered", result.as_ref().err().map(|error| error.why.as_str()).into()),
        Event::Pulled { unpushed } => ("pulled", unpushed.to_json()),
        Event::Pushed { returned } => ("pushed", returned.to_json()),
        Event::Command(OperatorCommand::Hold { kind, until, reason }) => {
            // The event's time is when the hold begins.
            let (kind, since, until, reason) = (*kind, Time::default(), *until, reason.clone());
            ("hold", Hold { kind, since, until, reason }.to_json())
        }
        Event::Command(OperatorCommand::Resume) => ("resume", true.into()),
        Event::Command(OperatorCommand::Drill { hold, degraded }) => {
            ("drill", Value::from_entries([("hold_seconds", hold.to_json()), ("degraded", degraded.to_json())]))
        }
        Event::Tick => ("tick", true.into()),
    }
}

/// Decodes the event of a line.
pub(super) fn read(line: &Value) -> Result<Event, RecordError> {
    let names = ["probed", "witnessed", "observed", "ordered", "pulled", "pushed", "hold", "resume", "drill", "tick"];
    let known = names.iter().find_map(|name| Some((*name, line.get(name)?)));
    let (name, node) = known.ok_or(RecordError::new("the line has no event"))?;
    Ok(match name {
        "probed" => Event::Probed { upstream: read_field(node, "upstream")?, verdict: read_field(node, "verdict")? },
        "witnessed" => Event::WitnessesAnswered { alive: read_field(line, name)? },
        "observed" => Event::Observed(read_field(line, name)?),
        "ordered" => {
            let refusal: Option<String> = read_field(line, name)?;
            Event::UnitActionEnded(refusal.map_or(Ok(()), |why| Err(UnitActionError::refused(why))))
        }
        "pulled" => Event::Pulled { unpushed: read_field(line, name)? },
        "pushed" => Event::Pushed { returned: read_field(line, name)? },
        "hold" => {
            let Hold { kind, until, reason, .. } = read_field(line, name)?;
            Event::Command(OperatorCommand::Hold { kind, until, reason })
        }
        "resume" => Event::Command(OperatorCommand::Resume),
        "drill" => Event::Command(OperatorCommand::Drill {
            hold: read_field(node, "hold_seconds")?,
            degraded: read_field(node, "degraded")?,
        }),
        _ => Event::Tick,
    })
}

/// `null` while pending, `"unit"`, or an object with the reason why it is not the unit.
impl JsonField for Answerer {
    fn to_json(&self) -> Value {
        match self {
            Self::Pending => Value::Null,
            Self::Unit => "unit".into(),
            Self::Other(why) => Value::from_entries([("other", why.to_json())]),
            Self::Unverified(why) => Value::from_entries([("unverified", why.to_json())]),
        }
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        match node {
            Value::Null => Ok(Self::Pending),
            Value::Object(_) if node.get("other").is_some() => read_field(node, "other").map(Self::Other),
            Value::Object(_) => read_field(node, "unverified").map(Self::Unverified),
            _ => read_name(node, |name| (name == "unit").then_some(Self::Unit)),
        }
    }
}

/// `"ready"`, `"not ready"`, the name of a failure, or an HTTP status as a number.
impl JsonField for Verdict {
    fn to_json(&self) -> Value {
        match self {
            Self::Healthy { ready: true } => "ready".into(),
            Self::Healthy { ready: false } => "not ready".into(),
            Self::Failing(ProbeFailure::Status(status)) => (*status).into(),
            Self::Failing(failure) => failure.name().into(),
        }
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        if let Some(status) = node.as_u64().and_then(|status| u16::try_from(status).ok()) {
            return Ok(Self::Failing(ProbeFailure::Status(status)));
        }
        read_name(node, |name| match name {
            "ready" => Some(Self::Healthy { ready: true }),
            "not ready" => Some(Self::Healthy { ready: false }),
            "http-status" => None,
            _ => ProbeFailure::ALL.into_iter().find(|failure| failure.name() == name).map(Self::Failing),
        })
    }
}

impl JsonField for InvocationId {
    fn to_json(&self) -> Value {
        format!("{:032x}", self.0).into()
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        read_name(node, |id| u128::from_str_radix(id, 16).ok().map(Self))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::failover::{HoldKind, UnitState};
    use crate::probe::VerdictKind;
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
            Event::Pulled { unpushed: true },
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
        let failures = VerdictKind::ALL
            .map(VerdictKind::name)
            .into_iter()
            .filter(|name| !["healthy", "http-status"].contains(name));
        let verdicts = failures.chain(["ready", "not ready"]).map(Value::from).chain([Value::from(502_u16)]);
        events.extend(verdicts.map(|name| Event::Probed { upstream: 3, verdict: Verdict::from_json(&name).unwrap() }));
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
