//! What is seen while watching: windows, witnesses, and who else holds our port.

use std::time::Duration;

use super::{Entry, Teller, quoted};
use crate::config::Config;
use crate::failover::Availability;
use crate::probe::{Failure, Verdict};
use crate::report::clock::span;
use crate::report::{fields, names};

impl Teller<'_> {
    /// Carries the URLs, so that what was armed can be known again from the history alone.
    pub(super) fn armed(&self, upstream: usize) -> Entry {
        let name = self.upstream(upstream);
        let urls = self.config.upstreams.get(upstream).map(|upstream| upstream.urls.clone());
        let text = format!("{name} was seen healthy from here for the first time: failover armed");
        Entry::notice("armed", &text).with("upstream", name).with("urls", urls.unwrap_or_default())
    }

    pub(super) fn window_opened(&self, upstream: usize, failure: Failure) -> Entry {
        let (name, why, after) = (self.upstream(upstream), words(failure), self.config.promote.after);
        let who = match self.config.upstreams.len() {
            0 | 1 => format!("{name} shows no life: {why}"),
            _ => format!("no upstream shows life any more; of {name} the last probe says: {why}"),
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
        let text = format!("{name} shows life again, after {}", span(lasted));
        Entry::notice("window_closed", &text).with("upstream", name).span("lasted_seconds", lasted)
    }

    pub(super) fn flapping(&self, recent: Availability) -> Entry {
        let text = format!(
            "{}. No outage reached promote.after ({}), so together they count as one: this host fails over at the next \
             failed probe, unless a hold or a silent witness forbids it. Look at the primary's log: a gateway that \
             crashes and restarts is the usual cause",
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
            "no upstream shows life, but no witness answers either: it may be this host that is cut off, so nothing is \
             started until a witness or an upstream answers. Look at this host's network",
        )
    }

    pub(super) fn reconnected(&self) -> Entry {
        Entry::notice("reconnected", "a witness or an upstream answers again: this host is not cut off any more")
    }

    pub(super) fn never_seen_healthy(&self) -> Entry {
        Entry::error(
            "never_seen_healthy",
            "no upstream shows life, and none was ever seen healthy from here. A wrong URL looks just like that, so \
             nothing is started: try the URLs with `openclaw-failover check`. If the upstream is really down, \
             `openclaw-failover promote` brings this host's gateway up and keeps it up",
        )
    }

    pub(super) fn port_held(&self, verdict: Verdict) -> Entry {
        let (unit, url) = (self.unit(), &self.config.gateway.url);
        let text = format!(
            "{unit} is down, but something else holds {url} ({verdict}): this host could not take over. `ss -ltnp` \
             names it; OpenClaw's own user unit, openclaw-gateway.service, is the usual one"
        );
        Entry::error("port_held", &text).with("url", url.as_str()).with("verdict", names::verdict(verdict))
    }

    pub(super) fn port_free(&self) -> Entry {
        let url = &self.config.gateway.url;
        Entry::notice("port_free", &format!("{url} is held by no other process any more")).with("url", url.as_str())
    }

    pub(super) fn foreign_answer(&self, why: &str) -> Entry {
        let (unit, why) = (self.unit(), quoted(why));
        let text = format!("{unit} runs, but {why}: messages may not reach it. Stop that process; `ss -ltnp` lists it");
        Entry::error("foreign_answer", &text).with("why", why)
    }

    pub(super) fn answer_unverified(&self, why: &str) -> Entry {
        let (unit, url, why) = (self.unit(), &self.config.gateway.url, quoted(why));
        let text = format!(
            "could not check whose process answers at {url}: {why}. It counts as {unit}; compare `ss -ltnp` with \
             `systemctl status {unit}`"
        );
        Entry::warning("answer_unverified", &text).with("url", url.as_str()).with("why", why)
    }

    pub(super) fn answer_verified(&self) -> Entry {
        let (unit, url) = (self.unit(), &self.config.gateway.url);
        Entry::notice("answer_verified", &format!("a process of {unit} answers at {url}")).with("url", url.as_str())
    }
}

/// Availability of the primary, as the history and the status say it.
pub(in crate::report) fn availability_in_words(config: &Config, recent: Availability) -> String {
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
    let entry = entry.with("available_seconds", fields::seconds(available));
    entry.with("over_seconds", fields::seconds(over)).with("outages", outages)
}

/// What a failure means, for somebody who does not know the names of ours.
fn words(failure: Failure) -> String {
    let words = match failure {
        Failure::Dns => "its name cannot be resolved",
        Failure::ThisHost => {
            "its address is one of this host's own, so it cannot be reached; correct its URL, or DNS and \
             /etc/hosts here"
        }
        Failure::Refused => "its host is there, but no gateway answers on the port",
        Failure::Unreachable => "there is no way to its host",
        Failure::ConnectTimeout => "its host does not accept a connection in time",
        Failure::ResponseTimeout => "it accepts a connection, but does not answer in time",
        Failure::Tls => "something answers, but not over TLS that can be verified (`openclaw-failover check` says why)",
        Failure::Status(code) => return format!("it answers with HTTP {code}"),
        Failure::NotOpenClaw => "something answers that is not an OpenClaw gateway",
        Failure::Starting => "it says that it is still starting",
        Failure::Draining => "it says that it drains before it stops",
    };
    words.to_owned()
}
