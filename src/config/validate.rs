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

use crate::config::diagnostics::{Diagnostics, quote};
use crate::config::endpoint::Endpoint;
use crate::config::model::{
    Config, DemotionConfig, DrillConfig, GatewayConfig, ProbeConfig, PromotionConfig, WorkspaceConfig,
};
use crate::config::schema::{RawConfig, RawGateway, RawWorkspace};
use crate::config::span::{Span, Spanned};

/// Maximum time for one network phase of a sync. The unit's `TimeoutStartSec` covers three of them.
const MAX_SYNC_PHASE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Interval of a primary's push timer.
const PUSH_TIMER_INTERVAL: Duration = Duration::from_secs(60);

/// Checks all values and reports every problem. The result is usable only if there are none.
pub(super) fn check_config(raw: RawConfig, problems: &Diagnostics) -> Config {
    let (gateway, gateway_endpoint) = check_gateway(raw.gateway, problems);
    let (upstreams, endpoints) = upstreams::check_upstreams(raw.upstreams, &gateway_endpoint, problems);
    let timing = timing::check_timing(raw.probe, &raw.promote, raw.demote, problems);
    let workspace = check_workspace(raw.workspace, problems);
    let sync_wait =
        Spanned::or_default(raw.promote.sync_wait, "promote.sync_wait", PromotionConfig::default().sync_wait);
    Config {
        upstreams,
        probe: ProbeConfig {
            interval: timing.interval,
            retry_interval: timing.retry_interval,
            timeout: timing.timeout,
        },
        promote: PromotionConfig {
            after: timing.promote_after,
            failures: timing.failures,
            restart_grace: timing.restart_grace,
            sync_wait: check_maximum(&sync_wait, timing::MAX_SYNC_WAIT, problems),
            witnesses: witnesses::check_witnesses(raw.promote.witnesses, &endpoints, problems),
        },
        demote: DemotionConfig {
            after: timing.demote_after,
            max_after: timing.max_after,
            flap_window: timing.flap_window,
        },
        gateway,
        secrets: secrets::check_secrets(raw.secrets, &workspace, problems),
        notify: notify::check_webhooks(raw.notify, problems),
        heartbeat: notify::check_heartbeat(raw.heartbeat, problems),
        drill: DrillConfig {
            interval: Spanned::or_default(raw.drill.interval, "drill.interval", DrillConfig::default().interval).value,
        },
        workspace,
    }
}

/// URL that passed its own check, for comparison with others.
type CheckedUrl = Spanned<Endpoint>;

fn check_gateway(raw: RawGateway, problems: &Diagnostics) -> (GatewayConfig, Option<CheckedUrl>) {
    let default = GatewayConfig::default();
    let unit = Spanned::or_default(raw.unit, "gateway.unit", default.unit);
    names::check_unit(&unit, problems);
    let url = check_endpoint(&Spanned::or_default(raw.url, "gateway.url", default.url), problems);
    let ca_file = raw.ca_file.inspect(|file| drop(secrets::check_absolute_path(file, problems)));
    if let Some(url) = &url {
        check_verifiable(url, ca_file.is_some(), &Span::from_default("gateway.ca_file"), problems);
    }
    let start = Spanned::or_default(raw.start_timeout, "gateway.start_timeout", default.start_timeout);
    let stop = Spanned::or_default(raw.stop_timeout, "gateway.stop_timeout", default.stop_timeout);
    let gateway = GatewayConfig {
        unit: unit.value,
        url: url.as_ref().map_or_else(String::new, |url| url.value.to_string()),
        ca_file: ca_file.map(|file| PathBuf::from(file.value)),
        start_timeout: check_minimum(&start, timing::MIN_DURATION, problems),
        stop_timeout: check_minimum(&stop, timing::MIN_DURATION, problems),
        keep_queue: raw.keep_queue.unwrap_or(default.keep_queue),
    };
    (gateway, url)
}

