//! Upstreams that were seen healthy from this host: `armed.json`.
//!
//! The set of URLs identifies an upstream. A new name or timeout keeps it armed; a new URL disarms it, because that URL
//! may be wrong. The history records the same, so losing this file disarms no upstream.

use std::path::Path;

use crate::config::Upstream;
use crate::os::atomic_file::{
    Error, {self},
};
use crate::os::clock::Wall;
use crate::os::load_or_quarantine::{Unreadable, load};
use crate::records::history::{
    Line, {self},
};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::json_fields::{
    as_list, as_texts, as_time, field, {self},
};

/// Limit on the number of URL sets in the file.
const SETS: usize = 64;

/// Limit on the size of `armed.json`, in bytes.
const MAX: usize = 256 * 1024;

/// URL sets that were seen healthy, least recently used first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Armed {
    sets: Vec<Set>,
}

#[derive(Clone, Debug, PartialEq)]
struct Set {
    urls: Vec<String>,
    /// Time of the first healthy probe, by the wall clock.
    at: Time,
}

impl Armed {
    /// Reads `armed.json`. If it is missing or unreadable (then it is moved aside), rebuilds it from `history`. `now`
    /// is the wall clock's.
    #[must_use]
    pub fn load(path: &Path, history: &Path, now: Time) -> (Self, Option<Unreadable>) {
        match load(path, MAX, now, "upstreams seen healthy are read from the history", |node| understand(node)) {
            Ok(Some(armed)) => (armed, None),
            Ok(None) => (Self::recover(history), None),
            Err(unreadable) => (Self::recover(history), Some(unreadable)),
        }
    }

    /// Rebuilds the list from the history. An unreadable history gives an empty list; the next healthy probe fills it.
    fn recover(history: &Path) -> Self {
        let mut armed = Self::default();
        let Ok(lines) = history::read(history) else { return armed };
        for line in lines {
            let Line::Entry(entry) = line else { continue };
            if entry.get("event").and_then(|event| event.as_str()) == Some("armed")
                && let Ok(set) = set(&entry, "at")
            {
                armed.keep(set);
            }
        }
        armed
    }

    /// Returns for each of these upstreams the answer of [`knows`](Self::knows).
    pub fn knows_each(&mut self, upstreams: &[Upstream]) -> Vec<bool> {
        upstreams.iter().map(|upstream| self.knows(&upstream.urls)).collect()
    }

    /// True if the upstream with these URLs was ever seen healthy. A query counts as use, so configured upstreams are
    /// dropped last.
    pub fn knows(&mut self, urls: &[String]) -> bool {
        let urls = sorted(urls);
        let known = self.sets.iter().position(|set| set.urls == urls).map(|index| self.sets.remove(index));
        let knows = known.is_some();
        self.sets.extend(known);
        knows
    }

    /// Records that the upstream with these URLs was seen healthy at `at`, the machine's time.
    pub fn arm(&mut self, urls: &[String], at: Time, wall: Wall) {
        if !self.knows(urls) {
            self.keep(Set { urls: sorted(urls), at: wall.at(at) });
        }
    }

    /// Writes `armed.json` durably (fsync).
    ///
    /// # Errors
    /// Returns an error if the file cannot be written; the previous file is then intact.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let sets = self
            .sets
            .iter()
            .map(|set| Value::object([("urls", set.urls.clone().into()), ("armed_at", json_fields::time(set.at))]));
        let armed = Value::object([("schema", json_fields::SCHEMA.into()), ("upstreams", Value::array(sets))]);
        let mut text = armed.pretty();
        text.push('\n');
        atomic_file::write(path, 0o640, text.as_bytes())
    }

    fn keep(&mut self, set: Set) {
        self.sets.retain(|known| known.urls != set.urls);
        self.sets.push(set);
        let excess = self.sets.len().saturating_sub(SETS);
        self.sets.drain(..excess);
    }
}

fn sorted(urls: &[String]) -> Vec<String> {
    let mut urls = urls.to_vec();
    urls.sort_unstable();
    urls
}

fn understand(armed: &Value) -> Result<Armed, String> {
    json_fields::check_schema(armed)?;
    let mut found = Armed::default();
    for node in as_list(field(armed, "upstreams")?, "upstreams")? {
        found.keep(set(node, "armed_at")?);
    }
    Ok(found)
}

fn set(node: &Value, at: &str) -> Result<Set, String> {
    let urls = as_texts(field(node, "urls")?, "urls")?;
    if urls.is_empty() {
        return Err("`urls` is empty".to_owned());
    }
    Ok(Set { urls: sorted(&urls), at: as_time(field(node, at)?, at)? })
}
