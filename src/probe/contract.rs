//! OpenClaw's contract: the JSON that proves that a gateway, and nothing else, has answered.
//!
//! Only the top-level object counts, with fields of exactly the right type and each of them once: a page, a proxy or a
//! log line that merely quotes the words proves nothing. Other fields may stand beside them.

use crate::probe::verdict::Channels;
use crate::text::json::{
    Node, Value, {self},
};

/// More channels than this are not named; nobody has as many.
const MAX_CHANNELS: usize = 32;
/// Longer names are cut.
const MAX_NAME: usize = 64;

/// What a gateway says of its own life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// `/startupz`: it has started and takes messages.
    Started,
    /// `/healthz`: it is up; whether it drains, it does not say.
    Live,
    /// `/startupz`: not yet.
    Starting,
    /// `/startupz`: no longer.
    Draining,
}

impl Life {
    /// Reads `{"ok": …, "status": …}`.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let answer = object(body)?;
        let ok = sole(&answer, "ok")?.as_bool()?;
        match (ok, sole(&answer, "status")?.as_str()?) {
            (true, "started") => Some(Self::Started),
            (true, "live") => Some(Self::Live),
            (false, "starting") => Some(Self::Starting),
            (false, "draining") => Some(Self::Draining),
            _ => None,
        }
    }
}

/// Reads `/readyz`: `{"ready": …, "failing": […], "suppressed": […]}`. The lists are `None` where the gateway does not
/// show them, because it takes us for a stranger.
pub(super) fn read_channels(body: &[u8]) -> Option<Option<Channels>> {
    let answer = object(body)?;
    sole(&answer, "ready")?.as_bool()?;
    let failing = names(&answer, "failing");
    let suppressed = names(&answer, "suppressed");
    if failing.is_none() && suppressed.is_none() {
        return Some(None);
    }
    Some(Some(Channels { failing: failing.unwrap_or_default(), suppressed: suppressed.unwrap_or_default() }))
}

fn object(body: &[u8]) -> Option<Node> {
    let node = json::parse(std::str::from_utf8(body).ok()?).ok()?;
    node.as_object().is_some().then_some(node)
}

/// The value under `key`, unless the key is repeated: then nobody knows which one was meant.
fn sole<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    let mut entries = object.as_object()?.iter().filter(|entry| entry.key == key);
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Some(&entry.node),
        _ => None,
    }
}

fn names(answer: &Value, key: &str) -> Option<Vec<String>> {
    let items = answer.get(key)?.as_array()?;
    Some(items.iter().take(MAX_CHANNELS).map(|item| name(item)).collect())
}

/// A channel that is described by something else than text is still a channel, so its JSON stands for its name.
fn name(item: &Value) -> String {
    let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    crate::probe::printable(&text, MAX_NAME - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(body: &str) -> Option<Life> {
        Life::read(body.as_bytes())
    }

    #[test]
    fn the_four_answers() {
        assert_eq!(life(r#"{"ok":true,"status":"started"}"#), Some(Life::Started));
        assert_eq!(life(r#"{"ok":true,"status":"live"}"#), Some(Life::Live));
        assert_eq!(life(r#"{"ok":false,"status":"starting"}"#), Some(Life::Starting));
        assert_eq!(life(r#"{"ok":false,"status":"draining"}"#), Some(Life::Draining));
        let more = " {\n\"version\":\"2026.9.6\",\"ok\":true,\"x\":{\"ok\":false},\"status\":\"started\"}\n";
        assert_eq!(life(more), Some(Life::Started));
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
        assert_eq!(Life::read(b"{\"ok\":true,\"status\":\"started\",\"x\":\"\xff\"}"), None);
    }

    #[test]
    fn channels_are_bounded_and_printable() {
        let read = |body: &str| read_channels(body.as_bytes());
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
        assert!(suppressed.iter().all(|name| name.chars().count() <= MAX_NAME));
    }
}
