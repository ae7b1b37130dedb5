//! Every format, field by field.

use std::time::Duration;

use openclaw_failover::config::{NotificationTopic, WebhookFormat};
use openclaw_failover::events::DrillMarker;
use openclaw_failover::failover::{
    CancelReason, Cause, DemotionReason, Drill, DrillOutcome, DrillRefusal, DrillStep, HoldKind, MachineNotice,
    StartFailure,
};
use openclaw_failover::notify::{Message, RateLimiter};
use openclaw_failover::text::Time;
use openclaw_failover::text::json::{Node, Value};
use openclaw_failover::text::utc::{format_rfc3339, format_time};

use crate::server::{ReceivedRequest, WebhookServer, authority};
use crate::stage::{TestHost, demoted, entry, message, promoted};

const SERVES: &str = "this host is active: openclaw.service answered 12 s after the decision. Failing back once an \
                      upstream has been ready for 30 s";

/// Returns the request of a webhook with this format after a failover.
fn receive_promotion(
    format: WebhookFormat,
    server: &WebhookServer,
    credential: &str,
) -> (ReceivedRequest, std::sync::Arc<Message>) {
    let stage = TestHost::new();
    let message = stage.log_event(&promoted(30));
    let mut webhook = stage.webhook(format, credential);
    webhook.ca_file = Some(authority());
    let (courier, _told) = stage.start_worker(webhook);
    courier.enqueue(&message);
    let request = server.next_request();
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("connection"), Some("close"));
    (request, message)
}

fn keys(node: &Node) -> Vec<&str> {
    node.as_object().unwrap().iter().map(|entry| entry.key.as_str()).collect()
}

