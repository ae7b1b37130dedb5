//! Check of a webhook's response: accepted, or the reason why not.
//!
//! A captive portal or a login page also answers with HTTP 200, so each service must give its documented response.

use crate::config::WebhookFormat;
use crate::notify::redact::Redactor;
use crate::text::json::{self, Node};
use crate::text::to_printable;

/// Limit on the length of an excerpt, in characters.
const MAX_EXCERPT_CHARS: usize = 200;

/// Limit on the text searched for an excerpt, in characters.
const MAX_EXAMINED_CHARS: usize = 4096;

/// Returns why a response with HTTP 2xx does not mean that the message was accepted; `None` if it does.
pub(super) fn find_rejection(format: Option<WebhookFormat>, status: u16, body: &str) -> Option<&'static str> {
    let body = body.trim_start_matches('\u{feff}').trim();
    let json = json::parse(body).ok();
    let field = |key: &str| json.as_ref().and_then(|json| json.get(key));
    let says_true = |key: &str| field(key).and_then(|field| field.as_bool()) == Some(true);
    let has_id = || field("id").and_then(|id| id.as_str()).is_some_and(|id| !id.is_empty());
    let (is_taken, wanted) = match format {
        None | Some(WebhookFormat::Json) => (!is_html_page(body), "an HTML page"),
        Some(WebhookFormat::Ntfy) => (has_id(), "no message id, as ntfy gives one"),
        Some(WebhookFormat::Telegram) => (says_true("ok"), "no \"ok\": true, as Telegram says"),
        // Services with a Slack-compatible API answer in JSON.
        Some(WebhookFormat::Slack) => {
            (body == "ok" || says_true("ok") || says_true("success"), "no \"ok\", as Slack says")
        }
        Some(WebhookFormat::Discord) => (status == 204 || has_id(), "no message id, as Discord gives one"),
    };
    (!is_taken).then_some(wanted)
}

/// Quotes a server's response in a few printable words, without any part of the credential.
pub(super) fn quote_response(body: &str, redactor: &Redactor) -> Option<String> {
    let body = body.trim_start_matches('\u{feff}').trim();
    let json = json::parse(body).ok();
    let quote = match (&json, is_html_page(body)) {
        (Some(json), _) => error_description(json).unwrap_or_else(|| body.to_owned()),
        (None, true) => {
            format!("an HTML page{}", page_title(body).map(|title| format!(", {title}")).unwrap_or_default())
        }
        (None, false) => body.to_owned(),
    };
    // Redact before cutting: half a token would not be recognized.
    let quote = to_printable(&redactor.redact(&to_printable(&quote, MAX_EXAMINED_CHARS)), MAX_EXCERPT_CHARS);
    (!quote.is_empty()).then_some(quote)
}

/// Returns the description in a JSON response, and the new id of a migrated Telegram group.
fn error_description(json: &Node) -> Option<String> {
    let keys = ["description", "error", "message", "detail"];
    let description =
        keys.iter().find_map(|key| json.get(key)?.as_str().filter(|description| !description.trim().is_empty()))?;
    let moved = json.get("parameters").and_then(|more| more.get("migrate_to_chat_id"));
    let moved = moved.map(|id| format!("; write chat_id={id}")).unwrap_or_default();
    Some(format!("{description}{moved}"))
}

/// True if a text is an HTML page. A script that answers `ok` as text/html counts as accepted.
fn is_html_page(body: &str) -> bool {
    let start: String = body.chars().take(MAX_EXAMINED_CHARS).collect::<String>().to_ascii_lowercase();
    let start = start.trim_start();
    let tags = ["<!doctype html", "<html", "<head", "<body", "<meta", "<title", "<script", "<!--"];
    tags.iter().any(|tag| start.starts_with(tag))
}

fn page_title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let begin = lower.find("<title")?;
    let begin = begin + lower.get(begin..)?.find('>')? + 1;
    let end = begin + lower.get(begin..)?.find('<')?;
    let title = to_printable(page.get(begin..end)?, MAX_EXCERPT_CHARS);
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use WebhookFormat::{Discord, Json, Ntfy, Slack, Telegram};

    use super::*;

    const PAGE: &str = "\u{feff}\n<!DOCTYPE HTML><html><head><title>Log in</title></head></html>";

    #[test]
    fn each_service_must_give_its_documented_response() {
        let ntfy = r#"{"id":"sPs71M8A2T","time":1,"event":"message","topic":"t"}"#;
        for (format, status, body, is_taken) in [
            (Ntfy, 200, ntfy, true),
            (Ntfy, 200, "{}", false),
            (Ntfy, 200, r#"{"id":""}"#, false),
            (Ntfy, 200, "", false),
            (Telegram, 200, r#"{"ok":true,"result":{}}"#, true),
            (Telegram, 200, r#"{"ok":false}"#, false),
            (Telegram, 200, r#"{"ok":"true"}"#, false),
            (Slack, 200, "ok", true),
            (Slack, 200, "ok\n", true),
            (Slack, 200, r#"{"ok":true}"#, true),
            (Slack, 200, r#"{"success":true}"#, true),
            (Slack, 200, "", false),
            (Slack, 200, "okay", false),
            (Discord, 204, "", true),
            (Discord, 200, r#"{"id":"1","content":"x"}"#, true),
            (Discord, 200, "", false),
            (Json, 200, "", true),
            (Json, 200, "<xml/>", true),
            (Json, 202, "accepted", true),
            (Json, 204, "", true),
        ] {
            assert_eq!(find_rejection(Some(format), status, body).is_none(), is_taken, "{format:?} {status} {body}");
        }
        for format in WebhookFormat::ALL {
            assert!(find_rejection(Some(format), 200, PAGE).is_some(), "{format:?}");
        }
        assert!(find_rejection(None, 200, PAGE).is_some());
        assert!(find_rejection(None, 200, "OK").is_none());
    }

    #[test]
    fn quotes_the_reason_without_the_credential() {
        let redactor = Redactor::from_texts(["hunter2-token"]);
        let said = |body: &str| quote_response(body, &redactor).unwrap_or_default();
        let moved = r#"{"ok":false,"error_code":400,
                        "description":"Bad Request: group chat was upgraded to a supergroup chat",
                        "parameters":{"migrate_to_chat_id":-1001234567890}}"#;
        assert_eq!(
            said(moved),
            "Bad Request: group chat was upgraded to a supergroup chat; write chat_id=-1001234567890"
        );
        assert_eq!(said("no_service"), "no_service");
        assert_eq!(said(r#"{"code":40301,"http":403,"error":"forbidden","link":"x"}"#), "forbidden");
        assert_eq!(said(PAGE), "an HTML page, Log in");
        assert_eq!(said("<html>"), "an HTML page");
        assert_eq!(said("a\u{1b}[31mb\r\n\u{202e}c"), "a [31mb c");
        assert_eq!(said(""), "");
        assert_eq!(said("Cannot POST /x/hunter2-token/y"), "Cannot POST /x/…/y");
        let long = said(&format!("{}hunter2-token", "x".repeat(MAX_EXCERPT_CHARS - 5)));
        assert!(long.chars().count() <= MAX_EXCERPT_CHARS + 1 && !long.contains("hunt"), "{long}");
    }
}
