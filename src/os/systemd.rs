//! Client of systemd, through `systemctl`: shows, starts, stops and kills units.
//!
//! `systemctl` is a stable interface, explains its errors, and works with polkit for an unprivileged user. It never
//! prompts here: a needed password counts as a refusal.

mod error;
mod exit;
mod properties;
mod unit;

use std::ffi::OsString;
use std::time::Duration;

pub use crate::os::systemd::error::{SystemdError, SystemdErrorKind};
pub use crate::os::systemd::properties::{QueryError, UnitProperties};
pub use crate::os::systemd::unit::{Active, Load, ProcessEnd, Unit};
use crate::os::{Cancel, ChildCommand};

/// Time limit for a query or for queueing a job. A healthy systemd takes milliseconds.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Client of systemd.
#[derive(Clone, Debug)]
pub struct Systemctl {
    program: OsString,
}

impl Default for Systemctl {
    fn default() -> Self {
        Self::with_program("systemctl")
    }
}

impl Systemctl {
    /// Creates a client that runs another program with the same arguments.
    pub fn with_program(program: impl Into<OsString>) -> Self {
        let program = program.into();
        Self { program }
    }

    /// Reads the current state of a unit; [`Load::NotFound`] for a unit that does not exist.
    ///
    /// # Errors
    /// If systemd cannot be reached or its output cannot be parsed.
    pub fn show(&self, unit: &str) -> Result<Unit, SystemdError> {
        let command = ChildCommand::new(&self.program).deadline(QUERY_TIMEOUT);
        let shown = UnitProperties::run_show(command, unit, unit::PROPERTIES);
        let shown = shown.map_err(|why| SystemdError::new("show", unit, why))?;
        Unit::parse(&shown).ok_or_else(|| SystemdError::unparsable_output(unit, &shown.0))
    }

    /// Starts a unit and waits until it is started; a oneshot unit is started when it has ended.
    ///
    /// # Errors
    /// If systemd refuses, the start fails, takes longer than `deadline` or is cancelled. In the last two cases the job
    /// continues in systemd.
    pub fn start(&self, unit: &str, deadline: Duration, cancel: &Cancel) -> Result<(), SystemdError> {
        self.run_verb("start", &[], unit, deadline, cancel)
    }

    /// Stops a unit and waits until it has stopped.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn stop(&self, unit: &str, deadline: Duration, cancel: &Cancel) -> Result<(), SystemdError> {
        self.run_verb("stop", &[], unit, deadline, cancel)
    }

    /// Queues a stop job without waiting for it; [`show`](Self::show) reads its progress.
    ///
    /// # Errors
    /// If systemd cannot be reached or refuses.
    pub fn queue_stop(&self, unit: &str) -> Result<(), SystemdError> {
        self.run_verb("stop", &["--no-block"], unit, QUERY_TIMEOUT, &Cancel::new())
    }

    /// Sends KILL to every process of a unit.
    ///
    /// # Errors
    /// If systemd cannot be reached or refuses, or the unit has no process.
    pub fn kill(&self, unit: &str) -> Result<(), SystemdError> {
        self.run_verb("kill", &["--signal=KILL"], unit, QUERY_TIMEOUT, &Cancel::new())
    }

    /// Resets the failed state and the start counter of a unit.
    ///
    /// # Errors
    /// If systemd cannot be reached or refuses, or the unit is not loaded, which is harmless.
    pub fn reset_failed(&self, unit: &str) -> Result<(), SystemdError> {
        self.run_verb("reset-failed", &[], unit, QUERY_TIMEOUT, &Cancel::new())
    }

    fn run_verb(
        &self,
        verb: &'static str,
        options: &[&str],
        unit: &str,
        deadline: Duration,
        cancel: &Cancel,
    ) -> Result<(), SystemdError> {
        let command = self.command(verb).args(options).args(["--", unit]);
        let result = command.deadline(deadline).cancel(cancel).run();
        result.map(drop).map_err(|why| SystemdError::new(verb, unit, why))
    }

    fn command(&self, verb: &str) -> ChildCommand {
        ChildCommand::new(&self.program).args(["--no-ask-password", "--no-pager", verb]).deadline(QUERY_TIMEOUT)
    }
}
