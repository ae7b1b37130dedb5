//! Request of a client, as one line.

use std::time::Duration;

use crate::control::{MAX_REASON_CHARS, Refusal};
use crate::failover::HoldKind;
use crate::text::json::{self, Node, Value};
use crate::text::to_printable;

/// Request to the monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Sets this hold, replacing any other.
    Hold {
        /// Kind of hold.
        kind: HoldKind,
        /// Duration of the hold; `None`: until `resume`.
        duration: Option<Duration>,
        /// Operator's reason.
        reason: Option<String>,
    },
    /// Ends the hold.
    Resume,
    /// Runs a drill.
    Drill {
        /// Time for which to stay active once the gateway has answered.
        hold: Duration,
        /// True to run it although a condition is degraded.
        force: bool,
    },
    /// Returns the status and the events from this number on; `None`: no events.
    Status {
        /// [`next_event`](crate::control::ControlResponse::next_event) of an earlier response.
        since: Option<u64>,
    },
}

/// Commands that set a hold.
const HOLD_COMMANDS: [(&str, HoldKind); 3] =
    [("promote", HoldKind::Promoted), ("demote", HoldKind::Standby), ("pause", HoldKind::Paused)];

/// Limit on the hold of a drill: a gateway that must run for longer needs `promote`.
pub const MAX_DRILL_HOLD: Duration = Duration::from_secs(24 * 60 * 60);

impl Request {
    /// True if it changes anything; false for a query.
    pub fn changes_state(&self) -> bool {
        !matches!(self, Self::Status { .. })
    }

    /// Encodes the line, without its newline. Spans are whole seconds.
    pub fn to_line(&self) -> String {
        let (command, key, number, reason) = match self {
            Self::Hold { kind, duration: lasts, reason } => {
                let command = HOLD_COMMANDS.iter().find(|(_, known)| known == kind).map_or("", |(command, _)| command);
                (command, "for_seconds", lasts.map(|lasts| lasts.as_secs()), reason.as_deref())
            }
            Self::Resume => ("resume", "", None, None),
            Self::Drill { hold, .. } => ("drill", "hold_seconds", Some(hold.as_secs()), None),
            Self::Status { since } => ("status", "since", *since, None),
        };
        let number = number.map(|number| (key, number.into()));
        let reason = reason.map(|reason| ("reason", reason.into()));
        let force = matches!(self, Self::Drill { force: true, .. }).then_some(("force", true.into()));
        let entries = [("command", command.into())].into_iter().chain(number).chain(reason).chain(force);
        Value::from_entries(entries).to_string()
    }

    /// Parses the line. Unknown keys are refused: an order without one of its keys would be another order.
    ///
    /// # Errors
    /// Returns a refusal that says what is wrong.
    pub fn parse(line: &[u8]) -> Result<Self, Refusal> {
        let line = str::from_utf8(line).map_err(|_| "the request is not UTF-8")?;
        let node = json::parse(line).map_err(|why| format!("the request is not JSON: {why}"))?;
        let command =
            node.get("command").and_then(|command| command.as_str()).ok_or("the request has no \"command\"")?;
        let hold = HOLD_COMMANDS.iter().find(|(known, _)| *known == command);
        let (known, request): (&[&str], _) = match (hold, command) {
            (Some(&(_, kind)), _) => {
                let lasts = read_number(&node, "for_seconds")?.map(Duration::from_secs);
                let known: &[_] = if kind == HoldKind::Paused { &["for_seconds", "reason"] } else { &["for_seconds"] };
                (known, Self::Hold { kind, duration: lasts, reason: read_reason(&node)? })
            }
            (None, "resume") => (&[], Self::Resume),
            (None, "drill") => {
                let hold = Duration::from_secs(read_number(&node, "hold_seconds")?.unwrap_or_default());
                if hold > MAX_DRILL_HOLD {
                    return Err("\"hold_seconds\" is more than a day".into());
                }
                let force = node.get("force").map(|force| force.as_bool().ok_or("\"force\" is neither true nor false"));
                (&["hold_seconds", "force"], Self::Drill { hold, force: force.transpose()?.unwrap_or_default() })
            }
            (None, "status") => (&["since"], Self::Status { since: read_number(&node, "since")? }),
            _ => {
                return Err("unknown command; was the program updated without restarting the monitor?".into());
            }
        };
        let mut keys = node.as_object().unwrap_or_default().iter().map(|entry| entry.key.as_str());
        match keys.all(|key| key == "command" || known.contains(&key)) {
            true => Ok(request),
            false => Err("the request has an unknown key".into()),
        }
    }
}

