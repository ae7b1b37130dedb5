//! Checks that several sections share.

use std::fmt::Display;
use std::time::Duration;

use crate::config::diagnostics::{Diagnostics, quote};
use crate::config::endpoint::Endpoint;
use crate::text::duration::format_duration;

/// Minimum of a duration that must not be zero.
pub(super) const MIN_DURATION: Duration = Duration::from_secs(1);

/// URL that passed its own check, for comparison with others.
pub(super) struct CheckedUrl {
    pub(super) path: String,
    pub(super) endpoint: Endpoint,
}

/// Returns the items of a list with their key paths, without those that are reported already.
pub(super) fn list_items<T>(
    key: &str,
    list: impl IntoIterator<Item = T>,
    problems: &Diagnostics,
) -> impl Iterator<Item = (String, T)> {
    let item = move |(index, item)| (format!("{key}[{index}]"), item);
    list.into_iter().enumerate().map(item).filter(|(path, _)| !problems.has_problem(path))
}

/// Returns the value of a required key; reports a missing one.
pub(super) fn check_required<'a>(path: &str, value: &'a str, example: &str, problems: &Diagnostics) -> Option<&'a str> {
    if !problems.is_set(path) {
        let key = path.rsplit('.').next().unwrap_or(path);
        problems.add(path, format!("is missing; add \"{key}\": {example}"));
    }
    (!problems.has_problem(path)).then_some(value)
}

/// Reports every value that repeats an earlier one of the list.
pub(super) fn check_unique<T: PartialEq + Display>(values: &[(String, T)], problems: &Diagnostics) {
    for (index, (path, value)) in values.iter().enumerate() {
        if let Some((first, _)) = values.iter().take(index).find(|(_, other)| other == value) {
            let (value, first) = (quote(&value.to_string()), problems.name(first));
            problems.add(path, format!("{value} is already set by {first}; remove one of them"));
        }
    }
}

/// Reports a duration that is too short or too long.
pub(super) fn check_range(
    path: &str,
    duration: Duration,
    (shortest, longest): (Duration, Duration),
    problems: &Diagnostics,
) {
    let shown = format_duration(duration);
    if duration < shortest {
        problems.add(path, format!("\"{shown}\" is too short; write at least \"{}\"", format_duration(shortest)));
    } else if duration > longest {
        problems.add(path, format!("\"{shown}\" is too long; write at most \"{}\"", format_duration(longest)));
    }
}

/// Reports a bad URL. Gives a good one its one spelling.
pub(super) fn check_endpoint(path: String, url: &mut String, problems: &Diagnostics) -> Option<CheckedUrl> {
    let endpoint = problems.check(&path, Endpoint::from_url(url))?;
    *url = endpoint.to_string();
    Some(CheckedUrl { path, endpoint })
}

/// Reports an `https://` URL whose certificate cannot be verified.
pub(super) fn check_verifiable(url: &CheckedUrl, ca_file: &str, problems: &Diagnostics) {
    let endpoint = &url.endpoint;
    if endpoint.is_https() && !problems.is_set(ca_file) && !endpoint.address().may_have_public_certificate() {
        let what = format!(
            "{endpoint} cannot be verified: no public authority signs certificates for such a host; write http:// (a \
             tailnet encrypts by itself), or name the signing certificate in {ca_file}"
        );
        problems.add(&url.path, what);
    }
}
