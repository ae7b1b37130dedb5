//! Servers that are down, slow, ill or unwilling: what is told, when, how often, and what is never told.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use openclaw_failover::config::{self, Format, Topic};
use openclaw_failover::failover::Note;
use openclaw_failover::notify::{self, Courier, Message};
use openclaw_failover::report::boot_time::BootTime;
use openclaw_failover::report::clock::{Wall, rfc3339, wall_clock};
use openclaw_failover::report::entry::Entry;
use openclaw_failover::report::history;

use crate::needs;
use crate::server::{PATIENCE, Server};
use crate::stage::{QUICK, Stage, demoted, entry, message, promoted};

const A_WHILE: Duration = Duration::from_millis(500);

fn config() -> config::Config {
    let text = r#"{ "upstreams": [{ "name": "primary", "urls": ["http://100.64.0.1:18789"] }] }"#;
    config::parse(text, "c.json").unwrap()
}

fn url(server: &Server) -> String {
    format!("http://{}/hunter2", server.address)
}

#[test]
fn a_server_that_was_down_gets_everything_once_and_in_order() {
    let stage = Stage::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let webhook = stage.webhook(Format::Json, &format!("http://{address}/hunter2"));
    let (courier, told) = stage.courier(webhook);
    let sent = [promoted(30), Note::ChannelsBroken, demoted()].map(|note| stage.happens(&note));
    sent.iter().for_each(|message| courier.take(message));
    let why = told.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(why.contains("refused") && !why.contains("hunter2"), "{why}");
    // And what is handed in twice is one message.
    courier.take(&sent[0]);

    let server = Server::at(&address.to_string(), None);
    assert_eq!(
        [server.next(), server.next(), server.next()].map(|request| request.text("id")),
        sent.map(|sent| sent.id.clone())
    );
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Ok(()));
    assert!(server.is_quiet(A_WHILE));
    let began = Instant::now();
    while courier.sent().delivered < 3 {
        assert!(began.elapsed() < PATIENCE, "{:?}", courier.sent());
        std::thread::yield_now();
    }
    assert!(courier.sent().delivered == 3 && courier.sent().failed > 0, "{:?}", courier.sent());
}

#[test]
fn a_server_that_is_ill_is_tried_again() {
    let stage = Stage::new();
    let server = Server::start();
    let (courier, told) = stage.courier(stage.webhook(Format::Json, &url(&server)));
    for (status, why) in [
        ("500 Out of order", "HTTP 500"),
        ("403 No", "HTTP 403"),
        ("400 What?", "HTTP 400"),
        ("410 Gone", "HTTP 410"),
        ("302 Found\r\nLocation: https://login.example/hunter2", "points to login.example"),
    ] {
        server.say(status);
        let message = stage.happens(&promoted(30));
        courier.take(&message);
        assert_eq!(server.next().text("id"), message.id);
        let said = told.recv_timeout(PATIENCE).unwrap().unwrap_err();
        assert!(said.contains(why) && !said.contains("hunter2"), "{said}");
        server.say("200 OK");
        // The server may have read the old word once more.
        while told.recv_timeout(PATIENCE).unwrap().is_err() {}
        while !server.is_quiet(A_WHILE) {}
    }
}

#[test]
fn a_message_that_is_too_large_is_given_up() {
    let stage = Stage::new();
    let server = Server::start();
    let (courier, _told) = stage.courier(stage.webhook(Format::Json, &url(&server)));
    server.say("413 Too large");
    let large = stage.happens(&promoted(31));
    courier.take(&large);
    assert_eq!(server.next().text("id"), large.id);
    assert!(server.is_quiet(A_WHILE), "it is given up");
    server.say("200 OK");
    let next = stage.happens(&demoted());
    courier.take(&next);
    assert_eq!(server.next().text("id"), next.id, "and in nobody's way");
}

