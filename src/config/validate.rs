//! Checks from raw values to the model: each value alone, then together with the others.
//!
//! The checks do not stop at the first problem. A bad value is reported and replaced by its default, so that the rest
//! can be checked. A configuration with problems is never returned.

mod names;
mod notify;
mod secrets;
mod state_paths;
mod timing;
mod upstreams;
mod witnesses;

use std::path::PathBuf;
use std::time::Duration;

use crate::config::diagnostics::{Collector, quoted};
use crate::config::endpoint::Endpoint;
use crate::config::model::{Config, Demote, Drill, Gateway, Probe, Promote, Workspace};
use crate::config::schema::{Raw, RawGateway, RawWorkspace};
use crate::config::span::{At, Place};

/// Maximum time for one network phase of a sync. The unit's `TimeoutStartSec` covers three of them.
const LONGEST_SYNC: Duration = Duration::from_secs(30 * 60);

/// Interval of a primary's push timer.
const PUSH_TIMER: Duration = Duration::from_secs(60);

/// Checks all values and reports every problem. The result is usable only if there are none.
pub(super) fn check(raw: Raw, problems: &Collector) -> Config {
    let (gateway, gateway_endpoint) = gateway(raw.gateway, problems);
    let (upstreams, endpoints) = upstreams::check(raw.upstreams, &gateway_endpoint, problems);
    let timing = timing::check(raw.probe, &raw.promote, raw.demote, problems);
    let workspace = workspace(raw.workspace, problems);
    let sync_wait = At::or(raw.promote.sync_wait, "promote.sync_wait", Promote::default().sync_wait);
    Config {
        upstreams,
        probe: Probe { interval: timing.interval, retry_interval: timing.retry_interval, timeout: timing.timeout },
        promote: Promote {
            after: timing.promote_after,
            failures: timing.failures,
            restart_grace: timing.restart_grace,
            sync_wait: at_most(&sync_wait, timing::LONGEST_WAIT, problems),
            witnesses: witnesses::check(raw.promote.witnesses, &endpoints, problems),
        },
        demote: Demote { after: timing.demote_after, max_after: timing.max_after, flap_window: timing.flap_window },
        gateway,
        secrets: secrets::check(raw.secrets, &workspace, problems),
        notify: notify::check(raw.notify, problems),
        heartbeat: notify::heartbeat(raw.heartbeat, problems),
        drill: Drill { interval: At::or(raw.drill.interval, "drill.interval", Drill::default().interval).value },
        workspace,
    }
}

/// URL that passed its own check, for comparison with others.
type CheckedUrl = At<Endpoint>;

fn gateway(raw: RawGateway, problems: &Collector) -> (Gateway, Option<CheckedUrl>) {
    let default = Gateway::default();
    let unit = At::or(raw.unit, "gateway.unit", default.unit);
    names::unit(&unit, problems);
    let url = endpoint(&At::or(raw.url, "gateway.url", default.url), problems);
    let ca_file = raw.ca_file.inspect(|file| drop(secrets::absolute(file, problems)));
    if let Some(url) = &url {
        verifiable(url, ca_file.is_some(), &Place::default("gateway.ca_file"), problems);
    }
    let start = At::or(raw.start_timeout, "gateway.start_timeout", default.start_timeout);
    let stop = At::or(raw.stop_timeout, "gateway.stop_timeout", default.stop_timeout);
    let gateway = Gateway {
        unit: unit.value,
        url: url.as_ref().map_or_else(String::new, |url| url.value.to_string()),
        ca_file: ca_file.map(|file| PathBuf::from(file.value)),
        start_timeout: at_least(&start, timing::SHORTEST, problems),
        stop_timeout: at_least(&stop, timing::SHORTEST, problems),
        keep_queue: raw.keep_queue.unwrap_or(default.keep_queue),
    };
    (gateway, url)
}

