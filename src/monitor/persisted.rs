//! Stored state of the previous monitor.

use crate::config::paths::Paths;
use crate::failover::Memory;
use crate::os::clock::wall_clock;
use crate::os::load_or_quarantine::Unreadable;
use crate::records::seen_healthy::Armed;
use crate::records::state;
use crate::records::timeline::Strip;

/// Stored state, as far as it was readable.
pub(super) struct Past {
    pub(super) memory: Memory,
    pub(super) reason: Option<String>,
    pub(super) armed: Armed,
    pub(super) strip: Strip,
    pub(super) unreadable: Vec<Unreadable>,
}

pub(super) fn load(paths: &Paths) -> Past {
    let now = wall_clock();
    let (memory, reason, torn_state) = state::load(&paths.state(), now);
    let (armed, torn_armed) = Armed::load(&paths.armed(), &paths.history(), now);
    let (strip, torn_strip) = Strip::load(&paths.strip(), now);
    let unreadable = [torn_state, torn_armed, torn_strip].into_iter().flatten().collect();
    Past { memory, reason, armed, strip, unreadable }
}
