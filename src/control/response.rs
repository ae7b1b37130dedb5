//! Response to a client, as one line.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::control::MAX_RESPONSE_BYTES;
use crate::status::Status;
use crate::text::json::{self, Value};

/// Response with the status after a request.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlResponse {
    /// Events since the request, oldest first, as sentences for people.
    pub events: Vec<String>,
    /// Number of the next event.
    pub next_event: u64,
    /// Time limit for what was ordered.
    pub time_limit: Duration,
    /// Present status.
    pub status: Status,
}

impl ControlResponse {
    /// Encodes the line, without its newline.
    pub fn to_line(&self) -> String {
        let line = Value::from_entries([
            ("said", self.events.clone().into()),
            ("next", self.next_event.into()),
            ("within_seconds", self.time_limit.as_secs().into()),
            ("status", self.status.to_json()),
        ])
        .to_string();
        if line.len() < MAX_RESPONSE_BYTES {
            line
        } else {
            Refusal::from("the response is too long for the socket").to_line()
        }
    }

    /// Parses the line.
    ///
    /// # Errors
    /// Returns the refusal if the monitor refused the request, or if the line is not a response.
    pub fn parse(line: &[u8]) -> Result<Self, Refusal> {
        let line = str::from_utf8(line).map_err(|_| "the monitor's response is not UTF-8")?;
        let node = json::parse(line).map_err(|why| format!("the monitor's response is not JSON: {why}"))?;
        if let Some(why) = node.get("error").and_then(|why| why.as_str()) {
            return Err(why.to_owned().into());
        }
        let number = |key| node.get(key).and_then(|number| number.as_u64()).unwrap_or_default();
        let events = node.get("said").and_then(|events| events.as_array()).unwrap_or_default();
        let status = node.get("status").ok_or("the monitor's response has no status")?;
        Ok(Self {
            events: events.iter().filter_map(|sentence| Some(sentence.as_str()?.to_owned())).collect(),
            next_event: number("next"),
            time_limit: Duration::from_secs(number("within_seconds")),
            status: Status::from_value(status).map_err(|why| why.to_string())?,
        })
    }
}

/// Refusal of a request, with the reason for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(Cow<'static, str>);

impl Refusal {
    /// Encodes the line, without its newline.
    pub(super) fn to_line(&self) -> String {
        Value::from_entries([("error", self.0.as_ref().into())]).to_string()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T: Into<Cow<'static, str>>> From<T> for Refusal {
    fn from(why: T) -> Self {
        Self(why.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Time;

    #[test]
    fn responses_read_back_and_refusals_are_errors() {
        let status = Status { updated_at: Time::from_millis(1_795_300_227_123), ..Status::default() };
        let said = vec!["takes over".to_owned(), "\u{1b}[2J".to_owned()];
        let answer = ControlResponse { events: said, next_event: 7, time_limit: Duration::from_secs(305), status };
        assert_eq!(ControlResponse::parse(answer.to_line().as_bytes()), Ok(answer));
        assert_eq!(ControlResponse::parse(Refusal::from("no").to_line().as_bytes()), Err("no".into()));
        for bad in ["", "{}", "[1]", r#"{"status":{}}"#] {
            assert!(ControlResponse::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_overlong_response_is_a_refusal() {
        let said = vec!["x".repeat(MAX_RESPONSE_BYTES)];
        let answer =
            ControlResponse { events: said, next_event: 0, time_limit: Duration::ZERO, status: Status::default() };
        assert!(ControlResponse::parse(answer.to_line().as_bytes()).unwrap_err().to_string().contains("too long"));
    }
}
