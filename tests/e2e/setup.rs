//! Setup of a bare host as a standby, with interruptions, and repeated runs.

use std::time::Instant;

use crate::doctor::{failed_checks, run_doctor};
use crate::host::Host;
use crate::install::{self, NODE};
use crate::lab::{GATEWAY, Lab, MONITOR, STANDBY, TAILNET_STANDBY};
use crate::repository::PULL_UNIT;
use crate::shell::{CommandResult, print_measurement, secs, wait_until};

/// Setup command of a standby, without `--yes` or `--dry-run`.
pub(crate) const SETUP_COMMAND: &str = "/root/openclaw-failover setup standby --config /root/config.json \
    --known-hosts /root/known_hosts --channel telegram --allow 1234567890 --token-file /root/token";

/// Script that prints every reachable address and port of a host: `node scan.mjs ADDRESS…`
const SCAN_SCRIPT: &str = r#"
import { connect } from "node:net";
const todo = process.argv.slice(2).flatMap((host) => Array.from({ length: 65535 }, (_, n) => ({ host, port: n + 1 })));
const next = () => {
  const at = todo.pop();
  if (!at) return;
  const socket = connect({ ...at, timeout: 1000 });
  const end = (said) => { if (said) console.log(at.host, at.port); socket.destroy(); };
  socket.on("connect", () => end(true)).on("timeout", () => end()).on("error", () => end()).on("close", next);
};
for (let n = 0; n < 10000; n += 1) next();
"#;

/// Script that lists the files that setup may write, without logs, caches and files that change by themselves.
const LIST_FILES: &str = "where='/etc /usr /home /root /var/lib/dpkg/status /var/lib/systemd/linger'; { \
    find $where -xdev \\( -type f -o -type l \\) ! -name '*~' ! -name '*-' -printf '%p %m %u:%g %l\\n'; \
    find $where -xdev -type f ! -name '*~' ! -name '*-' -exec sha256sum {} +; } 2>&1 | sort";

/// Runs setup on this host with `more` options.
fn run_setup(host: &Host, more: &str) -> CommandResult {
    host.run_unchecked(&format!("{SETUP_COMMAND} {more}"))
}

/// Authorises the standby's key at the git host, as its operator does.
pub(crate) fn authorise_key(lab: &Lab) {
    let key = lab.standby.run("cat /home/openclaw/.ssh/id_ed25519.pub");
    lab.primary.run_as_openclaw(&format!("echo '{}' >> .ssh/authorized_keys", key.trim()));
}

fn check_is_standby(lab: &Lab) {
    let host = &lab.standby;
    lab.monitor().wait_sees_healthy();
    assert_eq!(lab.monitor().role(), "standby");
    assert_eq!(host.run("systemctl is-enabled openclaw-failover.service fail2ban.service").trim(), "enabled\nenabled");
    assert_eq!(host.run_unchecked(&format!("systemctl is-enabled {GATEWAY}")).text.trim(), "static");
    assert_eq!(host.unit(GATEWAY).active, "inactive");
    let firewall = host.run("ufw status verbose");
    for said in ["Status: active", "deny (incoming)", "22/tcp", "18789/tcp on tailscale0"] {
        assert!(firewall.contains(said), "{said}: {firewall}");
    }
    assert!(host.run("fail2ban-client status sshd").contains("Journal matches"), "fail2ban reads the journal");
    assert!(host.run("apt-config dump APT::Periodic").contains("Unattended-Upgrade \"1\""));
    assert!(!host.run("id openclaw").contains("sudo"));
    let modes = host.run(
        "stat -c '%n %a %U:%G' /etc/openclaw-failover /etc/openclaw-failover/config.json \
         /etc/openclaw-failover/credentials /etc/openclaw/gateway.env /usr/local/bin/openclaw-failover \
         /home/openclaw/.ssh /home/openclaw/.ssh/id_ed25519 /home/openclaw/.openclaw/openclaw.json",
    );
    let expected = "/etc/openclaw-failover 755 root:root\n/etc/openclaw-failover/config.json 644 root:root\n\
        /etc/openclaw-failover/credentials 700 root:root\n/etc/openclaw/gateway.env 600 root:root\n\
        /usr/local/bin/openclaw-failover 755 root:root\n/home/openclaw/.ssh 700 openclaw:openclaw\n\
        /home/openclaw/.ssh/id_ed25519 600 openclaw:openclaw\n\
        /home/openclaw/.openclaw/openclaw.json 600 openclaw:openclaw\n";
    assert_eq!(modes, expected);
    assert!(host.workspace_file("MEMORY.md").is_some(), "the workspace is there");
    host.run(&format!("systemctl start {PULL_UNIT}"));
}

