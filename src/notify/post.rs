//! One request to somebody else's server, and nothing of its URL in any word about it.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use ureq::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use ureq::http::{Method, Request, StatusCode, Uri};
use ureq::tls::RootCerts;

use crate::config::{Format, Notify};
use crate::notify::redact::Redactor;
use crate::notify::{Message, Vault, format, receipt};
use crate::probe::{
    Failure, Fault, {self},
};
use crate::text::printable;

/// The longest name of a host that is told, in characters.
const MAX_HOST: usize = 100;

/// The longest that a server may tell us to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// The most that is read of an answer, in bytes.
const MAX_BODY: u64 = 16 * 1024;

/// The kind of refusal that passes by itself, in whatever words.
const UNREACHABLE: &str = "unreachable";

/// When a request that was not taken is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Before anything else: the server, or the way to it, is ill.
    Soon,
    /// Now and then, and behind others: a change of the configuration or of the service may help.
    Slowly,
    /// Never: it is too large.
    Never,
}

/// Why a request was not taken.
#[derive(Debug)]
pub(super) struct Refused {
    /// For people, without anything of the URL.
    pub(super) why: String,
    /// The kind of refusal. Two of one kind are told once.
    pub(super) kind: String,
    /// How long to wait, by the server's word.
    pub(super) wait: Duration,
    /// When to try again.
    pub(super) retry: Retry,
}

impl Refused {
    fn new(kind: &str, why: impl Into<String>) -> Self {
        Self { why: why.into(), kind: kind.to_owned(), wait: Duration::ZERO, retry: Retry::Soon }
    }

    fn by_credential(why: impl Into<String>) -> Self {
        Self::new("credential", why)
    }

    /// ureq's words may hold a URL, the system's and those of TLS do not.
    fn by_network(error: ureq::Error) -> Self {
        let fault = Fault::from(error);
        let why = match fault.failure {
            Failure::NotOpenClaw | Failure::Status(_) => "its answer is not HTTP, or broke off".to_owned(),
            failure => format!("{failure}: {}", fault.why),
        };
        Self::new(UNREACHABLE, why)
    }

    fn by_status(status: StatusCode, wait: Duration, said: Option<String>) -> Self {
        let status = status.as_u16();
        let retry = match status {
            408 | 425 | 429 => Retry::Soon,
            413 => Retry::Never,
            400..500 => Retry::Slowly,
            _ => Retry::Soon,
        };
        let kind = if retry == Retry::Soon { UNREACHABLE.to_owned() } else { format!("HTTP {status}") };
        let said = said.map(|said| format!(": \"{said}\"")).unwrap_or_default();
        Self { why: format!("it answers with HTTP {status}{said}"), kind, wait, retry }
    }

    fn by_contract(objection: &str, said: Option<String>) -> Self {
        let said = said.map(|said| format!(": \"{said}\"")).unwrap_or_default();
        let why = format!("its answer is {objection}{said}; a login page or a captive portal may stand in between");
        Self::new("not taken", why)
    }
}

/// Brings a message to a webhook, within `limit`.
pub(super) fn deliver(webhook: &Notify, vault: &Vault, message: &Message, limit: Duration) -> Result<(), Refused> {
    let credential = vault.open(&webhook.credential).map_err(Refused::by_credential)?;
    let (url, body) = format::of(webhook.format, message, &credential).map_err(Refused::by_credential)?;
    let redactor = credential.redactor();
    let mut request = Request::new(body.to_string().into_bytes());
    *request.method_mut() = Method::POST;
    request.headers_mut().extend(credential.headers);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    exchange(request, &url, webhook.ca_file.as_deref(), limit)?.judge(Some(webhook.format), &redactor)
}

/// Asks for a heartbeat's URL, within `limit`.
pub(super) fn beat(credential: &str, ca_file: Option<&Path>, vault: &Vault, limit: Duration) -> Result<(), Refused> {
    let credential = vault.open(credential).map_err(Refused::by_credential)?;
    let (url, redactor) = (credential.whole_url(), credential.redactor());
    let mut request = Request::new(Vec::new());
    request.headers_mut().extend(credential.headers);
    exchange(request, &url, ca_file, limit)?.judge(None, &redactor)
}

/// The answer of a server.
struct Reply {
    status: StatusCode,
    wait: Duration,
    /// The host of another address that the server points to.
    elsewhere: Option<String>,
    body: String,
}

impl Reply {
    /// Says whether the request was taken.
    fn judge(self, format: Option<Format>, redactor: &Redactor) -> Result<(), Refused> {
        let said = || receipt::excerpt(&self.body, redactor);
        if self.status.is_success() {
            let objection = receipt::objection(format, self.status.as_u16(), &self.body);
            return objection.map_or(Ok(()), |objection| Err(Refused::by_contract(objection, said())));
        }
        let mut refused = Refused::by_status(self.status, self.wait, said());
        if let Some(host) = &self.elsewhere {
            let host = printable(&redactor.redact(host), MAX_HOST);
            let status = self.status.as_u16();
            refused.why = format!("it answers with HTTP {status} and points to {host}; redirects are not followed");
        }
        Err(refused)
    }
}

fn exchange(
    mut request: Request<Vec<u8>>,
    url: &str,
    ca_file: Option<&Path>,
    limit: Duration,
) -> Result<Reply, Refused> {
    let roots = ca_file.map_or(Ok(RootCerts::WebPki), probe::roots);
    let roots = roots.map_err(|why| Refused::by_credential(why.to_string()))?;
    // A new one each time: with the authorities in it it is too large to be kept for what is seldom needed.
    let agent = probe::agent(roots);
    *request.uri_mut() = url.parse().map_err(|_| Refused::by_credential("its URL is not one"))?;
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let request = agent.configure_request(request).timeout_global(Some(limit)).build();
    let mut response = agent.run(request).map_err(Refused::by_network)?;
    let status = response.status();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let wait = header(RETRY_AFTER).and_then(|wait| wait.trim().parse::<u64>().ok());
    let wait = Duration::from_secs(wait.unwrap_or_default()).min(LONGEST_WAIT);
    let elsewhere = header(LOCATION)
        .filter(|_| status.is_redirection())
        .and_then(|location| Some(location.parse::<Uri>().ok()?.host()?.to_owned()));
    let mut body = Vec::new();
    // What has come is judged, even if the rest has not: the request may have been taken.
    let _ = response.body_mut().as_reader().take(MAX_BODY).read_to_end(&mut body);
    Ok(Reply { status, wait, elsewhere, body: String::from_utf8_lossy(&body).into_owned() })
}
