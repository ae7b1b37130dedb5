//! Delivery to servers that are down, slow, failing or refusing: content, order, retries, secrets.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use openclaw_failover::config::{self, NotificationTopic, WebhookFormat};
use openclaw_failover::events::HistoryEntry;
use openclaw_failover::failover::MachineNotice;
use openclaw_failover::notify::{self, DeliveryError, Message, WebhookWorker};
use openclaw_failover::os::boot_time::BootTime;
use openclaw_failover::os::clock::{WallClockOffset, read_wall_clock};
use openclaw_failover::records::history;
use openclaw_failover::text::utc::format_rfc3339;

use crate::address::unused_address;
use crate::needs;
use crate::server::{WAIT_LIMIT, WebhookServer};
use crate::stage::{FAST_TIMING, TestHost, demoted, entry, message, promoted};

const QUIET_PERIOD: Duration = Duration::from_millis(500);

fn config() -> config::Config {
    let text = r#"{ "upstreams": [{ "name": "primary", "urls": ["http://100.64.0.1:18789"] }] }"#;
    config::parse(text, "c.json").unwrap()
}

fn url(server: &WebhookServer) -> String {
    format!("http://{}/hunter2", server.address)
}

#[test]
fn delivers_everything_once_and_in_order_after_a_server_was_down() {
    let stage = TestHost::new();
    let address = unused_address();
    let webhook = stage.webhook(WebhookFormat::Json, &format!("http://{address}/hunter2"));
    let (courier, told) = stage.start_worker(webhook);
    let sent = [promoted(30), MachineNotice::ChannelsBroken, demoted()].map(|note| stage.log_event(&note));
    sent.iter().for_each(|message| courier.enqueue(message));
    let why = told.recv_timeout(WAIT_LIMIT).unwrap().unwrap_err();
    assert!(why.contains("refused") && !why.contains("hunter2"), "{why}");
    // A message that is queued twice is one message.
    courier.enqueue(&sent[0]);

    let server = WebhookServer::at(&address.to_string(), None);
    assert_eq!(
        [server.next_request(), server.next_request(), server.next_request()].map(|request| request.text("id")),
        sent.map(|sent| sent.id.clone())
    );
    assert_eq!(told.recv_timeout(WAIT_LIMIT).unwrap(), Ok(()));
    assert!(server.is_quiet(QUIET_PERIOD));
    let began = Instant::now();
    while courier.delivery_counts().delivered < 3 {
        assert!(began.elapsed() < WAIT_LIMIT, "{:?}", courier.delivery_counts());
        std::thread::yield_now();
    }
    assert!(
        courier.delivery_counts().delivered == 3 && courier.delivery_counts().failed > 0,
        "{:?}",
        courier.delivery_counts()
    );
}

#[test]
fn retries_a_failing_server() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    let (courier, told) = stage.start_worker(stage.webhook(WebhookFormat::Json, &url(&server)));
    for (status, why) in [
        ("500 Out of order", "HTTP 500"),
        ("403 No", "HTTP 403"),
        ("400 What?", "HTTP 400"),
        ("410 Gone", "HTTP 410"),
        ("302 Found\r\nLocation: https://login.example/hunter2", "points to login.example"),
    ] {
        server.respond(status);
        let message = stage.log_event(&promoted(30));
        courier.enqueue(&message);
        assert_eq!(server.next_request().text("id"), message.id);
        let said = told.recv_timeout(WAIT_LIMIT).unwrap().unwrap_err();
        assert!(said.contains(why) && !said.contains("hunter2"), "{said}");
        server.respond("200 OK");
        // The server may have read the old status once more.
        while told.recv_timeout(WAIT_LIMIT).unwrap().is_err() {}
        while !server.is_quiet(QUIET_PERIOD) {}
    }
}

#[test]
fn gives_up_a_message_that_is_too_large() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    let (courier, _told) = stage.start_worker(stage.webhook(WebhookFormat::Json, &url(&server)));
    server.respond("413 Too large");
    let large = stage.log_event(&promoted(31));
    courier.enqueue(&large);
    assert_eq!(server.next_request().text("id"), large.id);
    assert!(server.is_quiet(QUIET_PERIOD), "it is given up");
    server.respond("200 OK");
    let next = stage.log_event(&demoted());
    courier.enqueue(&next);
    assert_eq!(server.next_request().text("id"), next.id, "and delays no other");
}

