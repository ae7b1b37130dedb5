//! The workspace from outside: whatever state it is in, a sync loses nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

#[path = "../support/needs.rs"]
mod needs;
#[path = "../support/script.rs"]
mod script;

mod acknowledged;
mod advice;
mod content;
mod crashes;
mod damage;
mod disks;
mod image;
mod named;
mod odd;
mod outages;
mod private;
mod pull;
mod push;
mod queue;
mod races;
mod readme;
mod remotes;
mod replaced;
mod settings;
mod states;
mod storm;
mod withheld;
mod world;
