//! Checks of the network: the upstreams, names, the tailnet and the clock.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::address::Host;
use crate::config::endpoint::Endpoint;
use crate::config::{UpstreamConfig, WitnessConfig};
use crate::doctor::context::HostContext;
use crate::finding::{CheckResult, remedy};
use crate::os::tailscale::{TailscaleStatus, is_tailnet_address};
use crate::probe::{ProbeFailure, ProbeTarget, Verdict};
use crate::text::Time;
use crate::text::utc::{format_span, format_time};

/// Remaining validity below which an expiring key is a warning.
const KEY_EXPIRY_WARNING: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Beginning of 2026. A clock that shows an earlier time is wrong.
const EARLIEST_PLAUSIBLE_TIME: Time = Time::from_millis(1_767_225_600_000);

/// Checks that each upstream answers as OpenClaw does. If one serves, another that refuses connections is a standby
/// whose gateway is down.
pub(super) fn check_upstreams(context: &HostContext) -> CheckResult {
    let (mut seen, mut absent) = (String::new(), None);
    let mut one_lives = false;
    for upstream in &context.config.upstreams {
        let mut target = match ProbeTarget::for_upstream(upstream, None) {
            Ok(target) => target,
            Err(why) => return CheckResult::fail(&why.to_string(), remedy::EDIT_CONFIG),
        };
        let answer = target.probe(context.config.probe.timeout);
        let UpstreamConfig { name, .. } = upstream;
        match answer.verdict {
            Verdict::Healthy { .. } => {
                seen = format!("{seen}{name} answers in {}; ", format_span(answer.latency));
                one_lives = true;
            }
            Verdict::Failing(ProbeFailure::NotOpenClaw | ProbeFailure::Status(_)) => {
                let evidence = format!("the server at {} is not OpenClaw: {}", answer.url, answer.detail);
                return CheckResult::fail(&evidence, remedy::EDIT_CONFIG);
            }
            Verdict::Failing(ProbeFailure::ThisHost) => {
                return CheckResult::fail(&format_args!("{name}: {}", answer.detail), remedy::EDIT_CONFIG);
            }
            Verdict::Failing(ProbeFailure::Tls) => {
                let evidence = format!("cannot verify the certificate of {}: {}", answer.url, answer.detail);
                return CheckResult::fail(&evidence, remedy::EDIT_CONFIG);
            }
            Verdict::Failing(ProbeFailure::Refused) if one_lives => seen = format!("{seen}{name} is a standby; "),
            Verdict::Failing(failure) => {
                let evidence = format!("{name}: {failure} at {}: {}", answer.url, answer.detail);
                absent.get_or_insert(evidence);
            }
        }
    }
    match absent {
        None => CheckResult::ok(&seen.trim_end_matches("; ")),
        Some(evidence) if context.is_serving() => {
            CheckResult::warn(&format_args!("{evidence}; this host serves in its place"), remedy::CHECK_UPSTREAM)
        }
        Some(evidence) if one_lives => CheckResult::warn(&format_args!("{seen}{evidence}"), remedy::CHECK_UPSTREAM),
        Some(evidence) => CheckResult::fail(&evidence, remedy::CHECK_UPSTREAM),
    }
}

/// Checks that the monitor has seen an upstream healthy, which arms failover. A standby among the upstreams may never
/// have served.
pub(super) fn check_armed(context: &HostContext) -> CheckResult {
    let Some(status) = context.read_status() else { return CheckResult::skipped(&"no status from the monitor") };
    let names = context.config.upstreams.iter().map(|upstream| &upstream.name);
    let is_armed = |name: &&String| status.upstreams.iter().any(|seen| seen.name == **name && seen.seen_healthy);
    match names.clone().find(is_armed) {
        Some(name) => CheckResult::ok(&format_args!("{name} was seen healthy before")),
        None => {
            let names: Vec<_> = names.map(String::as_str).collect();
            let evidence = format!("failover is not armed: the monitor has never seen {} healthy", names.join(" or "));
            CheckResult::fail(&evidence, remedy::WAIT_ARMED)
        }
    }
}

