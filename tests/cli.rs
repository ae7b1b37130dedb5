//! Command line: output and exit codes of the real binary.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage has failed")]

#[path = "support/needs.rs"]
mod needs;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

/// Port on which nothing listens (tcpmux, RFC 1078).
const REFUSING_ADDRESS: &str = "127.0.0.1:1";

fn program_command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-failover"));
    command.env_clear().stdin(Stdio::null());
    command
}

struct RunOutput {
    code: i32,
    stdout: String,
    stderr: String,
}

fn collect_output(output: Output) -> RunOutput {
    RunOutput {
        code: output.status.code().expect("it ended by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn run_program(args: &[&str]) -> RunOutput {
    collect_output(program_command().args(args).output().expect("it starts"))
}

/// Starts a gateway that answers every path with the same JSON until the test ends.
fn start_gateway(body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut head = [0; 2048];
            let _ = stream.read(&mut head);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    address
}

const STARTED: &str = r#"{"ok":true,"status":"started"}"#;

fn write_config(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("config.json");
    std::fs::write(&file, text).expect("it is written");
    file
}

#[test]
fn help_and_version_are_answers() {
    let help = run_program(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("Usage: openclaw-failover COMMAND"));
    assert_eq!(run_program(&["-h"]).stdout, help.stdout);
    for command in ["check", "run", "status", "history", "config", "demo", "sync"] {
        let own = run_program(&[command, "--help"]);
        assert_eq!(own.code, 0, "{command}");
        assert!(own.stdout.contains(&format!("Usage: openclaw-failover {command}")));
    }
    let version = format!("openclaw-failover {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run_program(&["--version"]).stdout, version);
    assert_eq!(run_program(&["-V"]).stdout, version);
}

#[test]
fn usage_errors_are_one_line_and_exit_2() {
    for (args, hint) in [
        (&[][..], "no command given"),
        (&["chekc"], "did you mean 'check'?"),
        (&["check", "--jsn"], "did you mean '--json'?"),
        (&["check", "--timeout", "5"], "write \"5s\""),
        (&["check", "http://me:hunter2@claw"], "password"),
        (&["ch\u{1b}[31meck\nx"], "ch\\u{1b}[31meck\\nx"),
    ] {
        let ran = run_program(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}");
        assert!(ran.stderr.starts_with("openclaw-failover: "), "{}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"));
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn check_says_yes_or_no() {
    let up = start_gateway(STARTED).to_string();
    let yes = run_program(&["check", &up]);
    assert_eq!(yes.code, 0, "{}{}", yes.stdout, yes.stderr);
    assert!(yes.stdout.starts_with("healthy ") && yes.stdout.contains(&format!("http://{up}")), "{}", yes.stdout);

    let no = run_program(&["check", &up, REFUSING_ADDRESS]);
    assert_eq!(no.code, 1);
    let lines: Vec<&str> = no.stdout.lines().collect();
    assert!(lines[0].starts_with("healthy ") && lines[1].starts_with("refused "), "{}", no.stdout);
    assert_eq!(lines[0].find("http://"), lines[1].find("http://"), "aligned:\n{}", no.stdout);
    assert!(!no.stdout.contains('\u{1b}'), "no colour in a pipe");
}

#[test]
fn check_gives_up_in_time() {
    // The kernel accepts connections and no process answers, as with a frozen gateway.
    let frozen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = frozen.local_addr().expect("an address").to_string();
    let ran = run_program(&["check", "--timeout", "200ms", &address]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.starts_with("response-timeout "), "{}", ran.stdout);
}

#[test]
fn check_speaks_json() {
    let page = start_gateway("<html>hello</html>").to_string();
    let ran = run_program(&["check", "--json", &start_gateway(STARTED).to_string(), &page]);
    assert_eq!(ran.code, 1);
    let json = openclaw_failover::text::json::parse(&ran.stdout).expect("JSON");
    let targets = json.as_array().expect("an array");
    let verdict = |index: usize| targets[index].get("verdict").and_then(|verdict| verdict.as_str());
    assert_eq!((verdict(0), verdict(1)), (Some("healthy"), Some("not-openclaw")));
    let healthy = targets[0].get("healthy").and_then(|healthy| healthy.as_bool());
    assert_eq!(healthy, Some(true));
}

#[test]
fn check_without_urls_asks_the_upstreams() {
    let folder = tempfile::tempdir().expect("a folder");
    let up = start_gateway(STARTED);
    let text = format!(
        r#"{{ "upstreams": [{{ "name": "primary", "urls": ["http://{REFUSING_ADDRESS}", "http://{up}"] }}] }}"#
    );
    let file = write_config(folder.path(), &text);
    let ran = collect_output(program_command().args(["check", "--config"]).arg(&file).output().expect("it starts"));
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(&format!("primary (http://{up}/")), "{}", ran.stdout);
}

#[test]
fn a_configuration_is_printed_whole_and_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let file =
        write_config(folder.path(), r#"{ "upstreams": [{ "name": "primary", "urls": ["http://claw:18789"] }], }"#);
    let printed =
        collect_output(program_command().args(["config", "--config"]).arg(&file).output().expect("it starts"));
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    for key in ["retry_interval", "restart_grace", "flap_window", "stop_timeout", "refresh", "witnesses"] {
        assert!(printed.stdout.contains(key), "{key}");
    }
    let again = write_config(folder.path(), &printed.stdout);
    let reprinted =
        collect_output(program_command().args(["config", "--config"]).arg(&again).output().expect("it starts"));
    assert_eq!(reprinted.stdout, printed.stdout);

    let checked =
        collect_output(program_command().args(["config", "--check"]).arg(&again).output().expect("it starts"));
    assert_eq!(checked.code, 0);
    assert_eq!(checked.stdout, format!("{}: ok\n", again.display()));
}

#[test]
fn a_primarys_file_is_checked_as_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |text: &str| {
        let file = write_config(folder.path(), text);
        collect_output(
            program_command().args(["config", "--primary", "--check"]).arg(&file).output().expect("it starts"),
        )
    };
    assert_eq!(check(r#"{ "workspace": { "push_interval": "15m" } }"#).code, 0);
    let standby = check(r#"{ "upstreams": [{ "name": "primary", "urls": ["http://claw:18789"] }] }"#);
    assert_eq!(standby.code, 2);
    assert!(standby.stderr.contains("makes this host a standby"), "{}", standby.stderr);

    let openclaws = folder.path().join("openclaw.json");
    std::fs::write(&openclaws, r#"{ "agents": {}, "gateway": { "port": 18789 } }"#).expect("it is written");
    for (file, hint) in [
        (write_config(folder.path(), r#"{ "workspace": {} }"#), "or check a primary's file with --primary"),
        (openclaws, "is OpenClaw's own configuration"),
    ] {
        let ran = collect_output(program_command().args(["config", "--check"]).arg(&file).output().expect("it starts"));
        assert_eq!((ran.code, ran.stderr.lines().count()), (2, 1), "{}", ran.stderr);
        assert!(ran.stderr.contains(hint) && ran.stderr.contains("--primary"), "{}", ran.stderr);
    }
}

#[test]
fn every_problem_is_a_line_and_the_exit_is_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let file =
        write_config(folder.path(), "{\n  \"probe\": { \"timout\": \"5s\" },\n  \"demote\": { \"after\": 30 }\n}\n");
    for args in [
        &["config", "--check"][..],
        &["config", "--config"],
        &["check", "--config"],
        &["run", "--config"],
        &["sync", "pull", "--config"],
    ] {
        let ran = collect_output(program_command().args(args).arg(&file).output().expect("it starts"));
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}");
        let place = format!("openclaw-failover: {}", file.display());
        let lines: Vec<&str> = ran.stderr.lines().collect();
        assert!(lines[0].starts_with(&format!("{place}:2: probe.timout: ")), "{}", ran.stderr);
        assert!(lines[0].contains("did you mean \"timeout\"?"));
        assert!(lines[1].starts_with(&format!("{place}:3: demote.after: ")), "{}", ran.stderr);
        assert!(lines[2].starts_with(&format!("{place}: upstreams: is missing")), "{}", ran.stderr);
        assert_eq!(lines.len(), 3);
    }
}

/// Tests of the environment. They need a machine without the default file.
#[test]
fn the_old_monitors_variables_still_work() {
    if Path::new(openclaw_failover::config::DEFAULT_CONFIG_FILE).exists() {
        return;
    }
    let mut command = program_command();
    command.arg("config").env("PRIMARY_IP", "100.64.0.1").env("CHECK_INTERVAL", "20");
    let good = collect_output(command.output().expect("it starts"));
    assert_eq!(good.code, 0, "{}", good.stderr);
    assert!(good.stdout.contains("http://100.64.0.1:18789") && good.stdout.contains("\"after\": \"1m\""));

    let bad = collect_output(command.env("FAIL_THRESHOLD", "three").output().expect("it starts"));
    assert_eq!(bad.code, 2);
    assert!(bad.stderr.contains("environment: FAIL_THRESHOLD: \"three\" must be a whole number"), "{}", bad.stderr);

    let none = run_program(&["config"]);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("PRIMARY_IP is not set") && none.stderr.contains("\"upstreams\""), "{}", none.stderr);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mut child =
        program_command().arg("--help").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let ran = collect_output(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn a_full_disk_is_a_failure() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        return needs::report_skipped(module_path!(), "/dev/full");
    };
    let output = program_command().arg("--help").stdout(full).output().expect("it starts");
    let ran = collect_output(output);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("cannot write to standard output"), "{}", ran.stderr);
}

#[test]
fn replay_of_a_file_without_events_says_why_and_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = [
        ("missing", None, "there is no such file, or it is empty"),
        ("empty", Some(String::new()), "there is no such file, or it is empty"),
        (
            "foreign",
            Some("{\"name\":\"x\"}\nline\n".into()),
            "no event in it can be replayed; unreadable lines skipped",
        ),
        ("long", Some(" ".repeat(4 << 20)), "it is larger than"),
    ];
    for (name, text, expected) in cases {
        let file = folder.path().join(name);
        if let Some(text) = text {
            std::fs::write(&file, text).expect("it is written");
        }
        let RunOutput { code, stdout, stderr } = run_program(&["replay", &file.display().to_string()]);
        assert_eq!((code, stdout.as_str()), (1, ""), "{name}: {stderr}");
        assert!(stderr.contains(&format!("{}: {expected}", file.display())), "{name}: {stderr}");
    }
}

#[test]
fn the_step_outside_of_the_sandbox_records_what_git_needs_on_either_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let script = "git init -q workspace; : >ignore; git -C workspace config core.excludesFile \"$PWD/ignore\"";
    let made = Command::new("sh").args(["-ec", script]).current_dir(folder.path()).status().expect("a shell");
    assert!(made.success());
    let workspace = format!(r#""workspace": {{ "path": "{}" }}"#, at("workspace").display());
    let standby =
        format!(r#"{{ "upstreams": [{{ "name": "p", "urls": ["http://100.64.0.1:18789"] }}], {workspace} }}"#);
    for config in [standby, format!("{{ {workspace} }}")] {
        let file = write_config(folder.path(), &config);
        let mut step = program_command();
        step.env("PATH", std::env::var_os("PATH").expect("a path")).env("HOME", folder.path());
        step.env("OPENCLAW_FAILOVER_SYNC_DIR", folder.path());
        let ran = collect_output(step.args(["sync", "files", "--config"]).arg(&file).output().expect("it starts"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{config}");
        let record = std::fs::read(at("git-files")).expect("a record");
        assert!(String::from_utf8_lossy(&record).contains(&at("ignore").display().to_string()), "{config}");
        std::fs::remove_file(at("git-files")).expect("it is there");
    }
}

/// Files that would block a reader, or never end.
#[test]
fn special_files_are_refused_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success());
    if !made {
        needs::report_skipped(module_path!(), "mkfifo");
    }
    let huge = folder.path().join("huge");
    std::fs::File::create(&huge).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
    let mut special = vec![folder.path().to_owned(), "/dev/zero".into(), huge];
    special.extend(made.then_some(pipe));
    for file in special {
        for (args, code) in [
            (&["config", "--check"][..], 2),
            (&["config", "--primary", "--check"], 2),
            (&["config", "--config"], 2),
            (&["check", "--config"], 2),
            (&["run", "--config"], 2),
            (&["notify", "--test", "--config"], 2),
            (&["doctor", "--config"], 2),
            (&["sync", "pull", "--config"], 2),
            (&["sync", "push", "--primary", "--config"], 2),
            (&["replay"], 1),
        ] {
            let ran = collect_output(program_command().args(args).arg(&file).output().expect("it starts"));
            assert_eq!(ran.code, code, "{args:?} {}: {}", file.display(), ran.stderr);
            let is_said = ["not a regular file", "larger than"].iter().any(|words| ran.stderr.contains(words));
            assert!(is_said && !ran.stderr.contains("os error"), "{args:?} {}: {}", file.display(), ran.stderr);
        }
    }
}

/// A link that a person has typed is followed, also by the one reader whose file no link may lead to by itself.
#[test]
fn links_are_followed_to_their_end_and_a_loop_has_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let night = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces/outage.jsonl");
    std::os::unix::fs::symlink(night, path("link")).expect("a link");
    std::os::unix::fs::symlink("loop", path("loop")).expect("a link");
    let replay =
        |name: &str| collect_output(program_command().arg("replay").arg(path(name)).output().expect("it starts"));
    assert_eq!(replay("link").code, 0, "{}", replay("link").stderr);
    assert_eq!(replay("loop").code, 1);
    assert!(replay("loop").stderr.contains("Too many levels of symbolic links"), "{}", replay("loop").stderr);
    assert!(!replay("loop").stderr.contains("os error"), "{}", replay("loop").stderr);
    let check =
        collect_output(program_command().args(["config", "--check"]).arg(path("loop")).output().expect("it starts"));
    assert!(check.code == 2 && check.stderr.contains("Too many levels"), "{}", check.stderr);
}

#[test]
fn a_gateway_at_an_address_of_another_host_is_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |url: &str| {
        let text = format!(
            r#"{{ "upstreams": [{{ "name": "primary", "urls": ["http://claw:18789"] }}], "gateway": {{ "url": "{url}" }} }}"#
        );
        let file = write_config(folder.path(), &text);
        collect_output(program_command().args(["config", "--check"]).arg(&file).output().expect("it starts"))
    };
    let other = check("http://192.0.2.1:18789");
    assert_eq!(other.code, 0, "{}", other.stderr);
    assert!(
        other.stderr.contains("warning: gateway.url: 192.0.2.1 is not an address of this host"),
        "{}",
        other.stderr
    );
    assert!(other.stdout.ends_with("config.json: ok\n"), "{}", other.stdout);
    for own in ["http://127.0.0.1:18789", "http://localhost:18789", "http://0.0.0.0:18789", "http://[::1]:18789"] {
        assert_eq!(check(own).stderr, "", "{own}");
    }
}

#[test]
fn a_configuration_whose_upstream_is_this_host_is_warned_of() {
    // A documentation address (RFC 5737). Without a route to it there is no interface to name.
    let elsewhere: SocketAddr = "192.0.2.1:9".parse().expect("an address");
    let Some(own) = openclaw_failover::os::local_address_for(elsewhere) else {
        needs::report_skipped(module_path!(), "an interface beside loopback");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let check = |url: &str| {
        let file =
            write_config(folder.path(), &format!(r#"{{ "upstreams": [{{ "name": "p", "urls": ["{url}"] }}] }}"#));
        collect_output(program_command().args(["config", "--check"]).arg(&file).output().expect("it starts"))
    };
    let checked = check(&format!("http://{own}:18789"));
    assert_eq!(checked.code, 0, "the file may be meant for another host");
    assert!(checked.stdout.contains("is an address of this host"), "{}", checked.stdout);
    assert!(!check("http://192.0.2.1:18789").stdout.contains("warning"));
}
