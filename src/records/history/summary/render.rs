//! Output of a summary, as text and as JSON.

use std::fmt::Write;
use std::time::Duration;

use crate::records::history::summary::HistorySummary;
use crate::text::json::Value;
use crate::text::json_fields;
use crate::text::utc::{format_span, format_time};

impl HistorySummary {
    /// Returns the JSON form.
    pub(crate) fn to_json(&self) -> Value {
        let spans = |spans: &[Duration]| {
            Value::from_entries([
                ("count", spans.len().into()),
                ("median_seconds", median(spans).map(json_fields::seconds_to_json).into()),
                ("longest_seconds", spans.last().copied().map(json_fields::seconds_to_json).into()),
            ])
        };
        Value::from_entries([
            ("from", self.first_entry_at.map(json_fields::time_to_json).into()),
            ("until", json_fields::time_to_json(self.last_entry_at)),
            ("watched_seconds", json_fields::seconds_to_json(self.watched)),
            ("primary_down_seconds", json_fields::seconds_to_json(self.primary_down)),
            ("unserved_seconds", json_fields::seconds_to_json(self.service_down)),
            ("primary_availability", self.availability(self.primary_down).into()),
            ("pair_availability", self.availability(self.service_down).into()),
            ("outages", self.outage_count().into()),
            ("to_promote", spans(&self.to_promote)),
            ("to_recover", spans(&self.to_recover)),
            ("ended_before_promotion", spans(&self.short_outages)),
            ("ended_before_promotion_not_kept", self.short_outages_dropped.into()),
            ("cut_off", spans(&self.cut_off)),
            ("drills", self.drills.into()),
        ])
    }

    /// Returns the summary for people, in lines of at most 80 columns.
    pub(crate) fn to_text(&self) -> String {
        let Some(first) = self.first_entry_at else { return "no history yet\n".to_owned() };
        let mut text = format!(
            "{} to {}, watched for {}\n",
            format_time(first),
            format_time(self.last_entry_at),
            format_span(self.watched)
        );
        let share =
            |down| self.availability(down).map_or("unknown".to_owned(), |share| format!("{:.3} %", share * 100.0));
        let spans = |spans: &[Duration]| match (median(spans), spans.last()) {
            (Some(median), Some(longest)) => {
                format!("{}, median {}, max {}", spans.len(), format_span(median), format_span(*longest))
            }
            _ => "none".to_owned(),
        };
        let rows = [
            ("primary available", format!("{}, down for {}", share(self.primary_down), format_span(self.primary_down))),
            ("service available", format!("{}, down for {}", share(self.service_down), format_span(self.service_down))),
            ("outages", self.outage_count().to_string()),
            ("time to promote", spans(&self.to_promote)),
            ("time to recover", spans(&self.to_recover)),
            ("outages ended before a promotion", spans(&self.short_outages)),
            ("more of these, not kept", self.short_outages_dropped.to_string()),
            ("this host cut off", spans(&self.cut_off)),
            ("drills", self.drills.to_string()),
        ];
        for (name, value) in
            rows.into_iter().filter(|(name, _)| self.short_outages_dropped > 0 || !name.starts_with("more of"))
        {
            let _ = writeln!(text, "{name:36}{value}");
        }
        text
    }

    /// Number of outages in which this host had to take over.
    pub(super) fn outage_count(&self) -> usize {
        self.to_recover.len() + self.unfinished_outages
    }

    fn availability(&self, down: Duration) -> Option<f64> {
        let watched = self.watched.as_secs_f64();
        (watched > 0.0).then(|| (1.0 - down.as_secs_f64() / watched).max(0.0))
    }
}

fn median(sorted: &[Duration]) -> Option<Duration> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Time;

    #[test]
    fn lines_fit_80_columns() {
        let long = Duration::from_secs(300 * 86_400 + 23 * 3600);
        let summary = HistorySummary {
            first_entry_at: Some(Time::from_millis(1_795_298_400_000)),
            watched: long,
            primary_down: long,
            service_down: long,
            short_outages: vec![long; 100_000],
            to_recover: vec![long; 100_000],
            short_outages_dropped: 1_000_000,
            ..HistorySummary::default()
        };
        assert!(summary.to_text().lines().all(|line| line.len() <= 80), "{}", summary.to_text());
    }
}
