//! Bounded GET request on a new connection.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::Uri;
use ureq::http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderValue};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::os::read_regular;
use crate::probe::connect::{MAX_BODY_BYTES, MAX_HEAD_BYTES, ProbeConnector};
use crate::probe::error::ProbeError;
use crate::probe::resolve::HostResolver;
use crate::probe::target_error::TargetError;
use crate::probe::verdict::ProbeFailure;

/// Maximum size of a file of certificates, in bytes.
const MAX_CA_FILE_BYTES: u64 = 1024 * 1024;

const USER_AGENT: &str = concat!("openclaw-failover/", env!("CARGO_PKG_VERSION"));

/// Response.
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// True for an HTML page, by its content type or first character.
    pub(super) is_html: bool,
}

/// Builds the agent for one URL. ureq configures TLS at the first `https` connection.
pub(crate) fn build_agent(roots: RootCerts) -> Agent {
    build_agent_with(roots, HostResolver::default())
}

/// Builds the agent for one URL with this resolver.
pub(super) fn build_agent_with(roots: RootCerts, lookup: HostResolver) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // A proxy from the environment would answer instead of the gateway.
        .proxy(None)
        .max_idle_connections(0)
        .user_agent(USER_AGENT)
        .accept("application/json")
        .max_response_header_size(MAX_HEAD_BYTES - 1)
        .input_buffer_size(MAX_HEAD_BYTES)
        .output_buffer_size(4 * 1024)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build();
    Agent::with_parts(config, ProbeConnector::default(), lookup)
}

/// Reads a file of PEM certificates to trust.
pub(crate) fn read_roots(file: &Path) -> Result<RootCerts, TargetError> {
    let problem = |why: String| TargetError::CaFile { path: file.to_owned(), why };
    let pem = read_regular(file, MAX_CA_FILE_BYTES).map_err(|error| problem(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|_| problem("it contains a damaged certificate".to_owned()))?
        {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(problem("it contains no PEM certificate".to_owned()));
    }
    Ok(RootCerts::from(certificates))
}

/// Sends one request. `deadline` covers lookup, connection, handshake, headers and body.
pub(super) fn send_get(
    agent: &Agent,
    url: &Uri,
    token: Option<&HeaderValue>,
    deadline: Instant,
) -> Result<HttpResponse, ProbeError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) {
        return Err(ProbeError::new(ProbeFailure::ResponseTimeout, "no time left for this request"));
    }
    let mut request = agent.get(url).header(CONNECTION, "close");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token);
    }
    let mut response = request.config().timeout_global(Some(left)).build().call()?;
    let status = response.status().as_u16();
    let typed_html = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/html"));
    if typed_html || !matches!(status, 200 | 503) {
        let body = Vec::new();
        return Ok(HttpResponse { status, body, is_html: typed_html });
    }
    let mut body = Vec::new();
    let reader = response.body_mut().as_reader();
    reader
        .take(MAX_BODY_BYTES as u64 + 1)
        .read_to_end(&mut body)
        .map_err(|error| ProbeError::from(ureq::Error::from(error)))?;
    if body.len() > MAX_BODY_BYTES {
        let why = format!("an answer of more than {} KiB", MAX_BODY_BYTES / 1024);
        return Err(ProbeError::new(ProbeFailure::NotOpenClaw, why));
    }
    let html = body.trim_ascii_start().starts_with(b"<");
    Ok(HttpResponse { status, body, is_html: html })
}
