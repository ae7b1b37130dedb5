//! State reports of `setup`, the files that it installs, and the steps that could do harm, on a host of files and
//! scripts. The end-to-end suite tests it on a real host.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its hosts has failed")]

#[path = "../support/script.rs"]
mod script;

mod firewall;
mod host;
mod migration;
mod plan;
mod shipped;
mod steps;
