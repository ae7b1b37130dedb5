//! Command `notify --test`, and a monitor with webhooks.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::server::{WAIT_LIMIT, WebhookServer, authority};

const BINARY: &str = env!("CARGO_BIN_EXE_openclaw-failover");

fn configure(folder: &Path, extra: &str) {
    let text = format!(
        r#"{{ "upstreams": [{{ "name": "primary", "urls": ["http://127.0.0.1:1"] }}], "promote": {{ "witnesses": [] }}, {extra} }}"#
    );
    fs::write(folder.join("config.json"), text).unwrap();
}

fn program(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(args).arg("--config").arg(folder.join("config.json")).stdin(Stdio::null());
    command.env("CREDENTIALS_DIRECTORY", folder);
    // Proxies are never used: these would refuse every request.
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    for (name, dir) in [("STATE", "state"), ("RUN", "run"), ("SYNC", "sync")] {
        fs::create_dir_all(folder.join(dir)).unwrap();
        command.env(format!("OPENCLAW_FAILOVER_{name}_DIR"), folder.join(dir));
    }
    command
}

#[test]
fn notify_test_reports_the_result_for_each_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let server = WebhookServer::start_tls();
    let webhooks = format!(
        r#""notify": [{{ "credential": "one", "format": "json", "ca_file": "{}" }},
                      {{ "credential": "two", "format": "discord" }}, {{ "credential": "three", "format": "ntfy" }}]"#,
        authority().display()
    );
    configure(folder.path(), &webhooks);
    fs::write(folder.path().join("notify_one"), format!("https://{}/hook", server.address)).unwrap();
    fs::write(folder.path().join("notify_two"), "http://127.0.0.1:1/hunter2").unwrap();
    let output = program(folder.path(), &["notify", "--test"]).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{out}");
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], "one (json)                delivered");
    assert!(lines[1].starts_with("two (discord)             failed: refused"), "{out}");
    assert!(lines[2].contains("failed: its credential three cannot be used"), "{out}");
    assert!(!out.contains("hunter2"));
    let request = server.next_request();
    assert_eq!(request.text("event"), "test");
    assert!(request.text("title").starts_with("openclaw-failover TEST: "), "{}", request.body);
    assert_eq!(request.json().get("topics").unwrap().to_string(), "[]");

    configure(folder.path(), r#""demote": {}"#);
    let output = program(folder.path(), &["notify", "--test"]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("no webhook is configured"));
}

#[test]
fn the_monitor_reports_webhooks_that_fail() {
    let folder = tempfile::tempdir().unwrap();
    let hook = WebhookServer::start();
    let config = r#""notify": [{ "credential": "hook", "format": "json", "events": ["hold", "degraded"] },
                               { "credential": "gone", "format": "slack" }],
                    "gateway": { "url": "http://127.0.0.1:2" }"#;
    configure(folder.path(), config);
    fs::write(folder.path().join("notify_hook"), format!("http://{}/hunter2", hook.address)).unwrap();
    fs::write(folder.path().join("notify_gone"), "http://127.0.0.1:1/hunter2").unwrap();
    let mut command = program(folder.path(), &["run"]);
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut monitor = command.env("RUST_LOG", "debug").stderr(log).spawn().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(BINARY);
        command.env("OPENCLAW_FAILOVER_RUN_DIR", folder.path().join("run")).args(args);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    // There is no systemd here, or no such unit: that is degraded, and sent.
    assert_eq!(hook.next_request().json().get("topics").unwrap().to_string(), r#"["degraded"]"#);
    let says = |args: &[&str], words: &str| {
        let began = Instant::now();
        while !run(args).contains(words) {
            assert!(began.elapsed() < WAIT_LIMIT, "{args:?} never says {words:?}");
        }
    };
    says(&["pause"], "paused");
    says(&["resume"], "was ended by an operator");
    let ended =
        std::iter::repeat_with(|| hook.next_request()).find(|request| request.text("event") == "hold_ended").unwrap();
    assert!(ended.text("text").contains("automatic failover is ON"), "{}", ended.body);
    says(&["status", "--json"], "notifications to gone fail: refused");
    monitor.kill().unwrap();
    monitor.wait().unwrap();
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("notifications to gone fail"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}
