//! Every format, field by field.

use std::time::Duration;

use openclaw_failover::config::{Format, Topic};
use openclaw_failover::events::Rehearsal;
use openclaw_failover::failover::{Abort, Cause, Drill, DrillStep, HoldKind, Note, Outcome, Reason, Refusal};
use openclaw_failover::notify::{Message, Sieve};
use openclaw_failover::text::Time;
use openclaw_failover::text::json::{Node, Value};
use openclaw_failover::text::utc::{people, rfc3339};

use crate::server::{Request, Server, authority};
use crate::stage::{Stage, demoted, entry, message, promoted};

const SERVES: &str = "this host is active: openclaw.service answered 12 s after the decision. Failing back once an \
                      upstream has been ready for 30 s";

/// Returns the request of a webhook with this format after a failover.
fn received(format: Format, server: &Server, credential: &str) -> (Request, std::sync::Arc<Message>) {
    let stage = Stage::new();
    let message = stage.happens(&promoted(30));
    let mut webhook = stage.webhook(format, credential);
    webhook.ca_file = Some(authority());
    let (courier, _told) = stage.courier(webhook);
    courier.take(&message);
    let request = server.next();
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("connection"), Some("close"));
    (request, message)
}

fn keys(node: &Node) -> Vec<&str> {
    node.as_object().unwrap().iter().map(|entry| entry.key.as_str()).collect()
}

#[test]
fn json_is_the_entry_of_the_history_and_who_says_it() {
    let server = Server::start_tls();
    let url = format!("https://{}/hook?key=1", server.address);
    let (request, message) = received(Format::Json, &server, &format!("{url}\nX-Token: hunter2\n"));
    assert_eq!(request.line, "POST /hook?key=1");
    assert_eq!(request.header("x-token"), Some("hunter2"));
    let at = rfc3339(message.at);
    let expected = Value::object([
        ("schema", 1.into()),
        ("id", message.id.as_str().into()),
        ("host", "standby".into()),
        ("topics", vec!["promoted"].into()),
        ("title", "FAILED OVER: standby serves".into()),
        ("at", at.as_str().into()),
        ("event", "promoted".into()),
        ("severity", "notice".into()),
        ("cause", "outage".into()),
        ("took_seconds", 12.0.into()),
        ("hold_down_seconds", 30.0.into()),
        ("text", SERVES.into()),
    ]);
    assert_eq!(request.json().value, expected);
}

#[test]
fn ntfy_takes_json_at_its_root() {
    let server = Server::start_tls();
    let credential = format!("https://{}/my_topic\nAuthorization: Bearer tk_1", server.address);
    let (request, message) = received(Format::Ntfy, &server, &credential);
    assert_eq!(request.line, "POST /");
    assert_eq!(request.header("authorization"), Some("Bearer tk_1"));
    let expected = Value::object([
        ("topic", "my_topic".into()),
        ("title", "FAILED OVER: standby serves".into()),
        ("message", format!("{SERVES} ({})", people(message.at)).into()),
        ("priority", 4.into()),
        ("tags", vec!["warning"].into()),
    ]);
    assert_eq!(request.json().value, expected);
}

