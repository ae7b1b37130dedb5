//! The end-to-end suite: real hosts under real systemd, real OpenClaw on both, the monitor under its real unit.
//!
//! It boots containers, so it needs root, `systemd-nspawn`, `mmdebstrap`, `ip`, `npm`, `strace` and `readelf`, and a
//! network from which Debian's and npm's packages come the first time. `.ci/run` installs all that and runs it:
//!
//! ```text
//! cargo test --features e2e --test e2e -- --test-threads=3
//! cargo test --features e2e --test e2e faults::frozen -- --nocapture
//! ```
//!
//! The clock of the suite is in `files/standby/config.json`; everything else is as a user would have it.

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
