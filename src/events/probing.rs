//! Entries about probes: outages, witnesses, and other processes on the gateway's port.

use std::time::Duration;

use crate::config::Config;
use crate::events::{Entry, Teller, quoted};
use crate::failover::{Availability, names};
use crate::probe::{Failure, Verdict};
use crate::text::json_fields;
use crate::text::utc::span;

impl Teller<'_> {
    /// Carries the URLs, so that the armed upstreams can be restored from the history alone.
    pub(super) fn armed(&self, upstream: usize) -> Entry {
        let name = self.upstream(upstream);
        let urls = self.config.upstreams.get(upstream).map(|upstream| upstream.urls.clone());
        let text = format!("{name} was seen healthy from here for the first time: failover armed");
        Entry::notice("armed", &text).with("upstream", name).with("urls", urls.unwrap_or_default())
    }

    pub(super) fn window_opened(&self, upstream: usize, failure: Failure) -> Entry {
        let (name, why, after) = (self.upstream(upstream), words(failure), self.config.promote.after);
        let who = match self.config.upstreams.len() {
            0 | 1 => format!("{name} is down: {why}"),
            _ => format!("every upstream is down; last probe of {name}: {why}"),
        };
        let text = format!("{who}. Failing over in {} unless it recovers", span(after));
        Entry::warning("window_opened", &text)
            .with("upstream", name)
            .with("failure", failure.name())
            .with("http_status", failure.status())
            .span("promote_after_seconds", after)
    }

    pub(super) fn window_closed(&self, upstream: usize, lasted: Duration) -> Entry {
        let name = self.upstream(upstream);
        let text = format!("{name} is up again after {}", span(lasted));
        Entry::notice("window_closed", &text).with("upstream", name).span("lasted_seconds", lasted)
    }

    pub(super) fn flapping(&self, recent: Availability) -> Entry {
        let text = format!(
            "{}. No outage reached promote.after ({}), so together they count as one: failing over at the next failed \
             probe, unless a hold or a silent witness forbids it. Check the primary's log; a crash loop is the usual \
             cause",
            availability_in_words(self.config, recent),
            span(self.config.promote.after)
        );
        with_availability(Entry::error("flapping", &text), recent)
    }

    pub(super) fn steady(&self, recent: Availability) -> Entry {
        with_availability(Entry::notice("steady", "the primary is steady again"), recent)
    }

    pub(super) fn isolated(&self) -> Entry {
        Entry::error(
            "isolated",
            "no upstream answers, and no witness either: this host may be cut off from the network, so it does not \
             fail over until a witness or an upstream answers. Check this host's network",
        )
    }

    pub(super) fn reconnected(&self) -> Entry {
        Entry::notice("reconnected", "a witness or an upstream answers again: this host is no longer cut off")
    }

    pub(super) fn never_seen_healthy(&self) -> Entry {
        Entry::error(
            "never_seen_healthy",
            "every upstream is down, and none was ever seen healthy from here: a wrong URL looks the same, so this \
             host does not fail over. Test the URLs with `openclaw-failover check`. If the upstream is really down, \
             `openclaw-failover promote` starts this host's gateway and keeps it up",
        )
    }

    pub(super) fn port_held(&self, verdict: Verdict) -> Entry {
        let (unit, url) = (self.unit(), &self.config.gateway.url);
        let text = format!(
            "{unit} is down, but another process holds {url} ({verdict}): this host cannot take over. Find it with \
             `ss -ltnp` and stop it; it is usually OpenClaw's own user unit, openclaw-gateway.service"
        );
        Entry::error("port_held", &text).with("url", url.as_str()).with("verdict", names::verdict(verdict))
    }

    pub(super) fn port_free(&self) -> Entry {
        let url = &self.config.gateway.url;
        Entry::notice("port_free", &format!("{url} is no longer held by another process")).with("url", url.as_str())
    }

    pub(super) fn foreign_answer(&self, why: &str) -> Entry {
        let (unit, why) = (self.unit(), quoted(why));
        let text =
            format!("{unit} runs, but {why}: messages may not reach it. Find that process with `ss -ltnp`, stop it");
        Entry::error("foreign_answer", &text).with("why", why)
    }

    pub(super) fn answer_unverified(&self, why: &str) -> Entry {
        let (unit, url, why) = (self.unit(), &self.config.gateway.url, quoted(why));
        let text = format!(
            "cannot check which process answers at {url}: {why}. It counts as {unit}; compare `ss -ltnp` with \
             `systemctl status {unit}`"
        );
        Entry::warning("answer_unverified", &text).with("url", url.as_str()).with("why", why)
    }

    pub(super) fn answer_verified(&self) -> Entry {
        let (unit, url) = (self.unit(), &self.config.gateway.url);
        Entry::notice("answer_verified", &format!("a process of {unit} answers at {url}")).with("url", url.as_str())
    }
}

/// Describes the availability of the primary, for the history and the status.
pub(crate) fn availability_in_words(config: &Config, recent: Availability) -> String {
    let name = match config.upstreams.as_slice() {
        [primary] => primary.name.as_str(),
        _ => "the primary and its other upstreams",
    };
    let Availability { available, over, outages } = recent;
    let verb = if config.upstreams.len() == 1 { "keeps" } else { "keep" };
    format!(
        "{name} {verb} failing and coming back: available for {} of the last {}, {outages} outages",
        span(Duration::from_secs(available.as_secs())),
        span(over)
    )
}

fn with_availability(entry: Entry, recent: Availability) -> Entry {
    let Availability { available, over, outages } = recent;
    let entry = entry.with("available_seconds", json_fields::seconds(available));
    entry.with("over_seconds", json_fields::seconds(over)).with("outages", outages)
}

/// Describes a failure for a reader who does not know its stable name.
fn words(failure: Failure) -> String {
    let words = match failure {
        Failure::Dns => "its name cannot be resolved",
        Failure::ThisHost => {
            "its address is one of this host's own, so it cannot be reached; correct its URL, or DNS and \
             /etc/hosts here"
        }
        Failure::Refused => "its host is there, but no gateway answers on the port",
        Failure::Unreachable => "there is no route to its host",
        Failure::ConnectTimeout => "its host does not accept a connection in time",
        Failure::ResponseTimeout => "it accepts a connection, but does not answer in time",
        Failure::Tls => "something answers, but not over TLS that can be verified (`openclaw-failover check` says why)",
        Failure::Status(code) => return format!("it answers with HTTP {code}"),
        Failure::NotOpenClaw => "something answers that is not an OpenClaw gateway",
        Failure::Starting => "it is still starting",
        Failure::Draining => "it is draining before it stops",
    };
    words.to_owned()
}
