//! Upstreams that were ever seen healthy, and the survival of that list.

use std::fs;
use std::path::PathBuf;

use openclaw_failover::events::HistoryEntry;
use openclaw_failover::failover::MachineNotice;
use openclaw_failover::os::clock::WallClockOffset;
use openclaw_failover::records::history::append_entry;
use openclaw_failover::records::seen_healthy::SeenHealthy;
use tempfile::TempDir;

use super::{at, config, entry};

struct Folder {
    _folder: TempDir,
    armed: PathBuf,
    history: PathBuf,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().unwrap();
    let (armed, history) = (folder.path().join("seen-healthy.json"), folder.path().join("history.jsonl"));
    Folder { _folder: folder, armed, history }
}

impl Folder {
    fn load(&self) -> (SeenHealthy, bool) {
        let (armed, unreadable) = SeenHealthy::load(&self.armed, &self.history, at(0));
        (armed, unreadable.is_some())
    }
}

fn urls(urls: &[&str]) -> Vec<String> {
    urls.iter().map(|&url| url.to_owned()).collect()
}

#[test]
fn the_set_of_urls_identifies_an_upstream() {
    let folder = folder();
    let (mut armed, set_aside) = folder.load();
    assert!(!set_aside);
    assert!(!armed.was_seen_healthy(&urls(&["http://b", "http://a"])));
    armed.record_healthy(&urls(&["http://b", "http://a"]), at(0), WallClockOffset::default());
    armed.save(&folder.armed).unwrap();
    let (mut armed, set_aside) = folder.load();
    assert!(!set_aside);
    assert!(armed.was_seen_healthy(&urls(&["http://a", "http://b"])));
    assert!(!armed.was_seen_healthy(&urls(&["http://a"])));
    assert!(!armed.was_seen_healthy(&urls(&["http://a", "http://b", "http://c"])));
}

#[test]
fn rebuilds_a_lost_or_truncated_file_from_the_history() {
    let folder = folder();
    let pair = config(&[("primary", &["http://b", "http://a"])]);
    append_entry(&folder.history, &entry(&MachineNotice::Isolated, 0)).unwrap();
    append_entry(
        &folder.history,
        &HistoryEntry::from_machine_notice(
            &MachineNotice::Armed { upstream: 0 },
            at(1),
            WallClockOffset::default(),
            &pair,
        ),
    )
    .unwrap();
    append_entry(&folder.history, &entry(&MachineNotice::Armed { upstream: 0 }, 2)).unwrap();
    let known = [urls(&["http://a", "http://b"]), urls(&["http://100.64.0.1:18789"])];

    let (mut armed, set_aside) = folder.load();
    assert!(!set_aside && known.iter().all(|urls| armed.was_seen_healthy(urls)));
    armed.save(&folder.armed).unwrap();
    let text = fs::read_to_string(&folder.armed).unwrap();
    for cut in 0..text.trim_end().len() {
        fs::write(&folder.armed, &text[..cut]).unwrap();
        let (mut armed, set_aside) = folder.load();
        assert!(set_aside, "torn at byte {cut}");
        assert!(known.iter().all(|urls| armed.was_seen_healthy(urls)), "torn at byte {cut}");
    }
    for foreign in ["{}", "[]", "{\"schema\":1,\"upstreams\":[{\"urls\":[],\"armed_at\":\"2026-11-21T22:00:00Z\"}]}"] {
        fs::write(&folder.armed, foreign).unwrap();
        assert!(folder.load().1, "{foreign}");
    }
}

#[test]
fn drops_the_least_recently_used_first() {
    let mut armed = SeenHealthy::default();
    let ours = urls(&["http://ours"]);
    armed.record_healthy(&ours, at(0), WallClockOffset::default());
    for round in 0..1000 {
        assert!(armed.was_seen_healthy(&ours), "{round}");
        armed.record_healthy(&[format!("http://{round}")], at(round), WallClockOffset::default());
    }
    let folder = folder();
    armed.save(&folder.armed).unwrap();
    let (mut armed, _) = folder.load();
    assert!(armed.was_seen_healthy(&ours) && armed.was_seen_healthy(&urls(&["http://937"])));
    assert!(!armed.was_seen_healthy(&urls(&["http://936"])));
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    assert!(SeenHealthy::default().save(&folder().armed.join("below")).is_err());
}
