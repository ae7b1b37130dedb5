//! What is driven on this host: children with deadlines, systemd, and what the kernel says of a port.
//!
//! Everything that leaves the process goes through [`Command`], so that nothing here can wait without end.

mod cancel;
mod command;
pub mod journal;
pub mod listener;
pub mod notify;
pub mod systemd;
mod text;
mod wake;

pub use cancel::Cancel;
pub use command::{Command, CommandError, Output};
pub use text::printable;
