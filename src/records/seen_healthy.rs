//! Upstreams that were seen healthy from this host: `seen-healthy.json`.
//!
//! The set of URLs identifies an upstream. A new name or timeout keeps it armed; a new URL disarms it, because that URL
//! may be wrong. The history records the same, so losing this file disarms no upstream.

use std::path::Path;

use crate::config::UpstreamConfig;
use crate::events::EventKind;
use crate::os::atomic_file::{self, FileError};
use crate::os::clock::WallClockOffset;
use crate::os::load_or_quarantine::{UnreadableFile, load_or_quarantine};
use crate::records::history;
use crate::text::Time;
use crate::text::json_fields::{JsonField, RecordError, json_record, read_field};

/// Limit on the number of URL sets in the file.
const MAX_URL_SETS: usize = 64;

/// Limit on the size of `seen-healthy.json`, in bytes.
const MAX_SEEN_HEALTHY_BYTES: usize = 256 * 1024;

/// URL sets that were seen healthy, least recently used first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenHealthy {
    url_sets: Vec<UrlSet>,
}

#[derive(Clone, Debug, PartialEq)]
struct UrlSet {
    urls: Vec<String>,
    /// Time of the first healthy probe, by the wall clock.
    first_seen_at: Time,
}

json_record!(SeenHealthy with schema { url_sets: "upstreams", });
json_record!(UrlSet { urls: "urls", first_seen_at: "armed_at" });

impl SeenHealthy {
    /// Reads `seen-healthy.json`. If it is missing or unreadable (then it is moved aside), rebuilds it from `history`.
    /// `now` is the wall clock's.
    pub fn load(path: &Path, history: &Path, now: Time) -> (Self, Option<UnreadableFile>) {
        match load_or_quarantine(
            path,
            MAX_SEEN_HEALTHY_BYTES,
            now,
            "upstreams seen healthy are read from the history",
            |node| {
                let mut found = Self::default();
                for set in Self::from_json(node)?.url_sets {
                    found.insert(check_url_set(set)?);
                }
                Ok(found)
            },
        ) {
            Ok(Some(seen_healthy)) => (seen_healthy, None),
            Ok(None) => (Self::rebuild_from_history(history), None),
            Err(unreadable) => (Self::rebuild_from_history(history), Some(unreadable)),
        }
    }

    /// Rebuilds the list from the history. An unreadable history gives an empty list; the next healthy probe fills it.
    fn rebuild_from_history(history: &Path) -> Self {
        let mut seen_healthy = Self::default();
        let Ok(entries) = history::read_event(history, EventKind::Armed) else { return seen_healthy };
        for entry in entries {
            if let (Ok(urls), Ok(first_seen_at)) = (read_field(&entry, "urls"), read_field(&entry, "at"))
                && let Ok(set) = check_url_set(UrlSet { urls, first_seen_at })
            {
                seen_healthy.insert(set);
            }
        }
        seen_healthy
    }

    /// Returns the answer of [`was_seen_healthy`](Self::was_seen_healthy) for each of these upstreams.
    pub fn armed_flags(&mut self, upstreams: &[UpstreamConfig]) -> Vec<bool> {
        upstreams.iter().map(|upstream| self.was_seen_healthy(&upstream.urls)).collect()
    }

    /// True if the upstream with these URLs was ever seen healthy. A query counts as use, so configured upstreams are
    /// dropped last.
    pub fn was_seen_healthy(&mut self, urls: &[String]) -> bool {
        let urls = sorted_urls(urls);
        let known = self.url_sets.iter().position(|set| set.urls == urls).map(|index| self.url_sets.remove(index));
        let knows = known.is_some();
        self.url_sets.extend(known);
        knows
    }

    /// Records that the upstream with these URLs was seen healthy at `at`, the machine's time.
    pub fn record_healthy(&mut self, urls: &[String], at: Time, wall: WallClockOffset) {
        if !self.was_seen_healthy(urls) {
            self.insert(UrlSet { urls: sorted_urls(urls), first_seen_at: wall.to_wall_clock(at) });
        }
    }

    /// Writes `seen-healthy.json` durably (fsync).
    ///
    /// # Errors
    /// Returns an error if the file cannot be written; the previous file is then intact.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        atomic_file::write(path, 0o640, format!("{}\n", self.to_json().to_pretty()).as_bytes())
    }

    fn insert(&mut self, set: UrlSet) {
        self.url_sets.retain(|known| known.urls != set.urls);
        self.url_sets.push(set);
        let excess = self.url_sets.len().saturating_sub(MAX_URL_SETS);
        self.url_sets.drain(..excess);
    }
}

fn sorted_urls(urls: &[String]) -> Vec<String> {
    let mut urls = urls.to_vec();
    urls.sort_unstable();
    urls
}

/// Sorts the URLs of a record, which must not be empty.
fn check_url_set(set: UrlSet) -> Result<UrlSet, RecordError> {
    if set.urls.is_empty() {
        return Err(RecordError::new("is empty").in_field("urls"));
    }
    Ok(UrlSet { urls: sorted_urls(&set.urls), ..set })
}
