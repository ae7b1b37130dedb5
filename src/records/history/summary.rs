//! Summary of a history: availability, and how long failovers took.
//!
//! A primary counts as down from its last healthy probe. Time in which no monitor ran, or in which this host was cut
//! off, is unknown: it counts neither as up nor as down.

mod render;

use std::time::Duration;

use crate::events::EventKind;
use crate::records::history::lines::entry_event;
use crate::text::Time;
use crate::text::json::Node;
use crate::text::json_fields::read_field;

/// Running totals, and the outage that is open.
#[derive(Default)]
pub(super) struct HistorySummary {
    /// Start of the summary; earlier time does not count.
    from: Time,
    first_entry_at: Option<Time>,
    last_entry_at: Time,
    /// Start of the monitor that runs.
    monitor_since: Option<Time>,
    watched: Duration,
    /// Part of it in which this host was cut off.
    cut_off_total: Duration,
    /// Time in which no upstream was up.
    primary_down: Duration,
    /// Part of it in which this host did not serve either.
    service_down: Duration,
    window: Option<OutageSpan>,
    /// True if this host's gateway answers.
    is_serving: bool,
    /// End of the last outage with a failover.
    recovered_at: Option<Time>,
    /// Number of outages with a failover whose end was not seen.
    unfinished_outages: usize,
    drills: usize,
    /// Times from the last healthy probe until this host answered.
    to_promote: Vec<Duration>,
    /// Times from the last healthy probe until an upstream was back.
    to_recover: Vec<Duration>,
    /// Outages that ended before a promotion, and the number of such outages that retention dropped.
    short_outages: Vec<Duration>,
    short_outages_dropped: u64,
    /// Outages that were this host's: it was cut off.
    cut_off: Vec<Duration>,
}

/// Time in which no upstream is up.
struct OutageSpan {
    /// Last healthy probe, as far as known.
    last_healthy_at: Time,
    /// Start of the time in which no gateway serves.
    unserved_since: Option<Time>,
    /// Earlier time without a serving gateway, within this outage.
    unserved: Duration,
    /// True if this host served when the outage began.
    was_serving: bool,
    has_failover: bool,
    is_cut_off: bool,
}

/// Fields of an entry that a summary needs. A year of them takes far less memory than the entries.
pub(super) struct SummarizedEntry {
    event: Option<EventKind>,
    /// True if the cause of a failover was automatic.
    is_outage: bool,
    is_drill: bool,
    /// Time of the entry, as the wall clock showed it.
    label: Option<Time>,
    last_healthy_at: Option<Time>,
    /// Last update of the monitor before.
    seen_at: Option<Time>,
    /// Length of the outage, or of the dropped ones.
    down: Duration,
    dropped_windows: u64,
}

impl SummarizedEntry {
    pub(super) fn read(entry: &Node) -> Self {
        let cause = entry.get("cause").and_then(|cause| cause.as_str());
        let down = read_field(entry, "lasted_seconds").or_else(|_| read_field(entry, "down_seconds"));
        Self {
            event: entry_event(entry),
            is_outage: matches!(cause, Some("outage" | "flapping")),
            is_drill: cause == Some("drill"),
            label: read_field(entry, "at").ok(),
            last_healthy_at: read_field(entry, "last_healthy_at").ok(),
            seen_at: read_field(entry, "seen_at").ok(),
            down: down.unwrap_or_default(),
            dropped_windows: read_field(entry, "windows").unwrap_or_default(),
        }
    }
}

impl OutageSpan {
    /// Corrects the start of the outage: it is logged when it is noticed, and a later entry has the last healthy probe.
    fn set_last_healthy(&mut self, last_healthy_at: Time) {
        if self.unserved_since == Some(self.last_healthy_at) {
            self.unserved_since = Some(last_healthy_at);
        }
        self.last_healthy_at = last_healthy_at;
    }
}

impl HistorySummary {
    /// Returns an empty summary of the time after `from`.
    pub(super) fn new(from: Time) -> Self {
        Self { from, ..Self::default() }
    }

