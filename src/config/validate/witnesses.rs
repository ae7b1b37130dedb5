//! Checks of the witnesses.

use crate::config::address::{Address, split_authority};
use crate::config::diagnostics::{Diagnostics, quote};
use crate::config::model::WitnessConfig;
use crate::config::span::Spanned;
use crate::config::validate::{CheckedUrl, check_unique};
use crate::text::suggestion::suggest_name;

/// Checks every witness, alone and together with the upstreams.
pub(super) fn check_witnesses(
    raw: Option<Vec<Spanned<String>>>,
    upstreams: &[CheckedUrl],
    problems: &Diagnostics,
) -> Option<Vec<WitnessConfig>> {
    let raw = raw?;
    check_unique(&raw, problems);
    let one = |text: &Spanned<String>| match parse_witness(&text.value) {
        Ok((witness, address)) => {
            check_not_on_upstream(text, address.as_ref(), upstreams, problems);
            Some(witness)
        }
        Err(what) => {
            problems.add(&text.span, what);
            None
        }
    };
    Some(raw.iter().filter_map(one).collect())
}

fn parse_witness(text: &str) -> Result<(WitnessConfig, Option<Address>), String> {
    if text == "tailscale" {
        return Ok((WitnessConfig::Tailscale, None));
    }
    match text.split_once("://") {
        Some(("tcp", rest)) => {
            let (authority, tail) = split_authority(rest)?;
            if !tail.is_empty() {
                return Err("must end after the port, such as \"tcp://1.1.1.1:443\"".into());
            }
            let address = Address::parse(authority, None)?;
            Ok((WitnessConfig::Tcp(address.to_string()), Some(address)))
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
            Ok((WitnessConfig::Https(text.to_owned()), Some(address)))
        }
        Some(_) => Err("must begin with https:// or tcp://".into()),
        None => {
            let near = suggest_name(text, ["tailscale"]);
            let hint = near.map_or_else(
                || "write \"tailscale\", \"tcp://host:port\" or \"https://…\"".to_owned(),
                |near| format!("did you mean \"{near}\"?"),
            );
            Err(format!("{} is not a witness; {hint}", quote(text)))
        }
    }
}

/// Reports a witness on an upstream's host: it would go down with the upstream and prevent every promotion. Loopback is
/// exempt, so that a test can run everything on one machine.
fn check_not_on_upstream(
    text: &Spanned<String>,
    address: Option<&Address>,
    upstreams: &[CheckedUrl],
    problems: &Diagnostics,
) {
    let Some(address) = address.filter(|address| !address.is_this_host()) else {
        return;
    };
    let shares_host = |url: &&CheckedUrl| url.value.address().is_same_host(address);
    if let Some(url) = upstreams.iter().find(shares_host) {
        let what = format!(
            "{} is on the host of {} ({}): it would go down with the primary and prevent every promotion; name a \
             service on another host",
            address,
            url.span.key(),
            url.value
        );
        problems.add_conflict(&[&text.span, &url.span], what);
    }
}
