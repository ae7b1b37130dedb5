//! A standby that is no longer ready reports so by itself. Problems that only root or the agent's user can see are
//! found from within the units' sandboxes, as on every host.

use std::thread;

use crate::host::Host;
use crate::lab::{Lab, MONITOR};
use crate::shell::{secs, unix_now, wait_until};

/// Faults caused by the agent's user in its home, each with the expected message and the repair.
const HOME_FAULTS: [(&str, &str, &str); 5] = [
    (
        "true",
        "channels: no channel is enabled",
        "sed -i 's/\"cron\"/\"channels\": { \"discord\": {} }, \"cron\"/' .openclaw/openclaw.json",
    ),
    (
        "sed -i 's/\"enabled\": false/\"enabled\": true/' .openclaw/openclaw.json",
        "crons: enabled; each would run",
        "sed -i 's/\"enabled\": true/\"enabled\": false/' .openclaw/openclaw.json",
    ),
    (
        "sed -i 's/18789/18790/' .openclaw/openclaw.json",
        "openclaw-settings: the gateway would listen on port 18790",
        "sed -i 's/18790/18789/' .openclaw/openclaw.json",
    ),
    (
        "mkdir -p .config/systemd/user; touch .config/systemd/user/openclaw-gateway-work.service",
        "user-gateway: openclaw-gateway-work.service",
        "rm -r .config",
    ),
    (
        "mv .nvm/versions/node/v24.21.0 .nvm/versions/node/v24.22.0",
        "gateway-program: the unit starts /home/openclaw/.nvm/versions/node/v24.21.0/bin/openclaw, which does not \
         exist",
        "mv .nvm/versions/node/v24.22.0 .nvm/versions/node/v24.21.0",
    ),
];

/// Script that installs OpenClaw as nvm does.
const INSTALL_WITH_NVM: &str = "mkdir -p .nvm/versions/node/v24.21.0/bin; cd .nvm/versions/node/v24.21.0/bin; \
    ln -s /opt/openclaw/node_modules/node-binary/bin/node; ln -s /opt/openclaw/node_modules/openclaw/openclaw.mjs \
    openclaw";

#[test]
fn a_standby_that_could_not_take_over_says_so_until_it_is_mended() {
    // The first pull of the lab's monitor may report first.
    let began = unix_now();
    let (lab, _stub) = Lab::with_stub();
    let host = &lab.standby;
    host.run_as_openclaw(INSTALL_WITH_NVM);
    host.write(
        "/etc/systemd/system/openclaw.service.d/openclaw.conf",
        "[Service]\nEnvironment=PATH=/home/openclaw/.nvm/versions/node/v24.21.0/bin:/usr/bin:/bin\n\
         ExecStart=\nExecStart=/home/openclaw/.nvm/versions/node/v24.21.0/bin/openclaw gateway run\n",
    );
    host.run("systemctl daemon-reload");
    lab.add_to_config(r#""workspace": { "refresh": "2s" }"#);
    for (break_it, words, mend_it) in HOME_FAULTS {
        host.run_as_openclaw(break_it);
        lab.monitor().wait_degraded(&format!("not_ready: {words}"), secs(30));
        host.run_as_openclaw(mend_it);
        wait_reported(&lab, words, false, || {});
    }
    wait_reported(&lab, "not_ready", false, || {});

    let look = || {
        host.run(&format!("systemctl reload {MONITOR}"));
        thread::sleep(secs(2));
    };
    for (break_it, words, mend_it) in [
        (
            "systemctl mask openclaw.service",
            "gateway-unit: openclaw.service is masked",
            "systemctl unmask openclaw.service",
        ),
        ("mv /usr/bin/sqlite3 /root", "programs: sqlite3 is not installed", "mv /root/sqlite3 /usr/bin"),
    ] {
        host.run(break_it);
        wait_reported(&lab, words, true, look);
        host.run(mend_it);
        wait_reported(&lab, words, false, look);
    }
    let told = |name| lab.monitor().count_events(name, began);
    assert_eq!(
        (told("not_ready"), told("ready")),
        (HOME_FAULTS.len() + 2, HOME_FAULTS.len() + 2),
        "each begins and ends once"
    );
    check_everything_seen(host);
}

fn wait_reported(lab: &Lab, words: &str, whether: bool, look: impl Fn()) {
    let what = format!("the status reports {words}: {whether}");
    wait_until(&what, secs(60), || {
        look();
        (lab.monitor().degraded_conditions().contains(words) == whether).then_some(())
    });
}

/// Checks the monitor's view from its own sandbox and user: skipped checks there are ones that it cannot see or that do
/// not apply.
fn check_everything_seen(host: &Host) {
    let seen = host.run(&format!(
        "nsenter --mount --target {} setpriv --reuid=openclaw-failover --regid=openclaw-failover --clear-groups \
         openclaw-failover doctor --cheap",
        host.unit(MONITOR).main_pid
    ));
    let skipped: Vec<&str> = seen
        .split("{\"id\":\"")
        .filter(|check| check.contains("\"level\":\"skipped\""))
        .filter_map(|check| check.split('"').next())
        .collect();
    assert_eq!(skipped, ["credentials", "polkit", "tailscale", "firewall", "fail2ban"], "{seen}");
    assert!(!seen.contains("\"level\":\"fail\""), "{seen}");
}
