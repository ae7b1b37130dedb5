//! HTTP requests to webhooks. No error repeats any part of a URL.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use ureq::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use ureq::http::{Method, Request, StatusCode, Uri};
use ureq::tls::RootCerts;

use crate::config::{NotifyConfig, WebhookFormat};
use crate::notify::redact::Redactor;
use crate::notify::{CredentialStore, Message, format, response_check};
use crate::probe::{self, ProbeError, ProbeFailure};
use crate::text::to_printable;

/// Limit on the length of a host name in a message, in characters.
const MAX_HOST_CHARS: usize = 100;

/// Limit on a server's `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// Limit on the bytes read of a response.
const MAX_BODY_BYTES: u64 = 16 * 1024;

/// Retry strategy for a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryPolicy {
    /// Retry before any other message: the server or the network fails.
    Soon,
    /// Retry now and then, after other messages: the configuration or the service must change first.
    Slowly,
    /// Do not retry: the message is too large.
    Never,
}

/// Kind of a failure. Failures of the same kind are reported once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The credential or its certificates cannot be used.
    Credential,
    /// The server or the network fails.
    Unreachable,
    /// The service refuses the request with this HTTP status.
    Refused(u16),
    /// The response is not the service's.
    UnexpectedResponse,
}

/// Failure of a request.
#[derive(Debug)]
pub struct DeliveryError {
    /// Reason for people, without any part of the URL.
    pub(super) reason: String,
    /// Kind of failure.
    pub(super) kind: FailureKind,
    /// Delay that the server asks for.
    pub(super) retry_after: Duration,
    /// Retry strategy.
    pub(super) retry: RetryPolicy,
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl DeliveryError {
    fn new(kind: FailureKind, reason: String) -> Self {
        Self { reason, kind, retry_after: Duration::ZERO, retry: RetryPolicy::Soon }
    }

    fn from_credential(why: impl fmt::Display) -> Self {
        Self::new(FailureKind::Credential, why.to_string())
    }

    /// Converts an error of ureq. Its own messages may contain the URL; those of the system and of TLS do not.
    fn from_network(error: ureq::Error) -> Self {
        let fault = ProbeError::from(error);
        let why = match fault.failure {
            ProbeFailure::NotOpenClaw | ProbeFailure::Status(_) => {
                "its response is not HTTP, or was cut off".to_owned()
            }
            failure => format!("{failure}: {}", fault.reason),
        };
        Self::new(FailureKind::Unreachable, why)
    }

    fn from_status(status: StatusCode, wait: Duration, quote: Option<String>) -> Self {
        let status = status.as_u16();
        let retry = match status {
            408 | 425 | 429 => RetryPolicy::Soon,
            413 => RetryPolicy::Never,
            400..500 => RetryPolicy::Slowly,
            _ => RetryPolicy::Soon,
        };
        let kind = if retry == RetryPolicy::Soon { FailureKind::Unreachable } else { FailureKind::Refused(status) };
        let quote = quote.map(|quote| format!(": \"{quote}\"")).unwrap_or_default();
        Self { reason: format!("it answers with HTTP {status}{quote}"), kind, retry_after: wait, retry }
    }

    fn from_unexpected_response(objection: &str, quote: Option<String>) -> Self {
        let quote = quote.map(|quote| format!(": \"{quote}\"")).unwrap_or_default();
        let why = format!("its response is {objection}{quote}; a login page or a captive portal may have answered");
        Self::new(FailureKind::UnexpectedResponse, why)
    }
}

/// Delivers a message to a webhook, within `limit`.
pub(super) fn deliver_message(
    webhook: &NotifyConfig,
    credentials: &CredentialStore,
    message: &Message,
    limit: Duration,
) -> Result<(), DeliveryError> {
    let credential = credentials.load_credential(&webhook.credential).map_err(DeliveryError::from_credential)?;
    let (url, body) =
        format::build_request(webhook.format, message, &credential).map_err(DeliveryError::from_credential)?;
    let redactor = credential.redactor();
    let mut request = Request::new(body.to_string().into_bytes());
    *request.method_mut() = Method::POST;
    request.headers_mut().extend(credential.headers);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    send_http(request, &url, webhook.ca_file.as_deref(), limit)?.check(Some(webhook.format), &redactor)
}

/// Requests the heartbeat's URL, within `limit`.
pub(super) fn send_heartbeat(
    credential: &str,
    ca_file: Option<&Path>,
    credentials: &CredentialStore,
    limit: Duration,
) -> Result<(), DeliveryError> {
    let credential = credentials.load_credential(credential).map_err(DeliveryError::from_credential)?;
    let (url, redactor) = (credential.full_url(), credential.redactor());
    let mut request = Request::new(Vec::new());
    request.headers_mut().extend(credential.headers);
    send_http(request, &url, ca_file, limit)?.check(None, &redactor)
}

/// Response of a server.
struct HttpReply {
    status: StatusCode,
    retry_after: Duration,
    /// Host of a redirect's target.
    redirect_host: Option<String>,
    body: String,
}

impl HttpReply {
    /// Checks whether the request was accepted.
    fn check(self, format: Option<WebhookFormat>, redactor: &Redactor) -> Result<(), DeliveryError> {
        let quote = || response_check::quote_response(&self.body, redactor);
        if self.status.is_success() {
            let objection = response_check::find_rejection(format, self.status.as_u16(), &self.body);
            return objection
                .map_or(Ok(()), |objection| Err(DeliveryError::from_unexpected_response(objection, quote())));
        }
        let mut refused = DeliveryError::from_status(self.status, self.retry_after, quote());
        if let Some(host) = &self.redirect_host {
            let host = to_printable(&redactor.redact(host), MAX_HOST_CHARS);
            let status = self.status.as_u16();
            refused.reason = format!("it answers with HTTP {status} and points to {host}; redirects are not followed");
        }
        Err(refused)
    }
}

fn send_http(
    mut request: Request<Vec<u8>>,
    url: &str,
    ca_file: Option<&Path>,
    limit: Duration,
) -> Result<HttpReply, DeliveryError> {
    let roots = ca_file.map_or(Ok(RootCerts::WebPki), probe::read_roots);
    let roots = roots.map_err(DeliveryError::from_credential)?;
    // A new agent for each request: with its root certificates it is too large to keep for rare use.
    let agent = probe::build_agent(roots);
    *request.uri_mut() = url.parse().map_err(|_| DeliveryError::from_credential("its URL is not valid"))?;
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let request = agent.configure_request(request).timeout_global(Some(limit)).build();
    let mut response = agent.run(request).map_err(DeliveryError::from_network)?;
    let status = response.status();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let wait = header(RETRY_AFTER).and_then(|wait| wait.trim().parse::<u64>().ok());
    let wait = Duration::from_secs(wait.unwrap_or_default()).min(MAX_RETRY_AFTER);
    let elsewhere = header(LOCATION)
        .filter(|_| status.is_redirection())
        .and_then(|location| Some(location.parse::<Uri>().ok()?.host()?.to_owned()));
    let mut body = Vec::new();
    // A partial body is checked too: the request may have been accepted.
    let _ = response.body_mut().as_reader().take(MAX_BODY_BYTES).read_to_end(&mut body);
    Ok(HttpReply {
        status,
        retry_after: wait,
        redirect_host: elsewhere,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
