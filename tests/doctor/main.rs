//! Results of `doctor` on a healthy standby, and on one that was broken in various ways.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its hosts has failed")]

#[path = "../support/needs.rs"]
mod needs;
#[path = "../support/script.rs"]
mod script;

mod breaks;
mod halves;
mod host;
mod nixos;
