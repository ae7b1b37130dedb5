//! Checks of the upstreams.

use std::path::PathBuf;

use crate::config::diagnostics::Collector;
use crate::config::model::Upstream;
use crate::config::schema::RawUpstream;
use crate::config::span::{At, Place};
use crate::config::validate::{CheckedUrl, endpoint, names, required, secrets, unique, verifiable};

/// Checks every upstream alone, then all of them together and with this host's own gateway.
pub(super) fn check(
    raw: Option<At<Vec<RawUpstream>>>,
    gateway: &Option<CheckedUrl>,
    problems: &Collector,
) -> (Vec<Upstream>, Vec<CheckedUrl>) {
    let Some(raw) = raw else {
        let what = format!("is missing; add {EXAMPLE}");
        problems.add(&Place::default("upstreams"), what);
        return (Vec::new(), Vec::new());
    };
    if raw.value.is_empty() {
        problems.add(&raw.place, format!("is empty; write {EXAMPLE}"));
    }
    unique(raw.value.iter().filter_map(|upstream| upstream.name.as_ref()), problems);
    unique(raw.value.iter().flat_map(|upstream| &upstream.channels), problems);
    let mut all_urls = Vec::new();
    let mut upstreams = Vec::new();
    for upstream in raw.value {
        let (upstream, urls) = one(upstream, problems);
        upstreams.push(upstream);
        all_urls.extend(urls);
    }
    every_url_is_another_server(&all_urls, problems);
    no_url_is_our_own(&all_urls, gateway, problems);
    (upstreams, all_urls)
}

const EXAMPLE: &str = r#""upstreams": [{ "name": "primary", "urls": ["http://100.64.0.1:18789"] }]"#;

fn one(raw: RawUpstream, problems: &Collector) -> (Upstream, Vec<CheckedUrl>) {
    let name = required(raw.name, &raw.place, "name", "\"primary\"", problems);
    if let Some(name) = &name {
        names::short(name, problems);
    }
    for channel in &raw.channels {
        names::short(channel, problems);
    }
    if let Some(credential) = &raw.credential {
        names::credential(credential, problems);
    }
    if let Some(ca_file) = &raw.ca_file {
        secrets::absolute(ca_file, problems);
    }
    let urls = urls(raw.urls, &raw.place, problems);
    for url in &urls {
        verifiable(url, raw.ca_file.is_some(), &raw.place.child("ca_file"), problems);
    }
    let upstream = Upstream {
        name: name.map_or_else(String::new, |name| name.value),
        urls: urls.iter().map(|url| url.value.to_string()).collect(),
        channels: raw.channels.into_iter().map(|channel| channel.value).collect(),
        credential: raw.credential.map(|credential| credential.value),
        ca_file: raw.ca_file.map(|file| PathBuf::from(file.value)),
    };
    (upstream, urls)
}

fn urls(raw: Option<At<Vec<At<String>>>>, upstream: &Place, problems: &Collector) -> Vec<CheckedUrl> {
    match raw {
        Some(list) if !list.value.is_empty() => list.value.iter().filter_map(|url| endpoint(url, problems)).collect(),
        given => {
            let place = given.map_or_else(|| upstream.child("urls"), |list| list.place);
            let what = "is missing or empty; add \"urls\": [\"http://100.64.0.1:18789\"]";
            problems.add(&place, what);
            Vec::new()
        }
    }
}

fn every_url_is_another_server(urls: &[CheckedUrl], problems: &Collector) {
    for (index, url) in urls.iter().enumerate() {
        let is_same = |other: &&CheckedUrl| other.value.address().is_same(url.value.address());
        if let Some(first) = urls.iter().take(index).find(is_same) {
            let what = format!("{} leads to the same server as {}; remove one of them", url.value, first.place.key());
            problems.add(&url.place, what);
        }
    }
}

/// Reports upstreams that are this host's own gateway. A monitor that probed its own gateway as the primary would keep
/// it up or down for ever. A loopback address reaches another host only through a tunnel, which cannot share the
/// gateway's port.
fn no_url_is_our_own(urls: &[CheckedUrl], gateway: &Option<CheckedUrl>, problems: &Collector) {
    for url in urls.iter().filter(|url| url.value.address().is_unspecified()) {
        let what = format!("{} is this host itself; an upstream must be on another host", url.value);
        problems.add(&url.place, what);
    }
    let Some(gateway) = gateway else { return };
    let is_own = |url: &&CheckedUrl| {
        let (address, own) = (url.value.address(), gateway.value.address());
        address.is_same(own) || (address.is_here() && address.port == own.port)
    };
    for url in urls.iter().filter(is_own) {
        let default = if gateway.place.is_default() { ", the default" } else { "" };
        let what = format!(
            "{} is {} ({}{default}), this host's own gateway; an upstream must be on another host",
            url.value,
            gateway.place.key(),
            gateway.value
        );
        problems.conflict(&[&url.place, &gateway.place], what);
    }
    let names_another_host = |url: &&CheckedUrl| {
        let (theirs, ours) = (url.value.address(), gateway.value.address());
        theirs.is_same_host(ours) && !ours.is_here() && theirs.port != ours.port
    };
    if let Some(url) = urls.iter().find(names_another_host) {
        let what = format!(
            "{} is on the host of {} ({}); it must name the gateway of this host, such as http://127.0.0.1:18789",
            gateway.value,
            url.place.key(),
            url.value
        );
        problems.conflict(&[&gateway.place, &url.place], what);
    }
}
