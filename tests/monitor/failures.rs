//! Messages to an operator when a gateway does not start, when systemd does not respond, and when the primary keeps
//! failing and coming back. systemd and its journal are stub scripts.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::{
    ChildGuard, WAIT_LIMIT, run_operator_command, start_monitor, start_promote_command, start_with_primary,
    wait_for_line, wait_for_problem,
};
use crate::address::unused_address;

/// Stub of systemctl. `bin/unit` is the state of the gateway's unit, `bin/start` the script of its start.
const SYSTEMCTL: &str = r#"#!/bin/sh
here=${0%/*}
case "$*" in
*" show "*openclaw.service) cat "$here/unit" ;;
*" start "*openclaw.service) . "$here/start" ;;
*sync*) exit 1 ;;
esac
"#;

const JOURNALCTL: &str = r#"#!/bin/sh
case "$*" in
*_SYSTEMD_UNIT=openclaw.service*_SYSTEMD_INVOCATION_ID=00000000000000000000000000000002*) ;;
*) exit 1 ;;
esac
echo 'loading'
echo 'Config invalid: gateway.auth.token=hunter2 is no object'
echo
"#;

const DOWN: &str = "LoadState=loaded\nActiveState=inactive\nMainPID=0\nResult=success\nInvocationID=\n";

const EXITED: &str = "LoadState=loaded\nActiveState=failed\nMainPID=0\nResult=exit-code\n\
    ExecMainCode=1\nExecMainStatus=78\nInvocationID=00000000000000000000000000000002\n";

fn install_stubs(folder: &Path, start: &str) {
    fs::create_dir_all(folder.join("bin")).unwrap();
    for (name, text) in [("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)] {
        fs::write(folder.join("bin").join(name), text).unwrap();
        fs::set_permissions(folder.join("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    replace_file(folder, "unit", DOWN);
    replace_file(folder, "start", start);
}

/// Replaces a file atomically.
fn replace_file(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join("bin/new"), text).unwrap();
    fs::rename(folder.join("bin/new"), folder.join("bin").join(name)).unwrap();
}

/// Starts a healthy primary, and a monitor that has seen it. This host's gateway never answers.
fn start_with_failing_gateway(folder: &Path) -> (ChildGuard, ChildGuard, Receiver<String>) {
    let gateway = unused_address();
    start_with_primary(folder, unused_address(), &format!(r#", "gateway": {{ "url": "http://{gateway}" }}"#))
}

#[test]
fn reports_a_failed_start_with_exit_code_and_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // systemd accepts the job, then the gateway exits.
    install_stubs(
        at,
        "cp \"$here/exited\" \"$here/unit\"; echo 'Job for openclaw.service failed because the control process \
        exited with error code.' >&2; exit 1\n",
    );
    replace_file(at, "exited", EXITED);
    let (_primary, _monitor, lines) = start_with_failing_gateway(at);

    // The command waits for a gateway that never comes up.
    let _promote = start_promote_command(at);
    let line = wait_for_line(&lines, "exited: code 78");
    let words = "openclaw.service exited: code 78 (configuration error); last line: Config invalid: \
        gateway.auth.token=[redacted] is no object. Retrying in 5 s";
    assert!(line.contains(words), "{line}");
    let wrong = wait_for_problem(at, "start_failing");
    assert!(!wrong.contains("systemd_unreachable"), "{wrong}");
    assert!(!fs::read_to_string(at.join("state/history.jsonl")).unwrap().contains("hunter2"));

    // A missing D-Bus is a separate problem and is reported as one.
    replace_file(at, "start", "echo 'Failed to connect to bus: No such file or directory' >&2; exit 1\n");
    wait_for_line(&lines, "systemd does not respond or refuses requests");
    wait_for_problem(at, "systemd_unreachable");
    // A refusal shows that systemd responds.
    replace_file(
        at,
        "start",
        "echo 'Failed to start openclaw.service: Unit openclaw.service is masked.' >&2; exit 1\n",
    );
    wait_for_line(&lines, "systemd accepts requests again");
}

#[test]
fn a_start_that_a_condition_forbids_is_not_told_as_the_end_of_an_earlier_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // systemd says yes, starts nothing, and goes on to show the end of the run of last week.
    install_stubs(at, "cp \"$here/skipped\" \"$here/unit\"\n");
    let last_week = EXITED.replace("failed", "inactive").replace("exit-code", "success");
    replace_file(at, "unit", &format!("{last_week}ConditionResult=yes\nConditionTimestampMonotonic=1\n"));
    replace_file(at, "skipped", &format!("{last_week}ConditionResult=no\nConditionTimestampMonotonic=2\n"));
    let (_primary, _monitor, lines) = start_with_failing_gateway(at);
    let _promote = start_promote_command(at);
    for _ in 0..2 {
        let line = wait_for_line(&lines, "Retrying in");
        assert!(line.contains("openclaw.service was not started: a Condition…= of its unit file is not met"), "{line}");
        assert!(!line.contains("78") && !line.contains("last line"), "{line}");
    }
}

#[test]
fn a_drill_that_failed_to_start_needs_no_force_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    install_stubs(at, "echo 'Job for openclaw.service failed.' >&2; exit 1\n");
    let (_primary, _monitor, lines) = start_with_failing_gateway(at);
    // The pull fails here, which is a known problem too, so the first drill needs `--force`.
    run_operator_command(at, &["drill", "--force"]);
    wait_for_line(&lines, "failed to start");
    wait_for_line(&lines, "the drill");
    let status = fs::read_to_string(at.join("run/status.json")).unwrap();
    assert!(!status.contains("systemd_unreachable"), "{status}");
}

/// Starts a gateway that is up for the last `up` of each `cycle`, and closes connections at once otherwise.
fn flapping_gateway(listener: TcpListener, cycle: Duration, up: Duration) {
    thread::spawn(move || {
        let began = Instant::now();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let phase = began.elapsed().as_millis() % cycle.as_millis();
            if phase < (cycle - up).as_millis() {
                continue;
            }
            let mut request = [0; 2048];
            let length = stream.read(&mut request).unwrap_or_default();
            let is_startup = request[..length].starts_with(b"GET /startupz");
            let body = if is_startup { r#"{"ok":true,"status":"started"}"# } else { r#"{"ok":true,"status":"live"}"# };
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
            let _ = write!(stream, "{head} {}\r\n\r\n{body}", body.len());
        }
    });
}

#[test]
fn reports_a_flapping_primary_and_fails_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    install_stubs(at, "exit 0\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let primary = listener.local_addr().unwrap();
    flapping_gateway(listener, Duration::from_millis(700), Duration::from_millis(200));
    let text = format!(
        r#"{{ "upstreams": [{{ "name": "primary", "urls": ["http://{primary}"] }}],
              "probe": {{ "interval": "100ms", "retry_interval": "100ms", "timeout": "100ms" }},
              "gateway": {{ "url": "http://127.0.0.1:1" }},
              "promote": {{ "witnesses": [], "after": "1500ms", "sync_wait": "0s" }} }}"#
    );
    fs::write(at.join("config.json"), text).unwrap();
    let (_monitor, lines) = start_monitor(at);
    let line = wait_for_line(&lines, "keeps failing and coming back");
    assert!(line.contains("available for") && line.contains("of the last 30 s"), "{line}");
    let line = wait_for_line(&lines, "failing over: ");
    assert!(line.contains("the primary keeps failing and coming back"), "{line}");
    wait_for_problem(at, "flapping");
    // The metrics are written a moment after the status.
    let began = Instant::now();
    let is_counted = || fs::read_to_string(at.join("run/metrics.prom")).unwrap().contains(r#"condition="flapping"} 1"#);
    while !is_counted() {
        assert!(began.elapsed() < WAIT_LIMIT, "no metric says that the primary is flapping");
        thread::sleep(Duration::from_millis(50));
    }
}
