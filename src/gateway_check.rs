//! Checks that only the gateway's own user can make, run as that user in a oneshot unit of their own,
//! `openclaw-failover-check.service`.
//!
//! The monitor is another user in a sandbox of its own: it sees which sockets listen, but not whose they are. The check
//! tells that: which process holds each socket on the gateway's port, and whether it is one of the gateway's unit. The
//! report is written by the user whom an agent runs as, so it is read as untrusted input.

mod holder;
mod report;
mod unit;

pub use crate::gateway_check::holder::{inspect, sockets_of};
pub use crate::gateway_check::report::{Owner, Report, Socket, write};
pub use crate::gateway_check::unit::{CHECK, folder, run};
