//! Records on disk that outlive the monitor.
//!
//! Errors are returned, never logged. The monitor reports a record that it cannot write, and keeps running.
//!
//! - [`state`]: the role, holds and past failovers, for the next monitor.
//! - [`seen_healthy`]: upstreams that were seen healthy from this host.
//! - [`history`]: events, kept for a year.
//! - [`timeline`]: the last 24 hours, one cell per half hour.
//! - [`trace`]: the input of the core, so that its decisions can be replayed.

pub mod history;
pub mod seen_healthy;
pub mod state;
pub mod timeline;
pub mod trace;
