//! History files: partial lines, foreign lines, and printing.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use openclaw_failover::failover::MachineNotice;
use openclaw_failover::records::history::{HistoryFormat, HistoryLine, append_entry, read, render_history};
use openclaw_failover::text::{CommandOutput, json};

use super::{at, entry};

fn lines(path: &Path) -> Vec<HistoryLine> {
    read(path).unwrap().collect()
}

fn render(path: &Path, since: Option<Duration>, json: bool) -> CommandOutput {
    render_history(path, since, HistoryFormat { json, summary: false }, at(3600)).unwrap()
}

fn hour(path: &Path) {
    append_entry(path, &entry(&MachineNotice::Isolated, 0)).unwrap();
    append_entry(path, &entry(&MachineNotice::Reconnected, 60)).unwrap();
    append_entry(path, &entry(&MachineNotice::GatewayDown, 1800)).unwrap();
}

#[test]
fn entries_are_printed_oldest_first_one_line_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    hour(&path);
    let shown = render(&path, None, false);
    let lines: Vec<_> = shown.text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].starts_with("2026-11-21 22:00:00Z  isolated             no upstream answers, and no witness either"),
        "{}",
        lines[0]
    );
    assert!(lines[2].starts_with("2026-11-21 22:30:00Z  gateway_down         openclaw.service"), "{}", lines[2]);
    assert_eq!((shown.warning, shown.exit_code), (None, 0));
    let recent = render(&path, Some(Duration::from_secs(3550)), false);
    assert_eq!(recent.text.lines().collect::<Vec<_>>(), lines[1..]);
    assert_eq!(render(&path, Some(Duration::from_secs(60)), false).text, "no history in that time\n");
}

#[test]
fn the_same_entries_make_a_json_array() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    assert_eq!(render(&path, None, true).text, "[]\n");
    hour(&path);
    let array = json::parse(&render(&path, None, true).text).unwrap();
    let events: Vec<_> =
        array.as_array().unwrap().iter().map(|it| it.get("event").unwrap().as_str().unwrap()).collect();
    assert_eq!(events, ["isolated", "reconnected", "gateway_down"]);
}

#[test]
fn no_history_yet_is_no_error_but_no_monitor_is() {
    let folder = tempfile::tempdir().unwrap();
    let shown = render(&folder.path().join("history.jsonl"), None, false);
    assert_eq!((shown.text.as_str(), shown.exit_code), ("no history yet\n", 0));
    let nowhere = folder.path().join("none/history.jsonl");
    let error = render_history(&nowhere, None, HistoryFormat::default(), at(0)).unwrap_err().to_string();
    assert!(error.ends_with("none: there is no such folder, so no monitor has run here"), "{error}");
    assert!(append_entry(&nowhere, &entry(&MachineNotice::Isolated, 0)).is_err());
}

#[test]
fn an_entry_after_a_partial_line_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    append_entry(&path, &entry(&MachineNotice::Isolated, 0)).unwrap();
    let first = fs::metadata(&path).unwrap().len();
    append_entry(&path, &entry(&MachineNotice::Reconnected, 60)).unwrap();
    let both = fs::read(&path).unwrap();
    for cut in 0..=both.len() {
        fs::write(&path, &both[..cut]).unwrap();
        append_entry(&path, &entry(&MachineNotice::GatewayDown, 120)).unwrap();
        let found = lines(&path);
        let whole = found.iter().filter(|line| matches!(line, HistoryLine::Entry(_))).count();
        let first = usize::try_from(first).unwrap();
        // A line is complete even without its newline.
        let survived = usize::from(cut >= first - 1) + usize::from(cut >= both.len() - 1);
        assert_eq!(whole, survived + 1, "torn at byte {cut}");
        let is_torn = cut > 0 && cut < first - 1 || cut > first && cut < both.len() - 1;
        assert_eq!(found.len() - whole, usize::from(is_torn), "torn at byte {cut}");
        let Some(HistoryLine::Entry(last)) = found.last() else { panic!("the last line is no entry") };
        assert_eq!(last.get("event").unwrap().as_str(), Some("gateway_down"));
        assert_eq!(render(&path, None, false).warning.is_some(), is_torn);
    }
}

#[test]
fn skips_and_counts_foreign_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    hour(&path);
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"\xff\xfe\0\n[1]\n{\"at\":1,\"event\":2,\"text\":3}\n\n\n\0\0\0\0\n").unwrap();
    file.write_all(&vec![b'['; 200_000]).unwrap();
    append_entry(&path, &entry(&MachineNotice::Isolated, 2000)).unwrap();
    let shown = render(&path, None, false);
    assert_eq!(shown.text.lines().count(), 4);
    assert_eq!(shown.warning.as_deref(), Some("unreadable lines skipped: 5"));
}

#[test]
fn prints_no_control_characters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    fs::write(&path, r#"{"at":"never","event":"\u001b[2J\n","text":"two\u0007\nlines\u202e"}"#).unwrap();
    assert_eq!(render(&path, None, false).text, "1970-01-01 00:00:00Z  [2J                  two lines\n");
    assert!(!render(&path, None, true).text.contains('\u{1b}'));
}

#[test]
fn reads_the_end_of_an_overlong_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let file = File::create(&path).unwrap();
    file.set_len(1024 * 1024 * 1024).unwrap();
    drop(file);
    let mut file = File::options().append(true).open(&path).unwrap();
    writeln!(file, "\n{}", entry(&MachineNotice::GatewayDown, 0).to_json()).unwrap();
    let found = lines(&path);
    assert_eq!(found.len(), 2);
    assert!(matches!(found[1], HistoryLine::Entry(_)));
}

#[test]
fn a_full_disk_is_an_error_that_says_what_to_do() {
    let error = append_entry(Path::new("/dev/full"), &entry(&MachineNotice::Isolated, 0)).unwrap_err().to_string();
    assert!(error.starts_with("cannot write /dev/full: ") && error.ends_with("; free some space there"), "{error}");
}

#[test]
fn a_path_that_is_no_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    fs::create_dir(&path).unwrap();
    assert!(read(&path).is_err());
    assert!(append_entry(&path, &entry(&MachineNotice::Isolated, 0)).is_err());
}
