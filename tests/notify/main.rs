//! Notifications as received by servers that are well, failing or gone.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod commands;
mod delivery;
mod formats;
mod heartbeat;
mod server;
mod stage;
#[path = "../probe/tls/server.rs"]
mod tls;
