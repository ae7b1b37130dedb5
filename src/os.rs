//! Operating system: child processes with deadlines, systemd, users, the journal, files and network addresses.
//!
//! - [`ChildCommand`]: a child process with a deadline; [`Cancel`] ends the wait for it.
//! - [`systemd`]: units, through `systemctl`.
//! - [`tailscale`]: state of the Tailscale daemon.
//! - [`sd_notify`]: the service's state, sent to systemd.
//! - [`journal`]: logging, in the format of the journal.
//! - [`orphans`]: ends children whose parent was killed.
//! - [`Owner`]: the agent's user, and the arguments by which root runs a command as that user.
//! - [`listening_sockets`]: listening TCP sockets.
//! - [`is_own_address`]: test for addresses of this host.
//! - [`read_regular`]: bounded reads of regular files; [`atomic_file`]: writes.
//! - [`clock`], [`boot_time`]: the wall clock, and time since boot.

pub mod atomic_file;
pub mod boot_time;
mod bounded_file;
mod cancel;
mod child_wait;
pub mod clock;
mod command;
pub mod journal;
mod listeners;
pub mod load_or_quarantine;
pub mod orphans;
mod own_address;
mod process_tree;
pub mod sd_notify;
pub mod systemd;
pub mod tailscale;
mod thread;
mod user;

pub(crate) use crate::os::bounded_file::{O_NOFOLLOW, O_NONBLOCK};
pub use crate::os::bounded_file::{ReadError, open_regular, read_regular, read_text};
pub use crate::os::cancel::Cancel;
pub use crate::os::command::{ChildCommand, CommandError, ProcessOutput};
pub use crate::os::listeners::{ListeningSocket, accepting_sockets, listening_sockets, parse_listening_address};
pub use crate::os::own_address::{is_own_address, local_address_for};
pub use crate::os::thread::spawn;
pub use crate::os::user::{Owner, OwnerError, own_uid};
