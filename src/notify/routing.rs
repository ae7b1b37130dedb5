//! Topic, delivery guarantee and title of each event that is sent.

use crate::config::NotificationTopic;
use crate::events::EventKind;

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
use NotificationTopic::{
    Degraded, Demoted, Drill, Failed, Flapping, Hold, Isolated, NeverSeenHealthy, Promoted, Unpushed,
};

/// Topic, guarantee, and title with placeholders: `{host}`, or a field of the entry.
pub(super) type Route = (NotificationTopic, DeliveryGuarantee, &'static str);

/// Returns the route of an event, where `field` returns a field of its entry; `None` if it is not sent. The events of a
/// drill go to the topic `drill` instead.
///
/// A title is short enough for a phone's lock screen. One in capitals needs attention; one in lower case is good news.
pub(super) fn route<'a>(event: EventKind, field: impl Fn(&'static str) -> &'a str) -> Option<Route> {
    Some(match event {
        EventKind::Promoting => (Promoted, Transition, "FAILING OVER: {host} starts"),
        EventKind::Aborted => (Promoted, Transition, "failover cancelled: {host} stays in standby"),
        EventKind::Promoted => (Promoted, Transition, "FAILED OVER: {host} serves"),
        EventKind::Adopted => (Promoted, Transition, "FOUND RUNNING: the gateway of {host}"),
        EventKind::ServesAgain => (Promoted, Transition, "serves again: {host}"),
        EventKind::Demoted => match field("reason") {
            "ready" => (Demoted, Transition, "back to normal: {upstream} serves"),
            _ => (Demoted, Transition, "standby again: {host}"),
        },
        EventKind::Flapping => (Flapping, Transition, "PRIMARY KEEPS FAILING: seen by {host}"),
        EventKind::Steady => (Flapping, Condition, "primary steady again: seen by {host}"),
        EventKind::StartFailed => (Failed, RateLimited, "NOT STARTED: the gateway of {host}"),
        EventKind::NotAnswering => (Failed, Transition, "NOT ANSWERING: the gateway of {host}"),
        EventKind::StoppingSilent => (Failed, Transition, "SILENT, restarting: the gateway of {host}"),
        EventKind::GatewayDown => (Failed, Transition, "DOWN: the gateway of {host}"),
        EventKind::StopFailed => (Failed, RateLimited, "NOT STOPPED: the gateway of {host}"),
        EventKind::StopHangs => (Failed, Transition, "STILL STOPPING: the gateway of {host}"),
        EventKind::Isolated => (Isolated, Condition, "CUT OFF: {host} reaches nothing"),
        EventKind::Reconnected => (Isolated, Condition, "connected again: {host}"),
        EventKind::NeverSeenHealthy => {
            (NeverSeenHealthy, Condition, "NO FAILOVER: {host} has never seen an upstream healthy")
        }
        EventKind::PushFailed => (Unpushed, Condition, "NOT PUSHED: changes of {host}"),
        EventKind::Pushed => (Unpushed, Condition, "pushed: changes of {host}"),
        EventKind::HeldBack => (Hold, Transition, "FAILOVER FORBIDDEN by a hold on {host}"),
        EventKind::HoldEnded => (Hold, Transition, "hold ended on {host}"),
        EventKind::HoldStands => (Hold, Transition, "HOLD STILL SET on {host}"),
        EventKind::DrillRefused => (Drill, Transition, "DRILL REFUSED on {host}"),
        EventKind::DrillEnded => match field("outcome") {
            "passed" => (Drill, Transition, "drill passed: {host} could take over"),
            "failed" => (Drill, Transition, "DRILL FAILED on {host}"),
            "overtaken" => (Drill, Transition, "DRILL ENDED by an outage: {host}"),
            _ => (Drill, Transition, "drill ended early on {host}"),
        },
        EventKind::ChannelsBroken => (Degraded, Condition, "CHANNEL DOWN on {host}"),
        EventKind::ChannelsRecovered => (Degraded, Condition, "channels work again on {host}"),
        EventKind::UpstreamChannels => match field("severity") {
            "notice" => (Degraded, Condition, "channels work again on {upstream}"),
            _ => (Degraded, Condition, "CHANNEL DOWN on {upstream}"),
        },
        EventKind::PortHeld => (Degraded, Condition, "NOT READY: the gateway's port is taken on {host}"),
        EventKind::PortFree => (Degraded, Condition, "port free again on {host}"),
        EventKind::ForeignAnswer => (Degraded, Condition, "ANOTHER PROCESS ANSWERS on the gateway's port of {host}"),
        EventKind::AnswerUnverified => (Degraded, Condition, "NOT VERIFIED: whose process answers on {host}"),
        EventKind::AnswerVerified => (Degraded, Condition, "verified again: the gateway answers on {host}"),
        EventKind::SystemdUnreachable => (Degraded, Condition, "NOT READY: systemd refuses on {host}"),
        EventKind::SystemdReachable => (Degraded, Condition, "systemd answers again on {host}"),
        EventKind::WriteFailed => (Degraded, Condition, "CANNOT WRITE: state of {host}"),
        EventKind::WriteRecovered => (Degraded, Condition, "state is written again on {host}"),
        EventKind::FileQuarantined => (Degraded, Condition, "STATE FILE DAMAGED on {host}"),
        EventKind::CredentialMissing => (Degraded, Condition, "NOT READY: a credential is missing on {host}"),
        EventKind::NotReady => (Degraded, Condition, "NOT READY: {check} on {host}"),
        EventKind::Ready => (Degraded, Condition, "ready again: {check} on {host}"),
        EventKind::ReloadRefused => (Degraded, Condition, "CONFIGURATION REFUSED on {host}"),
        EventKind::PullFailed => (Degraded, Condition, "NOT PULLED: workspace of {host}"),
        EventKind::ArchiveFailed => (Degraded, Condition, "NOT ARCHIVED: unfinished work on {host}"),
        EventKind::WorkspacePublic => (Degraded, Condition, "WORKSPACE IS PUBLIC: remote of {host}"),
        EventKind::NotifyFailed => (Degraded, Condition, "NOT DELIVERED: notifications to {who} from {host}"),
        EventKind::NotifyRecovered => (Degraded, Condition, "delivered again: notifications to {who} from {host}"),
        EventKind::Armed
        | EventKind::WindowOpened
        | EventKind::WindowClosed
        | EventKind::Demoting
        | EventKind::DrainCut
        | EventKind::HoldSet
        | EventKind::Started
        | EventKind::Stopped
        | EventKind::Reloaded
        | EventKind::Pulled
        | EventKind::StartWorkspace
        | EventKind::WorkArchived
        | EventKind::LeftOut
        | EventKind::Test => return None,
    })
}

/// True if the result of a drill covers this event, so that it is not sent during a drill. A gateway that does not stop
/// is reported at once.
pub(super) fn is_covered_by_drill(event: EventKind) -> bool {
    matches!(
        event,
        EventKind::Promoting
            | EventKind::Aborted
            | EventKind::Promoted
            | EventKind::Demoted
            | EventKind::StartFailed
            | EventKind::NotAnswering
            | EventKind::GatewayDown
            | EventKind::ServesAgain
            | EventKind::ChannelsBroken
            | EventKind::ChannelsRecovered
            | EventKind::PushFailed
            | EventKind::Pushed
    )
}
