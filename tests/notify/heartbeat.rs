//! Heartbeat for a dead man's switch.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use openclaw_failover::config;
use openclaw_failover::notify::Heartbeat;

use crate::server::{WAIT_LIMIT, WebhookServer};
use crate::stage::TestHost;

#[test]
fn sends_heartbeats_only_while_the_monitor_reports_well() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    fs::write(stage.path("beat"), format!("http://{}/ping/hunter2\nX-Token: 1", server.address)).unwrap();
    let interval = Duration::from_millis(200);
    let config = config::HeartbeatConfig { credential: "beat".to_owned(), interval, ca_file: None };
    let (sender, told) = mpsc::channel();
    let tell = Box::new(move |result| drop(sender.send(result)));
    let heartbeat = Heartbeat::start(config, stage.credentials(), tell).unwrap();
    assert!(server.is_quiet(Duration::from_secs(3)), "no report yet");
    heartbeat.report_well();
    for _ in 0..3 {
        let beat = server.next_request();
        assert_eq!((beat.line.as_str(), beat.header("x-token")), ("GET /ping/hunter2", Some("1")));
    }
    server.respond("500 Out of order");
    let why = told.recv_timeout(WAIT_LIMIT).unwrap().unwrap_err().to_string();
    assert!(why.contains("HTTP 500") && !why.contains("hunter2"), "{why}");
    server.respond("200 OK");
    assert!(told.recv_timeout(WAIT_LIMIT).unwrap().is_ok());
    server.respond_with("200 OK", "<!doctype html><title>Log in</title>");
    let why = told.recv_timeout(WAIT_LIMIT).unwrap().unwrap_err().to_string();
    assert!(why.contains("an HTML page, Log in"), "{why}");
    drop(heartbeat);
    while !server.is_quiet(Duration::from_secs(1)) {}
}
