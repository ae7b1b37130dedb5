//! Permissions of the monitor's user under the real polkit and rule, and the exposure of the units.

use crate::host::Host;
use crate::lab::{GATEWAY, GIT, Lab, MONITOR};
use crate::repository::{PULL_UNIT, PUSH_UNIT, STANDBY_BRANCH, report_field};
use crate::shell::print_measurement;

const VERBS: [&str; 8] = ["start", "stop", "restart", "try-restart", "reload", "reset-failed", "kill", "set-property"];

/// Maximum exposure of the units in `systemd-analyze security`.
const MAX_EXPOSURE: [(&str, f64); 4] = [(MONITOR, 1.2), (CHECK_UNIT, 2.5), (PULL_UNIT, 2.5), (PUSH_UNIT, 2.5)];

/// Unit of the checks that run as the gateway's user.
const CHECK_UNIT: &str = "openclaw-failover-check.service";

#[test]
fn four_units_and_their_verbs_and_nothing_else() {
    let (lab, _stub) = Lab::with_stub();
    let host = &lab.standby;
    let monitor = host.unit(MONITOR).main_pid;
    for unit in [
        GATEWAY,
        CHECK_UNIT,
        PULL_UNIT,
        PUSH_UNIT,
        MONITOR,
        "ssh.service",
        "polkit.service",
        "openclaw.service.d",
        "openclaw@x.service",
    ] {
        for verb in VERBS {
            let allowed = match unit {
                GATEWAY => ["start", "stop", "restart", "reset-failed", "kill"].contains(&verb),
                CHECK_UNIT | PULL_UNIT | PUSH_UNIT => ["start", "stop"].contains(&verb),
                _ => false,
            };
            let action = format!("org.freedesktop.systemd1.manage-units --detail unit {unit} --detail verb {verb}");
            assert_eq!(is_allowed(host, monitor, &action), allowed, "permission of the monitor to {verb} {unit}");
        }
    }
    for action in [
        "org.freedesktop.systemd1.manage-units",
        "org.freedesktop.systemd1.manage-unit-files",
        "org.freedesktop.systemd1.set-environment",
        "org.freedesktop.systemd1.reload-daemon",
        "org.freedesktop.login1.power-off",
        "org.freedesktop.login1.reboot",
        "org.freedesktop.policykit.exec",
    ] {
        assert!(!is_allowed(host, monitor, action), "the monitor is allowed {action}");
    }
}

#[test]
fn the_agent_has_no_power_over_the_monitor() {
    let (lab, _stub) = Lab::with_stub();
    let as_openclaw = |script: &str| lab.standby.run_unchecked(&format!("runuser -u openclaw -- {script}"));
    for attempt in [
        format!("systemctl --no-ask-password stop {MONITOR}"),
        format!("systemctl --no-ask-password start {GATEWAY}"),
        format!("kill -9 {}", lab.standby.unit(MONITOR).main_pid),
        "cat /var/lib/openclaw-failover/state.json".to_owned(),
        "ls /etc/openclaw-failover/credentials".to_owned(),
        "touch /run/openclaw-failover/status.json".to_owned(),
    ] {
        let answer = as_openclaw(&attempt);
        assert!(!answer.ok, "openclaw is allowed {attempt}: {}", answer.text);
    }
    let status = as_openclaw("cat /run/openclaw-failover/status.json");
    assert!(status.ok, "every user can read the status: {}", status.text);

    // Root refuses to read files of the agent that a command names.
    lab.standby.run_as_openclaw("echo nonsense > config.json");
    lab.standby.run("ln -s /home/openclaw/config.json /root/link.json");
    for command in ["doctor", "sync pull", "setup standby --dry-run", "setup primary --dry-run"] {
        for file in ["/home/openclaw/config.json", "/root/link.json"] {
            let answer = lab.standby.run_unchecked(&format!("openclaw-failover {command} --config {file}"));
            let refused = format!("cannot read {file}: it belongs to openclaw, and root reads no files of that user");
            assert!(!answer.ok && answer.text.contains(&refused), "{command}: {}", answer.text);
        }
    }
}

#[test]
fn units_are_hardly_exposed() {
    let (lab, _stub) = Lab::with_stub();
    for (unit, most) in MAX_EXPOSURE {
        let analysis = lab.standby.run(&format!("systemd-analyze security --no-pager {unit}"));
        let verdict = analysis.lines().last().unwrap_or_default();
        print_measurement(verdict);
        let exposure = verdict.split_whitespace().find_map(|word| word.parse::<f64>().ok());
        assert!(exposure.is_some_and(|exposure| exposure <= most), "at most {most}:\n{analysis}");
    }
}

#[test]
fn a_sandbox_is_no_obstacle() {
    let (lab, _stub) = Lab::with_git_host();
    let host = &lab.standby;
    // A missing workspace is created.
    lab.add_to_config(&format!(r#""workspace": {{ "url": "openclaw@{GIT}:workspace.git" }}"#));
    // A pull of the monitor may be running.
    host.run(&format!("systemctl stop {PULL_UNIT}; rm -r /home/openclaw/.openclaw/workspace"));
    let pulled = host.run_unchecked("openclaw-failover sync pull");
    assert!(pulled.ok && pulled.text.contains("moved"), "{}", pulled.text);
    assert_eq!(host.workspace_file("MEMORY.md"), lab.primary.workspace_file("MEMORY.md"));

    // Host name and boot id are visible in the sandbox, and git has a committer.
    host.run("rm /home/openclaw/.gitconfig");
    host.run_in_workspace("echo note > note.md");
    let pushed = host.run_unchecked("openclaw-failover sync push");
    assert!(pushed.ok && pushed.text.contains(&format!("pushed: {STANDBY_BRANCH}")), "{}", pushed.text);
    let author = host.run_in_workspace(&format!("git log -1 --format=%an,%cn {STANDBY_BRANCH}"));
    assert_eq!(author.trim(), "openclaw-failover on standby,openclaw-failover on standby");
    let boot = host.read("/proc/sys/kernel/random/boot_id").unwrap_or_default().replace('-', "");
    let log = host.run_in_workspace("git log --all --format=%s");
    assert!(
        log.lines().any(|line| line.split('@').next() == Some(boot.trim())),
        "the move was made in boot {boot}:\n{log}"
    );
    assert_eq!(report_field(&host.sync_report(PUSH_UNIT), "details"), "", "nothing to complain of");
}

/// Asks polkit if a process is allowed an action, without performing it.
fn is_allowed(host: &Host, process: u32, action: &str) -> bool {
    let answer = host.run_unchecked(&format!("pkcheck --process {process} --action-id {action}"));
    // An action that needs a password counts as refused: the monitor has none.
    let refused = answer.text.contains("Not authorized") || answer.text.contains("requires authentication");
    assert!(answer.ok || refused, "pkcheck {action} has no answer: {}", answer.text);
    answer.ok
}
