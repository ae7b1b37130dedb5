//! Upstreams that were ever seen healthy, and the survival of that list.

use std::fs;
use std::path::PathBuf;

use openclaw_failover::events::Entry;
use openclaw_failover::failover::Note;
use openclaw_failover::os::clock::Wall;
use openclaw_failover::records::history::append;
use openclaw_failover::records::seen_healthy::Armed;
use tempfile::TempDir;

use super::{at, config, entry};

struct Folder {
    _folder: TempDir,
    armed: PathBuf,
    history: PathBuf,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().unwrap();
    let (armed, history) = (folder.path().join("armed.json"), folder.path().join("history.jsonl"));
    Folder { _folder: folder, armed, history }
}

impl Folder {
    fn load(&self) -> (Armed, bool) {
        let (armed, unreadable) = Armed::load(&self.armed, &self.history, at(0));
        (armed, unreadable.is_some())
    }
}

fn urls(urls: &[&str]) -> Vec<String> {
    urls.iter().map(|&url| url.to_owned()).collect()
}

#[test]
fn an_upstream_is_known_by_its_urls_in_any_order_and_by_nothing_else() {
    let folder = folder();
    let (mut armed, set_aside) = folder.load();
    assert!(!set_aside);
    assert!(!armed.knows(&urls(&["http://b", "http://a"])));
    armed.arm(&urls(&["http://b", "http://a"]), at(0), Wall::default());
    armed.save(&folder.armed).unwrap();
    let (mut armed, set_aside) = folder.load();
    assert!(!set_aside);
    assert!(armed.knows(&urls(&["http://a", "http://b"])));
    assert!(!armed.knows(&urls(&["http://a"])));
    assert!(!armed.knows(&urls(&["http://a", "http://b", "http://c"])));
}

#[test]
fn what_is_lost_or_torn_anywhere_is_known_from_the_history() {
    let folder = folder();
    let pair = config(&[("primary", &["http://b", "http://a"])]);
    append(&folder.history, &entry(&Note::Isolated, 0)).unwrap();
    append(&folder.history, &Entry::of_machine(&Note::Armed { upstream: 0 }, at(1), Wall::default(), &pair)).unwrap();
    append(&folder.history, &entry(&Note::Armed { upstream: 0 }, 2)).unwrap();
    let known = [urls(&["http://a", "http://b"]), urls(&["http://100.64.0.1:18789"])];

    let (mut armed, set_aside) = folder.load();
    assert!(!set_aside && known.iter().all(|urls| armed.knows(urls)));
    armed.save(&folder.armed).unwrap();
    let text = fs::read_to_string(&folder.armed).unwrap();
    for cut in 0..text.trim_end().len() {
        fs::write(&folder.armed, &text[..cut]).unwrap();
        let (mut armed, set_aside) = folder.load();
        assert!(set_aside, "torn at byte {cut}");
        assert!(known.iter().all(|urls| armed.knows(urls)), "torn at byte {cut}");
    }
    for foreign in ["{}", "[]", "{\"schema\":1,\"upstreams\":[{\"urls\":[],\"armed_at\":\"2026-11-21T22:00:00Z\"}]}"] {
        fs::write(&folder.armed, foreign).unwrap();
        assert!(folder.load().1, "{foreign}");
    }
}

#[test]
fn what_is_in_use_is_forgotten_last() {
    let mut armed = Armed::default();
    let ours = urls(&["http://ours"]);
    armed.arm(&ours, at(0), Wall::default());
    for round in 0..1000 {
        assert!(armed.knows(&ours), "{round}");
        armed.arm(&[format!("http://{round}")], at(round), Wall::default());
    }
    let folder = folder();
    armed.save(&folder.armed).unwrap();
    let (mut armed, _) = folder.load();
    assert!(armed.knows(&ours) && armed.knows(&urls(&["http://937"])));
    assert!(!armed.knows(&urls(&["http://936"])));
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    assert!(Armed::default().save(&folder().armed.join("below")).is_err());
}
