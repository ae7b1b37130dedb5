//! The configuration: file → raw → valid.

pub mod valid;

pub use valid::{Config, Demote, Gateway, Probe, Promote, Secret, Upstream, Witness, Workspace};
