//! What a history comes to: how much of the time somebody answered, and how quickly failovers went.
//!
//! A host is down from its last proof of life on. Of the time in which no monitor ran nothing is known, so it counts
//! neither way.

use std::fmt::Write;
use std::time::Duration;

use crate::failover::Time;
use crate::json::{Node, Value};
use crate::report::clock::{parse_rfc3339, people, span};
use crate::report::fields;

/// What is known so far, and what is under way.
#[derive(Default)]
pub(super) struct Summary {
    from: Option<Time>,
    until: Time,
    watched: Duration,
    watching: Option<Time>,
    /// No upstream showed life.
    down: Duration,
    /// Neither did this host serve.
    dark: Duration,
    window: Option<Window>,
    dark_since: Option<Time>,
    serves: bool,
    drills: usize,
    /// From the last proof of life until this host answered.
    to_promote: Vec<Duration>,
    /// The same until an upstream was back.
    to_recover: Vec<Duration>,
    /// Windows that ended before a promotion.
    passed: Vec<Duration>,
}

struct Window {
    life: Time,
    promotes: bool,
}

impl Summary {
    /// Takes the next entry in.
    pub(super) fn add(&mut self, at: Time, entry: &Node) {
        self.from.get_or_insert(at);
        self.until = self.until.max(at);
        let text = |key| entry.get(key).and_then(|field| field.as_str());
        let is_outage = text("cause") == Some("outage");
        match text("event").unwrap_or_default() {
            "started" => self.begin(at),
            "stopped" => self.end(at),
            "window_opened" => {
                self.watching.get_or_insert(at);
                self.open(at);
            }
            "promoting" if is_outage => {
                let life = text("life_at").and_then(parse_rfc3339).unwrap_or(at);
                self.open(life);
                if let Some(window) = &mut self.window {
                    let noticed = std::mem::replace(&mut window.life, life);
                    window.promotes = true;
                    // It has been dark for longer than anybody had noticed.
                    self.dark_since = self.dark_since.map(|since| if since == noticed { life } else { since });
                }
            }
            "promoting" if text("cause") == Some("drill") => self.drills += 1,
            "promoted" => {
                // What served already when the outage became due, such as a drill's gateway, has not been promoting.
                let served = std::mem::replace(&mut self.serves, true);
                let window = self.window.as_mut().filter(|window| is_outage && (served || window.promotes));
                if let Some(window) = window {
                    window.promotes = true;
                    self.to_promote.push(at.since(window.life));
                }
                self.light(at);
            }
            "went_down" | "demoted" => {
                self.serves = false;
                self.dark_since = self.window.as_ref().map(|_| at);
            }
            "window_closed" => {
                let lasted = entry.get("lasted_seconds").and_then(|it| fields::as_seconds(it, "").ok());
                self.close(at, lasted);
            }
            _ => {}
        }
    }

    fn begin(&mut self, at: Time) {
        // A monitor that said no farewell ended after its last entry; how long after is not known.
        self.watching = Some(at);
        self.window = None;
        self.dark_since = None;
    }

    fn end(&mut self, at: Time) {
        self.watched += self.watching.take().map_or(Duration::ZERO, |since| at.since(since));
        self.close_unfinished(at);
    }

    fn open(&mut self, life: Time) {
        if self.window.is_none() {
            self.window = Some(Window { life, promotes: false });
            self.dark_since = (!self.serves).then_some(life);
        }
    }

    /// Somebody answers.
    fn light(&mut self, at: Time) {
        self.dark += self.dark_since.take().map_or(Duration::ZERO, |since| at.since(since));
    }

    fn close(&mut self, at: Time, lasted: Option<Duration>) {
        let Some(window) = self.window.take() else { return };
        let lasted = lasted.unwrap_or(at.since(window.life));
        self.down += lasted;
        // An entry tells when the window was noticed, and its end how long it really was.
        let noticed = at.since(window.life);
        if self.dark_since == Some(window.life) && lasted > noticed {
            self.dark += lasted.saturating_sub(noticed);
        }
        self.light(at);
        if window.promotes { self.to_recover.push(lasted) } else { self.passed.push(lasted) }
    }

    fn close_unfinished(&mut self, at: Time) {
        if let Some(window) = self.window.take() {
            self.down += at.since(window.life);
            self.light(at);
        }
    }

    /// The end of the history is now.
    pub(super) fn finish(mut self, now: Time) -> Self {
        if self.watching.is_some() {
            self.until = self.until.max(now);
            self.end(self.until);
        }
        for spans in [&mut self.to_promote, &mut self.to_recover, &mut self.passed] {
            spans.sort_unstable();
        }
        self
    }

