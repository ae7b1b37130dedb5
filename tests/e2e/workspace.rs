//! Changes of the standby's agent during an outage reach the primary over a real sshd. Nothing is lost, whatever the
//! git host and the agents do meanwhile.

use crate::lab::Lab;
use crate::outage::Outage;
use crate::repository::{PULL_UNIT, PUSH_TIMER, PUSH_UNIT, STANDBY_BRANCH, report_field};
use crate::shell::{secs, unix_now, wait_until};
use crate::stub::StubAnswer;

/// Script with all kinds of changes in a workspace, and file names that are hard for scripts.
const CHANGE_WORKSPACE: &str = r#"
    echo 'learned on the standby' >> MEMORY.md
    mkdir -p notes/deep; echo 'written, not committed' > notes/deep/uncommitted.md
    printf 'bytes \000\377 of all kinds' > $'notes/caf\351 and\nmore'
    printf '#!/bin/sh\n' > tool.sh; chmod +x tool.sh
    ln -s notes/deep link
    git rm -q obsolete.md; echo 'committed by the agent' > notes/committed.md
    git add notes/committed.md; git commit -qm 'By the agent itself'
    echo 'and changed again' >> notes/committed.md
"#;

#[test]
fn what_was_written_in_an_outage_comes_home_by_itself() {
    let (lab, stub) = Lab::with_git_host();
    pushes_when_due(&lab);

    // A long time: this test is about the content of the pull, not its speed.
    lab.change_config(r#""sync_wait": "1s""#, r#""sync_wait": "5s""#);
    let outage = Outage::begin(&lab, || stub.set_answer(StubAnswer::Error));
    outage.check_failover();
    assert_eq!(
        lab.standby.workspace_file("before.md").as_deref(),
        Some("written before the outage\n"),
        "the workspace is up to date at the start"
    );
    lab.standby.run_in_workspace(CHANGE_WORKSPACE);
    // The primary's gateway is down, but its agent is logged in.
    lab.primary.run_in_workspace("echo 'written on the primary meanwhile' > meanwhile.md");
    outage.check_failback(|| stub.set_answer(StubAnswer::Started));
    lab.monitor().wait_event("pushed", outage.began, secs(60));

    let home = || lab.primary.workspace_file("notes/committed.md").is_some().then_some(());
    wait_until("the primary's timer has merged the branch", secs(20), home);
    wait_until("the branch is removed", secs(20), || (lab.git().remote_branches() == ["main"]).then_some(()));
    lab.standby.run(&format!("systemctl start {PULL_UNIT}"));
    let content = lab.primary.workspace_content();
    assert_eq!(lab.standby.workspace_content(), content, "both workspaces");
    for written in ["uncommitted.md", "caf", "tool.sh is executable", "link -> notes/deep", "meanwhile.md"] {
        assert!(content.contains(written), "{written} is missing:\n{content}");
    }
    assert!(!content.contains("obsolete.md"), "what the agent removed is gone:\n{content}");
    assert!(lab.primary.workspace_file("MEMORY.md").unwrap_or_default().ends_with("learned on the standby\n"));
}

#[test]
fn the_git_host_dies_with_the_primary_and_a_second_outage_knows_the_first() {
    let lab = Lab::new();
    let first = Outage::begin(&lab, || lab.primary.power_off());
    first.check_failover();
    lab.standby.run_in_workspace("echo 'learned in the first outage' >> MEMORY.md; echo new > first.md");
    first.check_failback(|| lab.primary.power_on());
    lab.monitor().wait_event("pushed", first.began, secs(90));
    assert_eq!(lab.git().remote_branches(), [STANDBY_BRANCH, "main"], "the primary has not merged yet");
    assert!(
        lab.git()
            .run_in_remote(&format!("git show {STANDBY_BRANCH}:MEMORY.md"))
            .ends_with("learned in the first outage\n")
    );

    let second = Outage::begin(&lab, || lab.primary.power_off());
    second.check_failover();
    assert!(lab.standby.workspace_file("MEMORY.md").unwrap_or_default().ends_with("learned in the first outage\n"));
    assert_eq!(lab.standby.workspace_file("first.md").as_deref(), Some("new\n"));
}

#[test]
fn the_git_host_is_down_during_the_whole_outage() {
    let (lab, stub) = Lab::with_git_host();
    lab.git().power_off();
    let outage = Outage::begin(&lab, || stub.set_answer(StubAnswer::Error));
    outage.check_failover();
    outage.check_start_in_time();
    lab.standby.run_in_workspace("echo 'learned without a git host' > learned.md");
    outage.check_failback(|| stub.set_answer(StubAnswer::Started));
    lab.monitor().wait_event("push_failed", outage.began, secs(60));
    lab.monitor().wait_degraded("unpushed", secs(10));

    let back = unix_now();
    lab.git().power_on();
    lab.monitor().wait_event("pushed", back, secs(240));
    assert_eq!(
        lab.git().run_in_remote(&format!("git show {STANDBY_BRANCH}:learned.md")),
        "learned without a git host\n"
    );
    wait_until("all local changes are pushed", secs(10), || {
        (!lab.monitor().degraded_conditions().contains("unpushed")).then_some(())
    });
}

#[test]
fn the_git_host_refuses_it_and_then_it_contradicts_the_primary() {
    let (lab, stub) = Lab::with_git_host();
    lab.git().refuse_standby_branches("branches of standbys are not welcome here");
    let outage = Outage::begin(&lab, || stub.set_answer(StubAnswer::Error));
    outage.check_failover();
    lab.standby.run_in_workspace("echo 'what the standby says' > MEMORY.md; echo fine > fine.md");
    lab.primary.run_in_workspace("echo 'what the primary says' > MEMORY.md");
    lab.primary.run(&format!("systemctl start {PUSH_UNIT}"));
    outage.check_failback(|| stub.set_answer(StubAnswer::Started));

    let failed = lab.monitor().wait_event("push_failed", outage.began, secs(60));
    assert!(failed.text().contains("branches of standbys are not welcome here"), "{}", failed.text());
    lab.monitor().wait_degraded("branches of standbys are not welcome here", secs(10));
    let report = lab.standby.sync_report(PUSH_UNIT);
    assert_eq!(report_field(&report, "outcome"), "refused");
    assert!(report_field(&report, "details").contains("branches of standbys are not welcome here"), "{}", report.value);
    assert_eq!(
        lab.standby.run_in_workspace(&format!("git show {STANDBY_BRANCH}:MEMORY.md")),
        "what the standby says\n",
        "it is not lost"
    );

    lab.git().allow_standby_branches();
    lab.monitor().wait_event("pushed", outage.began, secs(240));
    let pushed = lab.primary.run_unchecked("openclaw-failover sync push --primary");
    // The merge needs a person, but the unit has not failed.
    assert!(pushed.ok && pushed.text.contains("in conflict: failover/standby: MEMORY.md"), "{}", pushed.text);
    let report = lab.primary.sync_report(PUSH_UNIT);
    assert!(report_field(&report, "conflicts").contains("failover/standby: MEMORY.md"), "{}", report.value);
    assert_eq!(lab.primary.workspace_file("MEMORY.md").as_deref(), Some("what the primary says\n"));
    assert_eq!(lab.primary.workspace_file("fine.md"), None, "a branch with a conflict must not be merged in part");
    assert_eq!(lab.git().run_in_remote("git show main:MEMORY.md"), "what the primary says\n");
    assert_eq!(lab.git().run_in_remote(&format!("git show {STANDBY_BRANCH}:MEMORY.md")), "what the standby says\n");

    // The standby continues with the primary's version, and keeps its own on a branch, locally and at the remote.
    let pulled = lab.standby.run_unchecked("openclaw-failover sync pull");
    assert!(!pulled.ok && pulled.text.contains("kept"), "{}", pulled.text);
    assert_eq!(lab.standby.workspace_file("MEMORY.md").as_deref(), Some("what the primary says\n"));
    lab.standby.run("openclaw-failover sync push");
    let kept = lab.git().remote_branches().into_iter().find(|branch| branch.starts_with("failover/standby@"));
    let kept = kept.expect("the standby's version is on a branch");
    assert_eq!(lab.git().run_in_remote(&format!("git show {kept}:MEMORY.md")), "what the standby says\n");
}

/// Checks that the primary's timer starts the unit often, but that it pushes only every workspace.push_interval. From
/// then on, every start pushes.
fn pushes_when_due(lab: &Lab) {
    let primary = &lab.primary;
    let round = || {
        let last = primary.unit(PUSH_UNIT).invocation;
        wait_until("the timer starts the unit", secs(20), || {
            (primary.unit(PUSH_UNIT).invocation != last).then_some(())
        });
    };
    let sent = || lab.git().run_in_remote("git ls-tree --name-only main").contains("obsolete.md");
    primary.run(&format!("systemctl --quiet enable --now {PUSH_TIMER}"));
    round();
    primary.run_in_workspace("echo 'written before the outage' > before.md; echo old > obsolete.md");
    round();
    round();
    assert!(!sent(), "less than workspace.push_interval has passed");
    // Without this variable, the unit looks as if it were started by hand.
    primary.add_to_unit(PUSH_UNIT, "[Service]\nUnsetEnvironment=TRIGGER_UNIT\n");
    wait_until("the primary's timer has pushed", secs(20), || sent().then_some(()));
}
