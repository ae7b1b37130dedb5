//! Checks of webhooks and the dead man's switch: each alone, and no credential twice.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::diagnostics::{Diagnostics, quote};
use crate::config::notify::{HeartbeatConfig, NotificationTopic, NotifyConfig, WebhookFormat};
use crate::config::schema::{RawHeartbeat, RawNotify};
use crate::config::span::Spanned;
use crate::config::validate::{check_range, check_required, check_unique, names, secrets};
use crate::text::suggestion::suggest_name;

/// Shortest and longest interval between heartbeats.
const HEARTBEAT_INTERVAL_RANGE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(24 * 60 * 60));
/// Default interval between heartbeats.
const DEFAULT_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(60);

pub(super) fn check_webhooks(raw: Vec<RawNotify>, problems: &Diagnostics) -> Vec<NotifyConfig> {
    check_unique(raw.iter().filter_map(|webhook| webhook.credential.as_ref()), problems);
    raw.into_iter().map(|webhook| check_webhook(webhook, problems)).collect()
}

fn check_webhook(raw: RawNotify, problems: &Diagnostics) -> NotifyConfig {
    let format = check_required(raw.format, &raw.span, "format", "\"ntfy\"", problems);
    let topics = match raw.events {
        Some(events) => {
            events.iter().filter_map(|event| find_named(event, &NotificationTopic::ALL, problems)).collect()
        }
        None => NotificationTopic::ALL.map(|(_, topic)| topic).to_vec(),
    };
    NotifyConfig {
        credential: check_credential(
            check_required(raw.credential, &raw.span, "credential", "\"ntfy\"", problems),
            problems,
        ),
        format: format
            .and_then(|format| find_named(&format, &WebhookFormat::ALL, problems))
            .unwrap_or(WebhookFormat::Json),
        topics,
        ca_file: check_ca_file(raw.ca_file, problems),
    }
}

pub(super) fn check_heartbeat(raw: Option<RawHeartbeat>, problems: &Diagnostics) -> Option<HeartbeatConfig> {
    let raw = raw?;
    let interval = Spanned::or_default(raw.interval, "heartbeat.interval", DEFAULT_HEARTBEAT_INTERVAL);
    let name = check_required(raw.credential, &raw.span, "credential", "\"heartbeat\"", problems);
    Some(HeartbeatConfig {
        credential: check_credential(name, problems),
        interval: check_range(&interval, HEARTBEAT_INTERVAL_RANGE, problems),
        ca_file: check_ca_file(raw.ca_file, problems),
    })
}

fn check_credential(name: Option<Spanned<String>>, problems: &Diagnostics) -> String {
    name.map_or_else(String::new, |name| {
        names::check_credential(&name, problems);
        name.value
    })
}

fn check_ca_file(file: Option<Spanned<String>>, problems: &Diagnostics) -> Option<PathBuf> {
    let file = file?;
    secrets::check_absolute_path(&file, problems);
    Some(PathBuf::from(file.value))
}

fn find_named<T: Copy>(name: &Spanned<String>, known: &[(&'static str, T)], problems: &Diagnostics) -> Option<T> {
    let found = known.iter().find(|(known, _)| *known == name.value);
    if found.is_none() {
        let names = known.iter().map(|(name, _)| *name);
        let hint = match suggest_name(&name.value, names.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known: {}", names.collect::<Vec<_>>().join(", ")),
        };
        problems.add(&name.span, format!("{} is not known; {hint}", quote(&name.value)));
    }
    found.map(|(_, found)| *found)
}