    pub(super) fn to_json(&self) -> Value {
        let outage = |spans: &[Duration]| {
            Value::object([
                ("count", spans.len().into()),
                ("median_seconds", median(spans).map(fields::seconds).into()),
                ("longest_seconds", spans.last().copied().map(fields::seconds).into()),
            ])
        };
        Value::object([
            ("from", self.from.map(fields::time).into()),
            ("until", fields::time(self.until)),
            ("watched_seconds", fields::seconds(self.watched)),
            ("primary_down_seconds", fields::seconds(self.down)),
            ("nobody_served_seconds", fields::seconds(self.dark)),
            ("primary_availability", self.share(self.down).into()),
            ("pair_availability", self.share(self.dark).into()),
            ("to_promote", outage(&self.to_promote)),
            ("to_recover", outage(&self.to_recover)),
            ("ended_before_promotion", outage(&self.passed)),
            ("drills", self.drills.into()),
        ])
    }

    pub(super) fn to_text(&self) -> String {
        let Some(from) = self.from else { return "no history yet\n".to_owned() };
        let mut text = format!("{} to {}, watched for {}\n", people(from), people(self.until), span(self.watched));
        let share = |down| self.share(down).map_or("not known".to_owned(), |share| format!("{:.3} %", share * 100.0));
        let spans = |spans: &[Duration]| match (median(spans), spans.last()) {
            (Some(median), Some(longest)) => {
                format!("{}, median {}, longest {}", spans.len(), span(median), span(*longest))
            }
            _ => "none".to_owned(),
        };
        let rows = [
            ("primary available", format!("{}, down for {}", share(self.down), span(self.down))),
            ("the pair", format!("{}, nobody served for {}", share(self.dark), span(self.dark))),
            ("time to promote", spans(&self.to_promote)),
            ("time to recover", spans(&self.to_recover)),
            ("windows that passed", spans(&self.passed)),
            ("drills", self.drills.to_string()),
        ];
        for (name, value) in rows {
            let _ = writeln!(text, "{name:21}{value}");
        }
        text
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
    use crate::json;
    use crate::report::clock::rfc3339;

    fn at(seconds: u64) -> Time {
        Time::from_millis(1_795_298_400_000 + seconds * 1000)
    }

    fn sum(entries: &[(u64, &str)], now: u64) -> Summary {
        let mut summary = Summary::default();
        for (seconds, fields) in entries {
            summary.add(at(*seconds), &json::parse(&format!("{{{fields}}}")).unwrap());
        }
        summary.finish(at(now))
    }

    #[test]
    fn a_day_with_one_outage_and_one_flap() {
        let life = format!(r#""event":"promoting","cause":"outage","life_at":"{}""#, rfc3339(at(9_995)));
        let day = [
            (0, r#""event":"started""#),
            (5_000, r#""event":"window_opened""#),
            (5_010, r#""event":"window_closed","lasted_seconds":12.5"#),
            (10_000, r#""event":"window_opened""#),
            (10_030, &life),
            (10_040, r#""event":"promoted","cause":"outage""#),
            (10_600, r#""event":"window_closed","lasted_seconds":605"#),
            (10_960, r#""event":"demoted""#),
            (50_000, r#""event":"promoting","cause":"drill""#),
            (50_010, r#""event":"promoted","cause":"drill""#),
            (50_070, r#""event":"demoted""#),
        ];
        let summary = sum(&day, 86_400);
        let expected = "2026-11-21 22:00:00Z to 2026-11-22 22:00:00Z, watched for 1 d\n\
            primary available    99.285 %, down for 10 m 17 s\n\
            the pair             99.933 %, nobody served for 57 s\n\
            time to promote      1, median 45 s, longest 45 s\n\
            time to recover      1, median 10 m 5 s, longest 10 m 5 s\n\
            windows that passed  1, median 12 s, longest 12 s\n\
            drills               1\n";
        assert_eq!(summary.to_text(), expected);
        assert_eq!(summary.to_json().get("primary_down_seconds").and_then(|it| it.as_f64()), Some(617.5));
    }

    #[test]
    fn an_outage_that_overtakes_a_drill_is_a_promotion_and_nobody_went_without_an_answer() {
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
        let summary = sum(&night, 1000);
        let second = Duration::from_secs;
        assert_eq!((summary.to_promote, summary.to_recover), (vec![second(30)], vec![second(485)]));
        assert_eq!((summary.passed, summary.dark, summary.drills), (vec![], Duration::ZERO, 1));
    }

    #[test]
    fn what_nobody_watched_counts_neither_way() {
        let nights = [
            (0, r#""event":"started""#),
            (100, r#""event":"stopped""#),
            (50_000, r#""event":"started""#),
            (50_050, r#""event":"window_opened""#),
        ];
        let summary = sum(&nights, 50_100);
        assert_eq!(summary.watched, Duration::from_secs(200));
        assert_eq!((summary.down, summary.dark), (Duration::from_secs(50), Duration::from_secs(50)));
        assert_eq!(sum(&[], 5).to_text(), "no history yet\n");
    }
}