/// Checks that the configured names resolve.
pub(super) fn check_dns(context: &HostContext) -> CheckResult {
    let names = configured_names(context);
    for name in &names {
        // `getent` has a time limit here, and resolves names as OpenClaw, git and ssh do.
        if let Err(why) = context.run_program("getent", &["ahosts", "--", name]) {
            let evidence = if why.exit_code().is_some() { "does not resolve".to_owned() } else { why.reason() };
            return CheckResult::fail(&format_args!("{name}: {evidence}"), remedy::RESOLVER);
        }
    }
    if !names.is_empty() {
        return CheckResult::ok(&format_args!("resolved {}", names.join(", ")));
    }
    let resolver = context.read_system_file("/etc/resolv.conf").unwrap_or_default();
    match resolver.lines().find_map(|line| line.trim().strip_prefix("nameserver")) {
        Some(server) => {
            CheckResult::ok(&format_args!("nameserver {}; the configuration uses addresses only", server.trim()))
        }
        None => CheckResult::warn(&"/etc/resolv.conf names no server, but channels need one", remedy::RESOLVER),
    }
}

/// Checks that the tailnet is up and that its key stays valid, if an upstream is reached through it.
pub(super) fn check_tailscale(context: &HostContext) -> CheckResult {
    let named = context.config.promote.witnesses.iter().flatten().any(|witness| *witness == WitnessConfig::Tailscale);
    let hosts = || context.config.upstreams.iter().flat_map(|upstream| &upstream.urls).filter_map(|url| url_host(url));
    if !named && !hosts().any(|host| is_tailnet(&host)) {
        return CheckResult::skipped(&"no upstream is on a tailnet");
    }
    let status = match TailscaleStatus::query(context.new_command("tailscale")) {
        Ok(Some(status)) => status,
        Ok(None) => return CheckResult::fail(&"cannot parse the output of `tailscale status`", remedy::TAILSCALE_UP),
        Err(why) if why.is_missing_program() => return CheckResult::fail(&why, remedy::TAILSCALE),
        Err(why) => return CheckResult::fail(&why, remedy::TAILSCALE_UP),
    };
    if !status.is_running() {
        return CheckResult::fail(&format_args!("tailscale is {}", status.backend_state), remedy::TAILSCALE_UP);
    }
    match status.key_expiry {
        expiry if status.is_key_expired || expiry.is_some_and(|expiry| expiry <= context.now) => {
            CheckResult::fail(&"this host's key has expired", remedy::TAILSCALE_KEY)
        }
        Some(expiry) if expiry.since(context.now) < KEY_EXPIRY_WARNING => {
            let left = format_span(expiry.since(context.now));
            CheckResult::warn(&format_args!("this host's key expires in {left}"), remedy::TAILSCALE_KEY)
        }
        Some(expiry) => CheckResult::ok(&format_args!("up; this host's key is valid until {}", format_time(expiry))),
        None => CheckResult::ok(&"up; this host's key does not expire"),
    }
}

/// Checks the clock: the validity of certificates and keys depends on it.
pub(super) fn check_clock(context: &HostContext) -> CheckResult {
    if context.now < EARLIEST_PLAUSIBLE_TIME {
        return CheckResult::fail(&format_args!("the clock shows {}", format_time(context.now)), remedy::SET_CLOCK);
    }
    match context.run_program("timedatectl", &["show", "-p", "NTPSynchronized", "--value"]) {
        Ok(output) if output.trim() == "yes" => CheckResult::ok(&"synchronized"),
        Ok(_) => CheckResult::warn(&"the clock is not synchronized", remedy::SET_CLOCK),
        Err(_) => CheckResult::skipped(&"timedatectl does not report whether it is synchronized"),
    }
}

fn url_host(url: &str) -> Option<Host> {
    Endpoint::from_url(url).ok().map(|endpoint| endpoint.address().host.clone())
}

/// True for an address in 100.64.0.0/10 (RFC 6598) or a name below `ts.net`.
fn is_tailnet(host: &Host) -> bool {
    match host {
        Host::Ip(ip) => is_tailnet_address(*ip),
        Host::Name(name) => name.ends_with(".ts.net"),
    }
}

/// Returns every configured name that must resolve.
fn configured_names(context: &HostContext) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    for url in context.config.upstreams.iter().flat_map(|upstream| &upstream.urls) {
        if let Some(Host::Name(name)) = url_host(url) {
            add(name);
        }
    }
    for secret in &context.config.secrets {
        // Format: `user@host:path`.
        let host = secret.source.split_once('@').and_then(|(_, rest)| rest.split_once(':')).map(|(host, _)| host);
        if let Some(host) = host.filter(|host| !host.starts_with('[') && host.parse::<IpAddr>().is_err()) {
            add(host.to_owned());
        }
    }
    names
}