#[test]
fn a_refused_message_holds_up_no_other_and_outlives_the_monitor() {
    let stage = Stage::new();
    let server = Server::start();
    let webhook = stage.webhook(Format::Json, &url(&server));
    // It is tried again in an hour, long after this test.
    let mut way = stage.way(webhook.clone(), QUICK);
    way.pace.longest = Duration::from_secs(3600);
    let (sender, told) = std::sync::mpsc::channel();
    let courier = Courier::start(way, Box::new(move |result| drop(sender.send(result)))).unwrap();
    server
        .say_with("400 Bad Request", r#"{"description":"Bad Request: group chat was upgraded to a supergroup chat"}"#);
    let refused = stage.happens(&promoted(30));
    courier.take(&refused);
    assert_eq!(server.next().text("id"), refused.id);
    let said = told.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert_eq!(said, r#"it answers with HTTP 400: "Bad Request: group chat was upgraded to a supergroup chat""#);

    server.say("200 OK");
    let next = stage.happens(&demoted());
    courier.take(&next);
    assert_eq!(server.next().text("id"), next.id);
    // The refused one is tried again at once, for a service that takes one may take the other.
    assert_eq!(server.next().text("id"), refused.id);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Ok(()));

    server.say("404 Not Found");
    let lost = stage.happens(&promoted(60));
    courier.take(&lost);
    assert_eq!(server.next().text("id"), lost.id);
    assert!(told.recv_timeout(PATIENCE).unwrap().is_err());
    drop(courier);
    until_gone(&told);
    server.say("200 OK");
    let (_courier, _told) = stage.courier(webhook);
    assert_eq!(server.next().text("id"), lost.id);
    assert!(server.is_quiet(A_WHILE));
}

/// The moment of a message is a label: a clock that is set back between two messages makes the later one look older.
#[test]
fn a_clock_that_is_set_back_while_a_message_is_refused_repeats_none() {
    let stage = Stage::new();
    let server = Server::start();
    let webhook = stage.webhook(Format::Json, &url(&server));
    let mut way = stage.way(webhook.clone(), QUICK);
    way.pace.longest = Duration::from_secs(3600);
    let (courier, told) = stage.start(way);
    server.say("400 Bad Request");
    let refused = stage.happens(&promoted(30));
    courier.take(&refused);
    assert_eq!(server.next().text("id"), refused.id);
    assert!(told.recv_timeout(PATIENCE).unwrap().is_err());
    // Both are delivered while the first one still waits: in one turn, so that it does not come in between.
    server.say("200 OK");
    let now = wall_clock();
    let labelled = |seconds: u64| {
        let entry = Entry::of_machine(&demoted(), now, Wall::new(now, now - Duration::from_secs(seconds)), &config());
        history::append(&stage.path("history.jsonl"), &entry).unwrap();
        message(&entry)
    };
    let (later, set_back) = (labelled(10), labelled(7200));
    courier.take(&later);
    courier.take(&set_back);
    assert_eq!([(); 3].map(|()| server.next().text("id")), [&later, &set_back, &refused].map(|sent| sent.id.clone()));
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Ok(()));
    drop(courier);
    until_gone(&told);
    let (_courier, _told) = stage.courier(webhook);
    assert!(server.is_quiet(A_WHILE), "what was delivered last is known");
}

#[test]
fn a_page_that_comes_with_success_is_no_receipt() {
    let stage = Stage::new();
    let server = Server::start();
    let page = "<!DOCTYPE html><html><head><title>Log in to Café Wi-Fi</title></head></html>";
    server.say_with("200 OK\r\nContent-Type: text/html", page);
    for (_, format) in Format::ALL {
        let path = if format == Format::Telegram { "bot/sendMessage?chat_id=1" } else { "hunter2" };
        let webhook = stage.webhook(format, &format!("http://{}/{path}", server.address));
        let said = notify::test(&webhook, &stage.vault(), "standby").unwrap_err();
        assert!(said.contains("an HTML page, Log in to Café Wi-Fi"), "{format:?}: {said}");
        server.next();
    }
    let webhook = stage.webhook(Format::Json, &url(&server));
    let (courier, told) = stage.courier(webhook);
    let message = stage.happens(&promoted(30));
    courier.take(&message);
    assert!(told.recv_timeout(PATIENCE).unwrap().unwrap_err().contains("captive portal"));
    server.say_with("200 OK\r\nContent-Type: text/html", "ok");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Ok(()));
    assert_eq!(server.next().text("id"), message.id);
}