/// Checks the workspace section, the only one that a primary needs.
pub(super) fn check_workspace(raw: RawWorkspace, problems: &Diagnostics) -> WorkspaceConfig {
    let default = WorkspaceConfig::default();
    let path = match raw.path {
        Some(path) => {
            secrets::check_workspace_path(&path, problems);
            PathBuf::from(path.value)
        }
        None => default.path,
    };
    let remote = Spanned::or_default(raw.remote, "workspace.remote", default.remote);
    names::check_remote(&remote, problems);
    if let Some(url) = &raw.url {
        names::check_repository(url, problems);
    }
    let branch = Spanned::or_default(raw.branch, "workspace.branch", default.branch);
    names::check_branch(&branch, problems);
    let timeout = Spanned::or_default(raw.timeout, "workspace.timeout", default.timeout);
    let refresh = Spanned::or_default(raw.refresh, "workspace.refresh", default.refresh);
    let push_interval = Spanned::or_default(raw.push_interval, "workspace.push_interval", default.push_interval);
    WorkspaceConfig {
        path,
        remote: remote.value,
        url: raw.url.map(|url| url.value),
        branch: branch.value,
        timeout: check_range(&timeout, (timing::MIN_DURATION, MAX_SYNC_PHASE_TIMEOUT), problems),
        refresh: check_minimum(&refresh, timing::MIN_DURATION, problems),
        push_interval: check_minimum(&push_interval, PUSH_TIMER_INTERVAL, problems),
        merge: raw.merge.unwrap_or(default.merge),
        max_file: raw.max_file.map_or(default.max_file, |size| size.value),
    }
}

fn check_endpoint(url: &Spanned<String>, problems: &Diagnostics) -> Option<CheckedUrl> {
    match Endpoint::from_url(&url.value) {
        Ok(value) => Some(Spanned { value, span: url.span.clone() }),
        Err(what) => {
            problems.add(&url.span, what);
            None
        }
    }
}

/// Reports an `https://` URL whose certificate cannot be verified.
fn check_verifiable(url: &CheckedUrl, has_ca_file: bool, ca_file: &Span, problems: &Diagnostics) {
    if url.value.is_https() && !has_ca_file && !url.value.address().may_have_public_certificate() {
        let what = format!(
            "{} cannot be verified: no public authority signs certificates for such a host; write http:// (a tailnet \
             encrypts by itself), or name the signing certificate in {}",
            url.value,
            ca_file.key()
        );
        problems.add(&url.span, what);
    }
}

fn check_minimum(duration: &Spanned<Duration>, shortest: Duration, problems: &Diagnostics) -> Duration {
    if duration.value < shortest {
        let what = format!(
            "\"{}\" is too short; write at least \"{}\"",
            crate::text::duration::format_duration(duration.value),
            crate::text::duration::format_duration(shortest)
        );
        problems.add(&duration.span, what);
    }
    duration.value
}

fn check_range(
    duration: &Spanned<Duration>,
    (shortest, longest): (Duration, Duration),
    problems: &Diagnostics,
) -> Duration {
    check_maximum(duration, longest, problems);
    check_minimum(duration, shortest, problems)
}

fn check_maximum(duration: &Spanned<Duration>, longest: Duration, problems: &Diagnostics) -> Duration {
    if duration.value > longest {
        let (value, longest) =
            (crate::text::duration::format_duration(duration.value), crate::text::duration::format_duration(longest));
        problems.add(&duration.span, format!("\"{value}\" is too long; write at most \"{longest}\""));
    }
    duration.value
}

/// Reports every value that repeats an earlier one of the list.
fn check_unique<'a>(texts: impl IntoIterator<Item = &'a Spanned<String>>, problems: &Diagnostics) {
    let mut seen: Vec<&Spanned<String>> = Vec::new();
    for text in texts {
        match seen.iter().find(|other| other.value == text.value) {
            Some(first) => {
                let what = format!("{} is already set by {}; remove one of them", quote(&text.value), first.span.key());
                problems.add(&text.span, what);
            }
            None => seen.push(text),
        }
    }
}

/// Reports a missing value of a required key.
fn check_required(
    text: Option<Spanned<String>>,
    parent: &Span,
    key: &str,
    example: &str,
    problems: &Diagnostics,
) -> Option<Spanned<String>> {
    if text.is_none() {
        let place = parent.child(key);
        problems.add(&place, format!("is missing; add \"{key}\": {example}"));
    }
    text
}
