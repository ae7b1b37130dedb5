//! What is driven on this host: children with deadlines, and systemd.
//!
//! Every child is a [`Command`], so that nothing here can wait without end.
//!
//! - [`Command`]: another program, run with a deadline; [`Cancel`] ends the wait for it.
//! - [`systemd`]: units, through `systemctl`.
//! - [`notify`]: what systemd is told of this service.
//! - [`journal`]: the log.
//! - [`orphans`]: the end of children whose parent died.
//! - [`Owner`]: the agent's user, and how root becomes it.
//! - [`listeners`]: sockets that listen.
//! - [`is_own_address`]: addresses that lead back to this host.
//! - [`spawn`]: a thread.
//! - [`read_regular`]: a named file, read without waiting for another process.
//! - [`printable`]: text from outside, made safe to print.

mod cancel;
mod command;
mod file;
pub mod journal;
mod listeners;
pub mod notify;
pub mod orphans;
mod own_address;
mod owner;
mod process_tree;
mod redact;
pub mod systemd;
mod text;
mod thread;
mod wake;

pub use cancel::Cancel;
pub use command::{Command, CommandError, Output};
pub use file::{ReadError, open_regular, read_regular};
pub use listeners::{Listener, listeners, parse_listening_address, takers};
pub use own_address::{is_own_address, local_end};
pub use owner::Owner;
pub use text::{printable, without_error_numbers};
pub use thread::spawn;
