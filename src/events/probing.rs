//! Entries about probes: outages, witnesses, and other processes on the gateway's port.

use std::time::Duration;

use crate::config::Config;
use crate::events::entry::shorten_quote;
use crate::events::{EventKind, HistoryEntry, NoticeDescriber};
use crate::failover::Availability;
use crate::probe::{ProbeFailure, Verdict};
use crate::text::json_fields;
use crate::text::utc::format_span;

impl NoticeDescriber<'_> {
    /// Carries the URLs, so that the armed upstreams can be restored from the history alone.
    pub(super) fn describe_armed(&self, upstream: usize) -> HistoryEntry {
        let name = self.upstream_name(upstream);
        let urls = self.config.upstreams.get(upstream).map(|upstream| upstream.urls.clone());
        let text = format!("{name} was seen healthy from here for the first time: failover armed");
        HistoryEntry::notice(EventKind::Armed, &text)
            .with_field("upstream", name)
            .with_field("urls", urls.unwrap_or_default())
    }

    pub(super) fn describe_window_opened(&self, upstream: usize, failure: ProbeFailure) -> HistoryEntry {
        let (name, why, after) = (self.upstream_name(upstream), failure_phrase(failure), self.config.promote.after);
        let what = match self.config.upstreams.len() {
            0 | 1 => format!("{name} is down: {why}"),
            _ => format!("every upstream is down; last probe of {name}: {why}"),
        };
        let text = format!("{what}. Failing over in {} unless it recovers", format_span(after));
        HistoryEntry::warning(EventKind::WindowOpened, &text)
            .with_field("upstream", name)
            .with_field("failure", failure.name())
            .with_field("http_status", failure.http_status())
            .with_seconds("promote_after_seconds", after)
    }

    pub(super) fn describe_window_closed(&self, upstream: usize, lasted: Duration) -> HistoryEntry {
        let name = self.upstream_name(upstream);
        let text = format!("{name} is up again after {}", format_span(lasted));
        HistoryEntry::notice(EventKind::WindowClosed, &text)
            .with_field("upstream", name)
            .with_seconds("lasted_seconds", lasted)
    }

    pub(super) fn describe_flapping(&self, recent: Availability) -> HistoryEntry {
        let text = format!(
            "{}. No outage reached promote.after ({}), so together they count as one: failing over at the next failed \
             probe, unless a hold or a silent witness forbids it. Check the primary's log; a crash loop is the usual \
             cause",
            availability_in_words(self.config, recent),
            format_span(self.config.promote.after)
        );
        with_availability_fields(HistoryEntry::error(EventKind::Flapping, &text), recent)
    }

    pub(super) fn describe_steady(&self, recent: Availability) -> HistoryEntry {
        with_availability_fields(HistoryEntry::notice(EventKind::Steady, "the primary is steady again"), recent)
    }

    pub(super) fn describe_isolated(&self) -> HistoryEntry {
        HistoryEntry::error(
            EventKind::Isolated,
            "no upstream answers, and no witness either: this host may be cut off from the network, so it does not \
             fail over until a witness or an upstream answers. Check this host's network",
        )
    }

    pub(super) fn describe_reconnected(&self) -> HistoryEntry {
        HistoryEntry::notice(
            EventKind::Reconnected,
            "a witness or an upstream answers again: this host is no longer cut off",
        )
    }

    pub(super) fn describe_never_seen_healthy(&self) -> HistoryEntry {
        HistoryEntry::error(
            EventKind::NeverSeenHealthy,
            "every upstream is down, and none was ever seen healthy from here: a wrong URL looks the same, so this \
             host does not fail over. Test the URLs with `openclaw-failover check`. If the upstream is really down, \
             `openclaw-failover promote` starts this host's gateway and keeps it up",
        )
    }

    pub(super) fn describe_port_held(&self, verdict: Verdict) -> HistoryEntry {
        let (unit, url) = (self.gateway_unit(), &self.config.gateway.url);
        let text = format!(
            "{unit} is down, but another process holds {url} ({verdict}): this host cannot take over. Find it with \
             `ss -ltnp` and stop it; it is usually OpenClaw's own user unit, openclaw-gateway.service"
        );
        HistoryEntry::error(EventKind::PortHeld, &text)
            .with_field("url", url.as_str())
            .with_field("verdict", verdict.kind().name())
    }

    pub(super) fn describe_port_free(&self) -> HistoryEntry {
        let url = &self.config.gateway.url;
        HistoryEntry::notice(EventKind::PortFree, &format!("{url} is no longer held by another process"))
            .with_field("url", url.as_str())
    }

    pub(super) fn describe_foreign_answer(&self, why: &str) -> HistoryEntry {
        let (unit, why) = (self.gateway_unit(), shorten_quote(why));
        let text =
            format!("{unit} runs, but {why}: messages may not reach it. Find that process with `ss -ltnp`, stop it");
        HistoryEntry::error(EventKind::ForeignAnswer, &text).with_field("why", why)
    }

    pub(super) fn describe_answer_unverified(&self, why: &str) -> HistoryEntry {
        let (unit, url, why) = (self.gateway_unit(), &self.config.gateway.url, shorten_quote(why));
        let text = format!(
            "cannot check which process answers at {url}: {why}. It counts as {unit}; compare `ss -ltnp` with \
             `systemctl status {unit}`"
        );
        HistoryEntry::warning(EventKind::AnswerUnverified, &text).with_field("url", url.as_str()).with_field("why", why)
    }

    pub(super) fn describe_answer_verified(&self) -> HistoryEntry {
        let (unit, url) = (self.gateway_unit(), &self.config.gateway.url);
        HistoryEntry::notice(EventKind::AnswerVerified, &format!("a process of {unit} answers at {url}"))
            .with_field("url", url.as_str())
    }
}