#[test]
fn a_refused_message_delays_no_other_and_survives_a_restart() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    let webhook = stage.webhook(WebhookFormat::Json, &url(&server));
    // Retried in an hour, long after this test.
    let mut way = stage.worker_config(webhook.clone(), FAST_TIMING);
    way.timing.max_delay = Duration::from_secs(3600);
    let (sender, told) = std::sync::mpsc::channel();
    let report = move |result: Result<(), DeliveryError>| drop(sender.send(result.map_err(|why| why.to_string())));
    let courier = WebhookWorker::start(way, Box::new(report)).unwrap();
    server.respond_with(
        "400 Bad Request",
        r#"{"description":"Bad Request: group chat was upgraded to a supergroup chat"}"#,
    );
    let refused = stage.log_event(&promoted(30));
    courier.enqueue(&refused);
    assert_eq!(server.next_request().text("id"), refused.id);
    let said = told.recv_timeout(WAIT_LIMIT).unwrap().unwrap_err();
    assert_eq!(said, r#"it answers with HTTP 400: "Bad Request: group chat was upgraded to a supergroup chat""#);

    server.respond("200 OK");
    let next = stage.log_event(&demoted());
    courier.enqueue(&next);
    assert_eq!(server.next_request().text("id"), next.id);
    // The refused one is retried at once: a service that accepts one message may accept the other.
    assert_eq!(server.next_request().text("id"), refused.id);
    assert_eq!(told.recv_timeout(WAIT_LIMIT).unwrap(), Ok(()));

    server.respond("404 Not Found");
    let lost = stage.log_event(&promoted(60));
    courier.enqueue(&lost);
    assert_eq!(server.next_request().text("id"), lost.id);
    assert!(told.recv_timeout(WAIT_LIMIT).unwrap().is_err());
    drop(courier);
    wait_for_worker_end(&told);
    server.respond("200 OK");
    let (_courier, _told) = stage.start_worker(webhook);
    assert_eq!(server.next_request().text("id"), lost.id);
    assert!(server.is_quiet(QUIET_PERIOD));
}

/// The moment of a message is a label: a clock that is set back between two messages makes the later one look older.
#[test]
fn a_clock_that_is_set_back_while_a_message_is_refused_repeats_none() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    let webhook = stage.webhook(WebhookFormat::Json, &url(&server));
    let mut way = stage.worker_config(webhook.clone(), FAST_TIMING);
    way.timing.max_delay = Duration::from_secs(3600);
    let (courier, told) = stage.start_with(way);
    server.respond("400 Bad Request");
    let refused = stage.log_event(&promoted(30));
    courier.enqueue(&refused);
    assert_eq!(server.next_request().text("id"), refused.id);
    assert!(told.recv_timeout(WAIT_LIMIT).unwrap().is_err());
    // Both are delivered while the first one still waits: in one turn, so that it does not come in between.
    server.respond("200 OK");
    let now = read_wall_clock();
    let labelled = |seconds: u64| {
        let entry = HistoryEntry::from_machine_notice(
            &demoted(),
            now,
            WallClockOffset::new(now, now - Duration::from_secs(seconds)),
            &config(),
        );
        history::append_entry(&stage.path("history.jsonl"), &entry).unwrap();
        message(&entry)
    };
    let (later, set_back) = (labelled(10), labelled(7200));
    courier.enqueue(&later);
    courier.enqueue(&set_back);
    assert_eq!(
        [(); 3].map(|()| server.next_request().text("id")),
        [&later, &set_back, &refused].map(|sent| sent.id.clone())
    );
    assert_eq!(told.recv_timeout(WAIT_LIMIT).unwrap(), Ok(()));
    drop(courier);
    wait_for_worker_end(&told);
    let (_courier, _told) = stage.start_worker(webhook);
    assert!(server.is_quiet(QUIET_PERIOD), "what was delivered last is known");
}

#[test]
fn rejects_an_html_page_with_http_200() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    let page = "<!DOCTYPE html><html><head><title>Log in to Café Wi-Fi</title></head></html>";
    server.respond_with("200 OK\r\nContent-Type: text/html", page);
    for format in WebhookFormat::ALL {
        let path = if format == WebhookFormat::Telegram { "bot/sendMessage?chat_id=1" } else { "hunter2" };
        let webhook = stage.webhook(format, &format!("http://{}/{path}", server.address));
        let said = notify::send_test(&webhook, &stage.credentials(), "standby").unwrap_err().to_string();
        assert!(said.contains("an HTML page, Log in to Café Wi-Fi"), "{format:?}: {said}");
        server.next_request();
    }
    let webhook = stage.webhook(WebhookFormat::Json, &url(&server));
    let (courier, told) = stage.start_worker(webhook);
    let message = stage.log_event(&promoted(30));
    courier.enqueue(&message);
    assert!(told.recv_timeout(WAIT_LIMIT).unwrap().unwrap_err().contains("captive portal"));
    server.respond_with("200 OK\r\nContent-Type: text/html", "ok");
    assert_eq!(told.recv_timeout(WAIT_LIMIT).unwrap(), Ok(()));
    assert_eq!(server.next_request().text("id"), message.id);
}

