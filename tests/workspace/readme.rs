//! Commands in the README for hosts where this program cannot run.

use crate::world::{World, run};

/// Returns the lines for crontab(5), without their times.
fn cron_lines() -> Vec<String> {
    let readme = include_str!("../../README.md");
    let block = readme.split("```cron\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let command = |line: &str| line.splitn(6, ' ').nth(5).map(|command| command.replace("\\%", "%"));
    block.lines().filter_map(command).collect()
}

#[test]
fn two_lines_of_cron_are_a_primary() {
    let world = World::new();
    let lines = cron_lines();
    assert_eq!(lines.len(), 2);
    let home = world.at("home");
    run(&world.at("."), "mkdir -p home/.openclaw && ln -s ../../primary home/.openclaw/workspace");
    let cron = || {
        for line in &lines {
            // Like cron: a failed run does not stop the next one.
            run(&home, &format!("export HOME=$PWD; ({line}) || true"));
        }
    };

    world.primary("echo two >>MEMORY.md; echo new >new.md");
    cron();
    assert!(world.pull().is_ok());
    assert_eq!(world.standby("cat MEMORY.md new.md"), "one\ntwo\nnew");

    world.standby("echo learned >learned.md; echo stand >standby.md");
    assert!(world.push().is_complete_and_archived());
    cron();
    assert_eq!(world.primary("cat learned.md"), "learned");
    assert!(world.pull().is_ok());
    assert!(world.are_equal());

    // A conflict stays on its branch, and the next note is exchanged all the same.
    world.standby("echo mine >MEMORY.md");
    world.primary("echo yours >MEMORY.md");
    assert!(world.push().is_complete_and_archived());
    cron();
    world.primary("echo later >later.md");
    cron();
    assert_eq!(world.primary("cat MEMORY.md; git status --porcelain"), "yours");
    assert_eq!(world.remote("git show main:later.md; git show failover/claw2:MEMORY.md"), "later\nmine");
}
