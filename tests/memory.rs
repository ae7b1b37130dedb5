//! Memory use of readers of outside data: for n bytes of input at most k · n bytes of memory.
//!
//! The allocator counts all memory of the process, so one test measures the readers one after the other.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its world has failed")]
#![allow(dead_code, reason = "the host of the doctor's tests offers more than is used here")]

#[path = "doctor/host.rs"]
mod host;
#[path = "support/needs.rs"]
mod needs;
#[path = "support/script.rs"]
mod script;

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

use host::Host;
use openclaw_failover::doctor::{self, Depth, Identity};
use openclaw_failover::notify::CredentialStore;
use openclaw_failover::os::clock::read_wall_clock;
use openclaw_failover::os::systemd::Systemctl;
use openclaw_failover::probe::ProbeTarget;
use openclaw_failover::records::timeline::Timeline;
use openclaw_failover::records::{history, seen_healthy, state, trace};
use openclaw_failover::text::json;
use openclaw_failover::{config, control, status, workspace};
use peak_alloc::PeakAlloc;
use tempfile::TempDir;

/// Number of readers over their limit.
static READERS_OVER_LIMIT: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static PEAK_ALLOCATOR: PeakAlloc = PeakAlloc;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Memory allowed for any input: buffers, thread names, a configuration.
const BASE_LIMIT_BYTES: usize = 128 * 1024;

/// Measures a reader. Counts it as failed if it takes more than `times` the size of its input.
fn measure_reader(name: &str, input: &[u8], times: usize, read: impl FnOnce()) {
    PEAK_ALLOCATOR.reset_peak_usage();
    let before = PEAK_ALLOCATOR.current_usage();
    read();
    let taken = PEAK_ALLOCATOR.peak_usage().saturating_sub(before);
    let (length, limit) = (input.len(), input.len() * times + BASE_LIMIT_BYTES);
    println!("{name:44} {length:8} bytes in, {taken:9} taken, {:5.1} times", taken as f64 / length as f64);
    if taken > limit {
        println!("{name}: {length} bytes in, {taken} taken, which is more than {times} times that");
        READERS_OVER_LIMIT.fetch_add(1, Ordering::Relaxed);
    }
}

/// Builds a text of about this length from a beginning, repetitions and an end.
fn repeat_between(begin: &str, middle: &str, end: &str, length: usize) -> String {
    format!("{begin}{}{end}", middle.repeat(length / middle.len()))
}

/// Returns JSON texts that each maximise the memory of the parsed value in a different way.
fn memory_hungry_json(length: usize) -> Vec<(&'static str, String)> {
    vec![
        ("arrays", repeat_between("[", "[],", "0]", length)),
        ("keys", repeat_between("{", "\"\":0,", "\"\":0}", length)),
        ("numbers", repeat_between("[", "0,", "0]", length)),
        ("texts", repeat_between("[", "\"\",", "0]", length)),
        ("escapes", repeat_between("\"", "\\u0001", "\"", length)),
        ("one text", repeat_between("\"", "é", "\"", length)),
        ("depth", repeat_between("", "[", "", length)),
        ("comments", repeat_between("", "/**/", "0", length)),
        ("quotes", repeat_between("'", "\"", "'", length)),
        ("blanks", repeat_between("", "\u{a0}", "0", length)),
    ]
}

/// Repeats the lines of `text` up to this length.
fn repeat_to_length(text: &str, length: usize) -> String {
    text.repeat(length / text.len() + 1)
}

fn in_file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn no_reader_takes_more_than_a_few_times_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    measure_json();
    own_files(&folder);
    measure_traces();
    measure_child_processes(&folder);
    measure_sockets(&folder);
    measure_doctor_checks();
    assert_eq!(READERS_OVER_LIMIT.load(Ordering::Relaxed), 0, "readers that take too much; each is named above");
}

