//! Provisioning of a Debian or Ubuntu host as a standby or a primary, and its reversal.
//!
//! A plan is a table of steps. Each step reports its state and applies what is missing. The state is read again
//! afterwards: a step has worked when its effect is there, not when its commands have returned. What is already there
//! stays as it is, so an interrupted or failed setup continues when it is run again.
//!
//! root never runs, reads or writes anything below the agent's home: those steps send a child that runs as the agent's
//! user (`target`).
//!
//! Layers, lowest first; a file imports only files below its own:
//!
//! - `error`; `options`: the options of each setup; `units`: unit files, and the names of units.
//! - `target`: the host, and the operations on it; `requirements`.
//! - `plan`: steps, and their execution in order.
//! - `packages`, `users`, `keys`, `firewall` (with `ports`), `hardening`, `openclaw`, `channel`, `tailnet`,
//!   `migration`, `files`, `service`: the steps, by subject.
//! - `standby`, `primary`, `uninstall`: the three plans.
//! - `shell_monitor`: the settings of the shell monitor that this program replaces.

mod channel;
mod error;
mod files;
mod firewall;
mod hardening;
mod keys;
mod migration;
mod openclaw;
mod options;
mod packages;
mod plan;
mod ports;
mod primary;
mod requirements;
mod service;
mod shell_monitor;
mod standby;
mod tailnet;
mod target;
mod uninstall;
mod units;
mod users;

pub use crate::setup::error::SetupError;
pub use crate::setup::keys::{ScannedHostKeys, scan_host_keys};
pub use crate::setup::options::{
    Channel, ChannelOptions, ChannelToken, HostKeys, MissingInput, PrimaryOptions, StandbyOptions,
};
pub use crate::setup::plan::{Plan, Step, StepState};
pub use crate::setup::requirements::check_requirements;
pub use crate::setup::shell_monitor::find_variable;
pub use crate::setup::target::SetupTarget;
pub use crate::setup::units::shipped_files;
