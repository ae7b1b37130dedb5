//! What the last monitor left behind.

use crate::config::Config;
use crate::failover::Memory;
use crate::report::armed::Armed;
use crate::report::clock::wall_clock;
use crate::report::paths::Paths;
use crate::report::{Unreadable, state};

/// What was remembered, as far as it could be read.
pub(super) struct Past {
    pub(super) memory: Memory,
    pub(super) armed: Armed,
    pub(super) unreadable: Vec<Unreadable>,
}

pub(super) fn load(paths: &Paths) -> Past {
    let now = wall_clock();
    let (memory, torn_state) = state::load(&paths.state(), now);
    let (armed, torn_armed) = Armed::load(&paths.armed(), &paths.history(), now);
    Past { memory, armed, unreadable: torn_state.into_iter().chain(torn_armed).collect() }
}

impl Past {
    /// For each upstream whether it was ever seen healthy.
    pub(super) fn armed_upstreams(&mut self, config: &Config) -> Vec<bool> {
        config.upstreams.iter().map(|upstream| self.armed.knows(&upstream.urls)).collect()
    }
}
