//! Checks of decoded values: each value alone, then together with the others.
//!
//! The checks do not stop at the first problem. A bad value is reported and replaced by its default, so that the rest
//! can be checked. A configuration with problems is never returned.

mod names;
mod repository;
mod secrets;
mod timing;
mod upstreams;
mod values;

use std::time::Duration;

use crate::config::diagnostics::{Diagnostics, quote};
use crate::config::model::{Config, GatewayConfig, WorkspaceConfig};
use crate::config::notify::NotifyConfig;
use crate::config::state_paths::forbidden_reason_of_path;
use crate::config::validate::values::{
    CheckedUrl, MIN_DURATION, check_endpoint, check_range, check_required, check_unique, check_verifiable, list_items,
};
use crate::text::duration::MAX_DURATION;

/// Maximum time for one network phase of a sync. The unit's `TimeoutStartSec` covers three of them.
const MAX_SYNC_PHASE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Interval of a primary's push timer.
const PUSH_TIMER_INTERVAL: Duration = Duration::from_secs(60);

/// Shortest and longest interval between heartbeats.
const HEARTBEAT_INTERVAL_RANGE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(24 * 60 * 60));

/// Checks all values, reports every problem, and gives each URL its one spelling.
pub(super) fn check_config(config: &mut Config, problems: &Diagnostics) {
    let gateway = check_gateway(&mut config.gateway, problems);
    let urls = upstreams::check_upstreams(&mut config.upstreams, gateway.as_ref(), problems);
    timing::check_timing(config, problems);
    upstreams::check_witnesses(config.promote.witnesses.as_deref().unwrap_or_default(), &urls, problems);
    check_workspace(&config.workspace, problems);
    secrets::check_secrets(&config.secrets, &config.workspace, problems);
    check_webhooks(&config.notify, problems);
    if let Some(heartbeat) = &config.heartbeat {
        check_range("heartbeat.interval", heartbeat.interval, HEARTBEAT_INTERVAL_RANGE, problems);
        if let Some(name) = check_required("heartbeat.credential", &heartbeat.credential, "\"heartbeat\"", problems) {
            problems.check("heartbeat.credential", names::check_credential(name));
        }
    }
}

fn check_gateway(gateway: &mut GatewayConfig, problems: &Diagnostics) -> Option<CheckedUrl> {
    problems.check("gateway.unit", names::check_unit(&gateway.unit));
    check_range("gateway.start_timeout", gateway.start_timeout, (MIN_DURATION, MAX_DURATION), problems);
    check_range("gateway.stop_timeout", gateway.stop_timeout, (MIN_DURATION, MAX_DURATION), problems);
    let url = check_endpoint("gateway.url".into(), &mut gateway.url, problems)?;
    check_verifiable(&url, "gateway.ca_file", problems);
    Some(url)
}

/// Checks the workspace section, the only one that a primary needs.
pub(super) fn check_workspace(workspace: &WorkspaceConfig, problems: &Diagnostics) {
    if !problems.has_problem("workspace.path")
        && problems.is_set("workspace.path")
        && let Some(why) = forbidden_reason_of_path(&workspace.path)
    {
        let path = quote(&workspace.path.to_string_lossy());
        problems.add("workspace.path", format!("{path} cannot be the workspace: {why}"));
    }
    problems.check("workspace.remote", names::check_remote(&workspace.remote));
    problems.check("workspace.branch", names::check_branch(&workspace.branch));
    if let Some(url) = &workspace.url {
        problems.check("workspace.url", repository::check_repository(url));
    }
    let timeout_range = (MIN_DURATION, MAX_SYNC_PHASE_TIMEOUT);
    check_range("workspace.timeout", workspace.timeout, timeout_range, problems);
    check_range("workspace.refresh", workspace.refresh, (MIN_DURATION, MAX_DURATION), problems);
    check_range("workspace.push_interval", workspace.push_interval, (PUSH_TIMER_INTERVAL, MAX_DURATION), problems);
}

fn check_webhooks(webhooks: &[NotifyConfig], problems: &Diagnostics) {
    let mut credentials = Vec::new();
    for (path, webhook) in list_items("notify", webhooks, problems) {
        check_required(&format!("{path}.format"), webhook.format.name(), "\"ntfy\"", problems);
        let key = format!("{path}.credential");
        if let Some(name) = check_required(&key, &webhook.credential, "\"ntfy\"", problems) {
            problems.check(&key, names::check_credential(name));
            credentials.push((key, name));
        }
    }
    check_unique(&credentials, problems);
}
