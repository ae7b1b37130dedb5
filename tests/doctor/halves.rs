//! The two halves of the checks: root starts a child as the owner, and no user reports ok for what it cannot see.

use std::os::unix::fs::{MetadataExt, symlink};

use openclaw_failover::doctor::{self, Depth, Identity};
use openclaw_failover::finding::{Finding, Level};

use crate::host::Host;

fn finding_by_id<'a>(found: &'a [Finding], id: &str) -> &'a Finding {
    found.iter().find(|finding| finding.id == id).unwrap_or_else(|| panic!("{id}: {found:#?}"))
}

/// Sets the answer of root's child.
fn set_owner_answer(host: &Host, answer: &str) {
    host.write("bin/setsid.d/answer", answer);
    host.write_program("setsid", "echo \"$*\" > \"$0.d/asked\"; exec cat \"$0.d/answer\"");
}

#[test]
fn root_sends_the_owner_and_brings_both_halves_together() {
    let host = Host::with_workspace();
    set_owner_answer(&host, &doctor::owner_half_to_json(&host.context_for(Identity::Owner), false));
    let found = doctor::run_all_checks(&host.context_for(Identity::Root));
    assert!(doctor::all_passed(&found), "{found:#?}");
    assert_eq!(finding_by_id(&found, "openclaw").evidence, "OpenClaw 2026.9.6 (eb377ac)");
    assert_eq!(finding_by_id(&found, "same-token").level, Level::Skipped);
    let asked = std::fs::read_to_string(host.path("bin/setsid.d/asked")).unwrap();
    let expected = "--wait setpriv --reuid 4711 --regid 4711 --init-groups --reset-env --no-new-privs --pdeathsig KILL \
                    -- env ";
    assert!(asked.starts_with(expected) && asked.ends_with(" doctor --as-owner\n"), "{asked}");
}

#[test]
fn what_counts_in_the_sandbox_of_a_sync_unit_is_asked_there_and_nowhere_else() {
    let host = Host::with_workspace();
    let outside = r#"{"checks":[{"id":"git-fetch","level":"ok","evidence":"from outside","fix":""}],"standby":null}"#;
    set_owner_answer(&host, outside);
    host.change_unit(
        "openclaw-sync-pull.service",
        "User=openclaw",
        "User=openclaw\nProtectHome=tmpfs\nEnvironment=A=1 B=2",
    );
    let found = doctor::run_all_checks(&host.context_for(Identity::Root));
    assert_eq!(finding_by_id(&found, "git-fetch").level, Level::Skipped, "there is no systemd-run: {found:#?}");

    let inside = r#"[{"id":"git-fetch","level":"fail","evidence":"from inside","fix":""},
        {"id":"node","level":"ok","evidence":"not its to say","fix":""}]"#;
    host.write("bin/systemd-run.d/answer", inside);
    host.write_program("systemd-run", "echo \"$*\" > \"$0.d/asked\"; exec cat \"$0.d/answer\"");
    let found = doctor::run_all_checks(&host.context_for(Identity::Root));
    assert_eq!(finding_by_id(&found, "git-fetch").level, Level::Fail);
    assert_eq!(finding_by_id(&found, "git-fetch").evidence, "from inside");
    assert_eq!(finding_by_id(&found, "secrets").level, Level::Skipped, "it does not say");
    assert_eq!(finding_by_id(&found, "node").level, Level::Skipped);
    let asked = std::fs::read_to_string(host.path("bin/systemd-run.d/asked")).unwrap();
    for part in ["-p User=openclaw -p Environment=A=1 -p Environment=B=2 -p ProtectHome=tmpfs", "-p BindPaths="] {
        assert!(asked.contains(part), "{asked}");
    }
    assert!(asked.ends_with("-- /bin/failover doctor --as-owner --in-sandbox\n"), "{asked}");
}

#[test]
fn tokens_are_compared_and_never_shown() {
    let host = Host::with_workspace();
    set_owner_answer(&host, &doctor::owner_half_to_json(&host.context_for(Identity::Owner), true));
    for (token, level) in [("standby.token", Level::Fail), ("primary.token", Level::Ok)] {
        let mut context = host.context_for(Identity::Root);
        context.primary_config = Some(format!("{{ channels: {{ discord: {{ token: '{token}' }} }} }}"));
        let found = doctor::run_all_checks(&context);
        assert_eq!(finding_by_id(&found, "same-token").level, level, "{found:#?}");
        assert_eq!(finding_by_id(&found, "same-account").level, level, "{found:#?}");
        assert!(!format!("{found:?}").contains(".token"), "{found:#?}");
    }
}

#[test]
fn a_child_that_fails_or_says_nothing_is_one_failure_and_not_twelve() {
    let host = Host::with_workspace();
    for answer in ["", "[[[", &"x".repeat(1_000_000)] {
        set_owner_answer(&host, answer);
        let found = doctor::run_all_checks(&host.context_for(Identity::Root));
        assert_eq!(finding_by_id(&found, "owner").level, Level::Fail);
        assert_eq!(found.iter().filter(|finding| finding.level == Level::Fail).count(), 1, "{found:#?}");
    }
}

