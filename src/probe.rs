//! Health probe of a gateway, with a verdict as its result.
//!
//! The JSON contract decides, never the status code alone: OpenClaw answers unknown paths with 200 and an HTML page.
//! One deadline covers lookup, connection, TLS, headers and body of all requested paths and URLs. Every size is
//! bounded. Every probe opens new connections: an old connection that still works does not prove that new ones do.

mod connect;
mod contract;
mod endpoint_probe;
mod error;
mod error_text;
mod http;
mod parallel;
mod peer;
mod readyz_request;
mod resolve;
mod result;
mod target;
mod target_error;
mod verdict;

pub(crate) use crate::probe::error::ProbeError;
pub(crate) use crate::probe::http::{build_agent, read_roots};
pub(crate) use crate::probe::peer::PeerRule;
pub use crate::probe::readyz_request::ReadyzRequest;
pub(crate) use crate::probe::resolve::HostResolver;
pub use crate::probe::result::ProbeResult;
pub use crate::probe::target::ProbeTarget;
pub use crate::probe::target_error::TargetError;
pub use crate::probe::verdict::{Channels, ProbeFailure, Verdict, VerdictKind};