/// Reads the reason as one printable line of bounded length, because other users will see it.
fn read_reason(node: &Node) -> Result<Option<String>, Refusal> {
    match node.get("reason").filter(|reason| !reason.is_null()) {
        None => Ok(None),
        Some(reason) => {
            let text = reason.as_str().ok_or("\"reason\" is not a string")?;
            Ok(Some(to_printable(text, MAX_REASON_CHARS)).filter(|reason| !reason.is_empty()))
        }
    }
}

fn read_number(node: &Node, key: &str) -> Result<Option<u64>, Refusal> {
    match node.get(key).filter(|number| !number.is_null()) {
        None => Ok(None),
        Some(number) => number.as_u64().map(Some).ok_or_else(|| format!("\"{key}\" is not a whole number").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_reads_back() {
        let mut requests =
            vec![Request::Resume, Request::Status { since: None }, Request::Status { since: Some(u64::MAX) }];
        for (_, kind) in HOLD_COMMANDS {
            requests.extend([None, Some(Duration::from_secs(7200))].map(|lasts| Request::Hold {
                kind,
                duration: lasts,
                reason: None,
            }));
        }
        let hold = Duration::from_secs(300);
        requests.extend([true, false].map(|force| Request::Drill { hold, force }));
        for request in requests {
            assert_eq!(Request::parse(request.to_line().as_bytes()), Ok(request));
        }
        let pause = |reason| Request::Hold { kind: HoldKind::Paused, duration: Some(Duration::from_secs(60)), reason };
        assert_eq!(pause(None).to_line(), r#"{"command":"pause","for_seconds":60}"#);
        let because = pause(Some("a \"new\" kernel – 界".to_owned()));
        assert_eq!(Request::parse(because.to_line().as_bytes()), Ok(because));
    }

    #[test]
    fn a_reason_is_one_short_printable_line() {
        let parsed = |reason: &str| {
            let line = Value::from_entries([("command", "pause".into()), ("reason", reason.into())]).to_string();
            match Request::parse(line.as_bytes()) {
                Ok(Request::Hold { reason, .. }) => reason,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(parsed("\u{1b}[2Ja\n\u{202e}b").as_deref(), Some("[2Ja b"));
        assert_eq!(parsed(" \n"), None);
        assert!(parsed(&"界".repeat(1000)).unwrap().chars().count() <= MAX_REASON_CHARS + 1);
    }

    #[test]
    fn rejects_unknown_requests() {
        let nested = "[".repeat(1000);
        for bad in [
            "",
            "promote",
            "{}",
            "[]",
            "null",
            r#"{"command":1}"#,
            r#"{"command":"Promote"}"#,
            r#"{"command":"pause","for_seconds":-1}"#,
            r#"{"command":"pause","for_seconds":"2h"}"#,
            r#"{"command":"pause","for":60}"#,
            r#"{"command":"pause","for_seconds":60,"quietly":true}"#,
            r#"{"command":"resume","for_seconds":60}"#,
            r#"{"command":"resume","reason":"why not"}"#,
            r#"{"command":"promote","reason":"why not"}"#,
            r#"{"command":"pause","reason":1}"#,
            r#"{"command":"promote"} {"command":"demote"}"#,
            r#"{"command":"promote","force":true}"#,
            r#"{"command":"drill","hold_seconds":86401}"#,
            r#"{"command":"drill","force":"yes"}"#,
            r#"{"command":"drill","hold_seconds":60,"for_seconds":60}"#,
            &nested,
        ] {
            assert!(Request::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Request::parse(b"\xff\xfe").is_err());
    }
}
