//! Stored state of the previous monitor.

use crate::config::paths::Paths;
use crate::failover::PersistentState;
use crate::os::clock::read_wall_clock;
use crate::os::load_or_quarantine::UnreadableFile;
use crate::records::seen_healthy::SeenHealthy;
use crate::records::state;
use crate::records::timeline::Timeline;

/// Stored state, as far as it was readable.
pub(super) struct StoredState {
    pub(super) persistent_state: PersistentState,
    pub(super) seen_healthy: SeenHealthy,
    pub(super) timeline: Timeline,
    pub(super) unreadable: Vec<UnreadableFile>,
}

pub(super) fn load(paths: &Paths) -> StoredState {
    let now = read_wall_clock();
    let (persistent_state, unreadable_state) = state::load(&paths.state_file(), now);
    let (seen_healthy, unreadable_seen_healthy) =
        SeenHealthy::load(&paths.seen_healthy_file(), &paths.history_file(), now);
    let (timeline, unreadable_timeline) = Timeline::load(&paths.timeline_file(), now);
    let unreadable = [unreadable_state, unreadable_seen_healthy, unreadable_timeline].into_iter().flatten().collect();
    StoredState { persistent_state, seen_healthy, timeline, unreadable }
}
