//! `/readyz`: it adds channels to a healthy verdict and never makes it unhealthy.

use openclaw_failover::probe::ProbeFailure::Refused;
use openclaw_failover::probe::{Channels, ProbeTarget, ReadyzRequest, Verdict};

use crate::server::{Server, send_response, stay_silent};
use crate::{HEALTHY, HTML, STARTED, probe_in_time};

fn with_readyz(status: u16, body: &'static str) -> Server {
    Server::start(move |path, stream| match path {
        "/startupz" => send_response(stream, 200, STARTED),
        _ => send_response(stream, status, body),
    })
}

fn with_token(server: &Server) -> ProbeTarget {
    let token = ReadyzRequest::Token("s3cret\n".to_owned());
    ProbeTarget::new(&[server.url()], None, &token).unwrap()
}

#[test]
fn channels_are_listed_and_a_suppressed_one_is_not_ready() {
    let server = with_readyz(503, r#"{"ready":false,"failing":["slack"],"suppressed":["discord"]}"#);
    let answer = probe_in_time(&mut with_token(&server));
    assert_eq!(answer.verdict, Verdict::Healthy { ready: false });
    let expected = Channels { failing: vec!["slack".to_owned()], suppressed: vec!["discord".to_owned()] };
    assert_eq!(answer.channels, expected);
}

#[test]
fn a_failing_channel_is_shown_and_stays_ready() {
    let server = with_readyz(503, r#"{"ready":false,"failing":["slack"],"suppressed":[]}"#);
    let answer = probe_in_time(&mut with_token(&server));
    assert_eq!(answer.verdict, HEALTHY);
    assert_eq!(answer.channels.failing, ["slack"]);
}

#[test]
fn the_token_goes_to_readyz_and_is_shown_nowhere() {
    let server = with_readyz(200, r#"{"ready":true,"failing":[],"suppressed":[]}"#);
    let mut target = with_token(&server);
    let answer = probe_in_time(&mut target);
    assert!(!format!("{target:?} {answer:?}").contains("s3cret"));
    for head in server.request_heads() {
        let shown = head.to_lowercase().contains("authorization: bearer s3cret\r\n");
        assert_eq!(shown, head.starts_with("GET /readyz "), "{head}");
    }
    assert_eq!(server.requested_paths(), ["/startupz", "/readyz"]);
    // ureq logs sent bytes at a level that must be disabled in every build.
    assert!(log::STATIC_MAX_LEVEL < log::LevelFilter::Trace);
}

#[test]
fn the_local_gateway_is_asked_without_a_token() {
    let server = with_readyz(200, r#"{"ready":true,"failing":[],"suppressed":["discord"]}"#);
    let answer = probe_in_time(&mut ProbeTarget::for_local_gateway(&server.url(), None).unwrap());
    assert_eq!(answer.verdict, Verdict::Healthy { ready: false });
    assert!(server.request_heads().iter().all(|head| !head.to_lowercase().contains("authorization")));
}

#[test]
fn a_broken_readyz_takes_no_life_away() {
    let strange = [
        with_readyz(404, ""),
        with_readyz(500, ""),
        with_readyz(200, HTML),
        with_readyz(200, "{}"),
        with_readyz(200, r#"{"ready":true}"#),
        Server::start(|path, stream| match path {
            "/startupz" => send_response(stream, 200, STARTED),
            _ => stay_silent(stream),
        }),
    ];
    for server in strange {
        let answer = probe_in_time(&mut with_token(&server));
        assert_eq!(answer.verdict, HEALTHY);
        assert_eq!(answer.channels, Channels::default());
        assert!(answer.detail.contains("/readyz"), "{}", answer.detail);
    }
}

#[test]
fn readyz_is_not_asked_of_the_dead() {
    let server = Server::with_raw_handler(drop);
    let answer = probe_in_time(&mut with_token(&server));
    assert_eq!(answer.verdict, Verdict::Failing(Refused));
}