    /// Adds the next entry, also one before the start of the summary.
    pub(super) fn add(&mut self, at: Time, entry: &SummarizedEntry) {
        // A label in an entry counts by its distance from the entry's own label: both are from one clock.
        let time = |named| entry.label.map_or(named, |label: Time| at - label.since(named));
        if entry.event == Some(EventKind::Started) {
            // A monitor that was killed ran longer than its last entry says.
            let seen = entry.seen_at.map(time).filter(|seen| *seen <= at).unwrap_or_default();
            self.end_watch(self.last_entry_at.max(seen));
            self.is_serving = false;
        }
        // An entry proves that the monitor ran.
        self.monitor_since.get_or_insert(at);
        self.last_entry_at = at;
        self.first_entry_at.get_or_insert(at.max(self.from));
        let Some(event) = entry.event else { return };
        match event {
            EventKind::Stopped => self.end_watch(at),
            EventKind::WindowOpened => self.open_outage(at),
            EventKind::Isolated => self.with_window(|window| window.is_cut_off = true),
            EventKind::Promoting => self.begin_promotion(at, entry, entry.last_healthy_at.map_or(at, time)),
            EventKind::Aborted => self.abort_promotion(at),
            EventKind::Promoted => self.begin_serving(at, entry.is_outage),
            EventKind::ServesAgain | EventKind::Adopted => self.begin_serving(at, false),
            EventKind::GatewayDown | EventKind::Demoted => self.end_serving(at),
            EventKind::WindowClosed => self.close_outage(at, entry.down),
            EventKind::LeftOut if at >= self.from => {
                self.primary_down += entry.down;
                self.service_down += if self.is_serving { Duration::ZERO } else { entry.down };
                self.short_outages_dropped += entry.dropped_windows;
            }
            _ => {}
        }
    }

    fn with_window(&mut self, change: impl FnOnce(&mut OutageSpan)) {
        if let Some(window) = &mut self.window {
            change(window);
        }
    }

    /// Returns the part of a span that lies after `from`.
    fn counted_span(&self, since: Time, until: Time) -> Duration {
        until.since(since.max(self.from))
    }

    fn open_outage(&mut self, last_healthy_at: Time) {
        if self.window.is_none() {
            let (was_serving, unserved_since) = (self.is_serving, (!self.is_serving).then_some(last_healthy_at));
            self.window = Some(OutageSpan {
                last_healthy_at,
                unserved_since,
                unserved: Duration::ZERO,
                was_serving,
                has_failover: false,
                is_cut_off: false,
            });
        }
    }

    fn begin_promotion(&mut self, at: Time, entry: &SummarizedEntry, last_healthy_at: Time) {
        if entry.is_outage {
            self.open_outage(last_healthy_at);
        }
        self.drills += usize::from(entry.is_drill && at >= self.from);
        self.with_window(|window| {
            window.set_last_healthy(last_healthy_at);
            window.has_failover |= entry.is_outage;
        });
    }

    /// Ends a promotion that was called off, usually because an upstream is back; `window_closed` was logged just
    /// before.
    fn abort_promotion(&mut self, at: Time) {
        let just_now = self.recovered_at.is_some_and(|recovered| at.since(recovered) < Duration::from_secs(1));
        match &mut self.window {
            Some(window) => window.has_failover = false,
            None if just_now => self.short_outages.extend(self.to_recover.pop()),
            None => {}
        }
    }

    fn begin_serving(&mut self, at: Time, is_promotion: bool) {
        // A gateway that served before the outage was due, such as a drill's, logged no `promoting`.
        let served = std::mem::replace(&mut self.is_serving, true);
        self.with_window(|window| window.has_failover |= is_promotion && served);
        let counts = at >= self.from && is_promotion;
        let last_healthy_at =
            self.window.as_ref().filter(|window| window.has_failover && counts).map(|window| window.last_healthy_at);
        self.to_promote.extend(last_healthy_at.map(|last_healthy_at| at.since(last_healthy_at)));
        self.end_unserved_span(at);
    }

    fn end_serving(&mut self, at: Time) {
        self.is_serving = false;
        self.with_window(|window| {
            window.unserved_since.get_or_insert(at);
        });
    }

    /// Ends the time without a serving gateway.
    fn end_unserved_span(&mut self, at: Time) {
        let from = self.from;
        self.with_window(|window| {
            let since = window.unserved_since.take();
            window.unserved += since.map_or(Duration::ZERO, |since| at.since(since.max(from)));
        });
    }

    /// Ends the outage, `lasted` after its last healthy probe.
    fn close_outage(&mut self, at: Time, lasted: Duration) {
        self.open_outage(at - lasted);
        self.with_window(|window| window.set_last_healthy(at - lasted));
        self.end_unserved_span(at);
        let Some(window) = self.window.take() else { return };
        let (list, is_known) = match window {
            OutageSpan { has_failover: true, .. } => (Some(&mut self.to_recover), true),
            OutageSpan { is_cut_off: true, .. } => (Some(&mut self.cut_off), false),
            OutageSpan { was_serving, .. } => ((!was_serving).then_some(&mut self.short_outages), true),
        };
        if let Some(list) = list.filter(|_| at >= self.from) {
            list.push(lasted);
        }
        self.recovered_at = window.has_failover.then_some(at);
        self.count_outage(&window, at, is_known);
    }

