//! The control socket: how operators talk to the monitor that runs here.
//!
//! A client connects, sends one line of JSON, and is sent one: what has been decided, what was said while it was, and how
//! things stand now. Then the connection is over. Who may connect is said by the socket's owner, group and mode, and by
//! nothing else: root, and members of the monitor's group.
//!
//! - [`Request`] and [`Answer`]: the two lines.
//! - [`ask`]: the client's side, with a deadline.
//! - [`serve`]: the monitor's side. One thread has all clients, and none of them, nor all together, can hold up anything
//!   but each other.

mod answer;
mod client;
mod request;
mod server;

pub use crate::control::answer::Answer;
pub use crate::control::client::{Error, ask};
pub use crate::control::request::{LONGEST_DRILL, Request};
pub use crate::control::server::{Decide, serve};

/// The longest line that a client may send, in bytes.
const LONGEST_REQUEST: usize = 1024;

/// The longest reason that an operator may give, in characters.
pub const LONGEST_REASON: usize = 200;

/// The longest line that a client is sent, in bytes. It fits into the kernel's buffer of a fresh connection, so that
/// nobody has to wait for a client that does not read.
const LONGEST_ANSWER: usize = 96 * 1024;