#[test]
fn honours_retry_after() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    server.respond("429 Slow down\r\nRetry-After: 1");
    let (courier, _told) = stage.start_worker(stage.webhook(WebhookFormat::Json, &url(&server)));
    // A condition, because a new transition is tried sooner.
    courier.enqueue(&message(&entry(&MachineNotice::ChannelsBroken)));
    let first = server.next_request();
    let pause = server.next_request().received_at - first.received_at;
    assert!(pause >= Duration::from_secs(1), "{pause:?}");
}

/// Waits until the worker's thread has ended: a dropped worker finishes its attempt.
fn wait_for_worker_end(told: &Receiver<Result<(), String>>) {
    while told.recv_timeout(WAIT_LIMIT).is_ok() {}
}

#[test]
fn transitions_outlive_the_monitor_and_conditions_do_not() {
    let stage = TestHost::new();
    let dead = unused_address();
    let webhook = stage.webhook(WebhookFormat::Json, &format!("http://{dead}/"));
    let (courier, told) = stage.start_worker(webhook.clone());
    let sent = [promoted(30), MachineNotice::ChannelsBroken, demoted()].map(|note| stage.log_event(&note));
    sent.iter().for_each(|message| courier.enqueue(message));
    assert!(told.recv_timeout(WAIT_LIMIT).unwrap().is_err());
    // Simulates a kill.
    drop(courier);
    wait_for_worker_end(&told);

    let server = WebhookServer::at(&dead.to_string(), None);
    let (courier, told) = stage.start_worker(webhook.clone());
    assert_eq!(
        [server.next_request(), server.next_request()].map(|request| request.text("id")),
        [&sent[0], &sent[2]].map(|sent| sent.id.clone())
    );
    assert!(server.is_quiet(QUIET_PERIOD));
    drop(courier);
    wait_for_worker_end(&told);
    let (_courier, _told) = stage.start_worker(webhook);
    assert!(server.is_quiet(QUIET_PERIOD), "nothing is told again");
}

#[test]
fn skips_events_from_before_the_webhook_was_configured() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    stage.log_event(&promoted(30));
    let (courier, _told) = stage.start_worker(stage.webhook(WebhookFormat::Json, &url(&server)));
    let next = stage.log_event(&demoted());
    courier.enqueue(&next);
    assert_eq!(server.next_request().text("id"), next.id);
}

#[test]
fn a_damaged_cursor_loses_only_the_cursor() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    for torn in ["", "{", "\0\0\0", r#"{"at":"yesterday","id":""}"#, r#"{"at":"2099-01-01T00:00:00Z","id":"x"}"#] {
        fs::write(stage.path("notified-hook.json"), torn).unwrap();
        let (courier, _told) = stage.start_worker(stage.webhook(WebhookFormat::Json, &url(&server)));
        let next = stage.log_event(&demoted());
        courier.enqueue(&next);
        assert_eq!(server.next_request().text("id"), next.id, "{torn:?}");
    }
}

#[test]
fn sends_only_the_configured_topics() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    let mut webhook = stage.webhook(WebhookFormat::Json, &url(&server));
    webhook.events = vec![NotificationTopic::Demoted, NotificationTopic::Flapping];
    let (courier, _told) = stage.start_worker(webhook);
    let [_, flapping, demoted] = [promoted(30), promoted(60), demoted()].map(|note| {
        let message = stage.log_event(&note);
        courier.enqueue(&message);
        message
    });
    assert_eq!(
        [server.next_request(), server.next_request()].map(|request| request.text("id")),
        [flapping.id.clone(), demoted.id.clone()]
    );
}

