//! What people read, and what must not be forgotten: durable state, history, status.
//!
//! Nothing here logs, prints or decides. What goes wrong is handed back, because a report that fails must never stand
//! in the way of a failover: the monitor tells people of it and goes on.
//!
//! - [`clock`]: the machine's time in words and on the wall clock.
//! - [`durable`]: the one way in which a file is written, read and set aside.
//! - [`state`] and [`armed`]: what a monitor that starts must know of the ones before it.
//! - [`entry`] and [`history`]: what happened, in one sentence each, and where it is kept.
//! - [`status`]: how things stand now, and [`strip`]: how the last 24 hours were.
//! - [`metrics`]: the same in numbers.
//! - [`trace`]: all that the machine was given, so that it can be run again.
//! - [`paths`]: where all of it lies.

pub mod armed;
pub mod boot_time;
pub mod clock;
pub mod durable;
pub mod entry;
mod fields;
pub mod history;
mod layout;
mod load;
pub mod metrics;
mod names;
mod past;
pub mod paths;
pub mod state;
pub mod status;
pub mod strip;
pub mod trace;

pub use layout::Tone;
pub use load::Unreadable;

/// What a command has to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// For standard output, with its last line end.
    pub text: String,
    /// For standard error, without one.
    pub warning: Option<String>,
    /// The exit code.
    pub code: u8,
}
