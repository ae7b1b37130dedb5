//! Probe of one URL: the requested paths, their order, and the meaning of the answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::Uri;
use ureq::http::header::HeaderValue;
use ureq::tls::RootCerts;

use crate::config::endpoint::Endpoint;
use crate::probe::contract::{Life, read_channels};
use crate::probe::error::Fault;
use crate::probe::http::{
    Response, {self},
};
use crate::probe::peer::{Addresses, PeerRule};
use crate::probe::resolve::Lookup;
use crate::probe::verdict::{Channels, Failure, Verdict};
use crate::probe::{Answer, Error, Readyz, printable};

/// Time for which a gateway is remembered as too old for `/startupz`.
const REMEMBER: Duration = Duration::from_secs(60 * 60);

/// Time limit for a TLS request to a server that drops plain requests.
const TLS_QUESTION_TIMEOUT: Duration = Duration::from_millis(500);

/// Probe of one URL of a gateway.
pub(super) struct Route {
    agent: Agent,
    addresses: Arc<Addresses>,
    startupz: Uri,
    healthz: Uri,
    readyz: Option<(Uri, Option<HeaderValue>)>,
    live_only: bool,
    /// Last answer of `/readyz` since the gateway came up. A missing answer does not change it.
    known: Channels,
    /// Time since which the gateway is known to be too old for `/startupz`.
    old_since: Option<Instant>,
}

impl Route {
    pub(super) fn new(url: &str, roots: RootCerts, readyz: &Readyz, rule: PeerRule) -> Result<Self, Error> {
        let addresses = Arc::<Addresses>::default();
        let readyz = match readyz {
            Readyz::Skip => None,
            Readyz::Anonymous => Some((at(url, "/readyz")?, None)),
            Readyz::Token(token) => Some((at(url, "/readyz")?, Some(bearer(token)?))),
        };
        Ok(Self {
            agent: http::agent_for(roots, Lookup::new(rule, Arc::clone(&addresses))),
            addresses,
            startupz: at(url, "/startupz")?,
            healthz: at(url, "/healthz")?,
            readyz,
            live_only: false,
            known: Channels::default(),
            old_since: None,
        })
    }

    /// Returns the addresses that the last request could connect to.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.get()
    }

    pub(super) fn live_only(&mut self) {
        self.live_only = true;
        self.readyz = None;
    }

    /// Requests the gateway's state and, if it is up, its channels.
    pub(super) fn ask(&mut self, deadline: Instant) -> Answer {
        let asked = Instant::now();
        let (url, life) = self.ask_life(deadline);
        let latency = asked.elapsed();
        let answer = |verdict, detail: &str| Answer {
            verdict,
            channels: Channels::default(),
            detail: printable(detail, Answer::MAX_DETAIL),
            latency,
            url: url.to_string(),
        };
        match life {
            Ok(said) => {
                let mut answer = answer(Verdict::Healthy { ready: true }, said);
                self.ask_channels(deadline, &mut answer);
                answer
            }
            Err(fault) => {
                self.known = Channels::default();
                let fault = self.explain_dropped(fault, deadline);
                answer(Verdict::Failing(fault.failure), &fault.why)
            }
        }
    }

    /// Checks if a server that drops plain requests speaks TLS.
    ///
    /// Node's TLS server closes such a connection without an answer, like a forwarder without a server behind it. The
    /// certificate does not matter here, so no authority is trusted.
    fn explain_dropped(&self, fault: Fault, deadline: Instant) -> Fault {
        if !fault.is_dropped() || self.healthz.scheme_str() != Some("http") {
            return fault;
        }
        let secure = self.healthz.to_string().replacen("http:", "https:", 1);
        let Ok(secure) = secure.parse() else { return fault };
        let deadline = deadline.min(Instant::now() + TLS_QUESTION_TIMEOUT);
        let agent = http::agent(RootCerts::from(Vec::new()));
        match http::get(&agent, &secure, None, deadline) {
            Err(Fault { failure: Failure::Tls, .. }) => Fault::speaks_tls(),
            _ => fault,
        }
    }

    fn ask_life(&mut self, deadline: Instant) -> (Uri, Result<&'static str, Fault>) {
        if self.live_only {
            return (self.healthz.clone(), self.ask_healthz(deadline));
        }
        let known_old = self.old_since.is_some_and(|since| is_known(since, Instant::now()));
        if !known_old {
            let answer = http::get(&self.agent, &self.startupz, None, deadline);
            if !answer.as_ref().is_ok_and(is_unknown_path) {
                return (self.startupz.clone(), answer.and_then(|answer| read_startupz(&answer)));
            }
        }
        let live = self.ask_healthz(deadline);
        // Only a healthy gateway proves that it is old; a failing one may be restarting with a newer version.
        self.old_since = match (&live, self.old_since) {
            (Err(_), _) => None,
            (Ok(_), Some(since)) if known_old => Some(since),
            (Ok(_), _) => Some(Instant::now()),
        };
        (self.healthz.clone(), live)
    }

    fn ask_healthz(&self, deadline: Instant) -> Result<&'static str, Fault> {
        let answer = http::get(&self.agent, &self.healthz, None, deadline)?;
        match (answer.status, Life::read(&answer.body)) {
            (200, Some(Life::Live)) => Ok("live"),
            _ => Err(not_life(&answer)),
        }
    }

    /// Adds the channels from `/readyz`. An error here does not change the verdict that the gateway is up.
    fn ask_channels(&mut self, deadline: Instant, answer: &mut Answer) {
        let Some((url, token)) = &self.readyz else {
            return;
        };
        let said = match http::get(&self.agent, url, token.as_ref(), deadline) {
            Ok(response) if matches!(response.status, 200 | 503) => read_channels(&response.body),
            Ok(_) | Err(_) => None,
        };
        match said {
            Some(Some(channels)) => self.known = channels,
            Some(None) if token.is_some() => {
                answer.detail.push_str("; /readyz lists no channels: check the gateway's token");
            }
            Some(None) => {}
            None => answer.detail.push_str("; /readyz gives no valid answer"),
        }
        answer.verdict = Verdict::Healthy { ready: self.known.suppressed.is_empty() };
        answer.channels = self.known.clone();
    }
}

