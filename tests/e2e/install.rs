//! Installation of each host while it is off.

use std::fs;
use std::path::Path;

use crate::host::Host;
use crate::lab::{CONFIG, PRIMARY, TAILNET_PRIMARY};
use crate::parts::{REPOSITORY, parts};

/// Path of Node, as npm installed it on every host.
pub(crate) const NODE: &str = "/opt/openclaw/node_modules/node-binary/bin/node";
/// Command of the gateway.
pub(crate) const OPENCLAW: &str = "/opt/openclaw/node_modules/openclaw/openclaw.mjs";

/// Installs the gateway as OpenClaw recommends it, and the push units of a primary. The timer is not enabled.
pub(crate) fn install_primary(host: &Host) {
    host.install("/etc/systemd/system/openclaw.service", suite_file("files/primary/openclaw.service"));
    host.install("/home/openclaw/.openclaw/openclaw.json", suite_file("files/primary/openclaw.json"));
    host.install("/etc/openclaw/gateway.env", suite_file("files/primary/gateway.env"));
    for unit in ["openclaw-sync-push.service", "openclaw-sync-push.timer"] {
        host.install(&format!("/etc/systemd/system/{unit}"), shipped_file(unit));
    }
    let is_primary = "/etc/systemd/system/openclaw-sync-push.service.d/primary.conf";
    host.install(is_primary, shipped_file("openclaw-sync-push-primary.conf"));
    host.install(
        "/etc/systemd/system/openclaw-sync-push.timer.d/interval.conf",
        suite_file("files/primary/openclaw-sync-push.timer.conf"),
    );
    install_binary(host);
    host.run_while_off("chown -R openclaw: /home/openclaw; chmod 600 /etc/openclaw/gateway.env");
}

/// Installs all files of this program for a standby.
pub(crate) fn install_standby(host: &Host) {
    let units = [
        "openclaw.service",
        "openclaw-failover.service",
        "openclaw-failover-check.service",
        "openclaw-failover-drill.service",
        "openclaw-failover-drill.timer",
        "openclaw-sync-pull.service",
        "openclaw-sync-push.service",
    ];
    for unit in units {
        // The directory of packages, so that files in /etc override them.
        host.install(&format!("/usr/lib/systemd/system/{unit}"), shipped_file(unit));
    }
    host.install("/etc/polkit-1/rules.d/50-openclaw-failover.rules", shipped_file("50-openclaw-failover.rules"));
    host.install("/usr/lib/sysusers.d/openclaw-failover.conf", shipped_file("openclaw-failover.conf"));
    host.install(
        "/etc/systemd/system/openclaw.service.d/openclaw.conf",
        suite_file("files/standby/openclaw.service.conf"),
    );
    host.install("/home/openclaw/.openclaw/openclaw.json", suite_file("files/standby/openclaw.json"));
    host.install("/etc/openclaw/gateway.env", suite_file("files/standby/gateway.env"));
    host.install(CONFIG, suite_file("files/standby/config.json"));
    install_binary(host);
    host.run_while_off(
        "chmod 600 /etc/openclaw/gateway.env; systemd-sysusers; \
         mkdir -m 700 /etc/openclaw-failover/credentials; chown -R openclaw: /home/openclaw",
    );
}

/// Installs a second standby behind the first. Only its upstreams and their times differ.
pub(crate) fn install_third(host: &Host) {
    install_standby(host);
    host.install(CONFIG, suite_file("files/third/config.json"));
}

/// Copies to a bare host what an operator does: the program, a configuration, and the primary's host key. OpenClaw is
/// already installed, and stand-ins for what a container lacks: a tailnet, a name server, a clock.
pub(crate) fn install_bare(host: &Host) {
    host.install("/root/config.json", suite_file("files/bare/config.json"));
    let key = fs::read_to_string(parts().rootfs.join("etc/ssh/ssh_host_ed25519_key.pub")).expect("hosts have keys");
    host.install("/root/known_hosts", format!("{PRIMARY},{TAILNET_PRIMARY} {key}"));
    host.install("/root/openclaw-failover", fs::read(&parts().binary).expect("the binary can be read"));
    host.install("/root/token", "223456789:AAnot_a_token_that_telegram_knows_012\n");
    for program in ["tailscale", "timedatectl"] {
        host.install(&format!("/usr/local/bin/{program}"), suite_file(&format!("files/bare/{program}")));
    }
    host.install("/etc/tailnet.json", "{\"BackendState\":\"Running\",\"Self\":{\"Online\":true}}\n");
    host.install("/etc/clock-synchronized", "yes\n");
    host.install("/etc/resolv.conf", "nameserver 192.0.2.53\n");
    host.run_while_off(&format!(
        "chmod 755 /root/openclaw-failover /usr/local/bin/*; ln -s {NODE} /usr/local/bin/node; \
         ln -s {OPENCLAW} /usr/local/bin/openclaw"
    ));
}

/// Gives the running standby's gateway a channel: a Telegram server to be started on that host.
pub(crate) fn add_telegram(host: &Host) {
    let channel = format!("{}  \"cron\"", suite_text("files/standby/telegram.json"));
    host.write(
        "/home/openclaw/.openclaw/openclaw.json",
        &suite_text("files/standby/openclaw.json").replace("  \"cron\"", &channel),
    );
    host.write("/root/telegram.mjs", &suite_text("files/standby/telegram.mjs"));
    host.run("echo TELEGRAM_BOT_TOKEN=223456789:AAnot_a_token_that_telegram_knows_012 >> /etc/openclaw/gateway.env");
}

/// Moves the workspace's remote to another host. All hosts share one host key, from the common root file system.
pub(crate) fn move_remote(host: &Host, from: &str, to: &str) {
    host.run_while_off(&format!(
        "cd /home/openclaw; sed -i 's/^{from} /{from},{to} /' .ssh/known_hosts; \
         sed -i 's/@{from}:/@{to}:/' .openclaw/workspace/.git/config; rm -r workspace.git"
    ));
}

fn install_binary(host: &Host) {
    host.install("/usr/local/bin/openclaw-failover", fs::read(&parts().binary).expect("the binary can be read"));
    host.run_while_off("chmod 755 /usr/local/bin/openclaw-failover");
}

/// Reads a text file of the suite.
pub(crate) fn suite_text(path: &str) -> String {
    String::from_utf8_lossy(&suite_file(path)).into_owned()
}

/// Reads a file of the suite.
fn suite_file(path: &str) -> Vec<u8> {
    read_file(&Path::new(REPOSITORY).join("tests/e2e").join(path))
}

/// Reads a file that the program ships.
fn shipped_file(name: &str) -> Vec<u8> {
    read_file(&Path::new(REPOSITORY).join("src/setup/units").join(name))
}

fn read_file(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}
