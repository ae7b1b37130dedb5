//! Probe of one URL: the requested paths, their order, and the meaning of the answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::Uri;
use ureq::http::header::HeaderValue;
use ureq::tls::RootCerts;

use crate::config::ValueError;
use crate::config::endpoint::Endpoint;
use crate::probe::contract::{ReportedState, parse_channels};
use crate::probe::error::ProbeError;
use crate::probe::http::{self, HttpResponse};
use crate::probe::peer::{PeerRule, ResolvedAddresses};
use crate::probe::readyz_request::ReadyzRequest;
use crate::probe::resolve::HostResolver;
use crate::probe::result::ProbeResult;
use crate::probe::target_error::TargetError;
use crate::probe::verdict::{Channels, ProbeFailure, Verdict};
use crate::text::to_printable;

/// Time for which a gateway is remembered as too old for `/startupz`.
const STARTUPZ_RECHECK_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Time limit for a TLS request to a server that drops plain requests.
const TLS_CHECK_TIMEOUT: Duration = Duration::from_millis(500);

/// Maximum length of a result's description, in characters.
const MAX_DETAIL_CHARS: usize = 200;

/// Probe of one URL of a gateway.
pub(super) struct EndpointProbe {
    agent: Agent,
    addresses: Arc<ResolvedAddresses>,
    startupz: Uri,
    healthz: Uri,
    readyz: Option<(Uri, Option<HeaderValue>)>,
    is_healthz_only: bool,
    /// Last answer of `/readyz` since the gateway came up. A missing answer does not change it.
    last_channels: Channels,
    /// Time since which the gateway is known to be too old for `/startupz`.
    startupz_missing_since: Option<Instant>,
}

impl EndpointProbe {
    pub(super) fn new(
        url: &str,
        roots: RootCerts,
        readyz: &ReadyzRequest,
        rule: PeerRule,
    ) -> Result<Self, TargetError> {
        let addresses = Arc::<ResolvedAddresses>::default();
        let readyz = match readyz {
            ReadyzRequest::Skip => None,
            ReadyzRequest::Anonymous => Some((join_path(url, "/readyz")?, None)),
            ReadyzRequest::Token(token) => Some((join_path(url, "/readyz")?, Some(bearer_header(token)?))),
        };
        Ok(Self {
            agent: http::build_agent_with(roots, HostResolver::new(rule, Arc::clone(&addresses))),
            addresses,
            startupz: join_path(url, "/startupz")?,
            healthz: join_path(url, "/healthz")?,
            readyz,
            is_healthz_only: false,
            last_channels: Channels::default(),
            startupz_missing_since: None,
        })
    }

    /// Returns the addresses that the last request could connect to.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.get()
    }

    pub(super) fn limit_to_healthz(&mut self) {
        self.is_healthz_only = true;
        self.readyz = None;
    }

    /// Requests the gateway's state and, if it is up, its channels.
    pub(super) fn run(&mut self, deadline: Instant) -> ProbeResult {
        let asked = Instant::now();
        let (url, state) = self.request_state(deadline);
        let latency = asked.elapsed();
        let answer = |verdict, detail: &str| ProbeResult {
            verdict,
            channels: Channels::default(),
            detail: to_printable(detail, MAX_DETAIL_CHARS),
            latency,
            url: url.to_string(),
        };
        match state {
            Ok(text) => {
                let mut answer = answer(Verdict::Healthy { ready: true }, text);
                self.request_channels(deadline, &mut answer);
                answer
            }
            Err(error) => {
                self.last_channels = Channels::default();
                let error = self.explain_dropped(error, deadline);
                answer(Verdict::Failing(error.failure), &error.reason)
            }
        }
    }

    /// Checks if a server that drops plain requests speaks TLS.
    ///
    /// Node's TLS server closes such a connection without an answer, like a forwarder without a server behind it. The
    /// certificate does not matter here, so no authority is trusted.
    fn explain_dropped(&self, error: ProbeError, deadline: Instant) -> ProbeError {
        if !error.is_dropped() || self.healthz.scheme_str() != Some("http") {
            return error;
        }
        let secure = self.healthz.to_string().replacen("http:", "https:", 1);
        let Ok(secure) = secure.parse() else { return error };
        let deadline = deadline.min(Instant::now() + TLS_CHECK_TIMEOUT);
        let agent = http::build_agent(RootCerts::from(Vec::new()));
        match http::send_get(&agent, &secure, None, deadline) {
            Err(ProbeError { failure: ProbeFailure::Tls, .. }) => ProbeError::unexpected_tls(),
            _ => error,
        }
    }

    fn request_state(&mut self, deadline: Instant) -> (Uri, Result<&'static str, ProbeError>) {
        if self.is_healthz_only {
            return (self.healthz.clone(), self.request_healthz(deadline));
        }
        let known_old = self.startupz_missing_since.is_some_and(|since| is_recent(since, Instant::now()));
        if !known_old {
            let answer = http::send_get(&self.agent, &self.startupz, None, deadline);
            if !answer.as_ref().is_ok_and(is_unknown_path) {
                return (self.startupz.clone(), answer.and_then(|answer| interpret_startupz(&answer)));
            }
        }
        let live = self.request_healthz(deadline);
        // Only a healthy gateway proves that it is old; a failing one may be restarting with a newer version.
        self.startupz_missing_since = match (&live, self.startupz_missing_since) {
            (Err(_), _) => None,
            (Ok(_), Some(since)) if known_old => Some(since),
            (Ok(_), _) => Some(Instant::now()),
        };
        (self.healthz.clone(), live)
    }

    fn request_healthz(&self, deadline: Instant) -> Result<&'static str, ProbeError> {
        let answer = http::send_get(&self.agent, &self.healthz, None, deadline)?;
        match (answer.status, ReportedState::parse(&answer.body)) {
            (200, Some(ReportedState::Live)) => Ok("live"),
            _ => Err(unexpected_response(&answer)),
        }
    }

    /// Adds the channels from `/readyz`. An error here does not change the verdict that the gateway is up.
    fn request_channels(&mut self, deadline: Instant, answer: &mut ProbeResult) {
        let Some((url, token)) = &self.readyz else {
            return;
        };
        let parsed = match http::send_get(&self.agent, url, token.as_ref(), deadline) {
            Ok(response) if matches!(response.status, 200 | 503) => parse_channels(&response.body),
            Ok(_) | Err(_) => None,
        };
        match parsed {
            Some(Some(channels)) => self.last_channels = channels,
            Some(None) if token.is_some() => {
                answer.detail.push_str("; /readyz lists no channels: check the gateway's token");
            }
            Some(None) => {}
            None => answer.detail.push_str("; /readyz gives no valid answer"),
        }
        answer.verdict = Verdict::Healthy { ready: self.last_channels.suppressed.is_empty() };
        answer.channels = self.last_channels.clone();
    }
}

