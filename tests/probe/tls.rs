//! Certificates, and what goes wrong with them.

mod server;

use openclaw_failover::probe::Failure::{NotOpenClaw, Refused, ResponseTimeout, Tls};
use openclaw_failover::probe::{Answer, Readyz, Target, Verdict};

use crate::server::{Server, Stream, respond, silence};
use crate::{HEALTHY, STARTED, probe};
use server::{config, file};

fn gateway(certificate: &str) -> Server {
    Server::start_tls(config(certificate), |_, stream| respond(stream, 200, STARTED))
}

fn ask(url: &str, authority: Option<&str>) -> Answer {
    let authority = authority.map(file);
    let target = Target::new(&[url.to_owned()], authority.as_deref(), &Readyz::Skip);
    probe(&mut target.unwrap())
}

#[test]
fn a_private_certificate_is_trusted_through_its_authority_only() {
    let server = gateway("gateway.pem");
    let port = server.address.port();
    assert_eq!(ask(&server.url(), Some("authority.pem")).verdict, HEALTHY);
    assert_eq!(ask(&format!("https://localhost:{port}"), Some("authority.pem")).verdict, HEALTHY);
    assert_eq!(ask(&server.url(), None).verdict, Verdict::Failing(Tls));
    assert_eq!(ask(&server.url(), Some("elsewhere.pem")).verdict, Verdict::Failing(Tls));
}

#[test]
fn a_certificate_for_another_name_is_not_trusted() {
    let server = gateway("elsewhere.pem");
    let answer = ask(&server.url(), Some("authority.pem"));
    assert_eq!(answer.verdict, Verdict::Failing(Tls));
    assert!(answer.detail.contains("certificate"), "{}", answer.detail);
}

#[test]
fn https_to_what_speaks_no_tls() {
    let plain = Server::start(|_, stream| respond(stream, 200, STARTED));
    let url = plain.url().replace("http:", "https:");
    // It waits for the end of a head that never comes, so only the deadline ends this.
    assert_eq!(ask(&url, None).verdict, Verdict::Failing(ResponseTimeout));
    let talking = Server::raw(|mut stream| drop(respond(&mut stream, 400, "no TLS")));
    let url = talking.url().replace("http:", "https:");
    assert_eq!(ask(&url, None).verdict, Verdict::Failing(Tls));
}

#[test]
fn handshakes_that_do_not_end() {
    let silent = Server::raw(|mut stream| drop(silence(&mut stream)));
    let url = silent.url().replace("http:", "https:");
    assert_eq!(ask(&url, None).verdict, Verdict::Failing(ResponseTimeout));
    let dropped = Server::raw(drop);
    let url = dropped.url().replace("http:", "https:");
    assert_eq!(ask(&url, None).verdict, Verdict::Failing(Refused));
}

#[test]
fn silence_and_floods_behind_tls_end_as_without_it() {
    let silent = Server::start_tls(config("gateway.pem"), |_, stream| silence(stream));
    let answer = ask(&silent.url(), Some("authority.pem"));
    assert_eq!(answer.verdict, Verdict::Failing(ResponseTimeout));

    let flood = |_: &str, stream: &mut dyn Stream| loop {
        stream.write_all("HTTP/1.1 100 Continue\r\n\r\n".repeat(500).as_bytes())?;
    };
    let flooding = Server::start_tls(config("gateway.pem"), flood);
    let answer = ask(&flooding.url(), Some("authority.pem"));
    assert_eq!(answer.verdict, Verdict::Failing(NotOpenClaw));

    let cut = Server::start_tls(config("gateway.pem"), |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"ok\":")
    });
    let answer = ask(&cut.url(), Some("authority.pem"));
    assert_eq!(answer.verdict, Verdict::Failing(NotOpenClaw));
}

#[test]
fn certificates_that_cannot_be_read_are_refused_at_once() {
    for name in ["missing.pem", "gateway.key"] {
        let urls = ["https://127.0.0.1:1".to_owned()];
        let error = Target::new(&urls, Some(&file(name)), &Readyz::Skip).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}
