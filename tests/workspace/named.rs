//! Reports name every file and branch, of any number.

use std::fs;

use openclaw_failover::text::json;

use crate::world::World;

/// Returns a list of the report in a file.
fn listed(world: &World, state: &str, report: &str, list: &str) -> Vec<String> {
    let text = fs::read_to_string(world.at(state).join(report)).unwrap();
    let report = json::parse(&text).unwrap();
    let owner = report.get("workspace").unwrap_or(&report);
    let list = owner.get(list).unwrap().get("listed").unwrap().as_array().unwrap();
    list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_file_that_stays_here_is_named() {
    let world = World::new();
    world.standby("i=0; while [ $i -lt 60 ]; do echo x >note-$i.key; i=$((i+1)); done");
    let pulled = world.pull().workspace;
    assert_eq!((pulled.withheld.count, pulled.withheld.listed.len()), (60, 60));
    let names = listed(&world, "state", "pull.json", "withheld");
    assert_eq!(names.len(), 60);
    assert!((0..60).all(|n| names.iter().any(|name| name.starts_with(&format!("note-{n}.key ")))), "{names:?}");
    assert!(!world.at("state/pull.names.txt").exists());
}

#[test]
fn names_that_a_report_has_no_space_for_are_in_a_file_beside_it() {
    let world = World::new();
    world.primary("mkdir -p deep/er; i=0; while [ $i -lt 3000 ]; do echo x >deep/er/note-$i.key; i=$((i+1)); done");
    let pushed = world.push_primary();
    assert_eq!(pushed.withheld.count, 3000);
    assert!(listed(&world, "state-primary", "push.json", "withheld").len() < 3000);
    let names = fs::read_to_string(world.at("state-primary/push.names.txt")).unwrap();
    assert_eq!(names.lines().filter(|line| line.starts_with("not committed: deep/er/note-")).count(), 3000);
    world.primary("rm -r deep");
    world.push_primary();
    assert!(!world.at("state-primary/push.names.txt").exists());
}

#[test]
fn every_file_in_conflict_is_named() {
    let world = World::new();
    let files: Vec<String> = (0..9).map(|n| format!("a-note-with-a-long-name-{n}.md")).collect();
    let write = |text: &str| files.iter().map(|file| format!("echo {text} >{file}")).collect::<Vec<_>>().join("; ");
    world.primary_commits(&write("one"));
    world.pull();
    world.standby(&write("standby"));
    assert!(world.push().is_complete());
    world.primary(&write("primary"));
    let pushed = world.push_primary();
    assert_eq!(pushed.conflicts.listed, [format!("failover/claw2: {}", files.join(", "))]);
    let pulled = world.pull().workspace;
    let [conflict] = &pulled.conflicts.listed[..] else { panic!("{pulled:?}") };
    assert!(conflict.starts_with("failover/claw2@") && conflict.ends_with(&files.join(", ")), "{conflict}");
}