#[test]
fn a_server_that_asks_for_time_is_given_it() {
    let stage = Stage::new();
    let server = Server::start();
    server.say("429 Slow down\r\nRetry-After: 1");
    let (courier, _told) = stage.courier(stage.webhook(Format::Json, &url(&server)));
    // A condition, for what is new and matters is tried sooner.
    courier.take(&message(&entry(&Note::ChannelsBroken)));
    server.next();
    let asked = Instant::now();
    server.next();
    assert!(asked.elapsed() >= Duration::from_millis(900), "{:?}", asked.elapsed());
}

/// Waits until nobody is left who could say something: a courier that is dropped ends its try.
fn until_gone(told: &Receiver<Result<(), String>>) {
    while told.recv_timeout(PATIENCE).is_ok() {}
}

#[test]
fn transitions_outlive_the_monitor_and_conditions_do_not() {
    let stage = Stage::new();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let webhook = stage.webhook(Format::Json, &format!("http://{dead}/"));
    let (courier, told) = stage.courier(webhook.clone());
    let sent = [promoted(30), Note::ChannelsBroken, demoted()].map(|note| stage.happens(&note));
    sent.iter().for_each(|message| courier.take(message));
    assert!(told.recv_timeout(PATIENCE).unwrap().is_err());
    // Killed, as far as anybody can tell.
    drop(courier);
    until_gone(&told);

    let server = Server::at(&dead.to_string(), None);
    let (courier, told) = stage.courier(webhook.clone());
    assert_eq!(
        [server.next(), server.next()].map(|request| request.text("id")),
        [&sent[0], &sent[2]].map(|sent| sent.id.clone())
    );
    assert!(server.is_quiet(A_WHILE));
    drop(courier);
    until_gone(&told);
    let (_courier, _told) = stage.courier(webhook);
    assert!(server.is_quiet(A_WHILE), "nothing is told again");
}

#[test]
fn what_happened_before_the_webhook_was_set_up_is_not_news() {
    let stage = Stage::new();
    let server = Server::start();
    stage.happens(&promoted(30));
    let (courier, _told) = stage.courier(stage.webhook(Format::Json, &url(&server)));
    let next = stage.happens(&demoted());
    courier.take(&next);
    assert_eq!(server.next().text("id"), next.id);
}

#[test]
fn a_torn_mark_costs_no_more_than_what_it_knew() {
    let stage = Stage::new();
    let server = Server::start();
    for torn in ["", "{", "\0\0\0", r#"{"at":"yesterday","id":""}"#, r#"{"at":"2099-01-01T00:00:00Z","id":"x"}"#] {
        fs::write(stage.path("notified-hook.json"), torn).unwrap();
        let (courier, _told) = stage.courier(stage.webhook(Format::Json, &url(&server)));
        let next = stage.happens(&demoted());
        courier.take(&next);
        assert_eq!(server.next().text("id"), next.id, "{torn:?}");
    }
}

#[test]
fn a_webhook_is_told_what_it_wants_to_know() {
    let stage = Stage::new();
    let server = Server::start();
    let mut webhook = stage.webhook(Format::Json, &url(&server));
    webhook.topics = vec![Topic::Demoted, Topic::Flapping];
    let (courier, _told) = stage.courier(webhook);
    let [_, flapping, demoted] = [promoted(30), promoted(60), demoted()].map(|note| {
        let message = stage.happens(&note);
        courier.take(&message);
        message
    });
    assert_eq!(
        [server.next(), server.next()].map(|request| request.text("id")),
        [flapping.id.clone(), demoted.id.clone()]
    );
}

