//! Keeps an OpenClaw user reachable from a second host.
//!
//! A module imports only modules below it in this list; `tests/layering.rs` checks that.
//!
//! - [`cli`]: the command line. Grammar, help, and one file a command.
//! - [`demo`]: a complete failover on loopback, without root and without systemd.
//! - [`monitor`]: **the shell** around the core: event loop, threads, signals, actuators.
//! - [`setup`]: makes a Debian or Ubuntu host a standby or a primary, and takes that back.
//! - [`doctor`]: checks whether this standby could take over now.
//! - [`notify`]: delivers messages to webhooks, and the heartbeat to a service that misses it.
//! - [`control`]: the socket through which operators talk to the monitor.
//! - [`status`]: the state of the monitor for people, programs and Prometheus.
//! - [`records`]: files that outlive the monitor: state, history, timeline, trace.
//! - [`events`]: one sentence and one JSON object for each event.
//! - [`gateway_check`]: which process answers on the gateway's port; runs as the gateway's user.
//! - [`workspace`]: pulls and pushes the workspace, pulls the secrets; runs as `openclaw` in sandboxed units.
//! - [`failover`]: **the core**, pure: `handle_event(now, event) -> actions`. Every decision is taken here.
//! - [`probe`]: one bounded health request to a gateway, answered by a verdict.
//! - [`finding`]: results of checks and their remedies.
//! - [`config`]: file → model → checks. Each key is declared once; every problem is reported at once.
//! - [`os`]: child processes with deadlines, systemd, users, the journal, files, clocks and network addresses.
//! - [`text`]: JSON, durations, UTC times, tables, suggestions and printable text.

pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod doctor;
pub mod events;
pub mod failover;
pub mod finding;
pub mod gateway_check;
pub mod monitor;
pub mod notify;
pub mod os;
pub mod probe;
pub mod records;
pub mod setup;
pub mod status;
pub mod text;
pub mod workspace;
