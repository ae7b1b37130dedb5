//! Hostile clients: the next client is served all the same, and the monitor sees a bounded number of requests.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};
use std::{fs, thread};

use openclaw_failover::control::{self, ControlError, ControlResponse, Request};
use openclaw_failover::failover::{HoldKind, RoleKind};

use crate::scripted_monitor::{ScriptedMonitor, WAIT_LIMIT, response};

const STATUS: &[u8] = b"{\"command\":\"status\"}\n";

/// More clients than there are slots. Each takes a descriptor of this process, which may have 1,024.
const CLIENT_COUNT: usize = 300;

fn idle_monitor() -> ScriptedMonitor {
    ScriptedMonitor::open(|_, _| Ok(response("standby", None, &[])))
}

fn connect(monitor: &ScriptedMonitor) -> UnixStream {
    let stream = UnixStream::connect(monitor.socket()).unwrap();
    stream.set_read_timeout(Some(WAIT_LIMIT)).unwrap();
    stream
}

/// Reads everything that the client receives until its connection ends.
fn read_to_end(mut stream: &UnixStream) -> String {
    let mut text = String::new();
    match stream.read_to_string(&mut text) {
        // A client that has sent more than was read gets a connection reset.
        Err(why) if why.kind() != ErrorKind::ConnectionReset => panic!("{why}"),
        _ => text,
    }
}

fn read_refusal(stream: &UnixStream) -> String {
    ControlResponse::parse(read_to_end(stream).trim_end().as_bytes()).unwrap_err().to_string()
}

#[test]
fn the_socket_is_for_owner_and_group_and_replaces_a_stale_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(matches!(control::send_request(&path, &Request::Resume, WAIT_LIMIT), Err(ControlError::NoMonitor { .. })));
    fs::write(folder.path().join("control.sock.new"), "left by a kill").unwrap();
    control::serve(&path, Box::new(|_| Err("not now".into()))).unwrap();
    let found = fs::metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o7777, 0o660);
    assert_eq!(found.gid(), fs::metadata(folder.path()).unwrap().gid());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let refused = control::send_request(&path, &Request::Resume, WAIT_LIMIT).unwrap_err();
    assert_eq!(refused.to_string(), "the monitor refused the request: not now");
    assert!(control::serve(&folder.path().join("missing/control.sock"), Box::new(|_| Err("".into()))).is_err());
}

#[test]
fn drops_a_silent_client() {
    let monitor = idle_monitor();
    let began = Instant::now();
    assert!(read_refusal(&connect(&monitor)).contains("did not arrive in time"));
    assert!(began.elapsed() >= Duration::from_secs(1), "while there are seats it is waited for");
}

#[test]
fn serves_a_slow_client() {
    let monitor = idle_monitor();
    let mut slow = connect(&monitor);
    for &byte in STATUS {
        slow.write_all(&[byte]).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(
        ControlResponse::parse(read_to_end(&slow).trim_end().as_bytes()).unwrap().status.role.kind,
        RoleKind::Standby
    );
}

#[test]
fn refuses_overlong_and_invalid_requests() {
    let monitor = idle_monitor();
    let mut huge = connect(&monitor);
    // The rest is not read by the server.
    let _ = huge.write_all(&[b'x'; 100_000]);
    assert!(read_refusal(&huge).contains("too long"));
    for (said, why) in [(&b"promote\n"[..], "not JSON"), (b"\0\xff\n", "not UTF-8"), (b"{}\n", "no \"command\"")] {
        let mut client = connect(&monitor);
        client.write_all(said).unwrap();
        assert!(read_refusal(&client).contains(why), "{said:?}");
    }
    let mut hasty = connect(&monitor);
    hasty.write_all(b"{\"command\":\"resume\"").unwrap();
    hasty.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(read_refusal(&hasty).contains("incomplete"));
    assert_eq!(monitor.requests(), [], "the monitor has heard of none of them");
}

#[test]
fn serves_new_clients_beside_many_stuck_ones() {
    let monitor = idle_monitor();
    let silent: Vec<_> = (0..CLIENT_COUNT).map(|_| connect(&monitor)).collect();
    let deaf: Vec<_> = (0..CLIENT_COUNT)
        .map(|_| {
            let mut deaf = connect(&monitor);
            deaf.write_all(STATUS).unwrap();
            deaf
        })
        .collect();
    let began = Instant::now();
    assert_eq!(monitor.send(&Request::Status { since: None }).status.role.kind, RoleKind::Standby);
    let waited = began.elapsed();
    assert!(waited < Duration::from_secs(10), "behind {CLIENT_COUNT} silent ones: {waited:?}");
    assert!(deaf.iter().all(|deaf| read_to_end(deaf).contains("standby")), "and the others were answered, too");
    drop(silent);
}

#[test]
fn ignores_clients_that_disconnect_early() {
    let monitor = idle_monitor();
    for _ in 0..CLIENT_COUNT {
        drop(connect(&monitor));
        let mut leaves = connect(&monitor);
        leaves.write_all(STATUS).unwrap();
    }
    monitor.send(&Request::Status { since: None });
}

#[test]
fn limits_the_rate_of_orders() {
    let monitor = idle_monitor();
    let began = Instant::now();
    let order = |client: &mut UnixStream| client.write_all(b"{\"command\":\"resume\"}\n").unwrap();
    let mut clients: Vec<_> = (0..40).map(|_| connect(&monitor)).collect();
    clients.iter_mut().for_each(order);
    let answers: Vec<_> =
        clients.iter().map(|client| ControlResponse::parse(read_to_end(client).trim_end().as_bytes())).collect();
    let obeyed = answers.iter().filter(|answer| answer.is_ok()).count();
    let most = began.elapsed().as_millis() / 100 + 1;
    assert!(obeyed >= 2 && obeyed as u128 <= most, "{obeyed} of at most {most}");
    assert_eq!(monitor.requests().len(), obeyed, "who was refused was not obeyed");
    for refused in answers.into_iter().filter_map(Result::err) {
        assert!(refused.to_string().contains("try again"), "{refused}");
    }
    // Two in a row, as in a script, are both accepted.
    let pause = Request::Hold { kind: HoldKind::Paused, duration: None, reason: None };
    assert_eq!((monitor.send(&pause).events.len(), monitor.send(&Request::Resume).events.len()), (0, 0));
}
