//! Topic and delivery guarantee of each event that is sent.

use crate::config::NotificationTopic;

/// Delivery guarantee of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeliveryGuarantee {
    /// Delivered at least once: after a restart it is found in the history.
    Transition,
    /// Delivered at least once, but rate limited within a series of attempts.
    RateLimited,
    /// Delivered only while it is recent, because conditions change.
    Condition,
}

use DeliveryGuarantee::{Condition, RateLimited, Transition};
use NotificationTopic::{Degraded, Demoted, Failed, Flapping, Hold, Isolated, NeverSeenHealthy, Promoted, Unreturned};

/// Events that are sent, by their stable names. Those of a drill go to the topic `drill` instead.
pub(super) const ROUTES: &[(&str, NotificationTopic, DeliveryGuarantee)] = &[
    ("promoting", Promoted, Transition),
    ("aborted", Promoted, Transition),
    ("promoted", Promoted, Transition),
    ("adopted", Promoted, Transition),
    ("demoted", Demoted, Transition),
    ("flapping", Flapping, Transition),
    ("steady", Flapping, Condition),
    ("start_failed", Failed, RateLimited),
    ("not_answering", Failed, Transition),
    ("stopping_silent", Failed, Transition),
    ("went_down", Failed, Transition),
    ("serves_again", Promoted, Transition),
    ("stop_failed", Failed, RateLimited),
    ("stop_hangs", Failed, Transition),
    ("isolated", Isolated, Condition),
    ("reconnected", Isolated, Condition),
    ("never_seen_healthy", NeverSeenHealthy, Condition),
    ("push_failed", Unreturned, Condition),
    ("returned", Unreturned, Condition),
    ("held_back", Hold, Transition),
    ("hold_ended", Hold, Transition),
    ("hold_stands", Hold, Transition),
    ("drill_refused", NotificationTopic::Drill, Transition),
    ("drill_ended", NotificationTopic::Drill, Transition),
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

/// Events that are not sent during a drill, because its result covers them. A gateway that does not stop is reported at
/// once.
const COVERED_BY_DRILL_RESULT: &[&str] = &[
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

/// Returns the topic and the guarantee of an event; `None` if it is not sent.
pub(super) fn route(event: &str) -> Option<(NotificationTopic, DeliveryGuarantee)> {
    ROUTES.iter().find(|(known, ..)| *known == event).map(|&(_, topic, kind)| (topic, kind))
}

/// True if the result of a drill covers this event.
pub(super) fn is_covered_by_drill(event: &str) -> bool {
    COVERED_BY_DRILL_RESULT.contains(&event)
}