#[test]
fn json_is_the_history_entry_with_its_host() {
    let server = WebhookServer::start_tls();
    let url = format!("https://{}/hook?key=1", server.address);
    let (request, message) = receive_promotion(WebhookFormat::Json, &server, &format!("{url}\nX-Token: hunter2\n"));
    assert_eq!(request.line, "POST /hook?key=1");
    assert_eq!(request.header("x-token"), Some("hunter2"));
    let at = format_rfc3339(message.at);
    let expected = Value::from_entries([
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
    let server = WebhookServer::start_tls();
    let credential = format!("https://{}/my_topic\nAuthorization: Bearer tk_1", server.address);
    let (request, message) = receive_promotion(WebhookFormat::Ntfy, &server, &credential);
    assert_eq!(request.line, "POST /");
    assert_eq!(request.header("authorization"), Some("Bearer tk_1"));
    let expected = Value::from_entries([
        ("topic", "my_topic".into()),
        ("title", "FAILED OVER: standby serves".into()),
        ("message", format!("{SERVES} ({})", format_time(message.at)).into()),
        ("priority", 4.into()),
        ("tags", vec!["warning"].into()),
    ]);
    assert_eq!(request.json().value, expected);
}

#[test]
fn discord_pings_no_user() {
    let server = WebhookServer::start_tls();
    let credential = format!("https://{}/api/webhooks/1/secret?thread_id=2", server.address);
    let (request, message) = receive_promotion(WebhookFormat::Discord, &server, &credential);
    assert_eq!(request.line, "POST /api/webhooks/1/secret?thread_id=2");
    let json = request.json();
    assert_eq!(keys(&json), ["content", "allowed_mentions"]);
    assert_eq!(
        request.text("content"),
        format!("🟠 FAILED OVER: standby serves\n{SERVES} ({})", format_time(message.at))
    );
    assert_eq!(json.get("allowed_mentions").unwrap().to_string(), r#"{"parse":[]}"#);
}

#[test]
fn a_query_is_kept_as_each_service_reads_it() {
    let server = WebhookServer::start_tls();
    let url = |path: &str| format!("https://{}{path}", server.address);
    let (request, _) = receive_promotion(WebhookFormat::Ntfy, &server, &url("/my%20topic?auth=QmFzaWM%3D&x"));
    assert_eq!(request.line, "POST /?auth=QmFzaWM%3D&x");
    assert_eq!(request.text("topic"), "my topic");
    let (request, _) =
        receive_promotion(WebhookFormat::Telegram, &server, &url("/bot1:AB/sendMessage?chat_id=%40my_channel"));
    assert_eq!((request.line.as_str(), request.text("chat_id")), ("POST /bot1:AB/sendMessage", "@my_channel".into()));
    let (request, _) =
        receive_promotion(WebhookFormat::Slack, &server, &format!("https://me:pass@{}/hook", server.address));
    assert_eq!(request.header("authorization"), Some("Basic bWU6cGFzcw=="));
}

#[test]
fn telegram_has_its_chat_in_the_body() {
    let server = WebhookServer::start_tls();
    let credential = format!("https://{}/bot1:AB/sendMessage?chat_id=-100123&message_thread_id=7", server.address);
    let (request, message) = receive_promotion(WebhookFormat::Telegram, &server, &credential);
    assert_eq!(request.line, "POST /bot1:AB/sendMessage");
    let json = request.json();
    assert_eq!(keys(&json), ["chat_id", "message_thread_id", "text", "link_preview_options"]);
    assert_eq!((request.text("chat_id"), request.text("message_thread_id")), ("-100123".into(), "7".into()));
    assert_eq!(request.text("text"), format!("🟠 FAILED OVER: standby serves\n{SERVES} ({})", format_time(message.at)));
    assert_eq!(json.get("link_preview_options").unwrap().to_string(), r#"{"is_disabled":true}"#);
}

#[test]
fn slack_reads_three_characters_as_its_own() {
    let server = WebhookServer::start_tls();
    let stage = TestHost::new();
    let mut webhook = stage.webhook(WebhookFormat::Slack, &format!("https://{}/services/T/B/x", server.address));
    webhook.ca_file = Some(authority());
    let (courier, _told) = stage.start_worker(webhook);
    let why = StartFailure::Described("<!channel> & more".to_owned());
    courier.enqueue(&message(&entry(&MachineNotice::StartFailed { why, retry_in: Some(Duration::from_secs(5)) })));
    let request = server.next_request();
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
    let about =
        |note: &MachineNotice| message(&entry(note)).topics.map(|topic| topic.map_or("", NotificationTopic::name));
    assert_eq!(about(&promoted(30)), ["promoted", ""]);
    assert_eq!(about(&promoted(60)), ["promoted", "flapping"]);
    assert_eq!(about(&demoted()), ["demoted", ""]);
    assert_eq!(about(&MachineNotice::Isolated), ["isolated", ""]);
    assert_eq!(about(&MachineNotice::NeverSeenHealthy), ["never_seen_healthy", ""]);
    assert_eq!(about(&MachineNotice::ChannelsBroken), ["degraded", ""]);
    assert_eq!(about(&MachineNotice::HoldEnded { kind: HoldKind::Paused, by_time: true }), ["hold", ""]);
    assert_eq!(about(&MachineNotice::DrillRefused { why: DrillRefusal::Degraded }), ["drill", ""]);
    let hold = Duration::from_secs(300);
    for quiet in [
        MachineNotice::Armed { upstream: 0 },
        MachineNotice::Adopted { cause: Cause::Outage },
        MachineNotice::DrainCut { after: hold },
    ] {
        assert_eq!(Message::from_entry(&entry(&quiet).to_json(), "standby", hold), None, "{quiet:?}");
    }
}

#[test]
fn a_drill_is_one_message() {
    let hold = Duration::from_secs(300);
    let cause = Cause::Drill { hold };
    let began = |outcome| Drill {
        began_at: Time::default(),
        step: DrillStep::Return,
        step_since: Time::default(),
        step_durations: [Some(hold); 6],
        outcome: Some(outcome),
        ended_at: Some(Time::default()),
    };
    let start = MachineNotice::Promoting {
        cause,
        window: hold,
        failures: 0,
        last_healthy_at: Time::default(),
        waits_for_pull: true,
    };
    let up = MachineNotice::Promoted { cause, took: hold, hold_down: hold };
    let down = MachineNotice::Demoted { reason: DemotionReason::DrillOver, active_for: Some(hold) };
    let not_up =
        MachineNotice::StartFailed { why: StartFailure::Described("the unit is masked".to_owned()), retry_in: None };
    let off = MachineNotice::Aborted { why: CancelReason::DrillFailed };
    let ended = |outcome| MachineNotice::DrillEnded { drill: began(outcome) };
    let failed = DrillOutcome::Failed { step: DrillStep::Start };
    for (notes, title) in [
        (vec![start.clone(), up.clone(), down, ended(DrillOutcome::Passed)], "drill passed: standby could take over"),
        (vec![start.clone(), not_up.clone(), off, ended(failed)], "DRILL FAILED on standby"),
    ] {
        let mut rehearsal = DrillMarker::default();
        let entries: Vec<_> = notes.iter().map(|note| rehearsal.mark_entry(entry(note)).to_json()).collect();
        let told: Vec<_> = entries.iter().filter_map(|entry| Message::from_entry(entry, "standby", hold)).collect();
        assert_eq!(told.iter().map(|message| message.title.as_str()).collect::<Vec<_>>(), [title]);
        let is_failed = title.starts_with("DRILL FAILED");
        assert_eq!(told[0].entry.to_string().contains("the unit is masked"), is_failed, "{}", told[0].entry);
    }
    // Events after a drill, or after an outage has ended it, are sent as usual.
    let mut rehearsal = DrillMarker::default();
    let after =
        [start, ended(DrillOutcome::Overtaken), not_up].map(|note| rehearsal.mark_entry(entry(&note)).to_json());
    let told: Vec<_> = after.iter().filter_map(|entry| Message::from_entry(entry, "standby", hold)).collect();
    let titles: Vec<_> = told.iter().map(|message| &message.title).collect();
    assert_eq!(titles, ["DRILL ENDED by an outage: standby", "NOT STARTED: the gateway of standby"]);
    // A gateway that does not stop is reported during the drill.
    let mut rehearsal = DrillMarker::default();
    let _ = rehearsal.mark_entry(entry(&MachineNotice::Promoting {
        cause,
        window: hold,
        failures: 0,
        last_healthy_at: Time::default(),
        waits_for_pull: true,
    }));
    let hangs = rehearsal.mark_entry(entry(&MachineNotice::StopHangs { waited: hold })).to_json();
    assert_eq!(Message::from_entry(&hangs, "standby", hold).unwrap().title, "STILL STOPPING: the gateway of standby");
}

#[test]
fn same_entry_same_id_and_one_message_per_hour_for_a_series() {
    let failed = |why: &str| MachineNotice::StartFailed {
        why: StartFailure::Described(why.to_owned()),
        retry_in: Some(Duration::from_secs(5)),
    };
    let first = message(&entry(&failed("masked")));
    assert_eq!(Message::from_entry(&first.entry, "standby", Duration::ZERO).unwrap().id, first.id);
    assert_ne!(message(&entry(&failed("gone"))).id, first.id);

    let mut sieve = RateLimiter::default();
    assert!(sieve.allows(&first));
    assert!(!sieve.allows(&message(&entry(&failed("masked")))));
    assert!(sieve.allows(&message(&entry(&failed("gone")))));
    assert!(sieve.allows(&message(&entry(&promoted(30)))));
    let mut later = Message::clone(&first);
    later.at = later.at + Duration::from_secs(3601);
    assert!(sieve.allows(&later));
}
