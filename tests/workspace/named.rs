//! Reports name every file and branch, of any number.

use std::fs;

use openclaw_failover::text::json;

use crate::repositories::Repositories;

/// Returns a list of the report in a file.
fn listed(repos: &Repositories, state: &str, report: &str, list: &str) -> Vec<String> {
    let text = fs::read_to_string(repos.at(state).join(report)).unwrap();
    let report = json::parse(&text).unwrap();
    let owner = report.get("workspace").unwrap_or(&report);
    let list = owner.get(list).unwrap().get("listed").unwrap().as_array().unwrap();
    list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_file_that_stays_here_is_named() {
    let repos = Repositories::new();
    repos.standby("i=0; while [ $i -lt 60 ]; do echo x >note-$i.key; i=$((i+1)); done");
    let pulled = repos.pull().workspace;
    assert_eq!((pulled.withheld.count, pulled.withheld.listed.len()), (60, 60));
    let names = listed(&repos, "state", "pull.json", "withheld");
    assert_eq!(names.len(), 60);
    assert!((0..60).all(|n| names.iter().any(|name| name.starts_with(&format!("note-{n}.key ")))), "{names:?}");
    assert!(!repos.at("state/pull.names.txt").exists());
}

#[test]
fn names_that_a_report_has_no_space_for_are_in_a_file_beside_it() {
    let repos = Repositories::new();
    repos.primary("mkdir -p deep/er; i=0; while [ $i -lt 3000 ]; do echo x >deep/er/note-$i.key; i=$((i+1)); done");
    let pushed = repos.push_primary();
    assert_eq!(pushed.withheld.count, 3000);
    assert!(listed(&repos, "state-primary", "push.json", "withheld").len() < 3000);
    let names = fs::read_to_string(repos.at("state-primary/push.names.txt")).unwrap();
    assert_eq!(names.lines().filter(|line| line.starts_with("not committed: deep/er/note-")).count(), 3000);
    repos.primary("rm -r deep");
    repos.push_primary();
    assert!(!repos.at("state-primary/push.names.txt").exists());
}

#[test]
fn every_file_in_conflict_is_named() {
    let repos = Repositories::new();
    let files: Vec<String> = (0..9).map(|n| format!("a-note-with-a-long-name-{n}.md")).collect();
    let write = |text: &str| files.iter().map(|file| format!("echo {text} >{file}")).collect::<Vec<_>>().join("; ");
    repos.primary_commits(&write("one"));
    repos.pull();
    repos.standby(&write("standby"));
    assert!(repos.push().is_complete());
    repos.primary(&write("primary"));
    let pushed = repos.push_primary();
    assert_eq!(pushed.conflicts.listed, [format!("failover/claw2: {}", files.join(", "))]);
    let pulled = repos.pull().workspace;
    let [conflict] = &pulled.conflicts.listed[..] else { panic!("{pulled:?}") };
    assert!(conflict.starts_with("failover/claw2@") && conflict.ends_with(&files.join(", ")), "{conflict}");
}
