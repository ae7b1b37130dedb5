//! Which entries of the history are for people elsewhere, and under which topic.

use crate::config::Topic;

/// What becomes of a message that cannot be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is delivered at least once, whatever happens: found in the history again after a restart.
    Transition,
    /// The same, but not every try of a series is worth one.
    Tried,
    /// It tells how things are. After a while they are otherwise.
    Condition,
}

use Kind::{Condition, Transition, Tried};
use Topic::{Degraded, Demoted, Failed, Flapping, Hold, Isolated, NeverSeenHealthy, Promoted, Unreturned};

/// Every entry that is for people elsewhere, by its stable name. Drills have a topic of their own.
pub(super) const EVENTS: &[(&str, Topic, Kind)] = &[
    ("promoting", Promoted, Transition),
    ("aborted", Promoted, Transition),
    ("promoted", Promoted, Transition),
    ("adopted", Promoted, Transition),
    ("demoted", Demoted, Transition),
    ("flapping", Flapping, Transition),
    ("steady", Flapping, Condition),
    ("start_failed", Failed, Tried),
    ("not_answering", Failed, Transition),
    ("stopping_silent", Failed, Transition),
    ("went_down", Failed, Transition),
    ("serves_again", Promoted, Transition),
    ("stop_failed", Failed, Tried),
    ("stop_hangs", Failed, Transition),
    ("isolated", Isolated, Condition),
    ("reconnected", Isolated, Condition),
    ("never_seen_healthy", NeverSeenHealthy, Condition),
    ("push_failed", Unreturned, Condition),
    ("returned", Unreturned, Condition),
    ("held_back", Hold, Transition),
    ("hold_ended", Hold, Transition),
    ("hold_stands", Hold, Transition),
    ("drill_refused", Topic::Drill, Transition),
    ("drill_ended", Topic::Drill, Transition),
    ("channels_broken", Degraded, Condition),
    ("channels_well", Degraded, Condition),
    ("upstream_channels", Degraded, Condition),
    ("port_held", Degraded, Condition),
    ("port_free", Degraded, Condition),
    ("foreign_answer", Degraded, Condition),
    ("answer_unverified", Degraded, Condition),
    ("answer_verified", Degraded, Condition),
    ("systemd_unreachable", Degraded, Condition),
    ("systemd_reachable", Degraded, Condition),
    ("write_failed", Degraded, Condition),
    ("write_well", Degraded, Condition),
    ("set_aside", Degraded, Condition),
    ("missing", Degraded, Condition),
    ("not_ready", Degraded, Condition),
    ("ready", Degraded, Condition),
    ("reload_refused", Degraded, Condition),
    ("pull_failed", Degraded, Condition),
    ("not_put_away", Degraded, Condition),
    ("workspace_open", Degraded, Condition),
    ("notify_failed", Degraded, Condition),
    ("notify_well", Degraded, Condition),
];

/// Entries of a drill that its result stands for. A gateway that does not stop is told at once all the same.
const FOLDED_INTO_DRILL_RESULT: &[&str] = &[
    "promoting",
    "aborted",
    "promoted",
    "demoted",
    "start_failed",
    "not_answering",
    "went_down",
    "serves_again",
    "channels_broken",
    "channels_well",
    "push_failed",
    "returned",
];

/// Finds the topic of an entry, and what becomes of its message.
pub(super) fn of(event: &str) -> Option<(Topic, Kind)> {
    EVENTS.iter().find(|(known, ..)| *known == event).map(|&(_, topic, kind)| (topic, kind))
}

/// True if the result of the drill that caused this entry says enough.
pub(super) fn is_folded(event: &str) -> bool {
    FOLDED_INTO_DRILL_RESULT.contains(&event)
}
