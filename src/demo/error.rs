//! Errors of the demo.

use std::{fmt, io};

use crate::config::ConfigErrors;
use crate::monitor::MonitorError;
use crate::os::CommandError;

/// Error that ends the demo.
#[derive(Debug)]
pub(crate) enum DemoError {
    /// A step of the system failed; with what was attempted.
    System(&'static str, io::Error),
    /// git failed.
    Git(CommandError),
    /// The demo's own configuration has errors.
    Config(ConfigErrors),
    /// The monitor did not start.
    Monitor(MonitorError),
    /// The primary's push failed, with its outcome and details.
    Push(String),
    /// The monitor ended before the demo.
    MonitorEnded,
    /// This event did not happen in time.
    TimedOut(&'static str),
    /// A person interrupted the demo.
    Interrupted,
    /// Standard output is closed.
    OutputClosed,
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(what, why) => write!(f, "cannot {what}: {why}"),
            Self::Git(why) => why.fmt(f),
            Self::Config(problems) => problems.fmt(f),
            Self::Monitor(why) => why.fmt(f),
            Self::Push(why) => write!(f, "the primary's push: {why}"),
            Self::MonitorEnded => f.write_str("the monitor ended"),
            Self::TimedOut(event) => write!(f, "timed out while waiting for the event `{event}`"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::OutputClosed => f.write_str("the output is closed"),
        }
    }
}