#[test]
fn nobody_calls_well_what_they_cannot_see() {
    let host = Host::with_workspace();
    let by_owner = doctor::run_all_checks(&host.context_for(Identity::Owner));
    assert_eq!(finding_by_id(&by_owner, "workspace").level, Level::Ok);
    // The owner's home shows more than the sandbox of a sync unit does.
    assert_eq!(finding_by_id(&by_owner, "git-fetch").level, Level::Skipped);
    assert_eq!(finding_by_id(&by_owner, "monitor").level, Level::Skipped);
    let by_other = doctor::run_all_checks(&host.context_for(Identity::Other));
    assert_eq!(finding_by_id(&by_other, "monitor").level, Level::Ok);
    for id in ["git-fetch", "openclaw", "polkit", "firewall", "credentials"] {
        assert_eq!(finding_by_id(&by_other, id).level, Level::Skipped, "{id}");
    }
    assert_eq!(by_owner.len(), by_other.len());
}

#[test]
fn the_cheap_checks_reach_nothing_and_start_no_openclaw() {
    let host = Host::with_workspace();
    let proof = host.path("proof");
    host.write_program("node", &format!("touch {}", proof.display()));
    host.remove("remote.git");
    let found = doctor::run_owner_half(&host.context_for(Identity::Owner), Depth::Cheap);
    assert!(doctor::all_passed(&found) && !proof.exists(), "{found:#?}");
    let ids: Vec<&str> = found.iter().map(|finding| finding.id).collect();
    let owners = ["gateway-program", "openclaw-settings", "channels", "crons", "user-gateway", "workspace-disk"];
    assert_eq!(ids, owners);
}

#[test]
fn the_monitor_looks_at_what_it_does_not_know_anyhow() {
    let host = Host::healthy();
    host.remove("sync/pull.json");
    host.change_unit("openclaw-failover.service", "ActiveState=active", "ActiveState=failed");
    let found = doctor::run_host_half(&host.context_for(Identity::Other), Depth::Cheap);
    assert!(doctor::all_passed(&found), "{found:#?}");
    for id in ["monitor", "hold", "armed", "upstream", "gateway-port", "pull", "unpushed"] {
        assert!(found.iter().all(|finding| finding.id != id), "{id}: {found:#?}");
    }
    for id in ["programs", "gateway-unit", "sync-units", "disk", "memory", "dns"] {
        assert_eq!(finding_by_id(&found, id).level, Level::Ok);
    }
    let answer = || doctor::subprocess::child_report(&host.context_for(Identity::Other));
    assert!(answer().starts_with("[{\"id\":\"config\""), "{}", answer());
    host.write_program("systemctl", "exit 1");
    assert_eq!(answer(), "[]", "that systemd does not answer the monitor knows");
}

#[test]
fn only_its_owner_looks_at_what_is_the_agents() {
    let host = Host::with_workspace();
    for identity in [Identity::Root, Identity::Other] {
        let found = doctor::run_owner_half(&host.context_for(identity), Depth::Full);
        assert!(found.iter().all(|finding| finding.level == Level::Skipped), "{found:#?}");
    }
}

#[test]
fn what_a_sandbox_hides_is_not_called_missing() {
    let host = Host::with_workspace();
    let program = "home/.nvm/versions/v24/bin/openclaw";
    host.write(program, "#!/usr/bin/env node\n");
    host.change_unit("openclaw.service", "env openclaw", &format!("env /{program}"));
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    let mut context = host.context_for(Identity::Owner);
    // A sandbox shows parts of a home below folders that do not belong to the owner.
    for (uid, level) in [(own, Level::Fail), (own + 1, Level::Skipped)] {
        context.owner.as_mut().unwrap().uid = uid;
        host.write(program, "#!/usr/bin/env node\n");
        host.write("home/.openclaw/openclaw.json", "{ channels: { discord: {} } }");
        let there = doctor::run_owner_half(&context, Depth::Cheap);
        assert_eq!(finding_by_id(&there, "gateway-program").level, Level::Ok);
        assert_eq!(finding_by_id(&there, "channels").level, Level::Ok);
        host.remove("home/.nvm/versions/v24");
        host.remove("home/.openclaw/openclaw.json");
        let gone = doctor::run_owner_half(&context, Depth::Cheap);
        assert_eq!(finding_by_id(&gone, "gateway-program").level, level, "{gone:#?}");
        assert_eq!(finding_by_id(&gone, "channels").level, level, "{gone:#?}");
    }
}

#[test]
fn what_makes_no_sense_is_not_repeated() {
    let host = Host::with_workspace();
    host.edit_file("home/.openclaw/openclaw.json", "'$DISCORD_BOT_TOKEN'", "SECRET");
    let found = doctor::run_owner_half(&host.context_for(Identity::Owner), Depth::Cheap);
    assert!(finding_by_id(&found, "channels").evidence.ends_with("invalid JSON5 at line 2"), "{found:#?}");
    assert!(!format!("{found:?}").contains("SECRET"));
}

#[test]
fn a_hostile_home_is_looked_at_and_not_obeyed() {
    let host = Host::with_workspace();
    let proof = host.path("proof");
    let hook = format!("[core]\n\tfsmonitor = touch {}\n", proof.display());
    let config = std::fs::read_to_string(host.path("home/workspace/.git/config")).unwrap();
    host.write("home/workspace/.git/config", &format!("{config}{hook}"));
    host.remove("home/.openclaw/openclaw.json");
    symlink("/dev/zero", host.path("home/.openclaw/openclaw.json")).unwrap();
    let found = doctor::run_owner_half(&host.context_for(Identity::Owner), Depth::Full);
    assert!(!proof.exists());
    assert_eq!(finding_by_id(&found, "workspace").level, Level::Ok);
    for id in ["channels", "crons", "openclaw-settings"] {
        assert!(finding_by_id(&found, id).evidence.ends_with("it is not a regular file"), "{found:#?}");
    }
}
