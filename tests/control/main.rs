//! The control socket from outside: what it answers, whom it outlives, and what operators read.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod abuse;
mod commands;
mod desk;
