//! One bounded health request to a gateway, answered by a verdict.
//!
//! The JSON contract decides, never the status code alone: OpenClaw answers 200 with a page of HTML on every path
//! it does not know. One deadline covers lookup, connection, TLS, headers and body, of all paths that are asked and of
//! all URLs together; every size is bounded; every probe makes fresh connections, because a connection that was good a
//! minute ago proves nothing about whether the next user gets through.

mod connect;
mod contract;
mod endpoint_probe;
mod error;
mod http;
mod parallel;
mod peer;
mod resolve;
mod verdict;
mod words;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fmt, io};

use ureq::tls::RootCerts;

use crate::config::Upstream;
use crate::probe::endpoint_probe::Route;
pub(crate) use crate::probe::error::Fault;
pub(crate) use crate::probe::http::{agent, roots};
use crate::probe::parallel::Race;
pub(crate) use crate::probe::peer::PeerRule;
pub(crate) use crate::probe::resolve::Lookup;
pub use crate::probe::verdict::{Channels, Failure, Verdict};
use crate::text::printable;

/// Longer timeouts are cut to this, so that no clock arithmetic can overflow.
const MAX_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// A gateway that can be probed: built once, asked often.
pub struct Target {
    urls: Vec<String>,
    ways: Ways,
}

/// A single URL is asked on the caller's own thread.
enum Ways {
    One(Box<Route>),
    Many(Race),
}

/// Whether and how `/readyz` is asked for the gateway's channels.
#[derive(Clone)]
pub enum Readyz {
    /// Not at all: a stranger is told nothing but `ready`.
    Skip,
    /// As the local caller that we are; the gateway of this host shows its lists to those.
    Anonymous,
    /// With the gateway's token. It is sent to the target's own URLs and nowhere else.
    Token(String),
}

/// What one probe found.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// The channels that `/readyz` named; empty where it was not asked or did not say.
    pub channels: Channels,
    /// For people: what was seen, in a few words without control characters.
    pub detail: String,
    /// From the first request to the verdict.
    pub latency: Duration,
    /// The URL whose answer, or silence, decided.
    pub url: String,
}

/// Why a target cannot be probed at all.
#[derive(Debug)]
pub enum Error {
    /// There is nothing to ask.
    NoUrl,
    /// A URL that cannot be asked.
    Url {
        /// As it was given, without any password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The token cannot be sent.
    Token,
    /// The certificates cannot be read.
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system gives us no thread.
    Thread(io::Error),
}

impl Target {
    /// A target of one or more URLs that lead to the same gateway: `http://` or `https://`, host, port, no path.
    /// `ca_file` holds PEM certificates of authorities to trust instead of the public ones.
    ///
    /// # Errors
    /// When a URL, the token or the certificates cannot be used.
    pub fn new(urls: &[String], ca_file: Option<&Path>, readyz: &Readyz) -> Result<Self, Error> {
        Self::build(urls, ca_file, readyz, (PeerRule::Any, false))
    }

    /// A target of which only `/healthz` is asked: is it up at all?
    ///
    /// # Errors
    /// As [`Target::new`].
    pub fn live_only(urls: &[String], ca_file: Option<&Path>) -> Result<Self, Error> {
        Self::build(urls, ca_file, &Readyz::Skip, (PeerRule::Any, true))
    }

    /// The target that the configuration describes. `token` is what the upstream's `credential` names. An address that
    /// turns out to be this host's own is never asked: the answer would be our own gateway's.
    ///
    /// # Errors
    /// As [`Target::new`].
    pub fn upstream(upstream: &Upstream, token: Option<String>) -> Result<Self, Error> {
        let readyz = token.map_or(Readyz::Skip, Readyz::Token);
        Self::build(&upstream.urls, upstream.ca_file.as_deref(), &readyz, (PeerRule::OtherHosts, false))
    }

