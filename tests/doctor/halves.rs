//! The two halves of the checks: root starts a child as the owner, and no user reports ok for what it cannot see.

use std::os::unix::fs::{MetadataExt, symlink};

use openclaw_failover::doctor::{
    Depth, Identity, {self},
};
use openclaw_failover::finding::{Finding, Level};

use crate::host::Host;

fn of<'a>(found: &'a [Finding], id: &str) -> &'a Finding {
    found.iter().find(|finding| finding.id == id).unwrap_or_else(|| panic!("{id}: {found:#?}"))
}

/// Sets the answer of root's child.
fn answers(host: &Host, answer: &str) {
    host.write("bin/setsid.d/answer", answer);
    host.program("setsid", "echo \"$*\" > \"$0.d/asked\"; exec cat \"$0.d/answer\"");
}

#[test]
fn root_sends_the_owner_and_brings_both_halves_together() {
    let host = Host::with_workspace();
    answers(&host, &doctor::answer(&host.seen_by(Identity::Owner), false));
    let found = doctor::examine(&host.seen_by(Identity::Root));
    assert!(doctor::is_well(&found), "{found:#?}");
    assert_eq!(of(&found, "openclaw").evidence, "OpenClaw 2026.9.6 (eb377ac)");
    assert_eq!(of(&found, "same-token").level, Level::Skipped);
    let asked = std::fs::read_to_string(host.path("bin/setsid.d/asked")).unwrap();
    let expected = "--wait setpriv --reuid 4711 --regid 4711 --init-groups --reset-env --no-new-privs --pdeathsig KILL \
                    -- env ";
    assert!(asked.starts_with(expected) && asked.ends_with(" doctor --as-owner\n"), "{asked}");
}

#[test]
fn what_counts_in_the_sandbox_of_a_sync_unit_is_asked_there_and_nowhere_else() {
    let host = Host::with_workspace();
    let outside = r#"{"checks":[{"id":"git-fetch","level":"ok","evidence":"from outside","fix":""}],"standby":null}"#;
    answers(&host, outside);
    host.change("openclaw-sync-pull.service", "User=openclaw", "User=openclaw\nProtectHome=tmpfs\nEnvironment=A=1 B=2");
    let found = doctor::examine(&host.seen_by(Identity::Root));
    assert_eq!(of(&found, "git-fetch").level, Level::Skipped, "there is no systemd-run: {found:#?}");

    let inside = r#"[{"id":"git-fetch","level":"fail","evidence":"from inside","fix":""},
        {"id":"node","level":"ok","evidence":"not its to say","fix":""}]"#;
    host.write("bin/systemd-run.d/answer", inside);
    host.program("systemd-run", "echo \"$*\" > \"$0.d/asked\"; exec cat \"$0.d/answer\"");
    let found = doctor::examine(&host.seen_by(Identity::Root));
    assert_eq!(
        (of(&found, "git-fetch").level, of(&found, "git-fetch").evidence.as_str()),
        (Level::Fail, "from inside")
    );
    assert_eq!(of(&found, "secrets").level, Level::Skipped, "it does not say");
    assert_eq!(of(&found, "node").level, Level::Skipped);
    let asked = std::fs::read_to_string(host.path("bin/systemd-run.d/asked")).unwrap();
    for part in ["-p User=openclaw -p Environment=A=1 -p Environment=B=2 -p ProtectHome=tmpfs", "-p BindPaths="] {
        assert!(asked.contains(part), "{asked}");
    }
    assert!(asked.ends_with("-- /bin/failover doctor --as-owner --in-sandbox\n"), "{asked}");
}

#[test]
fn tokens_are_compared_and_never_shown() {
    let host = Host::with_workspace();
    answers(&host, &doctor::answer(&host.seen_by(Identity::Owner), true));
    for (token, level) in [("standby.token", Level::Fail), ("primary.token", Level::Ok)] {
        let mut world = host.seen_by(Identity::Root);
        world.primary = Some(format!("{{ channels: {{ discord: {{ token: '{token}' }} }} }}"));
        let found = doctor::examine(&world);
        assert_eq!(of(&found, "same-token").level, level, "{found:#?}");
        assert_eq!(of(&found, "same-account").level, level, "{found:#?}");
        assert!(!format!("{found:?}").contains(".token"), "{found:#?}");
    }
}

#[test]
fn a_child_that_fails_or_says_nothing_is_one_failure_and_not_twelve() {
    let host = Host::with_workspace();
    for answer in ["", "[[[", &"x".repeat(1_000_000)] {
        answers(&host, answer);
        let found = doctor::examine(&host.seen_by(Identity::Root));
        assert_eq!(of(&found, "owner").level, Level::Fail);
        assert_eq!(found.iter().filter(|finding| finding.level == Level::Fail).count(), 1, "{found:#?}");
    }
}