fn is_known(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < REMEMBER
}

/// True if the gateway does not know the path. OpenClaw before 2026.8.1 answers `/startupz`, like every unknown path,
/// with its HTML page; a proxy in front of it may answer 404.
fn is_unknown_path(answer: &Response) -> bool {
    answer.status == 404 || (answer.status == 200 && answer.html)
}

fn read_startupz(answer: &Response) -> Result<&'static str, Fault> {
    match (answer.status, Life::read(&answer.body)) {
        (200, Some(Life::Started)) => Ok("started"),
        (503, Some(Life::Starting)) => Err(Fault::new(Failure::Starting, "the gateway says that it is starting")),
        (503, Some(Life::Draining)) => Err(Fault::new(Failure::Draining, "the gateway says that it is draining")),
        _ => Err(not_life(answer)),
    }
}

fn not_life(answer: &Response) -> Fault {
    match answer {
        Response { status: 200, html: true, .. } => Fault::new(Failure::NotOpenClaw, "an HTML page"),
        Response { status: 200, .. } => Fault::new(Failure::NotOpenClaw, "200, but not OpenClaw's JSON"),
        Response { status, .. } => Fault::new(Failure::Status(*status), format!("HTTP {status}")),
    }
}

/// Appends `path` to `url`, which consists of scheme, host and port.
fn at(url: &str, path: &str) -> Result<Uri, Error> {
    let shown = match url.rsplit_once('@') {
        // The part before the @ may contain a password.
        Some((_, host)) => format!("…@{host}"),
        None => url.to_owned(),
    };
    let problem = |why: String| Error::Url { url: printable(&shown, 200), why: format!("it {why}") };
    let endpoint = Endpoint::from_url(url).map_err(problem)?;
    format!("{endpoint}{path}").parse().map_err(|_| problem("is not a URL".to_owned()))
}

/// Returns the authorization header, marked as sensitive to keep it out of debug output.
fn bearer(token: &str) -> Result<HeaderValue, Error> {
    let token = token.trim();
    if token.is_empty() || token.len() > 1024 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Token);
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| Error::Token)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_nothing_more() {
        for good in ["http://100.64.0.1:18789", "https://primary.example/", "http://[::1]:18789", "http://primary"] {
            let full = at(good, "/startupz").unwrap().to_string();
            assert_eq!(full, format!("{}/startupz", good.trim_end_matches('/')));
        }
        let bad = [
            "",
            "primary",
            "http://-oProxyCommand=x",
            "http://primary.",
            "http://224.0.0.1",
            "primary:18789",
            "ftp://primary",
            "http://",
            "http:///startupz",
            "http://primary/path",
            "http://primary/?q",
            "http://primary:0",
            "http://primary:99999",
            "http://primary:x",
            "http://pri mary",
            "http://user:hunter2@primary",
        ];
        for bad in bad {
            let error = at(bad, "/startupz").unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn startupz_is_asked_again_after_an_hour() {
        let since = Instant::now();
        let minutes = |n: u64| since + Duration::from_secs(60 * n);
        assert!(is_known(since, since));
        assert!(is_known(since, minutes(59)));
        assert!(!is_known(since, minutes(60)));
    }

    #[test]
    fn a_token_is_never_shown() {
        let header = bearer(" s3cret\n").unwrap();
        assert_eq!(header.as_bytes(), b"Bearer s3cret");
        assert!(!format!("{header:?}").contains("s3cret"));
        for bad in ["", "two words", "line\nbreak", "caf\u{e9}"] {
            assert!(bearer(bad).is_err(), "{bad:?}");
        }
    }
}
