//! TLS certificates and their errors.

mod server;

use std::io::{Read, Write};

use openclaw_failover::probe::ProbeFailure::{NotOpenClaw, Refused, ResponseTimeout, Tls};
use openclaw_failover::probe::{ProbeResult, ProbeTarget, ReadyzRequest, Verdict};
use server::{certificate_path, server_config};

use crate::server::{Server, Stream, send_response, stay_silent};
use crate::{HEALTHY, STARTED, probe_in_time};

fn start_gateway(certificate: &str) -> Server {
    Server::start_tls(server_config(certificate), |_, stream| send_response(stream, 200, STARTED))
}

fn probe_once(url: &str, authority: Option<&str>) -> ProbeResult {
    let authority = authority.map(certificate_path);
    let target = ProbeTarget::new(&[url.to_owned()], authority.as_deref(), &ReadyzRequest::Skip);
    probe_in_time(&mut target.unwrap())
}

#[test]
fn a_private_certificate_is_trusted_through_its_authority_only() {
    let server = start_gateway("gateway.pem");
    let port = server.address.port();
    assert_eq!(probe_once(&server.url(), Some("authority.pem")).verdict, HEALTHY);
    assert_eq!(probe_once(&format!("https://localhost:{port}"), Some("authority.pem")).verdict, HEALTHY);
    assert_eq!(probe_once(&server.url(), None).verdict, Verdict::Failing(Tls));
    assert_eq!(probe_once(&server.url(), Some("elsewhere.pem")).verdict, Verdict::Failing(Tls));
}

#[test]
fn a_certificate_for_another_name_is_not_trusted() {
    let server = start_gateway("elsewhere.pem");
    let answer = probe_once(&server.url(), Some("authority.pem"));
    assert_eq!(answer.verdict, Verdict::Failing(Tls));
    assert!(answer.detail.contains("certificate"), "{}", answer.detail);
}

/// Parts of messages that only programmers understand; they must not appear.
const LIBRARY_WORDS: [&str; 9] =
    ["CaUsed", "UnknownIssuer", "Invalid", "Other(", "DnsName", "(UNIX)", "io: ", "os error", "Handshake"];

#[test]
fn each_certificate_that_is_not_trusted_is_told_in_plain_words() {
    for (certificate, authority, words) in [
        ("openclaw.pem", Some("openclaw.pem"), "as OpenClaw creates it"),
        ("openclaw.pem", None, "self-signed"),
        ("own.pem", None, "self-signed, or signed by an authority that is not trusted"),
        ("own.pem", Some("authority.pem"), "self-signed, or signed by an authority that is not trusted"),
        ("gateway.pem", Some("own.pem"), "self-signed, or signed by an authority that is not trusted"),
        ("elsewhere.pem", Some("authority.pem"), "is for other names: elsewhere.example"),
        ("expired.pem", Some("expired.pem"), "has expired"),
        ("future.pem", Some("future.pem"), "not valid yet"),
    ] {
        let server = start_gateway(certificate);
        let answer = probe_once(&server.url(), authority);
        assert_eq!(answer.verdict, Verdict::Failing(Tls), "{certificate}");
        assert!(answer.detail.contains(words), "{certificate}: {}", answer.detail);
        assert!(!LIBRARY_WORDS.iter().any(|raw| answer.detail.contains(raw)), "{certificate}: {}", answer.detail);
    }
}

#[test]
fn a_gateways_own_certificate_is_pinned_by_naming_it() {
    let server = start_gateway("own.pem");
    assert_eq!(probe_once(&server.url(), Some("own.pem")).verdict, HEALTHY);
    // A certificate that is not in ca_file is not trusted, even with the same key.
    assert_eq!(probe_once(&start_gateway("gateway.pem").url(), Some("own.pem")).verdict, Verdict::Failing(Tls));
    assert_eq!(probe_once(&start_gateway("openclaw.pem").url(), Some("own.pem")).verdict, Verdict::Failing(Tls));
}

#[test]
fn http_to_what_speaks_tls_is_no_silence() {
    let tls = start_gateway("openclaw.pem");
    // Node's TLS server closes a plain connection without an answer, and answers TLS records.
    let dropping = Server::with_raw_handler(|mut stream| {
        let mut first = [0];
        if stream.read_exact(&mut first).is_ok() && first == [0x16] {
            // Fatal alert: handshake failure.
            drop(stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]));
        }
    });
    for url in [tls.url().replace("https:", "http:"), dropping.url()] {
        let answer = probe_once(&url, None);
        assert_eq!(answer.verdict, Verdict::Failing(Tls), "{}", answer.detail);
        assert!(answer.detail.contains("speaks TLS; write https://"), "{}", answer.detail);
    }
    let dead = Server::with_raw_handler(drop);
    assert_eq!(probe_once(&dead.url(), None).verdict, Verdict::Failing(Refused));
}

#[test]
fn https_to_what_speaks_no_tls() {
    let plain = Server::start(|_, stream| send_response(stream, 200, STARTED));
    let url = plain.url().replace("http:", "https:");
    // The server waits for the end of a head that never comes, so only the deadline ends the probe.
    assert_eq!(probe_once(&url, None).verdict, Verdict::Failing(ResponseTimeout));
    let talking = Server::with_raw_handler(|mut stream| drop(send_response(&mut stream, 400, "no TLS")));
    let url = talking.url().replace("http:", "https:");
    let answer = probe_once(&url, None);
    assert_eq!(answer.verdict, Verdict::Failing(Tls));
    assert_eq!(answer.detail, "the server does not speak TLS; write http:// for a server without TLS");
}

#[test]
fn handshakes_that_do_not_end() {
    let silent = Server::with_raw_handler(|mut stream| drop(stay_silent(&mut stream)));
    let url = silent.url().replace("http:", "https:");
    assert_eq!(probe_once(&url, None).verdict, Verdict::Failing(ResponseTimeout));
    let dropped = Server::with_raw_handler(drop);
    let url = dropped.url().replace("http:", "https:");
    assert_eq!(probe_once(&url, None).verdict, Verdict::Failing(Refused));
}

#[test]
fn silence_and_floods_behind_tls_end_as_without_it() {
    let silent = Server::start_tls(server_config("gateway.pem"), |_, stream| stay_silent(stream));
    let answer = probe_once(&silent.url(), Some("authority.pem"));
    assert_eq!(answer.verdict, Verdict::Failing(ResponseTimeout));

    let flood = |_: &str, stream: &mut dyn Stream| loop {
        stream.write_all("HTTP/1.1 100 Continue\r\n\r\n".repeat(500).as_bytes())?;
    };
    let flooding = Server::start_tls(server_config("gateway.pem"), flood);
    let answer = probe_once(&flooding.url(), Some("authority.pem"));
    assert_eq!(answer.verdict, Verdict::Failing(NotOpenClaw));

    let cut = Server::start_tls(server_config("gateway.pem"), |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"ok\":")
    });
    let answer = probe_once(&cut.url(), Some("authority.pem"));
    assert_eq!(answer.verdict, Verdict::Failing(NotOpenClaw));
}

#[test]
fn certificates_that_cannot_be_read_are_refused_at_once() {
    for name in ["missing.pem", "gateway.key"] {
        let urls = ["https://127.0.0.1:1".to_owned()];
        let error = ProbeTarget::new(&urls, Some(&certificate_path(name)), &ReadyzRequest::Skip).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}
