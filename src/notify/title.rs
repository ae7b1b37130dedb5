//! Titles and priorities of messages, as a phone's lock screen shows them.
//!
//! A title in capitals needs attention; one in lower case is good news.

use crate::notify::Message;
use crate::notify::routing::DeliveryGuarantee;

/// Priority of a message, in ntfy's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Priority {
    /// Recovery from a condition, or a drill that passed.
    Low = 2,
    /// Other news.
    Normal = 3,
    /// Failover, or a degraded condition.
    High = 4,
    /// Problem that needs a person.
    Urgent = 5,
}

impl Message {
    /// Returns a short title with the event and the host.
    #[must_use]
    pub fn title(&self) -> String {
        let host = self.host.as_str();
        let title = match self.entry_text("event") {
            "test" => return format!("openclaw-failover TEST: {host}"),
            "promoting" => "FAILING OVER: {} starts",
            "promoted" => "FAILED OVER: {} serves",
            "aborted" => "failover called off: {} stays standby",
            "adopted" => "FOUND RUNNING: the gateway of {}",
            "demoted" if self.entry_text("reason") == "ready" => {
                return format!("back to normal: {} serves", self.entry_text("upstream"));
            }
            "demoted" => "standby again: {}",
            "start_failed" => "NOT STARTED: the gateway of {}",
            "not_answering" => "NOT ANSWERING: the gateway of {}",
            "stopping_silent" => "SILENT, restarting: the gateway of {}",
            "went_down" => "DOWN: the gateway of {}",
            "serves_again" => "serves again: {}",
            "stop_failed" => "NOT STOPPED: the gateway of {}",
            "stop_hangs" => "STILL STOPPING: the gateway of {}",
            "isolated" => "CUT OFF: {} reaches nothing",
            "reconnected" => "connected again: {}",
            "never_seen_healthy" => "NO FAILOVER: {} has never seen an upstream healthy",
            "push_failed" => "NOT PUSHED: changes of {}",
            "returned" => "pushed: changes of {}",
            "foreign_answer" => "ANOTHER PROCESS ANSWERS on the gateway's port of {}",
            "answer_unverified" => "NOT VERIFIED: whose process answers on {}",
            "answer_verified" => "verified again: the gateway answers on {}",
            "flapping" => "PRIMARY KEEPS FAILING: seen by {}",
            "steady" => "primary steady again: seen by {}",
            "held_back" => "FAILOVER FORBIDDEN by a hold on {}",
            "hold_ended" => "hold ended on {}",
            "hold_stands" => "HOLD STILL SET on {}",
            "drill_refused" => "DRILL REFUSED on {}",
            "drill_ended" => self.drill_title(),
            "channels_broken" => "CHANNEL DOWN on {}",
            "channels_well" => "channels work again on {}",
            "upstream_channels" => return self.upstream_channels_title(),
            "port_held" => "NOT READY: the gateway's port is taken on {}",
            "port_free" => "port free again on {}",
            "systemd_unreachable" => "NOT READY: systemd refuses on {}",
            "systemd_reachable" => "systemd answers again on {}",
            "write_failed" => "CANNOT WRITE: state of {}",
            "write_well" => "state is written again on {}",
            "set_aside" => "STATE FILE DAMAGED on {}",
            "missing" => "NOT READY: a credential is missing on {}",
            "not_ready" => return format!("NOT READY: {} on {host}", self.entry_text("check")),
            "ready" => return format!("ready again: {} on {host}", self.entry_text("check")),
            "reload_refused" => "CONFIGURATION REFUSED on {}",
            "pull_failed" => "NOT PULLED: workspace of {}",
            "not_put_away" => "OLD QUEUE REMAINS on {}",
            "workspace_open" => "WORKSPACE IS PUBLIC: remote of {}",
            "notify_failed" => {
                return format!("NOT DELIVERED: notifications to {} from {host}", self.entry_text("who"));
            }
            "notify_well" => {
                return format!("delivered again: notifications to {} from {host}", self.entry_text("who"));
            }
            other => return self.fallback_title(other),
        };
        title.replace("{}", host)
    }