#[test]
fn discord_calls_nobody_by_name() {
    let server = Server::start_tls();
    let credential = format!("https://{}/api/webhooks/1/secret?thread_id=2", server.address);
    let (request, message) = received(Format::Discord, &server, &credential);
    assert_eq!(request.line, "POST /api/webhooks/1/secret?thread_id=2");
    let json = request.json();
    assert_eq!(keys(&json), ["content", "allowed_mentions"]);
    assert_eq!(request.text("content"), format!("🟠 FAILED OVER: standby serves\n{SERVES} ({})", people(message.at)));
    assert_eq!(json.get("allowed_mentions").unwrap().to_string(), r#"{"parse":[]}"#);
}

#[test]
fn a_query_is_kept_as_each_service_reads_it() {
    let server = Server::start_tls();
    let url = |path: &str| format!("https://{}{path}", server.address);
    let (request, _) = received(Format::Ntfy, &server, &url("/my%20topic?auth=QmFzaWM%3D&x"));
    assert_eq!(request.line, "POST /?auth=QmFzaWM%3D&x");
    assert_eq!(request.text("topic"), "my topic");
    let (request, _) = received(Format::Telegram, &server, &url("/bot1:AB/sendMessage?chat_id=%40my_channel"));
    assert_eq!((request.line.as_str(), request.text("chat_id")), ("POST /bot1:AB/sendMessage", "@my_channel".into()));
    let (request, _) = received(Format::Slack, &server, &format!("https://me:pass@{}/hook", server.address));
    assert_eq!(request.header("authorization"), Some("Basic bWU6cGFzcw=="));
}

#[test]
fn telegram_has_its_chat_in_the_body() {
    let server = Server::start_tls();
    let credential = format!("https://{}/bot1:AB/sendMessage?chat_id=-100123&message_thread_id=7", server.address);
    let (request, message) = received(Format::Telegram, &server, &credential);
    assert_eq!(request.line, "POST /bot1:AB/sendMessage");
    let json = request.json();
    assert_eq!(keys(&json), ["chat_id", "message_thread_id", "text", "link_preview_options"]);
    assert_eq!((request.text("chat_id"), request.text("message_thread_id")), ("-100123".into(), "7".into()));
    assert_eq!(request.text("text"), format!("🟠 FAILED OVER: standby serves\n{SERVES} ({})", people(message.at)));
    assert_eq!(json.get("link_preview_options").unwrap().to_string(), r#"{"is_disabled":true}"#);
}

#[test]
fn slack_reads_three_characters_as_its_own() {
    let server = Server::start_tls();
    let stage = Stage::new();
    let mut webhook = stage.webhook(Format::Slack, &format!("https://{}/services/T/B/x", server.address));
    webhook.ca_file = Some(authority());
    let (courier, _told) = stage.courier(webhook);
    let why = "<!channel> & more".to_owned();
    courier.take(&message(&entry(&Note::StartFailed { why, retry_in: Some(Duration::from_secs(5)) })));
    let request = server.next();
    assert_eq!(request.line, "POST /services/T/B/x");
    assert_eq!(keys(&request.json()), ["text"]);
    let text = request.text("text");
    assert!(
        text.starts_with(
            "🔴 NOT STARTED: the gateway of standby\nopenclaw.service failed to start: &lt;!channel&gt; &amp; more. "
        ),
        "{text}"
    );
}

#[test]
fn a_message_says_what_it_is_about() {
    let about = |note: &Note| message(&entry(note)).topics.map(|topic| topic.map_or("", Topic::name));
    assert_eq!(about(&promoted(30)), ["promoted", ""]);
    assert_eq!(about(&promoted(60)), ["promoted", "flapping"]);
    assert_eq!(about(&demoted()), ["demoted", ""]);
    assert_eq!(about(&Note::Isolated), ["isolated", ""]);
    assert_eq!(about(&Note::NeverSeenHealthy), ["never_seen_healthy", ""]);
    assert_eq!(about(&Note::ChannelsBroken), ["degraded", ""]);
    assert_eq!(about(&Note::HoldEnded { kind: HoldKind::Paused, by_time: true }), ["hold", ""]);
    assert_eq!(about(&Note::DrillRefused { why: Refusal::Degraded }), ["drill", ""]);
    let hold = Duration::from_secs(300);
    for quiet in [Note::Armed { upstream: 0 }, Note::Adopted { cause: Cause::Outage }, Note::DrainCut { after: hold }] {
        assert_eq!(Message::of(&entry(&quiet).to_json(), "standby", hold), None, "{quiet:?}");
    }
}

#[test]
fn a_drill_is_one_message() {
    let hold = Duration::from_secs(300);
    let cause = Cause::Drill { hold };
    let began = |outcome| Drill {
        began: Time::default(),
        step: DrillStep::Return,
        since: Time::default(),
        took: [Some(hold); 6],
        outcome: Some(outcome),
        ended: Some(Time::default()),
    };
    let start = Note::Promoting { cause, window: hold, failures: 0, life: Time::default() };
    let up = Note::Promoted { cause, took: hold, hold_down: hold };
    let down = Note::Demoted { reason: Reason::DrillOver, active_for: Some(hold) };
    let not_up = Note::StartFailed { why: "the unit is masked".to_owned(), retry_in: None };
    let off = Note::Aborted { why: Abort::DrillFailed };
    let ended = |outcome| Note::DrillEnded { drill: began(outcome) };
    let failed = Outcome::Failed { step: DrillStep::Start };
    for (notes, title) in [
        (vec![start.clone(), up.clone(), down, ended(Outcome::Passed)], "drill passed: standby could take over"),
        (vec![start.clone(), not_up.clone(), off, ended(failed)], "DRILL FAILED on standby"),
    ] {
        let mut rehearsal = Rehearsal::default();
        let entries: Vec<_> = notes.iter().map(|note| rehearsal.mark(entry(note)).to_json()).collect();
        let told: Vec<_> = entries.iter().filter_map(|entry| Message::of(entry, "standby", hold)).collect();
        assert_eq!(told.iter().map(Message::title).collect::<Vec<_>>(), [title]);
        let is_failed = title.starts_with("DRILL FAILED");
        assert_eq!(told[0].entry.to_string().contains("the unit is masked"), is_failed, "{}", told[0].entry);
    }
    // Events after a drill, or after an outage has ended it, are sent as usual.
    let mut rehearsal = Rehearsal::default();
    let after = [start, ended(Outcome::Overtaken), not_up].map(|note| rehearsal.mark(entry(&note)).to_json());
    let told: Vec<_> = after.iter().filter_map(|entry| Message::of(entry, "standby", hold)).collect();
    let titles: Vec<_> = told.iter().map(Message::title).collect();
    assert_eq!(titles, ["DRILL ENDED by an outage: standby", "NOT STARTED: the gateway of standby"]);
    // A gateway that does not stop is reported during the drill.
    let mut rehearsal = Rehearsal::default();
    let _ = rehearsal.mark(entry(&Note::Promoting { cause, window: hold, failures: 0, life: Time::default() }));
    let hangs = rehearsal.mark(entry(&Note::StopHangs { waited: hold })).to_json();
    assert_eq!(Message::of(&hangs, "standby", hold).unwrap().title(), "STILL STOPPING: the gateway of standby");
}

#[test]
fn the_same_thing_has_the_same_id_and_a_series_of_tries_is_told_once_an_hour() {
    let failed = |why: &str| Note::StartFailed { why: why.to_owned(), retry_in: Some(Duration::from_secs(5)) };
    let first = message(&entry(&failed("masked")));
    assert_eq!(Message::of(&first.entry, "standby", Duration::ZERO).unwrap().id, first.id);
    assert_ne!(message(&entry(&failed("gone"))).id, first.id);

    let mut sieve = Sieve::default();
    assert!(sieve.lets_through(&first));
    assert!(!sieve.lets_through(&message(&entry(&failed("masked")))));
    assert!(sieve.lets_through(&message(&entry(&failed("gone")))));
    assert!(sieve.lets_through(&message(&entry(&promoted(30)))));
    let mut later = Message::clone(&first);
    later.at = later.at + Duration::from_secs(3601);
    assert!(sieve.lets_through(&later));
}