#[test]
fn nobody_calls_well_what_they_cannot_see() {
    let host = Host::with_workspace();
    let by_owner = doctor::examine(&host.seen_by(Identity::Owner));
    assert_eq!(of(&by_owner, "workspace").level, Level::Ok);
    // The owner's home shows more than the sandbox of a sync unit does.
    assert_eq!(of(&by_owner, "git-fetch").level, Level::Skipped);
    assert_eq!(of(&by_owner, "monitor").level, Level::Skipped);
    let by_other = doctor::examine(&host.seen_by(Identity::Other));
    assert_eq!(of(&by_other, "monitor").level, Level::Ok);
    for id in ["git-fetch", "openclaw", "polkit", "firewall", "credentials"] {
        assert_eq!(of(&by_other, id).level, Level::Skipped, "{id}");
    }
    assert_eq!(by_owner.len(), by_other.len());
}

#[test]
fn the_cheap_checks_reach_nothing_and_start_no_openclaw() {
    let host = Host::with_workspace();
    let proof = host.path("proof");
    host.program("node", &format!("touch {}", proof.display()));
    host.remove("remote.git");
    let found = doctor::owner_half(&host.seen_by(Identity::Owner), Depth::Cheap);
    assert!(doctor::is_well(&found) && !proof.exists(), "{found:#?}");
    let ids: Vec<&str> = found.iter().map(|finding| finding.id).collect();
    let owners = ["gateway-program", "openclaw-places", "channels", "crons", "user-gateway", "workspace-disk"];
    assert_eq!(ids, owners);
}

#[test]
fn the_monitor_looks_at_what_it_does_not_know_anyhow() {
    let host = Host::well();
    host.remove("sync/pull.json");
    host.change("openclaw-failover.service", "ActiveState=active", "ActiveState=failed");
    let found = doctor::host_half(&host.seen_by(Identity::Other), Depth::Cheap);
    assert!(doctor::is_well(&found), "{found:#?}");
    for id in ["monitor", "hold", "armed", "upstream", "gateway-port", "pull", "unreturned"] {
        assert!(found.iter().all(|finding| finding.id != id), "{id}: {found:#?}");
    }
    for id in ["programs", "gateway-unit", "sync-units", "disk", "memory", "dns"] {
        assert_eq!(of(&found, id).level, Level::Ok);
    }
    let answer = || doctor::subprocess::answer(&host.seen_by(Identity::Other));
    assert!(answer().starts_with("[{\"id\":\"config\""), "{}", answer());
    host.program("systemctl", "exit 1");
    assert_eq!(answer(), "[]", "that systemd does not answer the monitor knows");
}

#[test]
fn only_its_owner_looks_at_what_is_the_agents() {
    let host = Host::with_workspace();
    for identity in [Identity::Root, Identity::Other] {
        let found = doctor::owner_half(&host.seen_by(identity), Depth::Whole);
        assert!(found.iter().all(|finding| finding.level == Level::Skipped), "{found:#?}");
    }
}

#[test]
fn what_a_sandbox_hides_is_not_called_missing() {
    let host = Host::with_workspace();
    let program = "home/.nvm/versions/v24/bin/openclaw";
    host.write(program, "#!/usr/bin/env node\n");
    host.change("openclaw.service", "env openclaw", &format!("env /{program}"));
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    let mut world = host.seen_by(Identity::Owner);
    // A sandbox shows parts of a home below folders that do not belong to the owner.
    for (uid, level) in [(own, Level::Fail), (own + 1, Level::Skipped)] {
        world.owner.as_mut().unwrap().uid = uid;
        host.write(program, "#!/usr/bin/env node\n");
        host.write("home/.openclaw/openclaw.json", "{ channels: { discord: {} } }");
        let there = doctor::owner_half(&world, Depth::Cheap);
        assert_eq!((of(&there, "gateway-program").level, of(&there, "channels").level), (Level::Ok, Level::Ok));
        host.remove("home/.nvm/versions/v24");
        host.remove("home/.openclaw/openclaw.json");
        let gone = doctor::owner_half(&world, Depth::Cheap);
        assert_eq!((of(&gone, "gateway-program").level, of(&gone, "channels").level), (level, level), "{gone:#?}");
    }
}

#[test]
fn what_makes_no_sense_is_not_repeated() {
    let host = Host::with_workspace();
    host.edit("home/.openclaw/openclaw.json", "'$DISCORD_BOT_TOKEN'", "SECRET");
    let found = doctor::owner_half(&host.seen_by(Identity::Owner), Depth::Cheap);
    assert!(of(&found, "channels").evidence.ends_with("invalid JSON5 at line 2"), "{found:#?}");
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
    let found = doctor::owner_half(&host.seen_by(Identity::Owner), Depth::Whole);
    assert!(!proof.exists());
    assert_eq!(of(&found, "workspace").level, Level::Ok);
    for id in ["channels", "crons", "openclaw-places"] {
        assert!(of(&found, id).evidence.ends_with("it is not a regular file"), "{found:#?}");
    }
}