    /// Returns the priority, by the entry's severity. A completed failover is `High` although its severity is a notice.
    pub(super) fn priority(&self) -> Priority {
        match (self.entry_text("severity"), self.entry_text("event")) {
            ("error", _) => Priority::Urgent,
            ("warning", _) | (_, "promoted") => Priority::High,
            (_, "test") => Priority::Normal,
            (_, "drill_ended") => Priority::Low,
            _ if self.guarantee == DeliveryGuarantee::Condition => Priority::Low,
            _ => Priority::Normal,
        }
    }

    fn drill_title(&self) -> &'static str {
        match self.entry_text("outcome") {
            "passed" => "drill passed: {} could take over",
            "failed" => "DRILL FAILED on {}",
            "overtaken" => "DRILL ENDED by an outage: {}",
            _ => "drill ended early on {}",
        }
    }

    fn upstream_channels_title(&self) -> String {
        let upstream = self.entry_text("upstream");
        match self.entry_text("severity") {
            "notice" => format!("channels work again on {upstream}"),
            _ => format!("CHANNEL DOWN on {upstream}"),
        }
    }

    /// Returns a title from the event's name, for an event without a title.
    fn fallback_title(&self, event: &str) -> String {
        let words = event.replace('_', " ");
        let words = if self.entry_text("severity") == "notice" { words } else { words.to_uppercase() };
        format!("{words}: {}", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NotificationTopic;
    use crate::notify::routing::ROUTES;
    use crate::text::Time;
    use crate::text::json::Value;

    fn message(event: &str, severity: &str, more: &[(&str, &str)]) -> Message {
        let mut fields = vec![("event", event), ("severity", severity), ("upstream", "primary"), ("check", "clock")];
        fields.extend(more);
        fields.push(("who", "ntfy"));
        let entry = Value::from_entries(fields.into_iter().map(|(key, value)| (key, Value::from(value))));
        let topics = [Some(NotificationTopic::Degraded), None];
        let (host, kind) = ("claw2".to_owned(), DeliveryGuarantee::Transition);
        Message { id: String::new(), host, at: Time::default(), boot: None, topics, entry, guarantee: kind }
    }

    #[test]
    fn every_event_has_a_title_of_its_own() {
        let mut titles = Vec::new();
        for (event, ..) in ROUTES {
            let title = message(event, "error", &[]).title();
            assert!(title.chars().count() <= 60, "{title}");
            assert_ne!(title, message(event, "error", &[]).fallback_title(event));
            assert!(!titles.contains(&title) || *event == "upstream_channels", "{title}");
            titles.push(title);
        }
    }

    #[test]
    fn a_lock_screen_tells_alarms_from_good_news() {
        for (event, severity, more, title, priority) in [
            ("test", "notice", None, "openclaw-failover TEST: claw2", Priority::Normal),
            ("promoting", "warning", None, "FAILING OVER: claw2 starts", Priority::High),
            ("promoted", "notice", None, "FAILED OVER: claw2 serves", Priority::High),
            ("demoted", "notice", Some(("reason", "ready")), "back to normal: primary serves", Priority::Normal),
            ("demoted", "notice", Some(("reason", "operator")), "standby again: claw2", Priority::Normal),
            (
                "drill_ended",
                "notice",
                Some(("outcome", "passed")),
                "drill passed: claw2 could take over",
                Priority::Low,
            ),
            ("drill_ended", "error", Some(("outcome", "failed")), "DRILL FAILED on claw2", Priority::Urgent),
            ("not_ready", "error", None, "NOT READY: clock on claw2", Priority::Urgent),
            ("upstream_channels", "notice", None, "channels work again on primary", Priority::Normal),
            ("upstream_channels", "warning", None, "CHANNEL DOWN on primary", Priority::High),
            ("of_a_later_version", "error", None, "OF A LATER VERSION: claw2", Priority::Urgent),
        ] {
            let message = message(event, severity, more.as_slice());
            assert_eq!((message.title().as_str(), message.priority()), (title, priority));
        }
    }
}
