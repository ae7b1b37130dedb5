//! Formats of a message, one per service.

use crate::config::WebhookFormat;
use crate::notify::message::Priority;
use crate::notify::redact::percent_decode;
use crate::notify::{Credential, Message};
use crate::text::json::Value;

/// Limit on the length of a text, in characters: Discord's, which is the lowest.
const MAX_TEXT_CHARS: usize = 2000;

/// Returns the URL to send to and the JSON body.
///
/// # Errors
/// Returns an error if the URL does not fit the format. It repeats no part of the URL.
pub(super) fn build_request(
    format: WebhookFormat,
    message: &Message,
    credential: &Credential,
) -> Result<(String, Value), &'static str> {
    let mut url = credential.full_url();
    let line: String = message.full_text().chars().take(MAX_TEXT_CHARS).collect();
    let mut body: Vec<(&str, Value)> = Vec::new();
    match format {
        WebhookFormat::Json => write_json(message, &mut body),
        WebhookFormat::Ntfy => {
            // ntfy takes JSON only at its root URL, with the topic in the body.
            let (root, topic) = credential.url.trim_end_matches('/').rsplit_once('/').unwrap_or_default();
            if topic.is_empty() || root.ends_with('/') {
                return Err("its URL does not end with a topic, as in https://ntfy.sh/TOPIC");
            }
            let query = credential.query_text();
            let topic = percent_decode(topic).ok_or("its topic has a '%' that begins no percent-encoding")?;
            url = format!("{root}/{query}");
            body.push(("topic", topic.into()));
            write_ntfy(message, &mut body);
        }
        WebhookFormat::Discord => {
            body.push(("content", line.into()));
            // The name of a host or a channel must not ping any user.
            body.push(("allowed_mentions", Value::from_entries([("parse", Value::Array(Vec::new()))])));
        }
        WebhookFormat::Telegram => {
            if !credential.query_pairs.iter().any(|(name, _)| name == "chat_id") {
                return Err("its URL names no chat, as in https://api.telegram.org/botTOKEN/sendMessage?chat_id=ID");
            }
            url.clone_from(&credential.url);
            for (name, value) in &credential.query_pairs {
                let value = percent_decode(value).ok_or("its query has a '%' that begins no percent-encoding")?;
                body.push((name, value.into()));
            }
            body.push(("text", line.into()));
            body.push(("link_preview_options", Value::from_entries([("is_disabled", true.into())])));
        }
        WebhookFormat::Slack => {
            let text = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            body.push(("text", text.into()));
        }
    }
    Ok((url, Value::from_entries(body)))
}

/// Writes the history's entry, after the fields that identify it.
fn write_json<'a>(message: &'a Message, body: &mut Vec<(&'a str, Value)>) {
    body.push(("schema", 1.into()));
    body.push(("id", message.id.as_str().into()));
    body.push(("host", message.host.as_str().into()));
    body.push(("topics", Value::from_items(message.topics.iter().flatten().map(|topic| topic.name()))));
    body.push(("title", message.title.as_str().into()));
    for field in message.entry.as_object().unwrap_or_default() {
        body.push((&field.key, field.node.value.clone()));
    }
}

fn write_ntfy(message: &Message, body: &mut Vec<(&str, Value)>) {
    let priority = message.priority();
    let tag = match priority {
        _ if message.is_test() => "test_tube",
        Priority::Urgent => "rotating_light",
        Priority::High => "warning",
        Priority::Normal | Priority::Low => "white_check_mark",
    };
    body.push(("title", message.title.as_str().into()));
    body.push(("message", message.body_text().chars().take(MAX_TEXT_CHARS).collect::<String>().into()));
    body.push(("priority", (priority as u64).into()));
    body.push(("tags", Value::from_items([tag])));
}
