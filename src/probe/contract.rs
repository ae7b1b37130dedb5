//! Contract of OpenClaw: the JSON that proves that a gateway answered.
//!
//! Only the top-level object counts, and each field must occur once with the right type: a page, a proxy or a log line
//! that contains the same text proves nothing. Other fields are ignored.

use crate::probe::verdict::Channels;
use crate::text::json::{self, Node, Value};
use crate::text::to_printable;

/// Maximum number of channels; further ones are dropped.
const MAX_CHANNELS: usize = 32;
/// Maximum length of a channel's name, in characters; longer ones are cut.
const MAX_CHANNEL_NAME_CHARS: usize = 64;

/// State that a gateway reports about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportedState {
    /// `/startupz`: started, accepts messages.
    Started,
    /// `/healthz`: up, possibly draining.
    Live,
    /// `/startupz`: still starting.
    Starting,
    /// `/startupz`: draining before it stops.
    Draining,
}

impl ReportedState {
    /// Parses `{"ok": …, "status": …}`.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let answer = parse_object(body)?;
        let ok = unique_value(&answer, "ok")?.as_bool()?;
        match (ok, unique_value(&answer, "status")?.as_str()?) {
            (true, "started") => Some(Self::Started),
            (true, "live") => Some(Self::Live),
            (false, "starting") => Some(Self::Starting),
            (false, "draining") => Some(Self::Draining),
            _ => None,
        }
    }
}

/// Parses `/readyz`: `{"ready": …, "failing": […], "suppressed": […]}`. Inner `None` if the gateway omits the lists,
/// because the request was not authenticated.
pub(super) fn parse_channels(body: &[u8]) -> Option<Option<Channels>> {
    let answer = parse_object(body)?;
    unique_value(&answer, "ready")?.as_bool()?;
    let failing = channel_names(&answer, "failing");
    let suppressed = channel_names(&answer, "suppressed");
    if failing.is_none() && suppressed.is_none() {
        return Some(None);
    }
    Some(Some(Channels { failing: failing.unwrap_or_default(), suppressed: suppressed.unwrap_or_default() }))
}

fn parse_object(body: &[u8]) -> Option<Node> {
    let node = json::parse(std::str::from_utf8(body).ok()?).ok()?;
    node.as_object().is_some().then_some(node)
}

/// Returns the value of `key`; `None` if the key is missing or, being ambiguous, repeated.
fn unique_value<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    let mut entries = object.as_object()?.iter().filter(|entry| entry.key == key);
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Some(&entry.node),
        _ => None,
    }
}

fn channel_names(answer: &Value, key: &str) -> Option<Vec<String>> {
    let items = answer.get(key)?.as_array()?;
    Some(items.iter().take(MAX_CHANNELS).map(|item| channel_name(item)).collect())
}

/// Returns the name of a channel. An entry that is not text is still a channel, named by its JSON.
fn channel_name(item: &Value) -> String {
    let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    to_printable(&text, MAX_CHANNEL_NAME_CHARS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(body: &str) -> Option<ReportedState> {
        ReportedState::parse(body.as_bytes())
    }

    #[test]
    fn the_four_answers() {
        assert_eq!(life(r#"{"ok":true,"status":"started"}"#), Some(ReportedState::Started));
        assert_eq!(life(r#"{"ok":true,"status":"live"}"#), Some(ReportedState::Live));
        assert_eq!(life(r#"{"ok":false,"status":"starting"}"#), Some(ReportedState::Starting));
        assert_eq!(life(r#"{"ok":false,"status":"draining"}"#), Some(ReportedState::Draining));
        let more = " {\n\"version\":\"2026.9.6\",\"ok\":true,\"x\":{\"ok\":false},\"status\":\"started\"}\n";
        assert_eq!(life(more), Some(ReportedState::Started));
    }

    #[test]
    fn whatever_only_looks_like_the_contract_is_not() {
        let deep = format!("{}{}", "{\"a\":".repeat(30_000), "}".repeat(30_000));
        let others = [
            "",
            "{}",
            "null",
            "<!doctype html>",
            r#"{"ok":true}"#,
            r#"{"ok":"true","status":"started"}"#,
            r#"{"ok":1,"status":"started"}"#,
            r#"{"ok":false,"status":"started"}"#,
            r#"{"ok":true,"status":"starting"}"#,
            r#"{"ok":true,"status":"STARTED"}"#,
            r#"{"ok":true,"status":["started"]}"#,
            r#"[{"ok":true,"status":"started"}]"#,
            r#"{"data":{"ok":true,"status":"started"}}"#,
            r#""{\"ok\":true,\"status\":\"started\"}""#,
            r#"{"ok":true,"status":"started"} trailing"#,
            r#"{"ok":true,"status":"started""#,
            r#"{"ok":false,"ok":true,"status":"started"}"#,
            r#"{"ok":true,"status":"started",}"#,
            r#"{/**/"ok":true,"status":"started"}"#,
            &deep,
        ];
        for body in others {
            assert_eq!(life(body), None, "{body:.60}");
        }
        assert_eq!(ReportedState::parse(b"{\"ok\":true,\"status\":\"started\",\"x\":\"\xff\"}"), None);
    }

    #[test]
    fn channels_are_bounded_and_printable() {
        let read = |body: &str| parse_channels(body.as_bytes());
        assert_eq!(read(r#"{"ready":true}"#), Some(None));
        assert_eq!(read(r#"{"failing":[]}"#), None);
        assert_eq!(read("<html>"), None);
        let channels = read(r#"{"ready":true,"failing":["slack"],"suppressed":["disc\u001b[31mord",{"id":1}]}"#);
        let expected = Channels {
            failing: vec!["slack".to_owned()],
            suppressed: vec!["disc [31mord".to_owned(), r#"{"id":1}"#.to_owned()],
        };
        assert_eq!(channels, Some(Some(expected)));

        let long = format!("\"{}\"", "x".repeat(1000));
        let many = format!(r#"{{"ready":false,"suppressed":[{}]}}"#, vec![long; 500].join(","));
        let suppressed = read(&many).flatten().unwrap().suppressed;
        assert_eq!(suppressed.len(), MAX_CHANNELS);
        assert!(suppressed.iter().all(|name| name.chars().count() <= MAX_CHANNEL_NAME_CHARS));
    }
}
