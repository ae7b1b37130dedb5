//! What `setup` says of a host, which files it brings, and the steps that could do harm, on a host of files and scripts.
//! What it does to a real one the end-to-end suite shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its world has failed")]

#[path = "../support/script.rs"]
mod script;

mod firewall;
mod host;
mod plan;
mod predecessor;
mod shipped;
mod steps;
