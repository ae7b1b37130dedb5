//! Ways to break a standby, one at a time: the right check reports each with a remedy, and no other check fails.

use std::fs;
use std::time::Duration;

use Level::{Fail, Warn};
use openclaw_failover::doctor::{self, Depth, Identity};
use openclaw_failover::failover::{Hold, HoldKind};
use openclaw_failover::finding::{Finding, Level};
use openclaw_failover::os::boot_time::BootTime;
use openclaw_failover::os::clock::read_wall_clock;
use openclaw_failover::text::utc::format_rfc3339;
use openclaw_failover::workspace::summary::PullSummary;

use crate::host::{Host, serve_answer};
use crate::needs;

/// Description, change, id of the check that must report it, and its level.
type Break = (&'static str, fn(&mut Host), &'static str, Level);

const GATEWAY: &str = "openclaw.service";
const MONITOR: &str = "openclaw-failover.service";
const CHECK: &str = "openclaw-failover-check.service";
const PULL: &str = "openclaw-sync-pull.service";
const PUSH: &str = "openclaw-sync-push.service";
const OPENCLAW: &str = "home/.openclaw/openclaw.json";

/// Breaks that root finds.
const HOST_BREAKS: [Break; 44] = [
    ("the credentials' folder is gone", |h| h.remove("etc/openclaw-failover/credentials"), "credentials", Fail),
    ("it is open", |h| h.set_mode("etc/openclaw-failover/credentials", 0o755), "credentials", Fail),
    (
        "a credential is missing",
        |h| h.config = h.config.replace("\"channels\"", "\"credential\": \"t\", \"channels\""),
        "credentials",
        Fail,
    ),
    ("git is too old", |h| h.write_program("git", "echo git version 2.30.2"), "programs", Fail),
    ("sqlite3 is missing", |h| h.remove("bin/sqlite3"), "programs", Fail),
    ("the bus is dead", |h| h.write_program("busctl", "echo no bus >&2; exit 1"), "dbus", Fail),
    (
        "the monitor is stopped",
        |h| h.change_unit(MONITOR, "ActiveState=active\n", "ActiveState=failed\n"),
        "monitor",
        Fail,
    ),
    ("the monitor hangs", |h| h.status.updated_at = h.status.updated_at - Duration::from_secs(120), "monitor", Fail),
    ("the monitor is not enabled", |h| h.change_unit(MONITOR, "=enabled", "=disabled"), "monitor-enabled", Fail),
    ("an old monitor still runs", |h| h.status.version = "0.0.1".into(), "monitor-version", Warn),
    ("no watchdog", |h| h.change_unit(MONITOR, "WatchdogUSec=30s", "WatchdogUSec=0"), "watchdog", Fail),
    ("paused", |h| set_hold(h, HoldKind::Paused), "hold", Fail),
    ("held down", |h| set_hold(h, HoldKind::Standby), "hold", Fail),
    (
        "the shell monitor runs too",
        |h| h.change_unit("openclaw-health-monitor.service", "openclaw-failover.", "old."),
        "old-monitor",
        Fail,
    ),
    ("polkit grants too little", |h| h.write_program("pkcheck", "exit 1"), "polkit", Fail),
    ("polkit grants too much", |h| h.write_program("pkcheck", "exit 0"), "polkit", Fail),
    ("polkit is dead", |h| h.write_program("pkcheck", "echo no polkit >&2; exit 127"), "polkit", Fail),
    ("the primary is dead", |h| set_upstream(h, "http://127.0.0.1:1"), "upstream", Fail),
    ("the primary is another server", |h| set_upstream(h, &serve_answer("<!doctype html>")), "upstream", Fail),
    ("never seen healthy", |h| h.status.upstreams[0].seen_healthy = false, "armed", Fail),
    ("tailscale is down", |h| set_tailnet_status(h, r#"{"BackendState":"Stopped"}"#), "tailscale", Fail),
    (
        "the tailnet's key has expired",
        |h| set_tailnet_status(h, r#"{"BackendState":"Running","Self":{"Expired":true}}"#),
        "tailscale",
        Fail,
    ),
    ("the clock runs free", |h| h.write_program("timedatectl", "echo no"), "clock", Warn),
    ("no name server", |h| h.write("etc/resolv.conf", "# none\n"), "dns", Warn),
    (
        "the gateway's unit is masked",
        |h| h.change_unit(GATEWAY, "LoadState=loaded", "LoadState=masked"),
        "gateway-unit",
        Fail,
    ),
    ("the gateway's unit is gone", |h| h.remove("bin/systemctl.d/openclaw.service"), "gateway-unit", Fail),
    ("the gateway starts at boot", |h| h.change_unit(GATEWAY, "=static", "=enabled"), "gateway-disabled", Fail),
    ("the gateway runs as root", |h| h.change_unit(GATEWAY, "User=openclaw", "User="), "gateway-user", Fail),
    (
        "its URL names another host",
        |h| {
            let own = r#"{ "gateway": { "url": "http://192.0.2.1:18789" },"#;
            h.config = h.config.replacen('{', own, 1);
        },
        "gateway-port",
        Fail,
    ),
    ("its port is taken", |h| h.edit_file("proc/self/net/tcp", ":0016", ":4965"), "gateway-port", Fail),
    (
        "another gateway is enabled",
        |h| h.set_unit("list", "openclaw-gateway-x.service enabled enabled\n"),
        "other-gateway",
        Fail,
    ),
    (
        "another gateway runs",
        |h| {
            h.write("proc/7/cmdline", "openclaw-gateway\0");
            h.write("proc/7/cgroup", "0::/user.slice/user-1000.slice\n");
            h.write("proc/8/cmdline", "openclaw-gateway\0");
            h.write("proc/8/cgroup", "0::/system.slice/openclaw.service\n");
        },
        "other-gateway",
        Fail,
    ),
    ("the pull unit is masked", |h| h.change_unit(PULL, "LoadState=loaded", "LoadState=masked"), "sync-units", Fail),
    ("a standby pushes as a primary", |h| h.change_unit(PUSH, "sync push", "sync push --primary"), "sync-units", Fail),
    (
        "the check's unit is masked",
        |h| h.change_unit(CHECK, "LoadState=loaded", "LoadState=masked"),
        "sync-units",
        Fail,
    ),
    (
        "the check's unit is missing",
        |h| h.remove("bin/systemctl.d/openclaw-failover-check.service"),
        "sync-units",
        Fail,
    ),
    ("the unit starts what is not there", |h| h.remove("bin/failover"), "sync-units", Fail),
    ("pulls fail", |h| h.write_pull_report("not_fetched", false), "pull", Fail),
    ("something is not returned", |h| h.write_pull_report("up_to_date", true), "unpushed", Warn),
    ("no memory", |h| h.edit_file("proc/meminfo", "3000000", "300000"), "memory", Fail),
    ("the disk is full", |h| h.write_program("stat", "echo 250 4096 1000000 900000"), "disk", Fail),
    ("the firewall is off", |h| h.write_program("ufw", "echo Status: inactive"), "firewall", Warn),
    ("fail2ban is gone", |h| h.remove("bin/fail2ban-client"), "fail2ban", Warn),
    (
        "no security updates",
        |h| h.write_program("apt-config", "echo 'APT::Periodic::Unattended-Upgrade \"0\";'"),
        "upgrades",
        Warn,
    ),
];

/// Breaks that the workspace's owner finds.
const OWNER_BREAKS: [Break; 24] = [
    ("Node is too old", |h| h.edit_file("bin/node", "v24.16.0", "v22.12.0"), "node", Fail),
    ("Node is gone", |h| h.remove("bin/node"), "gateway-program", Fail),
    ("OpenClaw is gone", |h| h.remove("bin/openclaw"), "gateway-program", Fail),
    (
        "OpenClaw does not start",
        |h| h.edit_file("bin/node", "echo 'OpenClaw", "exit 3; echo 'OpenClaw"),
        "openclaw",
        Fail,
    ),
    ("the script is gone", |h| h.change_unit(GATEWAY, "env openclaw", "env node /gone.mjs"), "gateway-program", Fail),
    (
        "OpenClaw refuses its configuration",
        |h| h.edit_file("bin/node", ":true", ":false,\"issues\":[{\"path\":\"a.b\",\"message\":\"no\"}]"),
        "openclaw-config",
        Fail,
    ),
    ("OpenClaw says nothing of it", |h| h.edit_file("bin/node", "{\"valid\":true}", "oops"), "openclaw-config", Fail),
    (
        "a plugin that it wants is not there",
        |h| {
            h.edit_file(
                "bin/node",
                "true}",
                "true,\"warnings\":[{\"path\":\"a\",\"message\":\"plugin not installed: a\"}]}",
            )
        },
        "openclaw-config",
        Fail,
    ),
    (
        "OpenClaw accepts it with a warning",
        |h| h.edit_file("bin/node", "true}", "true,\"warnings\":[{\"path\":\"a\",\"message\":\"b\"}]}"),
        "openclaw-config",
        Warn,
    ),
    ("it listens elsewhere", |h| h.edit_file(OPENCLAW, "port: 18789", "port: 18790"), "openclaw-settings", Fail),
    (
        "it speaks TLS",
        |h| h.edit_file(OPENCLAW, "port: 18789", "tls: { enabled: true }, port: 18789"),
        "openclaw-settings",
        Fail,
    ),
    ("it works elsewhere", |h| h.edit_file(OPENCLAW, "home/workspace'", "home/other'"), "openclaw-settings", Fail),
    ("no channel", |h| h.edit_file(OPENCLAW, "discord: {", "discord: { enabled: false,"), "channels", Fail),
    ("two channels", |h| h.edit_file(OPENCLAW, "discord: {", "signal: {}, discord: {"), "channels", Warn),
    ("the primary's channel", |h| h.edit_file(OPENCLAW, "discord: {", "telegram: {"), "channels", Fail),
    ("crons", |h| h.edit_file(OPENCLAW, "enabled: false", "enabled: true"), "crons", Fail),
    ("crons by default", |h| h.edit_file(OPENCLAW, "cron: { enabled: false },", ""), "crons", Fail),
    (
        "a gateway of the user's own",
        |h| h.write("home/.config/systemd/user/openclaw-gateway.service", ""),
        "user-gateway",
        Fail,
    ),
    ("no checkout", |h| h.remove("home/workspace/.git"), "workspace", Fail),
    ("a merge half done", |h| h.write("home/workspace/.git/MERGE_HEAD", ""), "workspace", Warn),
    ("the disk is full", |h| h.write_program("stat", "echo 250 4096 1000000 900000"), "workspace-disk", Fail),
    ("no inodes", |h| h.write_program("stat", "echo 2000000 4096 1000000 10"), "workspace-disk", Fail),
    ("the remote is gone", |h| h.remove("remote.git"), "git-fetch", Fail),
    (
        "the remote has no such branch",
        |h| h.config = h.config.replace("\"path\"", "\"branch\": \"trunk\", \"path\""),
        "git-fetch",
        Fail,
    ),
];

fn set_hold(host: &mut Host, kind: HoldKind) {
    host.status.hold = Some(Hold { kind, since: host.status.updated_at, until: None, reason: None });
}

fn set_upstream(host: &mut Host, url: &str) {
    let (before, rest) = host.config.split_once("http://").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    host.config = format!("{before}{url}\"{after}");
}

/// Adds a second upstream that the monitor has never seen healthy.
fn add_second_upstream(host: &mut Host, url: &str) {
    host.config = host.config.replacen("}],", &format!(r#"}}, {{ "name": "first", "urls": ["{url}"] }}],"#), 1);
}

#[test]
fn a_standby_that_stands_by_is_no_fault_and_one_that_hangs_is_worth_a_word() {
    let found = |host: &Host, check: &str| run_host_half(host).into_iter().find(|found| found.id == check).unwrap();
    let mut host = Host::healthy();
    add_second_upstream(&mut host, "http://127.0.0.1:1");
    let upstream = found(&host, "upstream");
    assert_eq!(upstream.level, Level::Ok, "{}", upstream.evidence);
    assert!(upstream.evidence.ends_with("; first is a standby"), "{}", upstream.evidence);
    assert_eq!(found(&host, "armed").level, Level::Ok);
    let mut host = Host::healthy();
    // The kernel accepts the connection, and no process answers.
    let frozen = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    add_second_upstream(&mut host, &format!("http://{}", frozen.local_addr().unwrap()));
    host.config = host.config.replacen('{', r#"{ "probe": { "timeout": "200ms" },"#, 1);
    let upstream = found(&host, "upstream");
    assert!(upstream.level == Warn && upstream.evidence.contains("first: "), "{}", upstream.evidence);
}

fn set_tailnet_status(host: &mut Host, status: &str) {
    host.config = host.config.replacen('{', r#"{ "promote": { "witnesses": ["tailscale"] },"#, 1);
    host.write_program("tailscale", &format!("echo '{status}'"));
}

fn run_host_half(host: &Host) -> Vec<Finding> {
    doctor::run_host_half(&host.context_for(Identity::Root), Depth::Full)
}

fn run_owner_half(host: &Host) -> Vec<Finding> {
    let mut context = host.context_for(Identity::Owner);
    context.is_sandboxed = true;
    doctor::run_owner_half(&context, Depth::Full)
}

/// Returns the findings that are neither ok nor skipped.
fn problems(found: &[Finding]) -> Vec<(&'static str, Level)> {
    let wrong = found.iter().filter(|finding| matches!(finding.level, Warn | Fail));
    wrong.map(|finding| (finding.id, finding.level)).collect()
}

fn assert_each_is_found(breaks: &[Break], new: fn() -> Host, look: fn(&Host) -> Vec<Finding>) {
    let mut missed = Vec::new();
    for (what, break_it, id, level) in breaks {
        let mut host = new();
        break_it(&mut host);
        let found = look(&host);
        if *what == "no checkout" {
            // Without a checkout nothing can be fetched either.
            assert_eq!(problems(&found), [("workspace", Fail), ("git-fetch", Fail)]);
            continue;
        }
        if problems(&found) != [(*id, *level)] {
            missed.push(format!("{what}: {found:#?}"));
        }
        let finding = found.iter().find(|finding| finding.id == *id).unwrap();
        assert!(!finding.fix.is_empty() && !finding.fix.contains('{'), "{what}: {finding:?}");
        assert!(!finding.evidence.is_empty(), "{what}: {finding:?}");
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn a_standby_that_is_well_is_found_well() {
    let host = Host::with_workspace();
    for found in [run_host_half(&host), run_owner_half(&host)] {
        assert!(problems(&found).is_empty(), "{found:#?}");
        let skipped: Vec<&str> =
            found.iter().filter(|finding| finding.level == Level::Skipped).map(|finding| finding.id).collect();
        assert!(skipped.iter().all(|id| ["tailscale", "secrets"].contains(id)), "{skipped:?}");
    }
}

#[test]
fn a_firewall_of_somebody_else_is_one() {
    let host = Host::healthy();
    host.write_program("ufw", "echo Status: inactive");
    host.write_program("nft", "echo 'chain input { type filter hook input priority 0; policy drop; }'");
    assert_eq!(problems(&run_host_half(&host)), [("firewall", Warn)], "such rules may be nothing but bans");
    host.set_unit("nftables.service", "LoadState=loaded\nActiveState=active\n");
    assert!(problems(&run_host_half(&host)).is_empty());
}

#[test]
fn whatever_is_broken_on_the_host_is_found_and_nothing_else() {
    assert_each_is_found(&HOST_BREAKS, Host::healthy, run_host_half);
}

#[test]
fn whatever_is_broken_in_the_agents_home_is_found_and_nothing_else() {
    assert_each_is_found(&OWNER_BREAKS, Host::with_workspace, run_owner_half);
}

/// Three days ahead or behind since the monitor wrote its status and the last pull ended, both a moment ago.
#[test]
fn a_clock_that_was_set_makes_nothing_old_and_no_hold_longer() {
    let Some(boot) = BootTime::now() else {
        return needs::report_skipped(module_path!(), "a host that tells the time since its boot");
    };
    let day = Duration::from_secs(24 * 3600);
    let days = day * 3;
    for label in [read_wall_clock() - days, read_wall_clock() + days] {
        let mut host = Host::healthy();
        let pull = fs::read_to_string(host.path("sync/pull.json")).unwrap();
        let now = pull.split('"').nth(3).unwrap().to_owned();
        host.edit_file("sync/pull.json", &now, &format_rfc3339(label));
        host.status.updated_at = label;
        host.status.boot = Some(boot);
        host.status.last_pull =
            Some(PullSummary { ended_at: label, last_complete_at: Some(label), ..PullSummary::default() });
        let found = run_host_half(&host);
        assert!(problems(&found).is_empty(), "{found:#?}");
        for words in ["status written ", "; last complete pull "] {
            let finding = found.iter().find(|finding| finding.evidence.contains(words)).unwrap();
            let said = finding.evidence.split_once(words).unwrap().1;
            assert!(said.starts_with("just now") || said.contains(" s ago"), "{finding:?}");
        }
        // A pull that the monitor knows to be a day old is old, whatever the clock says.
        host.status.last_pull = Some(PullSummary { last_complete_at: Some(label - day), ..PullSummary::default() });
        host.edit_file("sync/pull.json", &format_rfc3339(label), &format_rfc3339(label - day));
        let found = run_host_half(&host);
        assert!(found.iter().any(|finding| finding.id == "pull" && finding.level == Fail), "{found:#?}");
        let until = Some(label + Duration::from_secs(3600));
        host.status.hold = Some(Hold { kind: HoldKind::Paused, since: label, until, reason: None });
        let found = run_host_half(&host);
        let hold = found.iter().find(|finding| finding.id == "hold").unwrap();
        assert!(hold.evidence.contains("another 59 m") || hold.evidence.contains("another 1 h"), "{hold:?}");
    }
}
