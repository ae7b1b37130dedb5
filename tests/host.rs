//! Operating system module from outside: real child processes and sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use openclaw_failover::os::systemd::Systemctl;
use openclaw_failover::os::{Cancel, ChildCommand, CommandError};

/// Time limit of every wait in these tests.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

fn shell_command(script: &str) -> ChildCommand {
    ChildCommand::new("sh").args(["-c", script]).deadline(WAIT_TIMEOUT)
}

/// Reads the process id that a script wrote. The process may have ended.
fn pid_in(path: &Path) -> String {
    fs::read_to_string(path).unwrap().trim().to_owned()
}

/// True if a process still runs; false for a zombie.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let asked = Instant::now();
    while !done() {
        assert!(asked.elapsed() < WAIT_TIMEOUT, "{what} never came");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_command_hands_out_what_it_said() {
    let output = shell_command("echo out; echo err >&2").run().unwrap();
    assert_eq!(output.stdout, "out\n");
    assert_eq!(output.stderr, "err\n");
    assert!(!output.truncated);
}

#[test]
fn a_child_gets_a_clean_environment_and_an_empty_input() {
    let output = shell_command("env; cat").env("ASKED", "for").run().unwrap();
    let mut names: Vec<&str> = output.stdout.lines().filter_map(|l| l.split_once('=')).map(|(n, _)| n).collect();
    names.retain(|name| !["PWD", "SHLVL", "OLDPWD", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["ASKED", "HOME", "LANG", "LC_ALL", "PATH"]);
    assert!(output.stdout.contains("LC_ALL=C.UTF-8\n"));
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    let error = ChildCommand::new("rsync").env("PATH", "/nonexistent").run().unwrap_err();
    assert!(error.is_missing_program());
    let expected = "cannot run rsync: it is not installed; on Debian or Ubuntu: apt-get install rsync";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_missing_folder_is_not_mistaken_for_a_missing_program() {
    let error = shell_command("true").dir("/nonexistent").run().unwrap_err();
    assert!(!error.is_missing_program());
    let expected = "cannot run sh: its directory /nonexistent is missing or not accessible";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_failure_says_how_and_with_which_last_words() {
    let error = shell_command("printf 'first\\n\\033[31mlast\\n' >&2; exit 7").run().unwrap_err();
    assert_eq!(error.exit_code(), Some(7));
    assert_eq!(error.last_output(), "first; [31mlast");
    assert!(error.to_string().ends_with("failed with exit code 7: first; [31mlast"), "{error}");
    let error = shell_command("kill -9 $$").run().unwrap_err();
    assert!(error.to_string().ends_with("failed with signal 9"), "{error}");
}

#[test]
fn endless_output_is_bounded_and_drained() {
    let noise = "head -c 50000000 /dev/zero; echo the end >&2";
    let output = shell_command(noise).limit(1000).run().unwrap();
    assert_eq!(output.stdout.len(), 1000);
    assert!(output.truncated);
    let output = shell_command("head -c 50000000 /dev/zero >&2; echo the end >&2").run().unwrap();
    assert!(output.stderr.len() <= 8192);
    assert!(output.stderr.ends_with("the end\n"));
}

#[test]
fn a_deadline_ends_the_whole_group_even_where_nobody_listens_to_term() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let stubborn = "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! >\"$PID\"; wait";
    let asked = Instant::now();
    let error = shell_command(stubborn).env("PID", &pid).deadline(Duration::from_millis(300)).run().unwrap_err();
    assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
    assert!(asked.elapsed() < Duration::from_secs(10));
    let grandchild = pid_in(&pid);
    wait_until("the grandchild's end", || !is_running(&grandchild));
}

#[test]
fn who_is_ended_at_once_is_not_asked_first() {
    let dir = tempfile::tempdir().unwrap();
    let asked = dir.path().join("asked");
    let slow = "trap 'echo >\"$ASKED\"; exit' TERM; while :; do sleep 0.01; done";
    let slow = shell_command(slow).env("ASKED", &asked).deadline(Duration::from_millis(200)).without_term();
    assert!(matches!(slow.run(), Err(CommandError::TimedOut { .. })));
    assert!(!asked.exists());
}

#[test]
fn a_child_that_obeys_is_not_waited_for_in_vain() {
    let asked = Instant::now();
    let error = shell_command("trap 'echo bye >&2; exit' TERM; while :; do sleep 0.01; done")
        .deadline(Duration::from_millis(200))
        .run()
        .unwrap_err();
    assert!(asked.elapsed() < Duration::from_millis(1900), "{:?}", asked.elapsed());
    assert!(error.to_string().ends_with("bye"), "{error}");
}

#[test]
fn a_grandchild_that_holds_the_output_is_neither_waited_for_nor_killed() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let asked = Instant::now();
    let output = shell_command("sleep 20 & echo $! >\"$PID\"; echo said").env("PID", &pid).run().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert_eq!(output.stdout, "said\n");
    let grandchild = pid_in(&pid);
    assert!(is_running(&grandchild));
    shell_command(&format!("kill {grandchild}")).run().unwrap();
}

#[test]
fn a_wait_is_cancelled_from_another_thread() {
    let dir = tempfile::tempdir().unwrap();
    let started = dir.path().join("started");
    let cancel = Cancel::new();
    let theirs = cancel.clone();
    let command = shell_command("echo >\"$STARTED\"; exec sleep 20").env("STARTED", &started);
    let asked = Instant::now();
    let child = thread::spawn(move || command.cancel(&theirs).run());
    wait_until("the child", || started.exists());
    cancel.cancel();
    let error = child.join().unwrap().unwrap_err();
    assert!(matches!(error, CommandError::Cancelled { .. }), "{error}");
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert!(cancel.is_cancelled());
    let error = shell_command("sleep 20").cancel(&cancel).run().unwrap_err();
    assert!(matches!(error, CommandError::Cancelled { .. }), "{error}");
}

#[test]
fn many_commands_at_once_do_not_disturb_each_other() {
    let all: Vec<_> = (0..8)
        .map(|n| {
            thread::spawn(move || {
                (0..10).all(|m| shell_command(&format!("echo {n}.{m}")).run().unwrap().stdout == format!("{n}.{m}\n"))
            })
        })
        .collect();
    assert!(all.into_iter().all(|thread| thread.join().unwrap()));
}

/// Creates a `systemctl` that runs `script`. A child process writes the file: if another test forks while this process
/// has the file open for writing, the kernel refuses to run it.
fn stand_in(dir: &Path, script: &str) -> Systemctl {
    let path = dir.join("systemctl");
    shell_command(r#"printf '#!/bin/sh\n%s\n' "$SCRIPT" >"$FILE" && chmod 755 "$FILE""#)
        .env("SCRIPT", script)
        .env("FILE", &path)
        .run()
        .unwrap();
    Systemctl::with_program(path)
}

#[test]
fn systemd_is_asked_without_a_pager_and_without_questions() {
    let dir = tempfile::tempdir().unwrap();
    let heard = dir.path().join("heard");
    let systemctl = stand_in(dir.path(), &format!("echo \"$*\" >>{}", heard.display()));
    systemctl.queue_stop("openclaw.service").unwrap();
    systemctl.kill("openclaw.service").unwrap();
    systemctl.stop("x.service", WAIT_TIMEOUT, &Cancel::new()).unwrap();
    assert_eq!(
        fs::read_to_string(heard).unwrap(),
        "--no-ask-password --no-pager stop --no-block -- openclaw.service\n\
         --no-ask-password --no-pager kill --signal=KILL -- openclaw.service\n\
         --no-ask-password --no-pager stop -- x.service\n"
    );
}

#[test]
fn a_host_without_systemd_says_so() {
    let error = Systemctl::with_program("/nonexistent/systemctl").show("openclaw.service").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot show openclaw.service: cannot run /nonexistent/systemctl: it is not installed or not in PATH"
    );
}
