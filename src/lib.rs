//! Keeps an OpenClaw user reachable from a second host.
//!
//! Read it in this order:
//!
//! - [`cli`]: the command line. Grammar, help, and one small function a command.
//! - [`config`]: file → raw → valid configuration. Every problem is reported at once.
//! - [`probe`]: one bounded health request to a gateway, answered by a verdict.
//! - [`failover`]: **the core**, pure: `handle(now, event) -> actions`. Every decision is taken here.
//! - [`control`]: the socket through which operators talk to the monitor.
//! - [`monitor`]: the shell around the core: loop, prober threads, actuators, signals.
//! - [`host`]: what is driven on this host: children with deadlines, systemd.
//! - [`sync`]: the workspace's way in and back out, and the secrets' way in, run as `openclaw` in its own oneshot unit.
//! - [`check`]: checks of the gateway's own user, in a oneshot unit: whose process answers on the gateway's port?
//! - [`doctor`]: could this standby take over right now?
//! - [`setup`]: makes a Debian or Ubuntu host a standby or a primary, and takes that back.
//! - [`report`]: what people read: history, durable state, status.
//! - [`notify`]: tells people elsewhere, through webhooks; and the heartbeat that tells them when nobody can.
//! - [`demo`]: a whole failover on loopback, without root and without systemd.
//! - [`json`]: the one JSON value type.

pub mod check;
pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod doctor;
pub mod failover;
pub mod host;
pub mod json;
pub mod monitor;
pub mod notify;
pub mod probe;
pub mod report;
pub mod setup;
pub mod sync;
