//! Faulty servers, one per fault. All are probed in parallel, since many cases last until the deadline.

use std::time::Duration;
use std::{io, thread};

use openclaw_failover::probe::ProbeFailure::{self, Draining, NotOpenClaw, Refused, ResponseTimeout, Starting, Status};
use openclaw_failover::probe::Verdict;

use crate::address::unused_address;
use crate::server::{Server, Stream, send_response, send_slowly, stay_silent};
use crate::{HEALTHY, LIVE, STARTED, probe_verdict};

/// Starts a server per case, probes all in parallel and compares the verdicts.
fn check_verdicts(cases: Vec<(&'static str, Server, Verdict)>) {
    let probes: Vec<_> = cases
        .into_iter()
        .map(|(name, server, expected)| thread::spawn(move || (name, probe_verdict(&server.url()), expected)))
        .collect();
    for probe in probes {
        let (name, found, expected) = probe.join().unwrap();
        assert_eq!(found, expected, "{name}");
    }
}

/// Sends the same answer on every path.
fn start_answering(status: u16, body: &'static str) -> Server {
    Server::start(move |_, stream| send_response(stream, status, body))
}

/// Sends the same bytes on every path, then closes the connection.
fn start_sending_bytes(answer: impl Into<Vec<u8>>) -> Server {
    let answer = answer.into();
    Server::start(move |_, stream| stream.write_all(&answer))
}

fn failing_verdict(failure: ProbeFailure) -> Verdict {
    Verdict::Failing(failure)
}

#[test]
fn the_gateways_own_words() {
    check_verdicts(vec![
        ("started", start_answering(200, STARTED), HEALTHY),
        ("starting", start_answering(503, r#"{"ok":false,"status":"starting"}"#), failing_verdict(Starting)),
        ("draining", start_answering(503, r#"{"ok":false,"status":"draining"}"#), failing_verdict(Draining)),
        ("started, but 503", start_answering(503, STARTED), failing_verdict(Status(503))),
        (
            "starting, but 200",
            start_answering(200, r#"{"ok":false,"status":"starting"}"#),
            failing_verdict(NotOpenClaw),
        ),
        ("live on /startupz", start_answering(200, LIVE), failing_verdict(NotOpenClaw)),
    ]);
}

#[test]
fn connections_that_end_early() {
    let unused = unused_address();
    assert_eq!(probe_verdict(&format!("http://{unused}")), failing_verdict(Refused));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n";
    check_verdicts(vec![
        ("closed without a word", Server::with_raw_handler(drop), failing_verdict(Refused)),
        ("closed after the request", Server::start(|_, _| Ok(())), failing_verdict(Refused)),
        ("truncated in the head", start_sending_bytes("HTTP/1.1 200 OK\r\nContent-"), failing_verdict(NotOpenClaw)),
        (
            "truncated in the body",
            start_sending_bytes(format!("{head}{}", &STARTED[..20])),
            failing_verdict(NotOpenClaw),
        ),
        ("no body at all", start_sending_bytes(head), failing_verdict(NotOpenClaw)),
    ]);
}

#[test]
fn silence_and_drips_end_with_the_deadline() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n";
    let silent = Server::with_raw_handler(|mut stream| drop(stay_silent(&mut stream)));
    check_verdicts(vec![
        ("silence", silent, failing_verdict(ResponseTimeout)),
        ("a head and silence", start_stalling(head), failing_verdict(ResponseTimeout)),
        ("a drip in the body", start_dripping(&[head, "\r\n"].concat(), " "), failing_verdict(ResponseTimeout)),
        ("a drip in a chunked body", start_dripping(CHUNKED, "1\r\n \r\n"), failing_verdict(ResponseTimeout)),
        ("a drip in the headers", start_dripping(head, "X-Drip: drop\r\n"), failing_verdict(ResponseTimeout)),
        ("a drip in one header", start_dripping(head, "x"), failing_verdict(ResponseTimeout)),
        ("a drip in the status", start_dripping("", "HTTP"), failing_verdict(NotOpenClaw)),
        ("a drip of 100 Continue", start_dripping("", CONTINUE), failing_verdict(ResponseTimeout)),
    ]);
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

fn start_dripping(head: &str, drops: &'static str) -> Server {
    let head = head.to_owned();
    Server::start(move |_, stream| {
        stream.write_all(head.as_bytes())?;
        send_slowly(stream, drops.as_bytes())
    })
}

fn start_stalling(head: &'static str) -> Server {
    Server::start(move |_, stream| {
        stream.write_all(head.as_bytes())?;
        stay_silent(stream)
    })
}

#[test]
fn statuses_are_named_and_redirects_not_followed() {
    let elsewhere = Server::start(|_, stream| send_response(stream, 200, STARTED));
    let location = elsewhere.url();
    let redirect = Server::start(move |path, stream| {
        write!(stream, "HTTP/1.1 302 Found\r\nLocation: {location}{path}\r\nContent-Length: 0\r\n\r\n")
    });
    check_verdicts(vec![
        ("302", redirect, failing_verdict(Status(302))),
        ("500", start_answering(500, "oops"), failing_verdict(Status(500))),
        ("502", start_answering(502, "<html>Bad Gateway</html>"), failing_verdict(Status(502))),
        ("401", start_answering(401, STARTED), failing_verdict(Status(401))),
        ("201", start_answering(201, STARTED), failing_verdict(Status(201))),
        ("204", start_answering(204, ""), failing_verdict(Status(204))),
        ("101", start_sending_bytes("HTTP/1.1 101 Switching Protocols\r\n\r\n"), failing_verdict(Status(101))),
    ]);
    assert!(elsewhere.requested_paths().is_empty());
}

#[test]
fn other_json_is_not_openclaw() {
    let deep = format!("{}{}", "{\"ok\":".repeat(30_000), "}".repeat(30_000));
    check_verdicts(vec![
        ("{}", start_answering(200, "{}"), failing_verdict(NotOpenClaw)),
        ("nested", start_answering(200, r#"{"data":{"ok":true,"status":"started"}}"#), failing_verdict(NotOpenClaw)),
        ("in an array", start_answering(200, r#"[{"ok":true,"status":"started"}]"#), failing_verdict(NotOpenClaw)),
        ("wrong types", start_answering(200, r#"{"ok":"true","status":"started"}"#), failing_verdict(NotOpenClaw)),
        ("plain text", start_answering(200, "OK"), failing_verdict(NotOpenClaw)),
        ("empty", start_answering(200, ""), failing_verdict(NotOpenClaw)),
        ("30,000 levels", start_with_body(deep.into_bytes()), failing_verdict(NotOpenClaw)),
        (
            "invalid UTF-8",
            start_with_body(b"{\"ok\":true,\"status\":\"started\",\"x\":\"\xff\xfe\"}".to_vec()),
            failing_verdict(NotOpenClaw),
        ),
        ("chunked, and right", start_sending_bytes([CHUNKED, "1e\r\n", STARTED, "\r\n0\r\n\r\n"].concat()), HEALTHY),
        ("without a length, and right", start_sending_bytes(["HTTP/1.0 200 OK\r\n\r\n", STARTED].concat()), HEALTHY),
        (
            "a bad chunk",
            start_sending_bytes([CHUNKED, "ffffffffffffffffff\r\n", STARTED].concat()),
            failing_verdict(NotOpenClaw),
        ),
        (
            "two lengths",
            start_sending_bytes("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12"),
            failing_verdict(NotOpenClaw),
        ),
        ("not HTTP", start_sending_bytes("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), failing_verdict(NotOpenClaw)),
    ]);
}

fn start_with_body(body: Vec<u8>) -> Server {
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend(body);
    start_sending_bytes(answer)
}

#[test]
fn too_much_of_anything_is_not_openclaw() {
    check_verdicts(vec![
        (
            "1 GB of body",
            start_flooding("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", " ", 1_000_000_000),
            failing_verdict(NotOpenClaw),
        ),
        (
            "1 GB without a length",
            start_flooding("HTTP/1.1 200 OK\r\n\r\n", STARTED, 1_000_000_000),
            failing_verdict(NotOpenClaw),
        ),
        ("1 GB of tiny chunks", start_flooding(CHUNKED, "1\r\n \r\n", 1_000_000_000), failing_verdict(NotOpenClaw)),
        (
            "100,000 headers",
            start_flooding("HTTP/1.1 200 OK\r\n", "X-Header: x\r\n", 1_300_000),
            failing_verdict(NotOpenClaw),
        ),
        ("200 short headers", start_flooding("HTTP/1.1 200 OK\r\n", "X: x\r\n", 1_200), failing_verdict(NotOpenClaw)),
        (
            "a header of 1 GB",
            start_flooding("HTTP/1.1 200 OK\r\nX: ", "x", 1_000_000_000),
            failing_verdict(NotOpenClaw),
        ),
        ("endless 100 Continue", start_flooding("", CONTINUE, u64::MAX), failing_verdict(NotOpenClaw)),
        (
            "endless 103 Early Hints",
            start_flooding("", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", u64::MAX),
            failing_verdict(NotOpenClaw),
        ),
    ]);
}

/// Sends `head`, then at least `length` bytes of repeated `piece`, as fast as the client reads.
fn start_flooding(head: &'static str, piece: &'static str, length: u64) -> Server {
    let block = piece.repeat(1 + 16 * 1024 / piece.len());
    Server::start(move |_, stream: &mut dyn Stream| {
        stream.write_all(head.as_bytes())?;
        let mut written: u64 = 0;
        while written < length {
            stream.write_all(block.as_bytes())?;
            written = written.saturating_add(block.len() as u64);
        }
        finish_head(stream)
    })
}

/// Ends the head and waits for the client: an immediate close could discard data that the client has not read yet.
fn finish_head(stream: &mut dyn Stream) -> io::Result<()> {
    stream.write_all(b"\r\n")?;
    stream.flush()?;
    thread::sleep(Duration::from_millis(100));
    Ok(())
}
