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
use openclaw_failover::doctor::{
    Depth, Identity, {self},
};
use openclaw_failover::notify::Vault;
use openclaw_failover::os::clock::wall_clock;
use openclaw_failover::os::systemd::Systemctl;
use openclaw_failover::probe::Target;
use openclaw_failover::records::timeline::Strip;
use openclaw_failover::records::{history, seen_healthy, state, trace};
use openclaw_failover::text::json;
use openclaw_failover::{config, control, status, workspace};
use peak_alloc::PeakAlloc;
use tempfile::TempDir;

/// Number of readers over their limit.
static TOO_MUCH: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const LONG: Duration = Duration::from_secs(30);

/// Memory allowed for any input: buffers, thread names, a configuration.
const BASE: usize = 128 * 1024;

/// Measures a reader. Counts it as failed if it takes more than `times` the size of its input.
fn measure(name: &str, input: &[u8], times: usize, read: impl FnOnce()) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    read();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let (length, limit) = (input.len(), input.len() * times + BASE);
    println!("{name:44} {length:8} bytes in, {taken:9} taken, {:5.1} times", taken as f64 / length as f64);
    if taken > limit {
        println!("{name}: {length} bytes in, {taken} taken, which is more than {times} times that");
        TOO_MUCH.fetch_add(1, Ordering::Relaxed);
    }
}

/// Builds a text of about this length from a beginning, repetitions and an end.
fn filled(begin: &str, middle: &str, end: &str, length: usize) -> String {
    format!("{begin}{}{end}", middle.repeat(length / middle.len()))
}

/// Returns JSON texts that each maximise the memory of the parsed value in a different way.
fn swollen(length: usize) -> Vec<(&'static str, String)> {
    vec![
        ("arrays", filled("[", "[],", "0]", length)),
        ("keys", filled("{", "\"\":0,", "\"\":0}", length)),
        ("numbers", filled("[", "0,", "0]", length)),
        ("texts", filled("[", "\"\",", "0]", length)),
        ("escapes", filled("\"", "\\u0001", "\"", length)),
        ("one text", filled("\"", "é", "\"", length)),
        ("depth", filled("", "[", "", length)),
        ("comments", filled("", "/**/", "0", length)),
        ("quotes", filled("'", "\"", "'", length)),
        ("blanks", filled("", "\u{a0}", "0", length)),
    ]
}

/// Repeats the lines of `text` up to this length.
fn repeated(text: &str, length: usize) -> String {
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
    values();
    own_files(&folder);
    traces();
    programs(&folder);
    sockets(&folder);
    hosts();
    assert_eq!(TOO_MUCH.load(Ordering::Relaxed), 0, "readers that take too much; each is named above");
}

