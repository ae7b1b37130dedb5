//! Hostile clients: the next client is served all the same, and the monitor sees a bounded number of requests.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};
use std::{fs, thread};

use openclaw_failover::control::{
    Answer, Error, Request, {self},
};
use openclaw_failover::failover::HoldKind;

use crate::desk::{Desk, PATIENCE, answer};

const STATUS: &[u8] = b"{\"command\":\"status\"}\n";

/// More clients than there are slots. Each takes a descriptor of this process, which may have 1,024.
const CROWD: usize = 300;

fn calm() -> Desk {
    Desk::open(|_, _| Ok(answer("standby", None, &[])))
}

fn connect(desk: &Desk) -> UnixStream {
    let stream = UnixStream::connect(desk.socket()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads everything that the client receives until its connection ends.
fn hear(mut stream: &UnixStream) -> String {
    let mut text = String::new();
    match stream.read_to_string(&mut text) {
        // A client that has sent more than was read gets a connection reset.
        Err(why) if why.kind() != ErrorKind::ConnectionReset => panic!("{why}"),
        _ => text,
    }
}

fn refused(stream: &UnixStream) -> String {
    Answer::parse(hear(stream).trim_end().as_bytes()).unwrap_err()
}

#[test]
fn it_is_for_its_owner_and_group_and_takes_the_place_of_a_dead_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(matches!(control::ask(&path, &Request::Resume, PATIENCE), Err(Error::NoMonitor { .. })));
    fs::write(folder.path().join("control.sock.new"), "left by a kill").unwrap();
    control::serve(&path, Box::new(|_| Err("not now".to_owned()))).unwrap();
    let found = fs::metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o7777, 0o660);
    assert_eq!(found.gid(), fs::metadata(folder.path()).unwrap().gid());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let refused = control::ask(&path, &Request::Resume, PATIENCE).unwrap_err();
    assert_eq!(refused.to_string(), "the monitor refused the request: not now");
    assert!(control::serve(&folder.path().join("missing/control.sock"), Box::new(|_| Err(String::new()))).is_err());
}

#[test]
fn one_that_says_nothing_is_seen_off() {
    let desk = calm();
    let began = Instant::now();
    assert!(refused(&connect(&desk)).contains("did not arrive in time"));
    assert!(began.elapsed() >= Duration::from_secs(1), "while there are seats it is waited for");
}

#[test]
fn one_that_speaks_slowly_is_heard_out() {
    let desk = calm();
    let mut slow = connect(&desk);
    for &byte in STATUS {
        slow.write_all(&[byte]).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(Answer::parse(hear(&slow).trim_end().as_bytes()).unwrap().status.role.name, "standby");
}

#[test]
fn one_that_says_too_much_or_nonsense_is_refused() {
    let desk = calm();
    let mut huge = connect(&desk);
    // The rest is not read by the server.
    let _ = huge.write_all(&[b'x'; 100_000]);
    assert!(refused(&huge).contains("too long"));
    for (said, why) in [(&b"promote\n"[..], "not JSON"), (b"\0\xff\n", "not UTF-8"), (b"{}\n", "no \"command\"")] {
        let mut client = connect(&desk);
        client.write_all(said).unwrap();
        assert!(refused(&client).contains(why), "{said:?}");
    }
    let mut hasty = connect(&desk);
    hasty.write_all(b"{\"command\":\"resume\"").unwrap();
    hasty.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(refused(&hasty).contains("no end"));
    assert_eq!(desk.asked(), [], "the monitor has heard of none of them");
}

#[test]
fn a_crowd_of_stuck_ones_keeps_nobody_out() {
    let desk = calm();
    let silent: Vec<_> = (0..CROWD).map(|_| connect(&desk)).collect();
    let deaf: Vec<_> = (0..CROWD)
        .map(|_| {
            let mut deaf = connect(&desk);
            deaf.write_all(STATUS).unwrap();
            deaf
        })
        .collect();
    let began = Instant::now();
    assert_eq!(desk.ask(&Request::News { since: None }).status.role.name, "standby");
    let waited = began.elapsed();
    assert!(waited < Duration::from_secs(10), "behind {CROWD} silent ones: {waited:?}");
    assert!(deaf.iter().all(|deaf| hear(deaf).contains("standby")), "and the others were answered, too");
    drop(silent);
}

#[test]
fn those_who_leave_early_are_not_missed() {
    let desk = calm();
    for _ in 0..CROWD {
        drop(connect(&desk));
        let mut leaves = connect(&desk);
        leaves.write_all(STATUS).unwrap();
    }
    desk.ask(&Request::News { since: None });
}

#[test]
fn orders_come_one_at_a_time_and_never_faster_than_a_disk_can_take_them() {
    let desk = calm();
    let began = Instant::now();
    let order = |client: &mut UnixStream| client.write_all(b"{\"command\":\"resume\"}\n").unwrap();
    let mut clients: Vec<_> = (0..40).map(|_| connect(&desk)).collect();
    clients.iter_mut().for_each(order);
    let answers: Vec<_> = clients.iter().map(|client| Answer::parse(hear(client).trim_end().as_bytes())).collect();
    let obeyed = answers.iter().filter(|answer| answer.is_ok()).count();
    let most = began.elapsed().as_millis() / 100 + 1;
    assert!(obeyed >= 2 && obeyed as u128 <= most, "{obeyed} of at most {most}");
    assert_eq!(desk.asked().len(), obeyed, "who was refused was not obeyed");
    for refused in answers.into_iter().filter_map(Result::err) {
        assert!(refused.contains("try again"), "{refused}");
    }
    // Two in a row, as in a script, are both accepted.
    let pause = Request::Hold { kind: HoldKind::Paused, lasts: None, reason: None };
    assert_eq!((desk.ask(&pause).said.len(), desk.ask(&Request::Resume).said.len()), (0, 0));
}
