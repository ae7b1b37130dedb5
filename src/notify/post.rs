//! One request to somebody else's server, and nothing of its URL in any word about it.

use std::path::Path;
use std::time::Duration;

use ureq::http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use ureq::http::{Method, Request, StatusCode};
use ureq::tls::RootCerts;

use super::{Message, Vault, format};
use crate::config::Notify;
use crate::probe::{self, Failure, Fault};

/// The longest that a server may tell us to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// Why a request was not taken.
#[derive(Debug)]
pub(super) struct Refused {
    /// For people, without anything of the URL.
    pub(super) why: String,
    /// How long to wait, by the server's word.
    pub(super) wait: Duration,
    /// Whether it is this message that is not taken, now or ever.
    pub(super) hopeless: bool,
}

impl Refused {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), wait: Duration::ZERO, hopeless: false }
    }

    /// ureq's words may hold a URL, the system's and those of TLS do not.
    fn by_network(error: ureq::Error) -> Self {
        let fault = Fault::from(error);
        match fault.failure {
            Failure::NotOpenClaw | Failure::Status(_) => Self::new("its answer is not HTTP, or broke off"),
            failure => Self::new(format!("{failure}: {}", fault.why)),
        }
    }

    fn by_status(status: StatusCode, wait: Duration) -> Self {
        let hopeless = matches!(status.as_u16(), 400 | 405 | 406 | 413 | 415 | 422);
        Self { why: format!("it answers with HTTP {}", status.as_u16()), wait, hopeless }
    }
}

/// Brings a message to a webhook, within `limit`.
pub(super) fn deliver(webhook: &Notify, vault: &Vault, message: &Message, limit: Duration) -> Result<(), Refused> {
    let mut credential = vault.open(&webhook.credential).map_err(Refused::new)?;
    let (url, body) = format::of(webhook.format, message, &credential).map_err(Refused::new)?;
    credential.headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
    exchange(Method::POST, &url, credential.headers, body.to_string().as_bytes(), webhook.ca_file.as_deref(), limit)
}

/// Asks for a heartbeat's URL, within `limit`.
pub(super) fn beat(credential: &str, ca_file: Option<&Path>, vault: &Vault, limit: Duration) -> Result<(), Refused> {
    let credential = vault.open(credential).map_err(Refused::new)?;
    exchange(Method::GET, &credential.whole_url(), credential.headers, &[], ca_file, limit)
}

fn exchange(
    method: Method,
    url: &str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: &[u8],
    ca_file: Option<&Path>,
    limit: Duration,
) -> Result<(), Refused> {
    let roots = ca_file.map_or(Ok(RootCerts::WebPki), probe::roots).map_err(|why| Refused::new(why.to_string()))?;
    // A new one each time: with the authorities in it it is too large to be kept for what is seldom needed.
    let agent = probe::agent(roots);
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().map_err(|_| Refused::new("its URL is not one"))?;
    request.headers_mut().extend(headers);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let request = agent.configure_request(request).timeout_global(Some(limit)).build();
    let response = agent.run(request).map_err(Refused::by_network)?;
    if response.status().is_success() {
        return Ok(());
    }
    let wait = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.trim().parse::<u64>().ok());
    let wait = Duration::from_secs(wait.unwrap_or_default()).min(LONGEST_WAIT);
    Err(Refused::by_status(response.status(), wait))
}