#[test]
fn a_dead_server_takes_bounded_memory_and_loses_no_transition() {
    let stage = TestHost::new();
    let silent = TcpListener::bind(unused_address()).unwrap();
    let address = silent.local_addr().unwrap();
    let webhook = stage.webhook(WebhookFormat::Json, &format!("http://{address}/"));
    let mut way = stage.worker_config(webhook.clone(), FAST_TIMING);
    way.timing.attempt_timeout = QUIET_PERIOD;
    let (courier, _told) = stage.start_with(way);
    let noise = message(&entry(&MachineNotice::ChannelsBroken));
    let numbered = |number: usize| {
        let mut other = Message::clone(&noise);
        other.id = number.to_string();
        Arc::new(other)
    };
    let began = Instant::now();
    let (mut transitions, mut conditions) = (Vec::new(), Vec::new());
    for number in 0..10_000 {
        let condition = numbered(number);
        courier.enqueue(&condition);
        conditions.push(Arc::downgrade(&condition));
        if number % 100 == 0 {
            let message = stage.log_event(&promoted(30 + number as u64));
            courier.enqueue(&message);
            transitions.push(message.id.clone());
        }
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let kept = conditions.iter().filter(|condition| condition.strong_count() > 0).count();
    assert!(kept <= 65, "{kept} are kept");
    drop(silent);
    let server = WebhookServer::at(&address.to_string(), None);
    let mut arrived = Vec::new();
    while arrived.len() < transitions.len() {
        let id = server.next_request().text("id");
        if transitions.contains(&id) && !arrived.contains(&id) {
            arrived.push(id);
        }
    }
    assert_eq!(arrived, transitions);
}

#[test]
fn no_message_contains_a_credential() {
    let stage = TestHost::new();
    let (server, untrusted) = (WebhookServer::start(), WebhookServer::start_tls());
    let told = |format, credential: &str| {
        let webhook = stage.webhook(format, credential);
        notify::send_test(&webhook, &stage.credentials(), "standby").unwrap_err().to_string()
    };
    server.respond_with("404 https://hunter2", "Cannot POST /hunter2 or /HUNTER2%20");
    for (format, credential, why) in [
        (WebhookFormat::Json, url(&server), "HTTP 404"),
        (WebhookFormat::Json, "http://127.0.0.1:1/hunter2".to_owned(), "refused"),
        (WebhookFormat::Json, "https://hunter2.invalid/hunter2".to_owned(), ""),
        (WebhookFormat::Json, format!("https://{}/hunter2", untrusted.address), "TLS"),
        (WebhookFormat::Ntfy, format!("http://{}/", server.address), "TOPIC"),
        (WebhookFormat::Telegram, format!("http://{}/bothunter2/sendMessage", server.address), "names no chat"),
        (WebhookFormat::Telegram, format!("http://{}/bot/sendMessage?chat_id=%4hunter2", server.address), "begins no"),
        (WebhookFormat::Ntfy, format!("http://{}/%zzhunter2", server.address), "begins no"),
        (WebhookFormat::Json, "hunter2".to_owned(), "not a URL"),
        (WebhookFormat::Json, format!("{}\nhunter2", url(&server)), "header"),
    ] {
        let said = told(format, &credential);
        assert!(said.contains(why) && !said.contains("hunter2"), "{credential}: {said}");
    }
}

/// Logs a transition `seconds` ago in this boot, by a wall clock that was `behind` seconds behind then.
fn log_transition_at(stage: &TestHost, seconds: u64, behind: u64) -> Option<Arc<Message>> {
    let (now, boot) = (read_wall_clock(), BootTime::now()?);
    let machine = now - Duration::from_secs(seconds);
    let wall = WallClockOffset::new(machine, machine - Duration::from_secs(behind)).with_boot_time(now, Some(boot));
    let entry = HistoryEntry::from_machine_notice(&promoted(30), machine, wall, &config());
    history::append_entry(&stage.path("history.jsonl"), &entry).unwrap();
    Some(message(&entry))
}

#[test]
fn a_clock_that_is_set_while_a_webhook_is_down_drops_no_transition() {
    // Set three days ahead, ten years ahead, and three days behind.
    for behind in [3 * 24 * 3600, 10 * 365 * 24 * 3600] {
        let stage = TestHost::new();
        let dead = unused_address();
        let (courier, told) = stage.start_worker(stage.webhook(WebhookFormat::Json, &format!("http://{dead}/")));
        let Some(message) = log_transition_at(&stage, 20, behind) else {
            return needs::report_skipped(module_path!(), "a host that tells the time since its boot");
        };
        courier.enqueue(&message);
        assert!(told.recv_timeout(WAIT_LIMIT).unwrap().is_err());
        let server = WebhookServer::at(&dead.to_string(), None);
        assert_eq!(server.next_request().text("id"), message.id, "the same monitor delivers it");
        assert!(told.recv_timeout(WAIT_LIMIT).unwrap().is_ok());
    }
}

#[test]
fn a_clock_that_is_set_between_two_monitors_drops_no_transition_either() {
    for behind in [3 * 24 * 3600, 10 * 365 * 24 * 3600, 50 * 365 * 24 * 3600] {
        let stage = TestHost::new();
        let dead = unused_address();
        let webhook = stage.webhook(WebhookFormat::Json, &format!("http://{dead}/"));
        let (courier, told) = stage.start_worker(webhook.clone());
        let Some(message) = log_transition_at(&stage, 0, behind) else {
            return needs::report_skipped(module_path!(), "a host that tells the time since its boot");
        };
        courier.enqueue(&message);
        assert!(told.recv_timeout(WAIT_LIMIT).unwrap().is_err());
        drop(courier);
        wait_for_worker_end(&told);
        let server = WebhookServer::at(&dead.to_string(), None);
        let (_courier, _told) = stage.start_worker(webhook);
        assert_eq!(server.next_request().text("id"), message.id, "{behind} s");
    }
}

/// Two boots of one host whose clock was set back in between: the labels of the second come before the mark's.
#[test]
fn what_another_boot_wrote_after_the_mark_is_told_whatever_its_labels_say() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    let wall = read_wall_clock();
    let written = |boot: u32, up: u64, behind: u64| {
        let at = WallClockOffset::new(wall, wall - Duration::from_secs(behind));
        let at = at.with_boot_time(wall, Some(BootTime::new(boot, Duration::from_secs(up))));
        let entry = HistoryEntry::from_machine_notice(&promoted(30), wall, at, &config());
        history::append_entry(&stage.path("history.jsonl"), &entry).unwrap();
        message(&entry)
    };
    // The mark's own entry is not in the history any more; others of its boot are, before it and after it.
    let delivered = written(1, 100, 3600);
    let mark = written(1, 200, 3500);
    let rest = fs::read_to_string(stage.path("history.jsonl")).unwrap();
    fs::write(stage.path("history.jsonl"), rest.lines().next().unwrap().to_owned() + "\n").unwrap();
    let text =
        format!(r#"{{"at":"{}","id":"{}","boot":"00000001","up_seconds":200}}"#, format_rfc3339(mark.at), mark.id);
    fs::write(stage.path("notified-hook.json"), text).unwrap();
    let behind = [written(1, 300, 3400), written(2, 10, 90_000), written(2, 20, 3700)];
    let (_courier, _told) = stage.start_worker(stage.webhook(WebhookFormat::Json, &url(&server)));
    let arrived = [(); 3].map(|()| server.next_request().text("id"));
    assert_eq!(arrived, behind.map(|message| message.id.clone()));
    assert!(server.is_quiet(QUIET_PERIOD), "{} is not told again", delivered.id);
}

/// The history of the cursor's boot was deleted, so only timestamps can show what happened after the cursor.
#[test]
fn delivers_what_happened_after_the_cursor_if_no_entry_of_its_boot_is_left() {
    let stage = TestHost::new();
    let server = WebhookServer::start();
    let now = read_wall_clock();
    let append_entry = |seconds_ago: u64| {
        let wall = WallClockOffset::new(now, now - Duration::from_secs(seconds_ago));
        let wall = wall.with_boot_time(now, Some(BootTime::new(2, Duration::from_secs(9000 - seconds_ago))));
        let entry = HistoryEntry::from_machine_notice(&promoted(30), now, wall, &config());
        history::append_entry(&stage.path("history.jsonl"), &entry).unwrap();
        message(&entry)
    };
    let [_before, after] = [append_entry(7200), append_entry(60)];
    let cursor_time = format_rfc3339(now - Duration::from_secs(3600));
    let cursor = format!(r#"{{"at":"{cursor_time}","id":"gone","boot":"00000001","up_seconds":200}}"#);
    fs::write(stage.path("notified-hook.json"), cursor).unwrap();
    let (_worker, _reports) = stage.start_worker(stage.webhook(WebhookFormat::Json, &url(&server)));
    assert_eq!(server.next_request().text("id"), after.id);
    assert!(server.is_quiet(QUIET_PERIOD), "the entry before the cursor is not sent again");
}
