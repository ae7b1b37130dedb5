//! The primary's name led to this host after the primary has died: a hosts file, DNS or an address that moved. The
//! monitor has a network and a hosts file of its own here, which needs user namespaces; elsewhere the test is skipped.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::needs::{self, require};
use super::{BINARY, WAIT_LIMIT, read_lines, wait_for_line};

/// A systemd that starts this host's gateway, which then answers at every address of this host.
const SYSTEMCTL: &str = r#"#!/bin/sh
here=${0%/*}
case "$*" in
*" show "*openclaw.service) cat "$here/unit" ;;
*" start "*openclaw.service) cp "$here/up" "$here/unit"; echo up >"$here/started" ;;
*" start "*) exit 1 ;;
esac
"#;

const DOWN: &str = "LoadState=loaded\nActiveState=inactive\nMainPID=0\nResult=success\nInvocationID=\n";

const UP: &str = "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=1\nResult=success\n\
    InvocationID=00000000000000000000000000000003\n";

/// A network of two hosts: this one, and the primary at 192.0.2.1 (RFC 5737), which lives as long as `primary.in` is
/// held open. Its name is in a hosts file. Then each line of the standard input is carried out here.
const NETWORK: &str = r#"
cd "$0"
mount --bind hosts /etc/hosts
ip link set lo up
ip link add here type veth peer name there
mkfifo primary.in
unshare -n sh -ec 'for try in $(seq 1000); do ip link set there up 2>/dev/null && break; sleep 0.05; done
    ip addr add 192.0.2.1/24 dev there
    exec "$0" demo --stub-gateway 192.0.2.1:18789' "$1" <primary.in >primary.out &
exec 4>primary.in
await() { for try in $(seq 1000); do test "$@" && return; sleep 0.05; done; exit 1; }
await ! "/proc/$!/ns/net" -ef /proc/self/ns/net # the primary has its own network
ip link set there netns $!
ip addr add 192.0.2.2/24 dev here
ip link set here up
await -s primary.out
"$1" run --config config.json 4>&- &
trap "kill $!; wait $!" EXIT # it writes its files until it has ended
while read -r line; do eval "$line"; done
"#;

/// The network, which ends with its shell's input.
struct Network {
    child: Child,
    shell: Option<ChildStdin>,
}

impl Network {
    fn run(&mut self, line: &str) {
        writeln!(self.shell.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.shell.take());
        let _ = self.child.wait();
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

/// Waits until the monitor has seen this verdict of the primary so often.
fn await_probes(folder: &Path, verdict: &str, wanted: u64) -> u64 {
    let series = format!("openclaw_failover_probes_total{{upstream=\"primary\",verdict=\"{verdict}\"}} ");
    let began = Instant::now();
    loop {
        let metrics = fs::read_to_string(folder.join("run/metrics.prom")).unwrap_or_default();
        let count =
            metrics.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok()).unwrap_or_default();
        if count as u64 >= wanted {
            return count as u64;
        }
        assert!(began.elapsed() < WAIT_LIMIT, "{count} probes were {verdict}, of {wanted}:\n{metrics}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_name_that_leads_to_this_host_after_the_primary_died_fails_nothing_back() {
    require!("unshare", "ip", "mount", "mkfifo");
    let make_link = ["-rnm", "ip", "link", "add", "here", "type", "veth", "peer", "name", "there"];
    let has_namespaces = Command::new("unshare").args(make_link).output();
    if !has_namespaces.is_ok_and(|output| output.status.success()) {
        return needs::report_skipped(module_path!(), "a kernel that lets users have network namespaces with veth");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in ["bin", "state", "run", "sync"] {
        fs::create_dir_all(at.join(name)).unwrap();
    }
    write(at, "bin/systemctl", SYSTEMCTL);
    fs::set_permissions(at.join("bin/systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
    write(at, "bin/unit", DOWN);
    write(at, "bin/up", UP);
    write(at, "hosts", "192.0.2.1 primary.test\n");
    let config = r#"{ "upstreams": [{ "name": "primary", "urls": ["http://primary.test:18789"] }],
        "probe": { "interval": "100ms", "retry_interval": "100ms", "timeout": "100ms" },
        "gateway": { "url": "http://127.0.0.1:18789" },
        "promote": { "witnesses": [], "after": "1s", "sync_wait": "0s" }, "demote": { "after": "1s" } }"#;
    write(at, "config.json", config);

    let mut command = Command::new("unshare");
    command.args(["-rnm", "sh", "-ec", NETWORK]).arg(at).arg(BINARY);
    for name in ["STATE", "RUN", "SYNC"] {
        command.env(format!("OPENCLAW_FAILOVER_{name}_DIR"), at.join(name.to_lowercase()));
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", at.join("bin").display()));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = read_lines(child.stderr.take().unwrap());
    let mut network = Network { shell: child.stdin.take(), child };

    wait_for_line(&lines, "primary was seen healthy from here for the first time");
    // The primary dies with its network. This host's gateway comes up for it, at every address.
    network.run("exec 4>&-");
    network.run("await -e bin/started; mkfifo own.in");
    network.run(r#""$1" demo --stub-gateway 0.0.0.0:18789 <own.in >own.out & exec 5>own.in"#);
    wait_for_line(&lines, "this host is active: openclaw.service answered");

    network.run("ip addr add 10.9.8.7/24 dev lo");
    for own in ["127.0.1.1", "0.0.0.0", "10.9.8.7", "::1"] {
        fs::write(at.join("hosts"), format!("{own} primary.test\n")).unwrap();
        let before = await_probes(at, "this-host", 0);
        // Longer than the hold-down.
        await_probes(at, "this-host", before + 15);
    }
    // An address that this host was given while the monitor runs.
    fs::write(at.join("hosts"), "192.0.2.1 primary.test\n").unwrap();
    network.run("ip addr add 192.0.2.1/32 dev lo");
    let before = await_probes(at, "this-host", 0);
    await_probes(at, "this-host", before + 15);

    let status = fs::read_to_string(at.join("run/status.json")).unwrap();
    let history = fs::read_to_string(at.join("state/history.jsonl")).unwrap();
    assert!(status.contains(r#""role": "active""#), "{status}");
    assert!(!history.contains("demot"), "{history}");
    assert!(status.contains(r#""verdict": "this-host""#), "{status}");
}
