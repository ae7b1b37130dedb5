//! systemd, asked through `systemctl`: what state a unit is in, and to start, stop or kill it.
//!
//! `systemctl` is the one interface that is stable, says why in words, and lets polkit decide for a user who is
//! nobody. Nothing is asked of a person: a question counts as a refusal.

mod error;
mod exit;
mod unit;

use std::ffi::OsString;
use std::time::Duration;

pub use error::{SystemdError, Why};
pub use unit::{Active, Load, ProcessEnd, Unit};

use super::{Cancel, Command};

/// How long systemd may take to answer a question or to queue a job. It takes milliseconds when it is well.
const ANSWER: Duration = Duration::from_secs(10);

/// The way to systemd.
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
    /// Through another program that takes the same arguments.
    #[must_use]
    pub fn with_program(program: impl Into<OsString>) -> Self {
        let program = program.into();
        Self { program }
    }

    /// The state a unit is in now. A unit that does not exist has one too: [`Load::NotFound`].
    ///
    /// # Errors
    /// When systemd cannot be asked or says what nobody understands.
    pub fn show(&self, unit: &str) -> Result<Unit, SystemdError> {
        let command = self.command("show").args(["-p", unit::PROPERTIES]).args(["--", unit]);
        let output = command.run().map_err(|why| SystemdError::new("show", unit, why))?;
        Unit::parse(&output.stdout).ok_or_else(|| SystemdError::not_understood(unit, &output.stdout))
    }

    /// Starts a unit and waits until systemd calls it started, which for a oneshot means ended.
    ///
    /// # Errors
    /// When systemd refuses, the start fails, takes longer than `deadline` or is cancelled; in the latter two cases
    /// the start goes on without us.
    pub fn start(&self, unit: &str, deadline: Duration, cancel: &Cancel) -> Result<(), SystemdError> {
        self.ask("start", &[], unit, deadline, cancel)
    }

    /// Stops a unit and waits until it has stopped.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn stop(&self, unit: &str, deadline: Duration, cancel: &Cancel) -> Result<(), SystemdError> {
        self.ask("stop", &[], unit, deadline, cancel)
    }

    /// Has a stop queued; how it goes is for [`show`](Self::show) to say.
    ///
    /// # Errors
    /// When systemd cannot be asked, or refuses.
    pub fn queue_stop(&self, unit: &str) -> Result<(), SystemdError> {
        self.ask("stop", &["--no-block"], unit, ANSWER, &Cancel::new())
    }

    /// Sends KILL to every process of a unit.
    ///
    /// # Errors
    /// When systemd cannot be asked or refuses, or the unit has no process.
    pub fn kill(&self, unit: &str) -> Result<(), SystemdError> {
        self.ask("kill", &["--signal=KILL"], unit, ANSWER, &Cancel::new())
    }

    /// Lets systemd forget that a unit failed, and how often it was started.
    ///
    /// # Errors
    /// When systemd cannot be asked or refuses, or the unit is not loaded, which does not matter.
    pub fn reset_failed(&self, unit: &str) -> Result<(), SystemdError> {
        self.ask("reset-failed", &[], unit, ANSWER, &Cancel::new())
    }

    fn ask(
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

    fn command(&self, verb: &str) -> Command {
        Command::new(&self.program).args(["--no-ask-password", "--no-pager", verb]).deadline(ANSWER)
    }
}
