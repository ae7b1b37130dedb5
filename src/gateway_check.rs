//! Checks that need the gateway's own user. They run as that user in a oneshot unit, `openclaw-failover-check.service`.
//!
//! The monitor runs as another user in a sandbox: it sees which sockets listen, but not which processes hold them. The
//! check reports the process that holds each socket on the gateway's port, and whether that process belongs to the
//! gateway's unit. The agent runs as the user that writes the report, so the monitor reads it as untrusted input.

mod error;
mod report;
mod socket_holder;
mod unit;

pub use crate::gateway_check::error::{CHECK_UNIT, GatewayCheckError};
pub use crate::gateway_check::report::{GatewayCheckReport, GatewaySocket, SocketOwner, write_report};
pub use crate::gateway_check::socket_holder::{inspect_sockets, sockets_of};
pub use crate::gateway_check::unit::{report_folder, run_check_unit};
