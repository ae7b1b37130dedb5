//! What `setup` says of a host, and which files it brings. What it does to a real one the end-to-end suite shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its world has failed")]

mod host;
mod plan;
mod shipped;
