//! What people read, and what must not be forgotten: durable state, history, status.
//!
//! Nothing here logs, prints or decides. What goes wrong is handed back, because a report that fails must never stand
//! in the way of a failover: the monitor tells people of it and goes on.
//!
//! - [`clock`]: the machine's time in words and on the wall clock.
//! - [`durable`]: the one way in which a file is written, read and set aside.
//! - [`state`] and [`armed`]: what a monitor that starts must know of the ones before it.
//! - [`entry`] and [`history`]: what happened, in one sentence each, and where it is kept.
//! - [`status`]: how things stand now.
//! - [`paths`]: where all of it lies.

pub mod clock;
pub mod durable;
mod fields;
mod load;
mod names;
pub mod state;

pub use load::Unreadable;
