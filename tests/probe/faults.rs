//! One server a fault. All are probed at once, since many of them last until the deadline.

use std::io;
use std::thread;
use std::time::Duration;

use openclaw_failover::probe::Failure::{self, Draining, NotOpenClaw, Refused, ResponseTimeout, Starting, Status};
use openclaw_failover::probe::Verdict;

use crate::address::unused_address;
use crate::server::{Server, Stream, drip, respond, silence};
use crate::{HEALTHY, LIVE, STARTED, verdict};

/// Starts a server a case, probes all of them side by side and compares.
fn check(cases: Vec<(&'static str, Server, Verdict)>) {
    let probes: Vec<_> = cases
        .into_iter()
        .map(|(name, server, expected)| thread::spawn(move || (name, verdict(&server.url()), expected)))
        .collect();
    for probe in probes {
        let (name, found, expected) = probe.join().unwrap();
        assert_eq!(found, expected, "{name}");
    }
}

/// The same on every path.
fn always(status: u16, body: &'static str) -> Server {
    Server::start(move |_, stream| respond(stream, status, body))
}

/// The same bytes on every path, then the end of the connection.
fn bytes(answer: impl Into<Vec<u8>>) -> Server {
    let answer = answer.into();
    Server::start(move |_, stream| stream.write_all(&answer))
}

fn failing(failure: Failure) -> Verdict {
    Verdict::Failing(failure)
}

#[test]
fn the_gateways_own_words() {
    check(vec![
        ("started", always(200, STARTED), HEALTHY),
        ("starting", always(503, r#"{"ok":false,"status":"starting"}"#), failing(Starting)),
        ("draining", always(503, r#"{"ok":false,"status":"draining"}"#), failing(Draining)),
        ("started, but 503", always(503, STARTED), failing(Status(503))),
        ("starting, but 200", always(200, r#"{"ok":false,"status":"starting"}"#), failing(NotOpenClaw)),
        ("live on /startupz", always(200, LIVE), failing(NotOpenClaw)),
    ]);
}

#[test]
fn connections_that_end_early() {
    let unused = unused_address();
    assert_eq!(verdict(&format!("http://{unused}")), failing(Refused));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n";
    check(vec![
        ("closed without a word", Server::raw(drop), failing(Refused)),
        ("closed after the request", Server::start(|_, _| Ok(())), failing(Refused)),
        ("truncated in the head", bytes("HTTP/1.1 200 OK\r\nContent-"), failing(NotOpenClaw)),
        ("truncated in the body", bytes(format!("{head}{}", &STARTED[..20])), failing(NotOpenClaw)),
        ("no body at all", bytes(head), failing(NotOpenClaw)),
    ]);
}

#[test]
fn silence_and_drips_end_with_the_deadline() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n";
    let silent = Server::raw(|mut stream| drop(silence(&mut stream)));
    check(vec![
        ("silence", silent, failing(ResponseTimeout)),
        ("a head and silence", stalling(head), failing(ResponseTimeout)),
        ("a drip in the body", dripping(&[head, "\r\n"].concat(), " "), failing(ResponseTimeout)),
        ("a drip in a chunked body", dripping(CHUNKED, "1\r\n \r\n"), failing(ResponseTimeout)),
        ("a drip in the headers", dripping(head, "X-Drip: drop\r\n"), failing(ResponseTimeout)),
        ("a drip in one header", dripping(head, "x"), failing(ResponseTimeout)),
        ("a drip in the status", dripping("", "HTTP"), failing(NotOpenClaw)),
        ("a drip of 100 Continue", dripping("", CONTINUE), failing(ResponseTimeout)),
    ]);
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

fn dripping(head: &str, drops: &'static str) -> Server {
    let head = head.to_owned();
    Server::start(move |_, stream| {
        stream.write_all(head.as_bytes())?;
        drip(stream, drops.as_bytes())
    })
}

fn stalling(head: &'static str) -> Server {
    Server::start(move |_, stream| {
        stream.write_all(head.as_bytes())?;
        silence(stream)
    })
}

#[test]
fn statuses_are_named_and_redirects_not_followed() {
    let elsewhere = Server::start(|_, stream| respond(stream, 200, STARTED));
    let location = elsewhere.url();
    let redirect = Server::start(move |path, stream| {
        write!(stream, "HTTP/1.1 302 Found\r\nLocation: {location}{path}\r\nContent-Length: 0\r\n\r\n")
    });
    check(vec![
        ("302", redirect, failing(Status(302))),
        ("500", always(500, "oops"), failing(Status(500))),
        ("502", always(502, "<html>Bad Gateway</html>"), failing(Status(502))),
        ("401", always(401, STARTED), failing(Status(401))),
        ("201", always(201, STARTED), failing(Status(201))),
        ("204", always(204, ""), failing(Status(204))),
        ("101", bytes("HTTP/1.1 101 Switching Protocols\r\n\r\n"), failing(Status(101))),
    ]);
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn other_json_is_not_openclaw() {
    let deep = format!("{}{}", "{\"ok\":".repeat(30_000), "}".repeat(30_000));
    check(vec![
        ("{}", always(200, "{}"), failing(NotOpenClaw)),
        ("nested", always(200, r#"{"data":{"ok":true,"status":"started"}}"#), failing(NotOpenClaw)),
        ("in an array", always(200, r#"[{"ok":true,"status":"started"}]"#), failing(NotOpenClaw)),
        ("wrong types", always(200, r#"{"ok":"true","status":"started"}"#), failing(NotOpenClaw)),
        ("plain text", always(200, "OK"), failing(NotOpenClaw)),
        ("empty", always(200, ""), failing(NotOpenClaw)),
        ("30,000 levels", whole(deep.into_bytes()), failing(NotOpenClaw)),
        (
            "invalid UTF-8",
            whole(b"{\"ok\":true,\"status\":\"started\",\"x\":\"\xff\xfe\"}".to_vec()),
            failing(NotOpenClaw),
        ),
        ("chunked, and right", bytes([CHUNKED, "1e\r\n", STARTED, "\r\n0\r\n\r\n"].concat()), HEALTHY),
        ("without a length, and right", bytes(["HTTP/1.0 200 OK\r\n\r\n", STARTED].concat()), HEALTHY),
        ("a bad chunk", bytes([CHUNKED, "ffffffffffffffffff\r\n", STARTED].concat()), failing(NotOpenClaw)),
        (
            "two lengths",
            bytes("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12"),
            failing(NotOpenClaw),
        ),
        ("not HTTP", bytes("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), failing(NotOpenClaw)),
    ]);
}

fn whole(body: Vec<u8>) -> Server {
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend(body);
    bytes(answer)
}

#[test]
fn too_much_of_anything_is_not_openclaw() {
    check(vec![
        (
            "1 GB of body",
            flood("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", " ", 1_000_000_000),
            failing(NotOpenClaw),
        ),
        ("1 GB without a length", flood("HTTP/1.1 200 OK\r\n\r\n", STARTED, 1_000_000_000), failing(NotOpenClaw)),
        ("1 GB of tiny chunks", flood(CHUNKED, "1\r\n \r\n", 1_000_000_000), failing(NotOpenClaw)),
        ("100,000 headers", flood("HTTP/1.1 200 OK\r\n", "X-Header: x\r\n", 1_300_000), failing(NotOpenClaw)),
        ("200 short headers", flood("HTTP/1.1 200 OK\r\n", "X: x\r\n", 1_200), failing(NotOpenClaw)),
        ("a header of 1 GB", flood("HTTP/1.1 200 OK\r\nX: ", "x", 1_000_000_000), failing(NotOpenClaw)),
        ("endless 100 Continue", flood("", CONTINUE, u64::MAX), failing(NotOpenClaw)),
        (
            "endless 103 Early Hints",
            flood("", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", u64::MAX),
            failing(NotOpenClaw),
        ),
    ]);
}

/// `head`, then at least `length` bytes made of `piece`, as fast as the client takes them.
fn flood(head: &'static str, piece: &'static str, length: u64) -> Server {
    let block = piece.repeat(1 + 16 * 1024 / piece.len());
    Server::start(move |_, stream: &mut dyn Stream| {
        stream.write_all(head.as_bytes())?;
        let mut written: u64 = 0;
        while written < length {
            stream.write_all(block.as_bytes())?;
            written = written.saturating_add(block.len() as u64);
        }
        finish(stream)
    })
}

/// Ends a head that is still open, and waits for the client: closing at once could destroy what it has not read yet.
fn finish(stream: &mut dyn Stream) -> io::Result<()> {
    stream.write_all(b"\r\n")?;
    stream.flush()?;
    thread::sleep(Duration::from_millis(100));
    Ok(())
}