#[test]
fn bare_host_becomes_a_standby() {
    let lab = Lab::with_bare_standby();
    let host = &lab.standby;

    let before = host.run(LIST_FILES);
    let plan = run_setup(host, "--dry-run");
    assert!(plan.ok && plan.text.contains("to do    packages"), "{}", plan.text);
    assert_eq!(host.run(LIST_FILES), before, "a dry run changes nothing");

    let no_keys =
        host.run_unchecked("/root/openclaw-failover setup standby --config /root/config.json --yes || echo code $?");
    assert!(no_keys.text.contains("--known-hosts") && no_keys.text.contains("code 2\n"), "{}", no_keys.text);
    assert_eq!(host.run(LIST_FILES), before, "without host keys setup changes nothing");

    // The git host does not know the new key yet. All other steps are done, and the monitor watches the primary.
    let first = run_setup(host, "--yes");
    assert!(!first.ok && first.text.contains("ssh-ed25519 AAAA"), "{}", first.text);
    lab.monitor().wait_sees_healthy();
    authorise_key(&lab);
    let second = run_setup(host, "--yes");
    assert!(second.ok, "{}", second.text);
    check_is_standby(&lab);

    let before = (host.run(LIST_FILES), host.unit(MONITOR));
    let again = run_setup(host, "--yes");
    assert!(again.ok && !again.text.contains("to do"), "{}", again.text);
    assert_eq!((host.run(LIST_FILES), host.unit(MONITOR)), before, "a second run changes nothing");

    // Only checks that need an option are skipped.
    let found = run_doctor(host, "");
    assert!(failed_checks(&found).is_empty(), "{:?}", failed_checks(&found));
    let unseen: Vec<_> = found.iter().filter(|(_, line)| line.level == "skipped").map(|(id, _)| id.as_str()).collect();
    assert_eq!(unseen, ["same-account", "same-token", "secrets", "versions"]);

    // A gateway that cannot reach Telegram takes five minutes to stop.
    host.write("/root/telegram.mjs", &install::suite_text("files/standby/telegram.mjs"));
    host.run(&format!("systemd-run --quiet --unit=telegram {NODE} /root/telegram.mjs /root/sent"));
    host.run_as_openclaw(r#"sed -i 's|"botToken"|"apiRoot": "http://127.0.0.1:8081", &|' .openclaw/openclaw.json"#);

    lab.kill_primary();
    wait_until("the standby is promoted", secs(90), || (host.unit(GATEWAY).active == "active").then_some(()));
    lab.monitor().wait_role("active", secs(120));
    let found = run_doctor(host, "");
    let wrong: Vec<_> = failed_checks(&found).into_iter().map(|(id, line)| (id, line.level.as_str())).collect();
    assert_eq!(wrong, [("upstream", "warn")], "only the upstream is reported while the standby serves");
    check_only_ssh_open(&lab);

    // Drills are off unless enabled, and are uninstalled, too.
    let timer = "openclaw-failover-drill.timer";
    assert_eq!(host.run_unchecked(&format!("systemctl is-enabled {timer}")).text.trim(), "disabled");
    host.run(&format!("systemctl enable --quiet --now {timer}"));

    let gone = host.run_unchecked("openclaw-failover uninstall --yes");
    assert!(gone.ok, "{}", gone.text);
    assert!(gone.text.contains("kept: "), "{}", gone.text);
    host.run("! test -e /usr/local/bin/openclaw-failover; ! ls /etc/systemd/system/openclaw-failover* 2>/dev/null");
    assert!(!host.run_unchecked(&format!("systemctl is-active {timer}")).ok);
    assert_eq!(host.unit(GATEWAY).active, "inactive");
    assert!(host.workspace_file("MEMORY.md").is_some() && host.run("ufw status").contains("active"));
}

/// Scans every port from the other host, while the gateway and a service without a firewall rule listen.
fn check_only_ssh_open(lab: &Lab) {
    let host = &lab.standby;
    assert!(lab.primary.sees_started(TAILNET_STANDBY), "the tailnet reaches the gateway");
    host.run("systemd-run --quiet --unit=everywhere python3 -m http.server --bind :: 8000");
    let listens = || host.run_unchecked("ss -ltn | grep -q :8000").ok.then_some(());
    wait_until("the service listens", secs(10), listens);
    let v6 = host.run("ip -6 -oneline address show dev eth0 | sed 's/.* inet6 \\([^/]*\\).*/\\1/'");
    let v6 = format!("{}%eth0", v6.trim());
    lab.primary.write("/root/scan.mjs", SCAN_SCRIPT);
    let start = Instant::now();
    let scan = format!("ulimit -n 20000; timeout 120 {NODE} /root/scan.mjs {STANDBY} {v6} {TAILNET_STANDBY} | sort");
    let open = lab.primary.run(&scan);
    print_measurement(&format!("three times 65535 ports were tried in {:.0} s", start.elapsed().as_secs_f64()));
    let expected = format!("{STANDBY} 22\n{TAILNET_STANDBY} 18789\n{TAILNET_STANDBY} 22\n{v6} 22\n");
    assert_eq!(open, expected);
    host.run("systemctl stop everywhere");
}

#[test]
fn killed_at_every_step() {
    let lab = Lab::with_bare_standby();
    let host = &lab.standby;
    let (mut kills, mut is_admitted) = (Vec::new(), false);
    // Kill setup at the first message of a step at which it was not killed before.
    while kills.len() < 30 {
        let known = kills.join(" ");
        let killed = host.run_unchecked(&format!(
            "(nice -n 10 {SETUP_COMMAND} --yes & echo $! >/tmp/pid; wait) 2>&1 | (renice -n -20 $BASHPID >/dev/null; \
             while read -r line; do step=${{line% …}}; \
             case ' {known} ' in *\" $step \"*) continue ;; esac; \
             if [ \"$step\" != \"$line\" ]; then read -r pid </tmp/pid; kill -9 $pid; echo \"killed at $step\"; \
             break; fi; \
             done; cat >/dev/null)"
        ));
        let Some(step) = killed.text.lines().find_map(|line| line.strip_prefix("killed at ")) else { break };
        kills.push(step.to_owned());
        if !is_admitted && host.run_unchecked("test -s /home/openclaw/.ssh/id_ed25519").ok {
            authorise_key(&lab);
            is_admitted = true;
        }
    }
    print_measurement(&format!("killed at {}", kills.join(", ")));
    assert!(kills.len() > 10, "a quick step may have been over before it could be killed, but not so many");
    let last = run_setup(host, "--yes");
    assert!(last.ok, "{}", last.text);
    check_is_standby(&lab);
}

/// Script that creates a host set up by the page of shell commands that this program replaces.
pub(crate) const MANUAL_SETUP: &str = r#"
useradd --create-home --shell /bin/bash openclaw
rm /usr/local/bin/node /usr/local/bin/openclaw
cat >/etc/systemd/system/openclaw.service <<'UNIT'
[Unit]
Description=OpenClaw
[Service]
User=openclaw
EnvironmentFile=/etc/openclaw.env
ExecStart=/home/openclaw/.nvm/versions/node/v24.21.0/bin/openclaw gateway run
Environment=PATH=/home/openclaw/.nvm/versions/node/v24.21.0/bin:/usr/bin:/bin
[Install]
WantedBy=multi-user.target
UNIT
cat >/usr/local/bin/openclaw-health-monitor.sh <<'SCRIPT'
#!/bin/bash
PRIMARY_IP="${PRIMARY_IP:-10.77.0.1}"
CHECK_INTERVAL=2
FAIL_THRESHOLD=5 # then it takes over
while sleep "$CHECK_INTERVAL"; do :; done
SCRIPT
chmod 755 /usr/local/bin/openclaw-health-monitor.sh
cat >/etc/systemd/system/openclaw-health-monitor.service <<'UNIT'
[Service]
ExecStart=/usr/local/bin/openclaw-health-monitor.sh
[Install]
WantedBy=multi-user.target
UNIT
echo 'OPENCLAW_GATEWAY_TOKEN=a-token-of-the-suite-0123456789' >/etc/openclaw.env; chmod 600 /etc/openclaw.env
systemctl enable --quiet --now openclaw-health-monitor.service
"#;

pub(crate) const MANUAL_SETUP_AS_OPENCLAW: &str = r#"
mkdir -p -m 700 .ssh .openclaw .nvm/versions/node/v24.21.0/bin .config/systemd/user/default.target.wants
ln -s /opt/openclaw/node_modules/node-binary/bin/node .nvm/versions/node/v24.21.0/bin/node
ln -s /opt/openclaw/node_modules/openclaw/openclaw.mjs .nvm/versions/node/v24.21.0/bin/openclaw
printf '[Service]\nExecStart=/bin/sleep 1000\n' >.config/systemd/user/openclaw-gateway-work.service
ln -s ../openclaw-gateway-work.service .config/systemd/user/default.target.wants/openclaw-gateway-work.service
ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519
echo '{ "gateway": { "port": 18789, "mode": "local", "bind": "lan" }, "cron": { "enabled": false } }' \
    >.openclaw/openclaw.json
"#;

#[test]
fn takes_over_from_the_shell_monitor() {
    let lab = Lab::with_bare_standby();
    let host = &lab.standby;
    host.run(MANUAL_SETUP);
    host.run_as_openclaw(MANUAL_SETUP_AS_OPENCLAW);
    let config = host.run_as_openclaw("sha256sum .openclaw/openclaw.json .ssh/id_ed25519");

    let done = host.run_unchecked("/root/openclaw-failover setup standby --yes");
    assert!(done.ok, "{}", done.text);
    lab.monitor().wait_sees_healthy();
    let said = host.run("openclaw-failover config");
    assert!(said.contains("http://10.77.0.1:18789") && said.contains("\"after\": \"10s\""), "{said}");
    assert!(!host.run_unchecked("pgrep -f openclaw-health-monitor.sh").ok, "the shell monitor is gone");
    let aside = host.run("cd /etc/systemd/system; ls -d *.replaced-by-openclaw-failover");
    let expected = "openclaw-health-monitor.service.replaced-by-openclaw-failover\n\
        openclaw.service.replaced-by-openclaw-failover\n";
    assert_eq!(aside, expected);
    host.run_as_openclaw(
        "cd .config/systemd/user; test -e openclaw-gateway-work.service.replaced-by-openclaw-failover; \
        ! ls default.target.wants/* 2>/dev/null",
    );
    let unit = host.run(&format!("systemctl show {GATEWAY} -p ExecStart,EnvironmentFiles,UnitFileState"));
    for said in ["/.nvm/versions/node/v24.21.0/bin/openclaw gateway run", "/etc/openclaw.env", "=static"] {
        assert!(unit.contains(said), "{said}: {unit}");
    }
    assert_eq!(host.run_as_openclaw("sha256sum .openclaw/openclaw.json .ssh/id_ed25519"), config, "nothing is lost");

    let before = host.run(LIST_FILES);
    let again = host.run_unchecked("/root/openclaw-failover setup standby --yes");
    assert!(again.ok && !again.text.contains("to do"), "{}", again.text);
    assert_eq!(host.run(LIST_FILES), before, "a second run changes nothing");

    lab.kill_primary();
    lab.monitor().wait_role("active", secs(180));
}

#[test]
fn primary_pushes_and_lets_a_standby_read_one_folder() {
    let lab = Lab::with_bare_standby();
    let host = &lab.standby;
    host.run("useradd --create-home --shell /bin/bash agent");
    let missing = host.run_unchecked("/root/openclaw-failover setup primary --yes || echo code $?");
    assert!(missing.text.contains("--user USER") && missing.text.contains("code 2\n"), "{}", missing.text);

    // The other host acts as the standby.
    let key = lab.primary.run("cut -d' ' -f1,2 /home/openclaw/.ssh/id_ed25519.pub");
    let key = key.trim();
    let command = format!(
        "/root/openclaw-failover setup primary --yes --user agent --channel discord --standby-key '{key} standby'"
    );
    let done = host.run_unchecked(&command);
    assert!(done.ok, "{}", done.text);
    assert!(done.text.contains("channels.discord.enabled false"), "{}", done.text);
    let keys = host.run("cat /home/agent/.ssh/authorized_keys");
    assert_eq!(keys, format!("restrict,command=\"rrsync -ro /home/agent/.openclaw/standby\" {key}\n"));
    host.run("echo KEY=1 >/home/agent/.openclaw/standby/standby.env; chown agent: /home/agent/.openclaw/standby/*");
    let ssh = "ssh -oBatchMode=yes -oStrictHostKeyChecking=no";
    lab.primary.run_as_openclaw(&format!("rsync -rt -e '{ssh}' agent@{STANDBY}:standby.env got; grep -q KEY=1 got"));
    for way in [
        format!("{ssh} agent@{STANDBY} id"),
        format!("rsync -rt -e '{ssh}' agent@{STANDBY}:../../.ssh/authorized_keys got"),
        format!("rsync -rt -e '{ssh}' got agent@{STANDBY}:put"),
    ] {
        assert!(
            !lab.primary.run_unchecked(&format!("runuser -u openclaw -- sh -c 'cd; {}'", way.replace('\'', "\""))).ok,
            "{way}"
        );
    }
    assert_eq!(host.run("systemctl is-active openclaw-sync-push.timer").trim(), "active");
    let unit = host.run("systemctl show openclaw-sync-push.service -p User,ExecStart,BindPaths");
    for said in ["User=agent", "sync push --primary", "/home/agent/.openclaw/workspace"] {
        assert!(unit.contains(said), "{said}: {unit}");
    }
    let before = host.run(LIST_FILES);
    assert!(!host.run(&command).contains("to do"));
    assert_eq!(host.run(LIST_FILES), before);

    let gone = host.run_unchecked("openclaw-failover uninstall --yes");
    assert!(gone.ok && gone.text.contains("kept: "), "{}", gone.text);
    host.run(
        "! ls /usr/local/bin/openclaw-failover /etc/systemd/system/openclaw-sync* 2>/dev/null; \
        ! systemctl is-active --quiet openclaw-sync-push.timer",
    );
    assert_eq!(host.run("cat /home/agent/.ssh/authorized_keys"), keys, "the standby's access is unchanged");
}
