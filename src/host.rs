//! What is driven on this host: children with deadlines, and systemd.
//!
//! Every child is a [`Command`], so that nothing here can wait without end.
//!
//! - [`Command`]: another program, run with a deadline; [`Cancel`] ends the wait for it.
//! - [`systemd`]: units, through `systemctl`.
//! - [`notify`]: what systemd is told of this service.
//! - [`journal`]: the log.
//! - [`Owner`]: the agent's user, and how root becomes it.
//! - [`listeners`]: sockets that listen.
//! - [`is_own_address`]: addresses that lead back to this host.
//! - [`spawn`]: a thread.
//! - [`printable`]: text from outside, made safe to print.

mod cancel;
mod command;
pub mod journal;
mod listeners;
pub mod notify;
mod own_address;
mod owner;
pub mod systemd;
mod text;
mod thread;
mod wake;

pub use cancel::Cancel;
pub use command::{Command, CommandError, Output};
pub use listeners::{Listener, listeners, parse_listening_address, takers};
pub use own_address::{is_own_address, local_end};
pub use owner::Owner;
pub use text::printable;
pub use thread::spawn;