#[test]
fn ten_thousand_messages_for_a_dead_server_take_no_time_and_bounded_room_and_no_transition_is_lost() {
    let stage = Stage::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let webhook = stage.webhook(Format::Json, &format!("http://{address}/"));
    let mut way = stage.way(webhook.clone(), QUICK);
    way.pace.attempt = A_WHILE;
    let (courier, _told) = stage.start(way);
    let noise = message(&entry(&Note::ChannelsBroken));
    let numbered = |number: usize| {
        let mut other = Message::clone(&noise);
        other.id = number.to_string();
        Arc::new(other)
    };
    let began = Instant::now();
    let (mut transitions, mut conditions) = (Vec::new(), Vec::new());
    for number in 0..10_000 {
        let condition = numbered(number);
        courier.take(&condition);
        conditions.push(Arc::downgrade(&condition));
        if number % 100 == 0 {
            let message = stage.happens(&promoted(30 + number as u64));
            courier.take(&message);
            transitions.push(message.id.clone());
        }
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let kept = conditions.iter().filter(|condition| condition.strong_count() > 0).count();
    assert!(kept <= 65, "{kept} are kept");
    drop(silent);
    let server = Server::at(&address.to_string(), None);
    let mut arrived = Vec::new();
    while arrived.len() < transitions.len() {
        let id = server.next().text("id");
        if transitions.contains(&id) && !arrived.contains(&id) {
            arrived.push(id);
        }
    }
    assert_eq!(arrived, transitions);
}

#[test]
fn nothing_of_a_credential_is_ever_told() {
    let stage = Stage::new();
    let (server, untrusted) = (Server::start(), Server::start_tls());
    let told = |format, credential: &str| {
        let webhook = stage.webhook(format, credential);
        notify::test(&webhook, &stage.vault(), "standby").unwrap_err()
    };
    server.say_with("404 https://hunter2", "Cannot POST /hunter2 or /HUNTER2%20");
    for (format, credential, why) in [
        (Format::Json, url(&server), "HTTP 404"),
        (Format::Json, "http://127.0.0.1:1/hunter2".to_owned(), "refused"),
        (Format::Json, "https://hunter2.invalid/hunter2".to_owned(), ""),
        (Format::Json, format!("https://{}/hunter2", untrusted.address), "TLS"),
        (Format::Ntfy, format!("http://{}/", server.address), "TOPIC"),
        (Format::Telegram, format!("http://{}/bothunter2/sendMessage", server.address), "names no chat"),
        (Format::Telegram, format!("http://{}/bot/sendMessage?chat_id=%4hunter2", server.address), "begins no"),
        (Format::Ntfy, format!("http://{}/%zzhunter2", server.address), "begins no"),
        (Format::Json, "hunter2".to_owned(), "not a URL"),
        (Format::Json, format!("{}\nhunter2", url(&server)), "header"),
    ] {
        let said = told(format, &credential);
        assert!(said.contains(why) && !said.contains("hunter2"), "{credential}: {said}");
    }
}

/// A transition that happened `seconds` ago in this boot, told by a wall clock that was `behind` seconds behind then.
fn happened(stage: &Stage, seconds: u64, behind: u64) -> Option<Arc<Message>> {
    let (now, boot) = (wall_clock(), BootTime::now()?);
    let machine = now - Duration::from_secs(seconds);
    let wall = Wall::new(machine, machine - Duration::from_secs(behind)).with_boot(now, Some(boot));
    let entry = Entry::of_machine(&promoted(30), machine, wall, &config());
    history::append(&stage.path("history.jsonl"), &entry).unwrap();
    Some(message(&entry))
}

#[test]
fn a_clock_that_is_set_while_a_webhook_is_down_drops_no_transition() {
    // Three days and ten years ahead since; and three days behind.
    for behind in [3 * 24 * 3600, 10 * 365 * 24 * 3600] {
        let stage = Stage::new();
        let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (courier, told) = stage.courier(stage.webhook(Format::Json, &format!("http://{dead}/")));
        let Some(message) = happened(&stage, 20, behind) else {
            return needs::skip(module_path!(), "a host that tells the time since its boot");
        };
        courier.take(&message);
        assert!(told.recv_timeout(PATIENCE).unwrap().is_err());
        let server = Server::at(&dead.to_string(), None);
        assert_eq!(server.next().text("id"), message.id, "the same monitor delivers it");
        assert!(told.recv_timeout(PATIENCE).unwrap().is_ok());
    }
}

#[test]
fn a_clock_that_is_set_between_two_monitors_drops_no_transition_either() {
    for behind in [3 * 24 * 3600, 10 * 365 * 24 * 3600, 50 * 365 * 24 * 3600] {
        let stage = Stage::new();
        let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let webhook = stage.webhook(Format::Json, &format!("http://{dead}/"));
        let (courier, told) = stage.courier(webhook.clone());
        let Some(message) = happened(&stage, 0, behind) else {
            return needs::skip(module_path!(), "a host that tells the time since its boot");
        };
        courier.take(&message);
        assert!(told.recv_timeout(PATIENCE).unwrap().is_err());
        drop(courier);
        until_gone(&told);
        let server = Server::at(&dead.to_string(), None);
        let (_courier, _told) = stage.courier(webhook);
        assert_eq!(server.next().text("id"), message.id, "{behind} s");
    }
}

/// Two boots of one host whose clock was set back in between: the labels of the second come before the mark's.
#[test]
fn what_another_boot_wrote_after_the_mark_is_told_whatever_its_labels_say() {
    let stage = Stage::new();
    let server = Server::start();
    let wall = wall_clock();
    let written = |boot: u32, up: u64, behind: u64| {
        let at = Wall::new(wall, wall - Duration::from_secs(behind));
        let at = at.with_boot(wall, Some(BootTime::new(boot, Duration::from_secs(up))));
        let entry = Entry::of_machine(&promoted(30), wall, at, &config());
        history::append(&stage.path("history.jsonl"), &entry).unwrap();
        message(&entry)
    };
    // The mark's own entry is not in the history any more; others of its boot are, before it and after it.
    let delivered = written(1, 100, 3600);
    let mark = written(1, 200, 3500);
    let rest = fs::read_to_string(stage.path("history.jsonl")).unwrap();
    fs::write(stage.path("history.jsonl"), rest.lines().next().unwrap().to_owned() + "\n").unwrap();
    let text = format!(r#"{{"at":"{}","id":"{}","boot":"00000001","up_seconds":200}}"#, rfc3339(mark.at), mark.id);
    fs::write(stage.path("notified-hook.json"), text).unwrap();
    let behind = [written(1, 300, 3400), written(2, 10, 90_000), written(2, 20, 3700)];
    let (_courier, _told) = stage.courier(stage.webhook(Format::Json, &url(&server)));
    let arrived = [(); 3].map(|()| server.next().text("id"));
    assert_eq!(arrived, behind.map(|message| message.id.clone()));
    assert!(server.is_quiet(A_WHILE), "{} is not told again", delivered.id);
}

/// The history of the mark's boot was thinned out: only labels are left to tell what came after it.
#[test]
fn what_happened_after_the_mark_is_told_although_nothing_of_its_boot_is_left() {
    let stage = Stage::new();
    let server = Server::start();
    let now = wall_clock();
    let written = |behind: u64| {
        let at = Wall::new(now, now - Duration::from_secs(behind));
        let at = at.with_boot(now, Some(BootTime::new(2, Duration::from_secs(9000 - behind))));
        let entry = Entry::of_machine(&promoted(30), now, at, &config());
        history::append(&stage.path("history.jsonl"), &entry).unwrap();
        message(&entry)
    };
    let [_before, after] = [written(7200), written(60)];
    let mark = rfc3339(now - Duration::from_secs(3600));
    let text = format!(r#"{{"at":"{mark}","id":"gone","boot":"00000001","up_seconds":200}}"#);
    fs::write(stage.path("notified-hook.json"), text).unwrap();
    let (_courier, _told) = stage.courier(stage.webhook(Format::Json, &url(&server)));
    assert_eq!(server.next().text("id"), after.id);
    assert!(server.is_quiet(A_WHILE), "what came before the mark was told then");
}
