//! A message in the words of each format.

use super::{Credential, Message};
use crate::config::Format;
use crate::json::Value;

/// The longest text that Discord takes, in characters; the others take more.
const LONGEST: usize = 2000;

/// The URL to send to, and what to send there as JSON.
///
/// # Errors
/// When the URL is not one of that format; nothing of it is repeated.
pub(super) fn of(format: Format, message: &Message, credential: &Credential) -> Result<(String, Value), &'static str> {
    let line = || message.line().chars().take(LONGEST).collect::<String>();
    Ok(match format {
        Format::Json => (credential.whole_url(), json(message)),
        Format::Ntfy => {
            ntfy(message, credential).ok_or("its URL does not end with a topic, as in https://ntfy.sh/TOPIC")?
        }
        Format::Discord => {
            // A host's or a channel's name calls nobody.
            let nobody = Value::object([("parse", Value::Array(Vec::new()))]);
            (credential.whole_url(), Value::object([("content", line().into()), ("allowed_mentions", nobody)]))
        }
        Format::Telegram => {
            if !credential.query.iter().any(|(name, _)| name == "chat_id") {
                return Err("its URL names no chat, as in https://api.telegram.org/botTOKEN/sendMessage?chat_id=ID");
            }
            let query = credential.query.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())));
            let preview = Value::object([("is_disabled", true.into())]);
            let text = [("text", line().into()), ("link_preview_options", preview)];
            (credential.url.clone(), Value::object(query.chain(text)))
        }
        Format::Slack => {
            let text = line().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            (credential.whole_url(), Value::object([("text", text.into())]))
        }
    })
}

/// The entry of the history, after what tells it from all others.
fn json(message: &Message) -> Value {
    let topics = message.topics.iter().flatten().map(|topic| topic.name());
    let head = [
        ("schema", 1.into()),
        ("id", message.id.as_str().into()),
        ("host", message.host.as_str().into()),
        ("topics", Value::array(topics)),
    ];
    let entry = message.entry.as_object().unwrap_or_default();
    let entry = entry.iter().map(|field| (field.key.as_str(), field.node.value.clone()));
    Value::object(head.into_iter().chain(entry))
}

/// ntfy takes JSON at its root only, where the topic is part of it.
fn ntfy(message: &Message, credential: &Credential) -> Option<(String, Value)> {
    let (root, topic) = credential.url.trim_end_matches('/').rsplit_once('/')?;
    if topic.is_empty() || root.ends_with('/') {
        return None;
    }
    let (priority, tag) = match message.text("severity") {
        "error" => (5, "rotating_light"),
        "warning" => (4, "warning"),
        _ => (3, "white_check_mark"),
    };
    let body = Value::object([
        ("topic", topic.into()),
        ("title", format!("{}: {}", message.host, message.about()).into()),
        ("message", message.line().into()),
        ("priority", priority.into()),
        ("tags", Value::array([tag])),
    ]);
    Some((format!("{root}/"), body))
}