/// Checks the workspace section, the only one that a primary needs.
pub(super) fn workspace(raw: RawWorkspace, problems: &Collector) -> Workspace {
    let default = Workspace::default();
    let path = match raw.path {
        Some(path) => {
            secrets::check_workspace(&path, problems);
            PathBuf::from(path.value)
        }
        None => default.path,
    };
    let remote = At::or(raw.remote, "workspace.remote", default.remote);
    names::remote(&remote, problems);
    if let Some(url) = &raw.url {
        names::repository(url, problems);
    }
    let branch = At::or(raw.branch, "workspace.branch", default.branch);
    names::branch(&branch, problems);
    let timeout = At::or(raw.timeout, "workspace.timeout", default.timeout);
    let refresh = At::or(raw.refresh, "workspace.refresh", default.refresh);
    let push_interval = At::or(raw.push_interval, "workspace.push_interval", default.push_interval);
    Workspace {
        path,
        remote: remote.value,
        url: raw.url.map(|url| url.value),
        branch: branch.value,
        timeout: between(&timeout, (timing::SHORTEST, LONGEST_SYNC), problems),
        refresh: at_least(&refresh, timing::SHORTEST, problems),
        push_interval: at_least(&push_interval, PUSH_TIMER, problems),
        merge: raw.merge.unwrap_or(default.merge),
        max_file: raw.max_file.map_or(default.max_file, |size| size.value),
    }
}

fn endpoint(url: &At<String>, problems: &Collector) -> Option<CheckedUrl> {
    match Endpoint::from_url(&url.value) {
        Ok(value) => Some(At { value, place: url.place.clone() }),
        Err(what) => {
            problems.add(&url.place, what);
            None
        }
    }
}

/// Reports an `https://` URL whose certificate cannot be verified.
fn verifiable(url: &CheckedUrl, has_ca_file: bool, ca_file: &Place, problems: &Collector) {
    if url.value.is_secure() && !has_ca_file && !url.value.address().may_have_public_certificate() {
        let what = format!(
            "{} cannot be verified: no public authority signs certificates for such a host; write http:// (a tailnet \
             encrypts by itself), or name the signing certificate in {}",
            url.value,
            ca_file.key()
        );
        problems.add(&url.place, what);
    }
}

fn at_least(duration: &At<Duration>, shortest: Duration, problems: &Collector) -> Duration {
    if duration.value < shortest {
        let what = format!(
            "\"{}\" is too short; write at least \"{}\"",
            crate::text::duration::show(duration.value),
            crate::text::duration::show(shortest)
        );
        problems.add(&duration.place, what);
    }
    duration.value
}

fn between(duration: &At<Duration>, (shortest, longest): (Duration, Duration), problems: &Collector) -> Duration {
    at_most(duration, longest, problems);
    at_least(duration, shortest, problems)
}

fn at_most(duration: &At<Duration>, longest: Duration, problems: &Collector) -> Duration {
    if duration.value > longest {
        let (value, longest) = (crate::text::duration::show(duration.value), crate::text::duration::show(longest));
        problems.add(&duration.place, format!("\"{value}\" is too long; write at most \"{longest}\""));
    }
    duration.value
}

/// Reports every value that repeats an earlier one of the list.
fn unique<'a>(texts: impl IntoIterator<Item = &'a At<String>>, problems: &Collector) {
    let mut seen: Vec<&At<String>> = Vec::new();
    for text in texts {
        match seen.iter().find(|other| other.value == text.value) {
            Some(first) => {
                let what =
                    format!("{} is already set by {}; remove one of them", quoted(&text.value), first.place.key());
                problems.add(&text.place, what);
            }
            None => seen.push(text),
        }
    }
}

/// Reports a missing value of a required key.
fn required(
    text: Option<At<String>>,
    parent: &Place,
    key: &str,
    example: &str,
    problems: &Collector,
) -> Option<At<String>> {
    if text.is_none() {
        let place = parent.child(key);
        problems.add(&place, format!("is missing; add \"{key}\": {example}"));
    }
    text
}
