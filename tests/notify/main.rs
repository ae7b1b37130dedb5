//! Notifications as webhooks receive them, from servers that are well, ill, or gone.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

#[path = "../support/address.rs"]
mod address;
mod commands;
mod delivery;
mod formats;
mod heartbeat;
#[path = "../support/needs.rs"]
mod needs;
mod server;
mod stage;
#[path = "../probe/tls/server.rs"]
mod tls;
