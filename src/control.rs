//! Control socket: operators' commands to the running monitor.
//!
//! A client connects and sends one line of JSON. The monitor sends one line back, with the decision, the events since,
//! and the present status, and closes the connection. Only the socket's owner, group and mode decide who may connect:
//! root, and members of the monitor's group.
//!
//! - [`Request`] and [`ControlResponse`]: the two lines; [`Refusal`]: the other response.
//! - [`send_request`]: the client, with a deadline.
//! - [`serve`]: the server in the monitor. One thread serves all clients, and slow or hostile clients delay only other
//!   clients.

mod client;
mod request;
mod response;
mod server;

pub use crate::control::client::{ControlError, send_request};
pub use crate::control::request::{MAX_DRILL_HOLD, Request};
pub use crate::control::response::{ControlResponse, Refusal};
pub use crate::control::server::{RequestHandler, serve};

/// Limit on the length of a request, in bytes.
const MAX_REQUEST_BYTES: usize = 1024;

/// Limit on the length of an operator's reason, in characters.
pub const MAX_REASON_CHARS: usize = 200;

/// Limit on the length of a response, in bytes. It fits the kernel's buffer of a fresh connection, so that the monitor
/// never waits for a client that does not read.
const MAX_RESPONSE_BYTES: usize = 96 * 1024;
