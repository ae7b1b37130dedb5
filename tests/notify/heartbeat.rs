//! Heartbeat for a dead man's switch.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use openclaw_failover::config;
use openclaw_failover::notify::Heartbeat;

use crate::server::{PATIENCE, Server};
use crate::stage::Stage;

#[test]
fn it_beats_only_while_somebody_says_that_all_is_well() {
    let stage = Stage::new();
    let server = Server::start();
    fs::write(stage.path("beat"), format!("http://{}/ping/hunter2\nX-Token: 1", server.address)).unwrap();
    let interval = Duration::from_millis(200);
    let config = config::Heartbeat { credential: "beat".to_owned(), interval, ca_file: None };
    let (sender, told) = mpsc::channel();
    let tell = Box::new(move |result| drop(sender.send(result)));
    let heartbeat = Heartbeat::start(config, stage.vault(), tell).unwrap();
    assert!(server.is_quiet(Duration::from_secs(3)), "no report yet");
    heartbeat.is_well();
    for _ in 0..3 {
        let beat = server.next();
        assert_eq!((beat.line.as_str(), beat.header("x-token")), ("GET /ping/hunter2", Some("1")));
    }
    server.say("500 Out of order");
    let why = told.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(why.contains("HTTP 500") && !why.contains("hunter2"), "{why}");
    server.say("200 OK");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Ok(()));
    server.say_with("200 OK", "<!doctype html><title>Log in</title>");
    let why = told.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(why.contains("an HTML page, Log in"), "{why}");
    drop(heartbeat);
    while !server.is_quiet(Duration::from_secs(1)) {}
}
