//! What `doctor` says of a standby that is well, and of one that was broken in one way or another.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its world has failed")]

#[path = "../support/needs.rs"]
mod needs;
#[path = "../support/script.rs"]
mod script;

mod breaks;
mod halves;
mod host;
mod nixos;
