//! End-to-end suite: real hosts with real systemd and OpenClaw, the monitor in its real unit.
//!
//! It boots containers, so it needs root, `systemd-nspawn`, `mmdebstrap`, `ip`, `npm`, `strace` and `readelf`. The
//! first run downloads Debian and npm packages. `.ci/run` installs all that and runs the suite:
//!
//! ```text
//! cargo test --features e2e --test e2e -- --test-threads=3
//! cargo test --features e2e --test e2e faults::frozen -- --nocapture
//! ```
//!
//! The suite's shorter times are set in `files/standby/config.json`; everything else is as for a user.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test that cannot go on has failed.

mod agent;
mod breaker;
mod budget;
mod doctor;
mod drill;
mod empty;
mod faults;
mod handover;
mod host;
mod hostile;
mod install;
mod lab;
mod network;
mod observe;
mod operator;
mod outage;
mod parts;
mod privilege;
mod readiness;
mod replay;
mod repository;
mod screen;
mod settings;
mod setup;
mod shell;
mod soak;
mod squatter;
mod standby;
mod stub;
mod third;
mod variants;
mod webhook;
mod workspace;
