//! Control socket, from outside: responses, hostile clients, and output of operators' commands.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod abuse;
mod commands;
mod scripted_monitor;