/// Describes the availability of the primary, for the history and the status.
pub(crate) fn availability_in_words(config: &Config, recent: Availability) -> String {
    let name = match config.upstreams.as_slice() {
        [primary] => primary.name.as_str(),
        _ => "the primary and its other upstreams",
    };
    let Availability { available, period: over, outages } = recent;
    let verb = if config.upstreams.len() == 1 { "keeps" } else { "keep" };
    format!(
        "{name} {verb} failing and coming back: available for {} of the last {}, {outages} outages",
        format_span(Duration::from_secs(available.as_secs())),
        format_span(over)
    )
}

fn with_availability_fields(entry: HistoryEntry, recent: Availability) -> HistoryEntry {
    let Availability { available, period: over, outages } = recent;
    let entry = entry.with_field("available_seconds", json_fields::seconds_to_json(available));
    entry.with_field("over_seconds", json_fields::seconds_to_json(over)).with_field("outages", outages)
}

/// Describes a failure for a reader who does not know its stable name.
fn failure_phrase(failure: ProbeFailure) -> String {
    let words = match failure {
        ProbeFailure::Dns => "its name cannot be resolved",
        ProbeFailure::ThisHost => {
            "its address is one of this host's own, so it cannot be reached; correct its URL, or DNS and \
             /etc/hosts here"
        }
        ProbeFailure::Refused => "its host is there, but no gateway answers on the port",
        ProbeFailure::Unreachable => "there is no route to its host",
        ProbeFailure::ConnectTimeout => "its host does not accept a connection in time",
        ProbeFailure::ResponseTimeout => "it accepts a connection, but does not answer in time",
        ProbeFailure::Tls => {
            "something answers, but not over TLS that can be verified (`openclaw-failover check` says why)"
        }
        ProbeFailure::Status(code) => return format!("it answers with HTTP {code}"),
        ProbeFailure::NotOpenClaw => "something answers that is not an OpenClaw gateway",
        ProbeFailure::Starting => "it is still starting",
        ProbeFailure::Draining => "it is draining before it stops",
    };
    words.to_owned()
}