fn measure_json() {
    // 50 KiB is the worst size: it fits the maximum of 10,000 values.
    for (kind, text) in memory_hungry_json(50 * 1024).into_iter().chain(memory_hungry_json(256 * 1024)) {
        let input = text.as_bytes();
        measure_reader(&format!("json, {kind}"), input, 48, || drop(black_box(json::parse(&text))));
        measure_reader(&format!("json with comments, {kind}"), input, 48, || {
            drop(black_box(json::parse_with_comments(&text)))
        });
        measure_reader(&format!("json5, {kind}"), input, 48, || drop(black_box(json::parse_json5(&text))));
        measure_reader(&format!("configuration, {kind}"), input, 48, || {
            drop(black_box(config::parse(&text, "config")))
        });
    }
    let urls = repeat_between(r#"{"upstreams":[{"urls":["#, r#""a","#, r#""b"]}]}"#, 256 * 1024);
    measure_reader("configuration, addresses", urls.as_bytes(), 48, || drop(black_box(config::parse(&urls, "config"))));
    let unknown = repeat_between("{", r#""a":0,"#, r#""b":0}"#, 40 * 1024);
    measure_reader("configuration, unknown keys", unknown.as_bytes(), 48, || {
        drop(black_box(config::parse(&unknown, "config")))
    });
}

/// Measures the readers of this program's files, with content that an attacker may have written.
fn own_files(folder: &TempDir) {
    let now = read_wall_clock();
    let own = fs::metadata(folder.path()).map(|found| found.uid()).unwrap();
    for (kind, text) in memory_hungry_json(15 * 1024).into_iter().chain(memory_hungry_json(250 * 1024)) {
        let input = text.as_bytes();
        let file = |name: &str| in_file(folder, name, &text);
        let path = file("state.json");
        measure_reader(&format!("state, {kind}"), input, 48, || drop(black_box(state::load(&path, now))));
        let path = file("seen-healthy.json");
        let history = folder.path().join("none.jsonl");
        measure_reader(&format!("armed, {kind}"), input, 48, || {
            drop(black_box(seen_healthy::SeenHealthy::load(&path, &history, now)))
        });
        let path = file("timeline.json");
        measure_reader(&format!("strip, {kind}"), input, 48, || drop(black_box(Timeline::load(&path, now))));
        let path = file("status.json");
        let form = || status::StatusFormat { json: false, colour: true };
        measure_reader(&format!("status, {kind}"), input, 48, || {
            drop(black_box(status::render_file(&path, form(), now)))
        });
        let path = file("pull.json");
        measure_reader(&format!("pull report, {kind}"), input, 48, || {
            drop(black_box(workspace::report::read_pull_report(&path, own)))
        });
        measure_reader(&format!("push report, {kind}"), input, 48, || {
            drop(black_box(workspace::report::read_push_report(&path, own)))
        });
        let path = file("credential");
        measure_reader(&format!("credential, {kind}"), input, 8, || {
            let vault = CredentialStore::in_directory(path.parent().unwrap());
            drop(black_box((vault.read_text("credential"), vault.load_credential("credential"))));
        });
    }
    let entry = r#"{"at":"2026-11-22T10:58:20.000Z","event":"promoted","text":""}"#.to_owned() + "\n";
    let noise = "{\n".to_owned();
    let escapes =
        r#"{"at":"2026-11-22T10:58:20.000Z","event":"e","text":"@"}"#.replace('@', &"\\u0001".repeat(9000)) + "\n";
    for (kind, line) in [("entries", entry), ("noise", noise), ("escapes", escapes)] {
        let text = repeat_to_length(&line, 1024 * 1024);
        let path = in_file(folder, "history.jsonl", &text);
        for (json, summary) in [(false, false), (true, false), (false, true)] {
            let form = history::HistoryFormat { json, summary };
            measure_reader(&format!("history, {kind}, {json}, {summary}"), text.as_bytes(), 8, || {
                drop(black_box(history::render_history(&path, None, form, now)));
            });
        }
    }
}

/// Measures the reader of the trace, with content of an attacker.
fn measure_traces() {
    let night = include_str!("traces/outage.jsonl");
    let begin = night.lines().next().unwrap();
    let reload = begin.replacen("\"same_upstreams\":null", "\"same_upstreams\":true", 1);
    assert_ne!(begin, reload);
    let event = |rest: &str| format!("{{\"at\":1795300000000,{rest}}}\n");
    let long_order = format!(r#""ordered":"{}""#, "A".repeat(20_000));
    let folded = format!(r#""tick":true,"more":[{}]"#, vec!["0"; 64].join(","));
    let hold = r#""hold":{"kind":"paused","since":"2026-11-22T10:58:20.000Z","until":null}"#;
    let bombs = [
        ("many equal", event(&format!("{long_order},\"more\":[{}]", vec!["0"; 9000].join(",")))),
        ("long orders", event(&format!("{long_order},\"more\":[{}]", vec!["0"; 64].join(",")))),
        ("folded ticks", event(&folded)),
        ("folded decisions", event(&format!("{hold},\"more\":[{}]", vec!["0"; 64].join(",")))),
        ("short lines", event(r#""tick":true"#)),
        ("names", event(&format!(r#""tick":true,"did":[{}]"#, vec!["\"\""; 9000].join(",")))),
        ("beginnings", format!("{begin}\n")),
        ("reloads", format!("{reload}\n")),
        ("noise", "{\n".to_owned()),
    ];
    for (kind, line) in bombs {
        let text = format!("{begin}\n{}", repeat_to_length(&line, 300 * 1024));
        measure_reader(&format!("trace, {kind}"), text.as_bytes(), 48, || {
            let mut printed = std::io::sink();
            let _ = black_box(trace::replay(&text, &mut printed).unwrap());
        });
    }
}

/// Measures child processes with too much output.
fn measure_child_processes(folder: &TempDir) {
    let path = std::env::var("PATH").unwrap();
    for (kind, line) in [("lines", "ActiveState=active\n"), ("noise", "\u{0}"), ("one line", "x")] {
        let text = repeat_to_length(line, 1024 * 1024);
        let said = in_file(folder, "said", &text);
        let program = folder.path().join("systemctl");
        let script = format!(
            "printf '#!/bin/sh\\nPATH='\\''{path}'\\''\\ncat {0}; cat {0} >&2' >{1}; chmod 755 {1}",
            said.display(),
            program.display()
        );
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
        let systemctl = Systemctl::with_program(&program);
        measure_reader(&format!("systemctl, {kind}"), text.as_bytes(), 1, || {
            drop(black_box(systemctl.show("x.service")))
        });
    }
}

/// Measures the readers of sockets.
fn measure_sockets(folder: &TempDir) {
    for (kind, body) in memory_hungry_json(80 * 1024) {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        measure_probe(&format!("probe, {kind}"), (head + &body).into_bytes());
        control_answer(folder, &format!("answer on the socket, {kind}"), body.clone().into_bytes());
    }
    measure_probe("probe, headers", repeat_between("HTTP/1.1 200 OK\r\n", "a: b\r\n", "\r\n", 80 * 1024).into_bytes());
    measure_probe("probe, a name", repeat_between("HTTP/1.1 200 OK\r\n", "a", ": b\r\n\r\n", 80 * 1024).into_bytes());
    measure_probe(
        "probe, chunks",
        repeat_between("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n[\r\n", "0\r\n\r\n", 80 * 1024)
            .into_bytes(),
    );
    control_requests(folder);
}

/// Probes a gateway that sends this answer.
fn measure_probe(name: &str, answer: Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let input = answer.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 2048]);
            // The probe may close the connection early.
            let _ = stream.write_all(&answer);
        }
    });
    let mut target = ProbeTarget::for_local_gateway(&url, None).unwrap();
    measure_reader(name, &input, 48, || drop(black_box(target.probe(TIMEOUT))));
}

fn control_answer(folder: &TempDir, name: &str, answer: Vec<u8>) {
    let path = folder.path().join("control.sock");
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let input = answer.clone();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 2048]);
        let _ = stream.write_all(&answer);
        let _ = stream.write_all(b"\n");
    });
    measure_reader(name, &input, 48, || {
        drop(black_box(control::send_request(&path, &control::Request::Status { since: None }, TIMEOUT)))
    });
}

