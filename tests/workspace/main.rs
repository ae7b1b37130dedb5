//! The workspace from outside: whatever state it is in, a sync loses nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod content;
mod crashes;
mod disks;
mod odd;
mod outages;
mod pull;
mod push;
mod queue;
mod races;
mod readme;
mod remotes;
mod settings;
mod states;
mod storm;
mod withheld;
mod world;
