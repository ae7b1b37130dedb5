//! Checks of the witnesses.

use crate::config::address::{Address, split_authority};
use crate::config::diagnostics::{Collector, quoted};
use crate::config::model::Witness;
use crate::config::span::At;
use crate::config::validate::{CheckedUrl, unique};
use crate::text::suggestion::nearest;

/// Checks every witness, alone and together with the upstreams.
pub(super) fn check(
    raw: Option<Vec<At<String>>>,
    upstreams: &[CheckedUrl],
    problems: &Collector,
) -> Option<Vec<Witness>> {
    let raw = raw?;
    unique(&raw, problems);
    let one = |text: &At<String>| match parse(&text.value) {
        Ok((witness, address)) => {
            stands_elsewhere(text, address.as_ref(), upstreams, problems);
            Some(witness)
        }
        Err(what) => {
            problems.add(&text.place, what);
            None
        }
    };
    Some(raw.iter().filter_map(one).collect())
}

fn parse(text: &str) -> Result<(Witness, Option<Address>), String> {
    if text == "tailscale" {
        return Ok((Witness::Tailscale, None));
    }
    match text.split_once("://") {
        Some(("tcp", rest)) => {
            let (authority, tail) = split_authority(rest)?;
            if !tail.is_empty() {
                return Err("must end after the port, such as \"tcp://1.1.1.1:443\"".into());
            }
            let address = Address::parse(authority, None)?;
            Ok((Witness::Tcp(address.to_string()), Some(address)))
        }
        Some(("https", rest)) => {
            let (authority, path) = split_authority(rest)?;
            if path.contains(['?', '#']) {
                return Err(
                    "must end with its path; a query could contain a token, and this file is world-readable".into()
                );
            }
            let address = Address::parse(authority, Some(443))?;
            if !address.may_have_public_certificate() {
                return Err("cannot be verified: no public authority signs certificates for such a host; write \
                     \"tcp://host:port\""
                    .into());
            }
            Ok((Witness::Https(text.to_owned()), Some(address)))
        }
        Some(_) => Err("must begin with https:// or tcp://".into()),
        None => {
            let near = nearest(text, ["tailscale"]);
            let hint = near.map_or_else(
                || "write \"tailscale\", \"tcp://host:port\" or \"https://…\"".to_owned(),
                |near| format!("did you mean \"{near}\"?"),
            );
            Err(format!("{} is not a witness; {hint}", quoted(text)))
        }
    }
}

/// Reports a witness on an upstream's host: it would go down with the upstream and prevent every promotion. Loopback is
/// exempt, so that a test can run everything on one machine.
fn stands_elsewhere(text: &At<String>, address: Option<&Address>, upstreams: &[CheckedUrl], problems: &Collector) {
    let Some(address) = address.filter(|address| !address.is_here()) else {
        return;
    };
    let shares_host = |url: &&CheckedUrl| url.value.address().is_same_host(address);
    if let Some(url) = upstreams.iter().find(shares_host) {
        let what = format!(
            "{} is on the host of {} ({}): it would go down with the primary and prevent every promotion; name a \
             service on another host",
            address,
            url.place.key(),
            url.value
        );
        problems.conflict(&[&text.place, &url.place], what);
    }
}
