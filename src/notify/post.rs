//! HTTP requests to webhooks. No error repeats any part of a URL.

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

/// Limit on the length of a host name in a message, in characters.
const MAX_HOST: usize = 100;

/// Limit on a server's `Retry-After`.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// Limit on the bytes read of a response.
const MAX_BODY: u64 = 16 * 1024;

/// Kind of failure that usually ends by itself.
const UNREACHABLE: &str = "unreachable";

/// Retry strategy for a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Retry before any other message: the server or the network fails.
    Soon,
    /// Retry now and then, after other messages: the configuration or the service must change first.
    Slowly,
    /// Do not retry: the message is too large.
    Never,
}

/// Failure of a request.
#[derive(Debug)]
pub(super) struct Refused {
    /// Reason for people, without any part of the URL.
    pub(super) why: String,
    /// Kind of failure. Failures of the same kind are reported once.
    pub(super) kind: String,
    /// Delay that the server asks for.
    pub(super) wait: Duration,
    /// Retry strategy.
    pub(super) retry: Retry,
}

impl Refused {
    fn new(kind: &str, why: impl Into<String>) -> Self {
        Self { why: why.into(), kind: kind.to_owned(), wait: Duration::ZERO, retry: Retry::Soon }
    }

    fn by_credential(why: impl Into<String>) -> Self {
        Self::new("credential", why)
    }

    /// Converts an error of ureq. Its own messages may contain the URL; those of the system and of TLS do not.
    fn by_network(error: ureq::Error) -> Self {
        let fault = Fault::from(error);
        let why = match fault.failure {
            Failure::NotOpenClaw | Failure::Status(_) => "its response is not HTTP, or was cut off".to_owned(),
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
        let why = format!("its response is {objection}{said}; a login page or a captive portal may have answered");
        Self::new("not taken", why)
    }
}

/// Delivers a message to a webhook, within `limit`.
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

/// Requests the heartbeat's URL, within `limit`.
pub(super) fn beat(credential: &str, ca_file: Option<&Path>, vault: &Vault, limit: Duration) -> Result<(), Refused> {
    let credential = vault.open(credential).map_err(Refused::by_credential)?;
    let (url, redactor) = (credential.whole_url(), credential.redactor());
    let mut request = Request::new(Vec::new());
    request.headers_mut().extend(credential.headers);
    exchange(request, &url, ca_file, limit)?.judge(None, &redactor)
}

/// Response of a server.
struct Reply {
    status: StatusCode,
    wait: Duration,
    /// Host of a redirect's target.
    elsewhere: Option<String>,
    body: String,
}

impl Reply {
    /// Checks whether the request was accepted.
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
    // A new agent for each request: with its root certificates it is too large to keep for rare use.
    let agent = probe::agent(roots);
    *request.uri_mut() = url.parse().map_err(|_| Refused::by_credential("its URL is not valid"))?;
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
    // A partial body is checked too: the request may have been accepted.
    let _ = response.body_mut().as_reader().take(MAX_BODY).read_to_end(&mut body);
    Ok(Reply { status, wait, elsewhere, body: String::from_utf8_lossy(&body).into_owned() })
}