    /// The same, of which only `/healthz` is asked.
    ///
    /// # Errors
    /// As [`Target::new`].
    pub fn upstream_live_only(upstream: &Upstream) -> Result<Self, Error> {
        Self::build(&upstream.urls, upstream.ca_file.as_deref(), &Readyz::Skip, (PeerRule::OtherHosts, true))
    }

    /// A server elsewhere that need not be a gateway: that it answers is all that counts.
    ///
    /// # Errors
    /// As [`Target::new`].
    pub fn witness(url: &str) -> Result<Self, Error> {
        Self::build(&[url.to_owned()], None, &Readyz::Skip, (PeerRule::OtherHosts, true))
    }

    /// The gateway of this host, which tells local callers about its channels.
    ///
    /// # Errors
    /// As [`Target::new`].
    pub fn local(url: &str, ca_file: Option<&Path>) -> Result<Self, Error> {
        Self::new(&[url.to_owned()], ca_file, &Readyz::Anonymous)
    }

    fn build(
        urls: &[String],
        ca_file: Option<&Path>,
        readyz: &Readyz,
        (rule, live_only): (PeerRule, bool),
    ) -> Result<Self, Error> {
        let roots = ca_file.map_or(Ok(RootCerts::WebPki), http::roots)?;
        let mut routes = Vec::new();
        for url in urls {
            let mut route = Route::new(url, roots.clone(), readyz, rule)?;
            if live_only {
                route.live_only();
            }
            routes.push((url.clone(), route));
        }
        let ways = match (routes.pop(), routes.is_empty()) {
            (None, _) => return Err(Error::NoUrl),
            (Some((_, only)), true) => Ways::One(Box::new(only)),
            (Some(last), false) => {
                routes.push(last);
                Ways::Many(Race::new(routes)?)
            }
        };
        let urls = urls.to_vec();
        Ok(Self { urls, ways })
    }

    /// The URLs, as they were given.
    #[must_use]
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// The addresses that the last probe of a single URL could connect to.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        match &self.ways {
            Ways::One(route) => route.addresses(),
            Ways::Many(_) => Vec::new(),
        }
    }

    /// Probes once and returns within `timeout`, give or take a few scheduler ticks. With several URLs it returns as
    /// soon as one is healthy; if all fail, the answer is that of the URL that came furthest towards the gateway.
    pub fn probe(&mut self, timeout: Duration) -> Answer {
        let deadline = Instant::now() + timeout.min(MAX_TIMEOUT);
        match &mut self.ways {
            Ways::One(route) => route.ask(deadline),
            Ways::Many(race) => race.run(deadline),
        }
    }
}

/// Without the token.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Without the token.
impl fmt::Debug for Readyz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skip => "Skip",
            Self::Anonymous => "Anonymous",
            Self::Token(_) => "Token(…)",
        })
    }
}

impl Answer {
    const MAX_DETAIL: usize = 200;
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUrl => write!(f, "cannot probe: no URL is given"),
            Self::Url { url, why } => {
                write!(f, "cannot probe {url:?}: {why}; write http://host:port")
            }
            Self::Token => write!(
                f,
                "cannot use the gateway's token: it is empty, too long, or not plain visible ASCII; \
                 put the bare token into the credential's file"
            ),
            Self::CaFile { path, why } => {
                write!(f, "cannot read certificates from {}: {why}", path.display())
            }
            Self::Thread(error) => write!(f, "cannot start a prober's thread: {error}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_can_be_handed_to_a_prober_thread() {
        fn is_send<T: Send>() {}
        is_send::<Target>();
        is_send::<Answer>();
    }

    #[test]
    fn nothing_to_ask_is_an_error() {
        let no_urls = Target::new(&[], None, &Readyz::Skip);
        assert!(matches!(no_urls, Err(Error::NoUrl)));
    }

    #[test]
    fn an_endless_timeout_is_no_panic() {
        let refused = ["http://127.0.0.1:1".to_owned()];
        let mut target = Target::new(&refused, None, &Readyz::Skip).unwrap();
        assert!(!target.probe(Duration::MAX).verdict.is_healthy());
    }
}
