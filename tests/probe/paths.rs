//! Requested paths, and the handling of unknown ones.

use openclaw_failover::probe::ProbeFailure::{NotOpenClaw, ResponseTimeout, Status};
use openclaw_failover::probe::{ProbeTarget, Verdict};

use crate::server::{Server, send_response, stay_silent};
use crate::{DEADLINE, HEALTHY, HTML, LIVE, STARTED, healthz_target, probe_in_time};

/// Starts a server with these two answers.
fn start_server(startupz: (u16, &'static str), healthz: (u16, &'static str)) -> Server {
    Server::start(move |path, stream| {
        let (status, body) = if path == "/startupz" { startupz } else { healthz };
        send_response(stream, status, body)
    })
}

#[test]
fn startupz_alone_is_asked_where_it_is_known() {
    let server = start_server((200, STARTED), (200, LIVE));
    let answer = probe_in_time(&mut healthz_target(&[&server.url()]));
    assert_eq!(answer.verdict, HEALTHY);
    assert_eq!(answer.url, format!("{}/startupz", server.url()));
    assert_eq!(server.requested_paths(), ["/startupz"]);
    let head = server.request_heads().remove(0).to_lowercase();
    assert!(head.contains("connection: close"), "{head}");
    let agent = concat!("user-agent: openclaw-failover/", env!("CARGO_PKG_VERSION"));
    assert!(head.contains(agent), "{head}");
}

#[test]
fn an_older_gateway_is_asked_for_healthz_and_remembered() {
    for unknown in [(404, ""), (404, HTML), (200, HTML)] {
        let server = start_server(unknown, (200, LIVE));
        let mut target = healthz_target(&[&server.url()]);
        let answer = probe_in_time(&mut target);
        assert_eq!(answer.verdict, HEALTHY);
        assert_eq!(answer.url, format!("{}/healthz", server.url()));
        assert_eq!(probe_in_time(&mut target).verdict, HEALTHY);
        assert_eq!(server.requested_paths(), ["/startupz", "/healthz", "/healthz"]);
    }
}

#[test]
fn html_is_told_by_its_first_character_too() {
    let server = Server::start(|path, stream| match path {
        "/startupz" => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\n <html/>"),
        _ => send_response(stream, 200, LIVE),
    });
    assert_eq!(probe_in_time(&mut healthz_target(&[&server.url()])).verdict, HEALTHY);
}

#[test]
fn nothing_is_remembered_of_a_gateway_that_fails() {
    let cases = [
        ((404, ""), (404, ""), Status(404)),
        ((404, ""), (500, ""), Status(500)),
        ((200, HTML), (200, HTML), NotOpenClaw),
        ((404, ""), (200, STARTED), NotOpenClaw),
        ((404, ""), (200, "{}"), NotOpenClaw),
    ];
    for (startupz, healthz, failure) in cases {
        let server = start_server(startupz, healthz);
        let mut target = healthz_target(&[&server.url()]);
        for _ in 0..2 {
            assert_eq!(probe_in_time(&mut target).verdict, Verdict::Failing(failure));
        }
        assert_eq!(server.requested_paths(), ["/startupz", "/healthz", "/startupz", "/healthz"]);
    }
}

#[test]
fn both_paths_share_one_deadline() {
    let server = Server::start(|path, stream| match path {
        "/startupz" => send_response(stream, 404, ""),
        _ => stay_silent(stream),
    });
    let answer = probe_in_time(&mut healthz_target(&[&server.url()]));
    assert_eq!(answer.verdict, Verdict::Failing(ResponseTimeout));
}

#[test]
fn a_live_only_target_never_asks_for_more() {
    let server = start_server((503, r#"{"ok":false,"status":"draining"}"#), (200, LIVE));
    let mut target = ProbeTarget::healthz_only(&[server.url()], None).unwrap();
    assert_eq!(target.probe(DEADLINE).verdict, HEALTHY);
    assert_eq!(server.requested_paths(), ["/healthz"]);
}
