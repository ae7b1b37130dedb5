//! Checks of the upstreams.

use std::path::PathBuf;

use crate::config::diagnostics::Diagnostics;
use crate::config::model::UpstreamConfig;
use crate::config::schema::RawUpstream;
use crate::config::span::{Span, Spanned};
use crate::config::validate::{
    CheckedUrl, check_endpoint, check_required, check_unique, check_verifiable, names, secrets,
};

/// Checks every upstream alone, then all of them together and with this host's own gateway.
pub(super) fn check_upstreams(
    raw: Option<Spanned<Vec<RawUpstream>>>,
    gateway: &Option<CheckedUrl>,
    problems: &Diagnostics,
) -> (Vec<UpstreamConfig>, Vec<CheckedUrl>) {
    let Some(raw) = raw else {
        let what = format!("is missing; add {UPSTREAMS_EXAMPLE}");
        problems.add(&Span::from_default("upstreams"), what);
        return (Vec::new(), Vec::new());
    };
    if raw.value.is_empty() {
        problems.add(&raw.span, format!("is empty; write {UPSTREAMS_EXAMPLE}"));
    }
    check_unique(raw.value.iter().filter_map(|upstream| upstream.name.as_ref()), problems);
    check_unique(raw.value.iter().flat_map(|upstream| &upstream.channels), problems);
    let mut all_urls = Vec::new();
    let mut upstreams = Vec::new();
    for upstream in raw.value {
        let (upstream, urls) = check_upstream(upstream, problems);
        upstreams.push(upstream);
        all_urls.extend(urls);
    }
    check_distinct_servers(&all_urls, problems);
    check_not_own_gateway(&all_urls, gateway, problems);
    (upstreams, all_urls)
}

const UPSTREAMS_EXAMPLE: &str = r#""upstreams": [{ "name": "primary", "urls": ["http://100.64.0.1:18789"] }]"#;

fn check_upstream(raw: RawUpstream, problems: &Diagnostics) -> (UpstreamConfig, Vec<CheckedUrl>) {
    let name = check_required(raw.name, &raw.span, "name", "\"primary\"", problems);
    if let Some(name) = &name {
        names::check_short_name(name, problems);
    }
    for channel in &raw.channels {
        names::check_short_name(channel, problems);
    }
    if let Some(credential) = &raw.credential {
        names::check_credential(credential, problems);
    }
    if let Some(ca_file) = &raw.ca_file {
        secrets::check_absolute_path(ca_file, problems);
    }
    let urls = check_urls(raw.urls, &raw.span, problems);
    for url in &urls {
        check_verifiable(url, raw.ca_file.is_some(), &raw.span.child("ca_file"), problems);
    }
    let upstream = UpstreamConfig {
        name: name.map_or_else(String::new, |name| name.value),
        urls: urls.iter().map(|url| url.value.to_string()).collect(),
        channels: raw.channels.into_iter().map(|channel| channel.value).collect(),
        credential: raw.credential.map(|credential| credential.value),
        ca_file: raw.ca_file.map(|file| PathBuf::from(file.value)),
    };
    (upstream, urls)
}

fn check_urls(raw: Option<Spanned<Vec<Spanned<String>>>>, upstream: &Span, problems: &Diagnostics) -> Vec<CheckedUrl> {
    match raw {
        Some(list) if !list.value.is_empty() => {
            list.value.iter().filter_map(|url| check_endpoint(url, problems)).collect()
        }
        given => {
            let place = given.map_or_else(|| upstream.child("urls"), |list| list.span);
            let what = "is missing or empty; add \"urls\": [\"http://100.64.0.1:18789\"]";
            problems.add(&place, what);
            Vec::new()
        }
    }
}

fn check_distinct_servers(urls: &[CheckedUrl], problems: &Diagnostics) {
    for (index, url) in urls.iter().enumerate() {
        let is_same = |other: &&CheckedUrl| other.value.address().is_same_socket(url.value.address());
        if let Some(first) = urls.iter().take(index).find(is_same) {
            let what = format!("{} leads to the same server as {}; remove one of them", url.value, first.span.key());
            problems.add(&url.span, what);
        }
    }
}

/// Reports upstreams that are this host's own gateway. A monitor that probed its own gateway as the primary would keep
/// it up or down for ever. A loopback address reaches another host only through a tunnel, which cannot share the
/// gateway's port.
fn check_not_own_gateway(urls: &[CheckedUrl], gateway: &Option<CheckedUrl>, problems: &Diagnostics) {
    for url in urls.iter().filter(|url| url.value.address().is_unspecified()) {
        let what = format!("{} is this host itself; an upstream must be on another host", url.value);
        problems.add(&url.span, what);
    }
    let Some(gateway) = gateway else { return };
    let is_own = |url: &&CheckedUrl| {
        let (address, own) = (url.value.address(), gateway.value.address());
        address.is_same_socket(own) || (address.is_this_host() && address.port == own.port)
    };
    for url in urls.iter().filter(is_own) {
        let default = if gateway.span.is_default() { ", the default" } else { "" };
        let what = format!(
            "{} is {} ({}{default}), this host's own gateway; an upstream must be on another host",
            url.value,
            gateway.span.key(),
            gateway.value
        );
        problems.add_conflict(&[&url.span, &gateway.span], what);
    }
    let names_another_host = |url: &&CheckedUrl| {
        let (theirs, ours) = (url.value.address(), gateway.value.address());
        theirs.is_same_host(ours) && !ours.is_this_host() && theirs.port != ours.port
    };
    if let Some(url) = urls.iter().find(names_another_host) {
        let what = format!(
            "{} is on the host of {} ({}); it must name the gateway of this host, such as http://127.0.0.1:18789",
            gateway.value,
            url.span.key(),
            url.value
        );
        problems.add_conflict(&[&gateway.span, &url.span], what);
    }
}