fn is_recent(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < STARTUPZ_RECHECK_INTERVAL
}

/// True if the gateway does not know the path. OpenClaw before 2026.8.1 answers `/startupz`, like every unknown path,
/// with its HTML page; a proxy in front of it may answer 404.
fn is_unknown_path(answer: &HttpResponse) -> bool {
    answer.status == 404 || (answer.status == 200 && answer.is_html)
}

fn interpret_startupz(answer: &HttpResponse) -> Result<&'static str, ProbeError> {
    match (answer.status, ReportedState::parse(&answer.body)) {
        (200, Some(ReportedState::Started)) => Ok("started"),
        (503, Some(ReportedState::Starting)) => {
            Err(ProbeError::new(ProbeFailure::Starting, "the gateway says that it is starting"))
        }
        (503, Some(ReportedState::Draining)) => {
            Err(ProbeError::new(ProbeFailure::Draining, "the gateway says that it is draining"))
        }
        _ => Err(unexpected_response(answer)),
    }
}

fn unexpected_response(answer: &HttpResponse) -> ProbeError {
    match answer {
        HttpResponse { status: 200, is_html: true, .. } => ProbeError::new(ProbeFailure::NotOpenClaw, "an HTML page"),
        HttpResponse { status: 200, .. } => ProbeError::new(ProbeFailure::NotOpenClaw, "200, but not OpenClaw's JSON"),
        HttpResponse { status, .. } => ProbeError::new(ProbeFailure::Status(*status), format!("HTTP {status}")),
    }
}

/// Appends `path` to `url`, which consists of scheme, host and port.
fn join_path(url: &str, path: &str) -> Result<Uri, TargetError> {
    let shown = match url.rsplit_once('@') {
        // The part before the @ may contain a password.
        Some((_, host)) => format!("…@{host}"),
        None => url.to_owned(),
    };
    let problem =
        |why: ValueError| TargetError::InvalidUrl { url: to_printable(&shown, 200), why: format!("it {why}") };
    let endpoint = Endpoint::from_url(url).map_err(problem)?;
    format!("{endpoint}{path}").parse().map_err(|_| problem("is not a URL".into()))
}

/// Returns the authorization header, marked as sensitive to keep it out of debug output.
fn bearer_header(token: &str) -> Result<HeaderValue, TargetError> {
    let token = token.trim();
    if token.is_empty() || token.len() > 1024 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TargetError::InvalidToken);
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| TargetError::InvalidToken)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_nothing_more() {
        for good in ["http://100.64.0.1:18789", "https://primary.example/", "http://[::1]:18789", "http://primary"] {
            let full = join_path(good, "/startupz").unwrap().to_string();
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
            let error = join_path(bad, "/startupz").unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn startupz_is_asked_again_after_an_hour() {
        let since = Instant::now();
        let minutes = |n: u64| since + Duration::from_secs(60 * n);
        assert!(is_recent(since, since));
        assert!(is_recent(since, minutes(59)));
        assert!(!is_recent(since, minutes(60)));
    }

    #[test]
    fn a_token_is_never_shown() {
        let header = bearer_header(" s3cret\n").unwrap();
        assert_eq!(header.as_bytes(), b"Bearer s3cret");
        assert!(!format!("{header:?}").contains("s3cret"));
        for bad in ["", "two words", "line\nbreak", "caf\u{e9}"] {
            assert!(bearer_header(bad).is_err(), "{bad:?}");
        }
    }
}
