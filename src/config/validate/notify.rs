//! Checks of webhooks and the dead man's switch: each alone, and no credential twice.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::diagnostics::{Collector, quoted};
use crate::config::notify::{Format, Heartbeat, Notify, Topic};
use crate::config::schema::{RawHeartbeat, RawNotify};
use crate::config::span::At;
use crate::config::validate::{between, names, required, secrets, unique};
use crate::text::suggestion::nearest;

/// Shortest and longest interval between heartbeats.
const BEATS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(24 * 60 * 60));
/// Default interval between heartbeats.
const BEAT: Duration = Duration::from_secs(60);

pub(super) fn check(raw: Vec<RawNotify>, problems: &Collector) -> Vec<Notify> {
    unique(raw.iter().filter_map(|webhook| webhook.credential.as_ref()), problems);
    raw.into_iter().map(|webhook| one(webhook, problems)).collect()
}

fn one(raw: RawNotify, problems: &Collector) -> Notify {
    let format = required(raw.format, &raw.place, "format", "\"ntfy\"", problems);
    let topics = match raw.events {
        Some(events) => events.iter().filter_map(|event| named(event, &Topic::ALL, problems)).collect(),
        None => Topic::ALL.map(|(_, topic)| topic).to_vec(),
    };
    Notify {
        credential: credential(required(raw.credential, &raw.place, "credential", "\"ntfy\"", problems), problems),
        format: format.and_then(|format| named(&format, &Format::ALL, problems)).unwrap_or(Format::Json),
        topics,
        ca_file: ca_file(raw.ca_file, problems),
    }
}

pub(super) fn heartbeat(raw: Option<RawHeartbeat>, problems: &Collector) -> Option<Heartbeat> {
    let raw = raw?;
    let interval = At::or(raw.interval, "heartbeat.interval", BEAT);
    let name = required(raw.credential, &raw.place, "credential", "\"heartbeat\"", problems);
    Some(Heartbeat {
        credential: credential(name, problems),
        interval: between(&interval, BEATS, problems),
        ca_file: ca_file(raw.ca_file, problems),
    })
}

fn credential(name: Option<At<String>>, problems: &Collector) -> String {
    name.map_or_else(String::new, |name| {
        names::credential(&name, problems);
        name.value
    })
}

fn ca_file(file: Option<At<String>>, problems: &Collector) -> Option<PathBuf> {
    let file = file?;
    secrets::absolute(&file, problems);
    Some(PathBuf::from(file.value))
}

fn named<T: Copy>(name: &At<String>, known: &[(&'static str, T)], problems: &Collector) -> Option<T> {
    let found = known.iter().find(|(known, _)| *known == name.value);
    if found.is_none() {
        let names = known.iter().map(|(name, _)| *name);
        let hint = match nearest(&name.value, names.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known: {}", names.collect::<Vec<_>>().join(", ")),
        };
        problems.add(&name.place, format!("{} is not known; {hint}", quoted(&name.value)));
    }
    found.map(|(_, found)| *found)
}
