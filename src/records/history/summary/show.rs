//! Output of a summary, as text and as JSON.

use std::fmt::Write;
use std::time::Duration;

use crate::records::history::summary::Summary;
use crate::text::json::Value;
use crate::text::json_fields;
use crate::text::utc::{people, span};

impl Summary {
    /// Returns the JSON form.
    pub(crate) fn to_json(&self) -> Value {
        let spans = |spans: &[Duration]| {
            Value::object([
                ("count", spans.len().into()),
                ("median_seconds", median(spans).map(json_fields::seconds).into()),
                ("longest_seconds", spans.last().copied().map(json_fields::seconds).into()),
            ])
        };
        Value::object([
            ("from", self.first.map(json_fields::time).into()),
            ("until", json_fields::time(self.latest)),
            ("watched_seconds", json_fields::seconds(self.watched)),
            ("primary_down_seconds", json_fields::seconds(self.down)),
            ("nobody_served_seconds", json_fields::seconds(self.dark)),
            ("primary_availability", self.share(self.down).into()),
            ("pair_availability", self.share(self.dark).into()),
            ("outages", self.outages().into()),
            ("to_promote", spans(&self.to_promote)),
            ("to_recover", spans(&self.to_recover)),
            ("ended_before_promotion", spans(&self.passed)),
            ("ended_before_promotion_not_kept", self.passed_more.into()),
            ("cut_off", spans(&self.cut_off)),
            ("drills", self.drills.into()),
        ])
    }

    /// Returns the summary for people, in lines of at most 80 columns.
    pub(crate) fn to_text(&self) -> String {
        let Some(first) = self.first else { return "no history yet\n".to_owned() };
        let mut text = format!("{} to {}, watched for {}\n", people(first), people(self.latest), span(self.watched));
        let share = |down| self.share(down).map_or("unknown".to_owned(), |share| format!("{:.3} %", share * 100.0));
        let spans = |spans: &[Duration]| match (median(spans), spans.last()) {
            (Some(median), Some(longest)) => {
                format!("{}, median {}, max {}", spans.len(), span(median), span(*longest))
            }
            _ => "none".to_owned(),
        };
        let rows = [
            ("primary available", format!("{}, down for {}", share(self.down), span(self.down))),
            ("service available", format!("{}, down for {}", share(self.dark), span(self.dark))),
            ("outages", self.outages().to_string()),
            ("time to promote", spans(&self.to_promote)),
            ("time to recover", spans(&self.to_recover)),
            ("outages shorter than promote.after", spans(&self.passed)),
            ("more of these, not kept", self.passed_more.to_string()),
            ("this host cut off", spans(&self.cut_off)),
            ("drills", self.drills.to_string()),
        ];
        for (name, value) in rows.into_iter().filter(|(name, _)| self.passed_more > 0 || !name.starts_with("more of")) {
            let _ = writeln!(text, "{name:36}{value}");
        }
        text
    }

    /// Number of outages in which this host had to take over.
    pub(super) fn outages(&self) -> usize {
        self.to_recover.len() + self.endless
    }

    fn share(&self, down: Duration) -> Option<f64> {
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
    fn its_lines_fit_a_terminal() {
        let long = Duration::from_secs(300 * 86_400 + 23 * 3600);
        let summary = Summary {
            first: Some(Time::from_millis(1_795_298_400_000)),
            watched: long,
            down: long,
            dark: long,
            passed: vec![long; 100_000],
            to_recover: vec![long; 100_000],
            passed_more: 1_000_000,
            ..Summary::default()
        };
        assert!(summary.to_text().lines().all(|line| line.len() <= 80), "{}", summary.to_text());
    }
}