    fn count_outage(&mut self, window: &OutageSpan, until: Time, is_known: bool) {
        let span = self.counted_span(window.last_healthy_at, until);
        if is_known {
            self.primary_down += span;
            self.service_down += window.unserved;
        } else {
            self.cut_off_total += span;
        }
    }

    /// Closes the time in which a monitor ran.
    fn end_watch(&mut self, at: Time) {
        let Some(since) = self.monitor_since.take() else { return };
        self.end_unserved_span(at);
        self.watched += self.counted_span(since, at);
        if let Some(window) = self.window.take() {
            self.unfinished_outages += usize::from(window.has_failover && at >= self.from);
            self.count_outage(&window, at, window.has_failover || !window.is_cut_off);
        }
    }

    /// Finishes the summary. The history ends now, or at the last update of a monitor that has stopped.
    pub(super) fn finish(mut self, now: Time) -> Self {
        self.last_entry_at =
            if self.monitor_since.is_some() { self.last_entry_at.max(now) } else { self.last_entry_at };
        self.end_watch(self.last_entry_at);
        self.watched = self.watched.saturating_sub(self.cut_off_total);
        for spans in [&mut self.to_promote, &mut self.to_recover, &mut self.short_outages, &mut self.cut_off] {
            spans.sort_unstable();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::json;
    use crate::text::utc::format_rfc3339;

    fn at(seconds: u64) -> Time {
        Time::from_millis(1_795_298_400_000 + seconds * 1000)
    }

    fn summarize_from(from: u64, entries: &[(u64, &str)], now: u64) -> HistorySummary {
        let mut summary = HistorySummary::new(at(from));
        for (seconds, fields) in entries {
            let entry = json::parse(&format!("{{{fields}}}")).unwrap();
            summary.add(at(*seconds), &SummarizedEntry::read(&entry));
        }
        summary.finish(at(now))
    }

    fn summarize(entries: &[(u64, &str)], now: u64) -> HistorySummary {
        summarize_from(0, entries, now)
    }

    /// Returns watched, down and dark time, in seconds.
    fn seconds(summary: &HistorySummary) -> [u64; 3] {
        [summary.watched, summary.primary_down, summary.service_down].map(|span| span.as_secs())
    }

    fn promoting_entry(last_healthy_at: u64) -> String {
        format!(r#""event":"promoting","cause":"outage","last_healthy_at":"{}""#, format_rfc3339(at(last_healthy_at)))
    }

    const STARTED: &str = r#""event":"started""#;
    const OPENED: &str = r#""event":"window_opened""#;
    const PROMOTED: &str = r#""event":"promoted","cause":"outage""#;
    const DEMOTED: &str = r#""event":"demoted""#;

    #[test]
    fn a_day_with_one_outage_and_one_flap() {
        let takes_over = promoting_entry(9_995);
        let day = [
            (0, STARTED),
            (5_000, OPENED),
            (5_010, r#""event":"window_closed","lasted_seconds":12.5"#),
            (10_000, OPENED),
            (10_030, &takes_over),
            (10_040, PROMOTED),
            (10_600, r#""event":"window_closed","lasted_seconds":605"#),
            (10_960, DEMOTED),
            (50_000, r#""event":"promoting","cause":"drill""#),
            (50_010, r#""event":"promoted","cause":"drill""#),
            (50_070, DEMOTED),
        ];
        let summary = summarize(&day, 86_400);
        let expected = "2026-11-21 22:00:00Z to 2026-11-22 22:00:00Z, watched for 1 d\n\
            primary available                   99.285 %, down for 10 m 17 s\n\
            service available                   99.933 %, down for 57 s\n\
            outages                             1\n\
            time to promote                     1, median 45 s, max 45 s\n\
            time to recover                     1, median 10 m 5 s, max 10 m 5 s\n\
            outages ended before a promotion    1, median 12 s, max 12 s\n\
            this host cut off                   none\n\
            drills                              1\n";
        assert_eq!(summary.to_text(), expected);
        assert_eq!(summary.to_json().get("primary_down_seconds").and_then(|it| it.as_f64()), Some(617.5));
        // Retention drops the opening entry; the totals stay the same.
        let thinned: Vec<_> = day.into_iter().filter(|(_, entry)| *entry != OPENED).collect();
        assert_eq!(summarize(&thinned, 86_400).to_text(), expected);
        // Only the second half.
        assert_eq!(seconds(&summarize_from(10_100, &day, 86_400)), [76_300, 500, 0]);
        assert_eq!(seconds(&summarize_from(60_000, &day, 86_400)), [26_400, 0, 0]);
    }

    #[test]
    fn an_outage_during_a_drill_is_a_promotion_without_downtime() {
        let night = [
            (0, r#""event":"started""#),
            (100, r#""event":"promoting","cause":"drill""#),
            (110, r#""event":"promoted","cause":"drill""#),
            (120, r#""event":"window_opened""#),
            (120, r#""event":"drill_ended","outcome":"overtaken""#),
            (150, r#""event":"promoted","cause":"outage""#),
            (600, r#""event":"window_closed","lasted_seconds":485"#),
            (630, r#""event":"demoted""#),
        ];
        let summary = summarize(&night, 1000);
        let second = Duration::from_secs;
        assert_eq!((summary.to_promote, summary.to_recover), (vec![second(30)], vec![second(485)]));
        assert_eq!((summary.short_outages, summary.service_down, summary.drills), (vec![], Duration::ZERO, 1));
    }

    #[test]
    fn time_without_a_monitor_does_not_count() {
        let nights = [(0, STARTED), (100, r#""event":"stopped""#), (50_000, STARTED), (50_050, OPENED)];
        assert_eq!(seconds(&summarize(&nights, 50_100)), [200, 50, 50]);
        assert_eq!(summarize(&[], 5).to_text(), "no history yet\n");
    }

    #[test]
    fn a_killed_monitor_counts_until_its_last_update() {
        let back = format!(r#""event":"started","seen_at":"{}""#, format_rfc3339(at(5_000)));
        let killed = [(0, STARTED), (10, r#""event":"armed""#), (9_000, &*back)];
        assert_eq!(seconds(&summarize(&killed, 10_000)), [6_000, 0, 0]);
        let unknown = [(0, STARTED), (10, r#""event":"armed""#), (9_000, STARTED)];
        assert_eq!(seconds(&summarize(&unknown, 10_000)), [1_010, 0, 0]);
        // In an outage during which this host serves.
        let takes_over = promoting_entry(95);
        let outage = [
            (0, STARTED),
            (100, OPENED),
            (130, &*takes_over),
            (140, PROMOTED),
            (150, r#""event":"started""#),
            (150, r#""event":"adopted","cause":"outage""#),
            (155, OPENED),
            (300, r#""event":"window_closed","lasted_seconds":150"#),
        ];
        let summary = summarize(&outage, 400);
        assert_eq!((seconds(&summary), summary.outage_count(), summary.short_outages.len()), ([390, 195, 45], 1, 0));
    }

    #[test]
    fn a_serving_gateway_that_goes_down_is_service_downtime() {
        let takes_over = promoting_entry(95);
        let night = [
            (0, STARTED),
            (100, OPENED),
            (130, &*takes_over),
            (140, PROMOTED),
            (200, r#""event":"gateway_down""#),
            (220, r#""event":"serves_again""#),
            (300, r#""event":"window_closed","lasted_seconds":205"#),
            (310, r#""event":"gateway_down""#),
            (310, DEMOTED),
        ];
        assert_eq!(seconds(&summarize(&night, 1_000)), [1_000, 205, 65]);
    }

    #[test]
    fn time_cut_off_is_not_primary_downtime() {
        let night = [
            (0, STARTED),
            (100, OPENED),
            (130, r#""event":"isolated""#),
            (700, r#""event":"reconnected""#),
            (700, r#""event":"window_closed","lasted_seconds":605"#),
        ];
        let summary = summarize(&night, 1_000);
        assert_eq!((seconds(&summary), summary.cut_off.len(), summary.short_outages.len()), ([395, 0, 0], 1, 0));
        // Unless it led to a promotion.
        let takes_over = promoting_entry(95);
        let night = [(0, STARTED), (100, OPENED), (130, r#""event":"isolated""#), (200, &takes_over), (210, PROMOTED)];
        assert_eq!(seconds(&summarize(&night, 1_000)), [1_000, 905, 115]);
    }

    #[test]
    fn an_aborted_promotion_is_a_short_outage() {
        let takes_over = promoting_entry(95);
        let night = [
            (0, STARTED),
            (100, OPENED),
            (130, &*takes_over),
            (133, r#""event":"window_closed","lasted_seconds":38"#),
            (133, r#""event":"aborted","why":"healthy""#),
        ];
        let summary = summarize(&night, 1_000);
        assert_eq!((summary.short_outages.len(), summary.outage_count(), summary.to_promote.len()), (1, 0, 0));
        let left_out = [(0, STARTED), (900, r#""event":"left_out","entries":80,"windows":40,"down_seconds":400.5"#)];
        let summary = summarize(&left_out, 1_000);
        assert_eq!((seconds(&summary), summary.short_outages_dropped), ([1_000, 400, 400], 40));
        assert!(summary.to_text().contains("more of these, not kept             40\n"), "{}", summary.to_text());
    }
}
