//! The workspace from outside: a sync loses nothing in any state.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its hosts has failed")]

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
mod exclusion;
mod folder_copy;
mod named;
mod odd;
mod outages;
mod private;
mod pull;
mod push;
mod races;
mod readme;
mod remotes;
mod replaced;
mod repositories;
mod session_archive;
mod settings;
mod states;
mod storm;
