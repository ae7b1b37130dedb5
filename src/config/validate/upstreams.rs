//! Checks of the upstreams and witnesses.

use crate::config::diagnostics::Diagnostics;
use crate::config::model::UpstreamConfig;
use crate::config::validate::names;
use crate::config::validate::values::{
    CheckedUrl, check_endpoint, check_required, check_unique, check_verifiable, list_items,
};
use crate::config::witness::WitnessConfig;

const UPSTREAMS_EXAMPLE: &str = r#""upstreams": [{ "name": "primary", "urls": ["http://100.64.0.1:18789"] }]"#;

/// Checks every upstream alone, then all of them together and with this host's own gateway.
pub(super) fn check_upstreams(
    upstreams: &mut [UpstreamConfig],
    gateway: Option<&CheckedUrl>,
    problems: &Diagnostics,
) -> Vec<CheckedUrl> {
    if !problems.is_set("upstreams") {
        problems
            .add("upstreams", format!("is missing; add {UPSTREAMS_EXAMPLE}, or check a primary's file with --primary"));
    } else if upstreams.is_empty() {
        problems.add("upstreams", format!("is empty; write {UPSTREAMS_EXAMPLE}"));
    }
    let mut urls = Vec::new();
    for (path, upstream) in list_items("upstreams", &mut *upstreams, problems) {
        urls.extend(check_upstream(&path, upstream, problems));
    }
    let (mut names, mut channels) = (Vec::new(), Vec::new());
    for (path, upstream) in list_items("upstreams", &*upstreams, problems) {
        channels.extend(list_items(&format!("{path}.channels"), &upstream.channels, problems));
        names.push((path + ".name", &upstream.name));
    }
    names.retain(|(path, _)| problems.is_set(path));
    check_unique(&names, problems);
    check_unique(&channels, problems);
    check_distinct_servers(&urls, problems);
    check_not_own_gateway(&urls, gateway, problems);
    urls
}

fn check_upstream(path: &str, upstream: &mut UpstreamConfig, problems: &Diagnostics) -> Vec<CheckedUrl> {
    let key = |key: &str| format!("{path}.{key}");
    if let Some(name) = check_required(&key("name"), &upstream.name, "\"primary\"", problems) {
        problems.check(&key("name"), names::check_short_name(name));
    }
    for (path, channel) in list_items(&key("channels"), &upstream.channels, problems) {
        problems.check(&path, names::check_short_name(channel));
    }
    if let Some(credential) = &upstream.credential {
        problems.check(&key("credential"), names::check_credential(credential));
    }
    if upstream.urls.is_empty() {
        problems.add(&key("urls"), "is missing or empty; add \"urls\": [\"http://100.64.0.1:18789\"]");
    }
    let check = |(path, url)| check_endpoint(path, url, problems);
    let urls: Vec<_> = list_items(&key("urls"), &mut upstream.urls, problems).filter_map(check).collect();
    urls.iter().for_each(|url| check_verifiable(url, &key("ca_file"), problems));
    urls
}

fn check_distinct_servers(urls: &[CheckedUrl], problems: &Diagnostics) {
    for (index, url) in urls.iter().enumerate() {
        let is_same = |other: &&CheckedUrl| other.endpoint.address().is_same_socket(url.endpoint.address());
        if let Some(first) = urls.iter().take(index).find(is_same) {
            let (shown, first) = (&url.endpoint, problems.name(&first.path));
            problems.add(&url.path, format!("{shown} leads to the same server as {first}; remove one of them"));
        }
    }
}

/// Reports upstreams that are this host's own gateway. A monitor that probed its own gateway as the primary would keep
/// it up or down for ever. A loopback address reaches another host only through a tunnel, which cannot share the
/// gateway's port.
fn check_not_own_gateway(urls: &[CheckedUrl], gateway: Option<&CheckedUrl>, problems: &Diagnostics) {
    for CheckedUrl { path, endpoint } in urls.iter().filter(|url| url.endpoint.address().is_unspecified()) {
        problems.add(path, format!("{endpoint} is this host itself; an upstream must be on another host"));
    }
    let Some(gateway) = gateway else { return };
    let own = gateway.endpoint.address();
    for CheckedUrl { path, endpoint } in urls {
        let address = endpoint.address();
        if address.is_same_socket(own) || (address.is_this_host() && address.port == own.port) {
            let gateway_url = problems.describe(&gateway.path, &gateway.endpoint);
            let what =
                format!("{endpoint} is {gateway_url}, this host's own gateway; an upstream must be on another host");
            problems.add_conflict(&[path, &gateway.path], what);
        }
    }
    let names_another_host = |url: &&CheckedUrl| {
        let theirs = url.endpoint.address();
        theirs.is_same_host(own) && !own.is_this_host() && theirs.port != own.port
    };
    if let Some(CheckedUrl { path, endpoint }) = urls.iter().find(names_another_host) {
        let what = format!(
            "{} is on the host of {} ({endpoint}); it must name the gateway of this host, such as \
             http://127.0.0.1:18789",
            gateway.endpoint,
            problems.name(path)
        );
        problems.add_conflict(&[&gateway.path, path], what);
    }
}

/// Checks that no witness is given twice, and none is on an upstream's host: it would go down with the upstream and
/// prevent every promotion. Loopback is exempt, so that a test can run everything on one machine.
pub(super) fn check_witnesses(witnesses: &[WitnessConfig], upstreams: &[CheckedUrl], problems: &Diagnostics) {
    let witnesses: Vec<_> = list_items("promote.witnesses", witnesses, problems).collect();
    check_unique(&witnesses, problems);
    for (path, witness) in &witnesses {
        let Some(address) = witness.address().filter(|address| !address.is_this_host()) else { continue };
        if let Some(url) = upstreams.iter().find(|url| url.endpoint.address().is_same_host(&address)) {
            let what = format!(
                "{address} is on the host of {} ({}): it would go down with the primary and prevent every promotion; \
                 name a service on another host",
                problems.name(&url.path),
                url.endpoint
            );
            problems.add_conflict(&[path, &url.path], what);
        }
    }
}