fn values() {
    // 50 KiB is the worst size: it fits the maximum of 10,000 values.
    for (kind, text) in swollen(50 * 1024).into_iter().chain(swollen(256 * 1024)) {
        let input = text.as_bytes();
        measure(&format!("json, {kind}"), input, 48, || drop(black_box(json::parse(&text))));
        measure(&format!("json with comments, {kind}"), input, 48, || {
            drop(black_box(json::parse_with_comments(&text)))
        });
        measure(&format!("json5, {kind}"), input, 48, || drop(black_box(json::parse_json5(&text))));
        measure(&format!("configuration, {kind}"), input, 48, || drop(black_box(config::parse(&text, "config"))));
    }
    let urls = filled(r#"{"upstreams":[{"urls":["#, r#""a","#, r#""b"]}]}"#, 256 * 1024);
    measure("configuration, addresses", urls.as_bytes(), 48, || drop(black_box(config::parse(&urls, "config"))));
    let unknown = filled("{", r#""a":0,"#, r#""b":0}"#, 40 * 1024);
    measure("configuration, unknown keys", unknown.as_bytes(), 48, || {
        drop(black_box(config::parse(&unknown, "config")))
    });
}

/// Measures the readers of this program's files, with content that an attacker may have written.
fn own_files(folder: &TempDir) {
    let now = wall_clock();
    let own = fs::metadata(folder.path()).map(|found| found.uid()).unwrap();
    for (kind, text) in swollen(15 * 1024).into_iter().chain(swollen(250 * 1024)) {
        let input = text.as_bytes();
        let file = |name: &str| in_file(folder, name, &text);
        let path = file("state.json");
        measure(&format!("state, {kind}"), input, 48, || drop(black_box(state::load(&path, now))));
        let path = file("armed.json");
        let history = folder.path().join("none.jsonl");
        measure(&format!("armed, {kind}"), input, 48, || {
            drop(black_box(seen_healthy::Armed::load(&path, &history, now)))
        });
        let path = file("strip.json");
        measure(&format!("strip, {kind}"), input, 48, || drop(black_box(Strip::load(&path, now))));
        let path = file("status.json");
        let form = || status::Form { json: false, colour: true };
        measure(&format!("status, {kind}"), input, 48, || drop(black_box(status::command(&path, form(), now))));
        let path = file("pull.json");
        measure(&format!("pull report, {kind}"), input, 48, || drop(black_box(workspace::report::read(&path, own))));
        measure(&format!("push report, {kind}"), input, 48, || {
            drop(black_box(workspace::report::read_push(&path, own)))
        });
        let path = file("credential");
        measure(&format!("credential, {kind}"), input, 8, || {
            let vault = Vault::at(path.parent().unwrap());
            drop(black_box((vault.read("credential"), vault.open("credential"))));
        });
    }
    let entry = r#"{"at":"2026-11-22T10:58:20.000Z","event":"promoted","text":""}"#.to_owned() + "\n";
    let noise = "{\n".to_owned();
    let escapes =
        r#"{"at":"2026-11-22T10:58:20.000Z","event":"e","text":"@"}"#.replace('@', &"\\u0001".repeat(9000)) + "\n";
    for (kind, line) in [("entries", entry), ("noise", noise), ("escapes", escapes)] {
        let text = repeated(&line, 1024 * 1024);
        let path = in_file(folder, "history.jsonl", &text);
        for (json, summary) in [(false, false), (true, false), (false, true)] {
            let form = history::Form { json, summary };
            measure(&format!("history, {kind}, {json}, {summary}"), text.as_bytes(), 8, || {
                drop(black_box(history::command(&path, None, form, now)));
            });
        }
    }
}

/// Measures the reader of the trace, with content of an attacker.
fn traces() {
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
        let text = format!("{begin}\n{}", repeated(&line, 300 * 1024));
        measure(&format!("trace, {kind}"), text.as_bytes(), 48, || {
            let mut printed = std::io::sink();
            let _ = black_box(trace::replay(&text, &mut printed).unwrap());
        });
    }
}

/// Measures child processes with too much output.
fn programs(folder: &TempDir) {
    let path = std::env::var("PATH").unwrap();
    for (kind, line) in [("lines", "ActiveState=active\n"), ("noise", "\u{0}"), ("one line", "x")] {
        let text = repeated(line, 1024 * 1024);
        let said = in_file(folder, "said", &text);
        let program = folder.path().join("systemctl");
        let script = format!(
            "printf '#!/bin/sh\\nPATH='\\''{path}'\\''\\ncat {0}; cat {0} >&2' >{1}; chmod 755 {1}",
            said.display(),
            program.display()
        );
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
        let systemctl = Systemctl::with_program(&program);
        measure(&format!("systemctl, {kind}"), text.as_bytes(), 1, || drop(black_box(systemctl.show("x.service"))));
    }
}

/// Measures the readers of sockets.
fn sockets(folder: &TempDir) {
    for (kind, body) in swollen(80 * 1024) {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        probe(&format!("probe, {kind}"), (head + &body).into_bytes());
        control_answer(folder, &format!("answer on the socket, {kind}"), body.clone().into_bytes());
    }
    probe("probe, headers", filled("HTTP/1.1 200 OK\r\n", "a: b\r\n", "\r\n", 80 * 1024).into_bytes());
    probe("probe, a name", filled("HTTP/1.1 200 OK\r\n", "a", ": b\r\n\r\n", 80 * 1024).into_bytes());
    probe(
        "probe, chunks",
        filled("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n[\r\n", "0\r\n\r\n", 80 * 1024)
            .into_bytes(),
    );
    control_requests(folder);
}

/// Probes a gateway that sends this answer.
fn probe(name: &str, answer: Vec<u8>) {
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
    let mut target = Target::local(&url, None).unwrap();
    measure(name, &input, 48, || drop(black_box(target.probe(LONG))));
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
    measure(name, &input, 48, || drop(black_box(control::ask(&path, &control::Request::News { since: None }, LONG))));
}

/// Measures the monitor's reader of a control client that sends too much.
fn control_requests(folder: &TempDir) {
    let path = folder.path().join("monitor.sock");
    control::serve(&path, Box::new(|_| Err("no".to_owned()))).unwrap();
    for (kind, text) in swollen(80 * 1024) {
        measure(&format!("request on the socket, {kind}"), text.as_bytes(), 8, || {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            let _ = stream.write_all(text.as_bytes());
            let _ = stream.write_all(b"\n");
            let _ = stream.read(&mut [0; 4096]);
        });
    }
}

/// Measures the checks of `doctor` with files and program output of a host.
fn hosts() {
    const LENGTH: usize = 900 * 1024;
    for (kind, text) in swollen(LENGTH) {
        let change = |host: &Host| host.write("home/.openclaw/openclaw.json", &text);
        measure_doctor(&format!("openclaw.json, {kind}"), &text, change, by_owner);
    }
    let others =
        [("assignments", "A=\n"), ("lines", "\n"), ("places", "0: 0100007F:0016 0:0 0A\n"), ("keys", "\"\":0,")];
    for (kind, text) in others.map(|(kind, line)| (kind, repeated(line, LENGTH))) {
        for path in ["proc/self/net/tcp", "proc/meminfo", "etc/resolv.conf", "bin/systemctl.d/openclaw.service"] {
            measure_doctor(&format!("{path}, {kind}"), &text, |host| host.write(path, &text), by_monitor);
        }
        let programs = ["tailscale", "ufw", "setsid"];
        let say = |host: &Host| {
            for program in programs {
                host.write(&format!("bin/{program}.said"), &text);
                host.program(program, "cat \"$0.said\"");
            }
            host.write("etc/openclaw/gateway.env", &text);
        };
        measure_doctor(&format!("programs and variables, {kind}"), &text, say, by_root);
    }
    for (kind, text) in swollen(LENGTH).into_iter().take(3) {
        let answer = |host: &Host| {
            host.write("bin/setsid.said", &text[..200 * 1024]);
            host.program("setsid", "cat \"$0.said\"");
        };
        measure_doctor(&format!("both hosts' channels, {kind}"), &text, answer, |host| by_root_with(host, Some(&text)));
    }
}

fn measure_doctor(name: &str, text: &str, change: impl FnOnce(&Host), look: impl FnOnce(&Host)) {
    let host = Host::well();
    change(&host);
    measure(&format!("doctor, {name}"), text.as_bytes(), 48, || look(&host));
}

fn by_owner(host: &Host) {
    drop(black_box(doctor::owner_half(&host.seen_by(Identity::Owner), Depth::Cheap)));
}

fn by_monitor(host: &Host) {
    drop(black_box(doctor::host_half(&host.seen_by(Identity::Other), Depth::Cheap)));
}

fn by_root(host: &Host) {
    by_root_with(host, None);
}

fn by_root_with(host: &Host, primary: Option<&str>) {
    let mut world = host.seen_by(Identity::Root);
    world.primary = primary.map(str::to_owned);
    drop(black_box(doctor::examine(&world)));
}
