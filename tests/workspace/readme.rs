//! Commands in the README for hosts where this program cannot run.

use crate::repositories::{Repositories, run};

/// Returns the lines for crontab(5), without their times.
fn cron_lines() -> Vec<String> {
    let readme = include_str!("../../README.md");
    let block = readme.split("```cron\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let command = |line: &str| line.splitn(6, ' ').nth(5).map(|command| command.replace("\\%", "%"));
    block.lines().filter_map(command).collect()
}

#[test]
fn two_lines_of_cron_are_a_primary() {
    let repos = Repositories::new();
    let lines = cron_lines();
    assert_eq!(lines.len(), 2);
    let home = repos.at("home");
    run(&repos.at("."), "mkdir -p home/.openclaw && ln -s ../../primary home/.openclaw/workspace");
    let cron = || {
        for line in &lines {
            // Like cron: a failed run does not stop the next one.
            run(&home, &format!("export HOME=$PWD; ({line}) || true"));
        }
    };

    repos.primary("echo two >>MEMORY.md; echo new >new.md");
    cron();
    assert!(repos.pull().is_ok());
    assert_eq!(repos.standby("cat MEMORY.md new.md"), "one\ntwo\nnew");

    repos.standby("echo learned >learned.md; echo stand >standby.md");
    assert!(repos.push().is_complete_and_archived());
    cron();
    assert_eq!(repos.primary("cat learned.md"), "learned");
    assert!(repos.pull().is_ok());
    assert!(repos.are_equal());

    // A conflict stays on its branch, and the next note is exchanged all the same.
    repos.standby("echo mine >MEMORY.md");
    repos.primary("echo yours >MEMORY.md");
    assert!(repos.push().is_complete_and_archived());
    cron();
    repos.primary("echo later >later.md");
    cron();
    assert_eq!(repos.primary("cat MEMORY.md; git status --porcelain"), "yours");
    assert_eq!(repos.remote("git show main:later.md; git show failover/claw2:MEMORY.md"), "later\nmine");
}