/// Measures the monitor's reader of a control client that sends too much.
fn control_requests(folder: &TempDir) {
    let path = folder.path().join("monitor.sock");
    control::serve(&path, Box::new(|_| Err("no".into()))).unwrap();
    for (kind, text) in memory_hungry_json(80 * 1024) {
        measure_reader(&format!("request on the socket, {kind}"), text.as_bytes(), 8, || {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            let _ = stream.write_all(text.as_bytes());
            let _ = stream.write_all(b"\n");
            let _ = stream.read(&mut [0; 4096]);
        });
    }
}

/// Measures the checks of `doctor` with files and program output of a host.
fn measure_doctor_checks() {
    const LENGTH: usize = 900 * 1024;
    for (kind, text) in memory_hungry_json(LENGTH) {
        let change = |host: &Host| host.write("home/.openclaw/openclaw.json", &text);
        measure_doctor(&format!("openclaw.json, {kind}"), &text, change, by_owner);
    }
    let others =
        [("assignments", "A=\n"), ("lines", "\n"), ("places", "0: 0100007F:0016 0:0 0A\n"), ("keys", "\"\":0,")];
    for (kind, text) in others.map(|(kind, line)| (kind, repeat_to_length(line, LENGTH))) {
        for path in ["proc/self/net/tcp", "proc/meminfo", "etc/resolv.conf", "bin/systemctl.d/openclaw.service"] {
            measure_doctor(&format!("{path}, {kind}"), &text, |host| host.write(path, &text), by_monitor);
        }
        let programs = ["tailscale", "ufw", "setsid"];
        let say = |host: &Host| {
            for program in programs {
                host.write(&format!("bin/{program}.said"), &text);
                host.write_program(program, "cat \"$0.said\"");
            }
            host.write("etc/openclaw/gateway.env", &text);
        };
        measure_doctor(&format!("programs and variables, {kind}"), &text, say, by_root);
    }
    for (kind, text) in memory_hungry_json(LENGTH).into_iter().take(3) {
        let answer = |host: &Host| {
            host.write("bin/setsid.said", &text[..200 * 1024]);
            host.write_program("setsid", "cat \"$0.said\"");
        };
        measure_doctor(&format!("both hosts' channels, {kind}"), &text, answer, |host| by_root_with(host, Some(&text)));
    }
}

fn measure_doctor(name: &str, text: &str, change: impl FnOnce(&Host), look: impl FnOnce(&Host)) {
    let host = Host::healthy();
    change(&host);
    measure_reader(&format!("doctor, {name}"), text.as_bytes(), 48, || look(&host));
}

fn by_owner(host: &Host) {
    drop(black_box(doctor::run_owner_half(&host.context_for(Identity::Owner), Depth::Cheap)));
}

fn by_monitor(host: &Host) {
    drop(black_box(doctor::run_host_half(&host.context_for(Identity::Other), Depth::Cheap)));
}

fn by_root(host: &Host) {
    by_root_with(host, None);
}

fn by_root_with(host: &Host, primary: Option<&str>) {
    let mut context = host.context_for(Identity::Root);
    context.primary_config = primary.map(str::to_owned);
    drop(black_box(doctor::run_all_checks(&context)));
}
