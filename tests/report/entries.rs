//! Texts of history entries.

use std::collections::BTreeSet;
use std::time::Duration;

use openclaw_failover::events::{Entry, MonitorNote, Severity};
use openclaw_failover::failover::{
    Abort, Availability, Cause, Drill, DrillStep, Hold, HoldKind, Note, Outcome, Reason, Refusal,
};
use openclaw_failover::finding::{Finding, Level};
use openclaw_failover::os::atomic_file;
use openclaw_failover::os::clock::Wall;
use openclaw_failover::probe::{Failure, Verdict};
use openclaw_failover::records::state;
use openclaw_failover::text::json;
use openclaw_failover::workspace::summary::Pull;

use super::{at, config, entry};

const HOUR: Duration = Duration::from_secs(3600);

fn drill(outcome: Outcome) -> Drill {
    let took = [Some(812), Some(95), Some(6_100), Some(300_000), Some(1_100), Some(1_200)];
    Drill {
        began: at(0),
        step: DrillStep::Return,
        since: at(308),
        took: took.map(|took| took.map(Duration::from_millis)),
        outcome: Some(outcome),
        ended: Some(at(310)),
    }
}

#[test]
fn what_became_of_a_drill_says_what_each_step_took() {
    let passed = entry(&Note::DrillEnded { drill: drill(Outcome::Passed) }, 310);
    assert_eq!(
        passed.text,
        "the drill passed: this host can take over. pull 812 ms, start 95 ms, verify 6.1 s, hold 5 m, stop 1.1 s, \
         return 1.2 s"
    );
    let failed = entry(&Note::DrillEnded { drill: drill(Outcome::Failed { step: DrillStep::Verify }) }, 310);
    assert!(
        failed.text.contains("failed at step 'verify': openclaw.service was not healthy in time"),
        "{}",
        failed.text
    );
    let kept = failed.to_json();
    assert_eq!(kept.get("outcome").and_then(|it| it.as_str()), Some("failed"));
    assert_eq!(kept.get("failed_step").and_then(|it| it.as_str()), Some("verify"));
    let verify = kept.get("took_seconds").and_then(|took| took.get("verify")?.as_f64());
    assert_eq!(verify, Some(6.1));
}

fn machine_notes() -> Vec<Note> {
    let hold = |kind, until| Hold { kind, since: at(0), until };
    let why = "Unit openclaw.service is masked.\n\u{1b}[31m".to_owned();
    let mut notes = vec![
        Note::Armed { upstream: 0 },
        Note::WindowClosed { upstream: 0, lasted: Duration::from_secs(72) },
        Note::Promoted { cause: Cause::Outage, took: Duration::from_millis(14_204), hold_down: HOUR },
        Note::Promoted { cause: Cause::Operator, took: HOUR, hold_down: HOUR },
        Note::Promoted { cause: Cause::Drill { hold: HOUR }, took: HOUR, hold_down: HOUR },
        Note::StartFailed { why: why.clone(), retry_in: Some(Duration::from_secs(5)) },
        Note::StartFailed { why: why.clone(), retry_in: None },
        Note::NotAnswering { waited: Duration::from_secs(300) },
        Note::StoppingSilent { waited: Duration::from_secs(600) },
        Note::ChannelsBroken,
        Note::ChannelsWell,
        Note::WentDown,
        Note::Flapping { recent: Availability::default() },
        Note::Steady { recent: Availability::default() },
        Note::ServesAgain,
        Note::DrainCut { after: Duration::from_secs(15) },
        Note::StopFailed { why, retry_in: Duration::from_secs(5) },
        Note::StopHangs { waited: Duration::from_secs(345) },
        Note::Demoted { reason: Reason::Ready { upstream: 0 }, active_for: Some(HOUR) },
        Note::Demoted { reason: Reason::Found, active_for: None },
        Note::PortHeld { verdict: Verdict::Healthy { ready: true } },
        Note::PortFree,
        Note::ForeignAnswer { why: "port 1 is held by a process of user www-data (uid 33), not by x".to_owned() },
        Note::AnswerUnverified { why: "polkit does not allow it".to_owned() },
        Note::AnswerVerified,
        Note::Isolated,
        Note::Reconnected,
        Note::NeverSeenHealthy,
        Note::HoldEnded { kind: HoldKind::Paused, by_time: true },
        Note::HoldEnded { kind: HoldKind::Paused, by_time: false },
    ];
    for kind in [HoldKind::Promoted, HoldKind::Standby, HoldKind::Paused] {
        notes.push(Note::HeldBack { kind });
        notes.push(Note::HoldSet { hold: hold(kind, Some(at(7200))) });
        notes.push(Note::HoldStands { hold: hold(kind, None) });
        notes.push(Note::Aborted { why: Abort::Held(kind) });
    }
    for cause in [Cause::Outage, Cause::Operator, Cause::Drill { hold: HOUR }, Cause::Found] {
        notes.push(Note::Promoting { cause, window: Duration::from_millis(30_012), failures: 11, life: at(0) });
        notes.push(Note::Adopted { cause });
    }
    for why in [Abort::Healthy, Abort::DrillOvertaken, Abort::DrillFailed] {
        notes.push(Note::Aborted { why });
    }
    for reason in [Reason::Ready { upstream: 7 }, Reason::Operator, Reason::DrillOver, Reason::Found] {
        notes.push(Note::Demoting { reason });
    }
    for why in [Refusal::NotStandby, Refusal::PrimaryDown, Refusal::Held, Refusal::UnderWay, Refusal::Degraded] {
        notes.push(Note::DrillRefused { why });
    }
    let failed = DrillStep::ALL.map(|step| Outcome::Failed { step });
    let others = [Outcome::Passed, Outcome::Overtaken, Outcome::Promoted, Outcome::Stopped, Outcome::Interrupted];
    notes.extend(failed.into_iter().chain(others).map(|outcome| Note::DrillEnded { drill: drill(outcome) }));
    for failure in [
        Failure::Dns,
        Failure::Refused,
        Failure::ThisHost,
        Failure::Unreachable,
        Failure::ConnectTimeout,
        Failure::ResponseTimeout,
        Failure::Tls,
        Failure::Status(500),
        Failure::NotOpenClaw,
        Failure::Starting,
        Failure::Draining,
    ] {
        notes.push(Note::WindowOpened { upstream: 0, failure });
    }
    notes
}

fn monitor_notes() -> Vec<MonitorNote> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    std::fs::write(&path, "{").unwrap();
    let (_, _, unreadable) = state::load(&path, at(0));
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let pull = |error: Option<&str>| Pull {
        outcome: "moved".to_owned(),
        commit: Some("1a2b3c4d".repeat(5)),
        committed: Some(at(0)),
        at: at(0),
        fresh: Some(at(0)),
        stale: error.is_some(),
        kept: if error.is_some() { "failover/standby@20261121T220000.000Z".to_owned() } else { String::new() },
        withheld: "word ".repeat(100),
        error: error.map(str::to_owned),
    };
    let channels = |failing: &[&str]| MonitorNote::UpstreamChannels {
        upstream: "primary".to_owned(),
        failing: failing.iter().map(|&name| name.to_owned()).collect(),
        suppressed: Vec::new(),
    };
    vec![
        MonitorNote::Started { version: "0.1.0".to_owned(), upstreams: vec!["primary".to_owned()], seen: None },
        MonitorNote::Stopped,
        MonitorNote::Reloaded,
        MonitorNote::ReloadRefused { why: "config.json:3: unknown key `upstream`".to_owned() },
        MonitorNote::SetAside(unreadable.unwrap()),
        MonitorNote::Missing { what: "git is not installed, so the workspace cannot be pulled".to_owned() },
        MonitorNote::NotReady(Finding {
            id: "gateway-unit",
            level: Level::Fail,
            evidence: "openclaw.service is masked\u{7}".to_owned(),
            fix: "systemctl unmask openclaw.service".to_owned(),
        }),
        MonitorNote::Ready { check: "gateway-unit", evidence: "openclaw.service is inactive".to_owned() },
        MonitorNote::PullChanged(pull(None)),
        MonitorNote::PullChanged(pull(Some("no route to host\u{7}"))),
        MonitorNote::StartsWith(None),
        MonitorNote::StartsWith(Some(pull(None))),
        MonitorNote::StartsWith(Some(pull(Some("no route to host")))),
        MonitorNote::StartsWith(Some(Pull { fresh: None, stale: true, ..Pull::default() })),
        MonitorNote::Returned { branches: "failover/standby".to_owned() },
        MonitorNote::PushFailed { outcome: "refused".to_owned(), why: "the git host refuses it".to_owned() },
        MonitorNote::PutAway { what: "3 queued deliveries".to_owned() },
        MonitorNote::NotPutAway { why: "sqlite3 is not installed".to_owned() },
        MonitorNote::WorkspaceOpen,
        MonitorNote::SystemdUnreachable { why: "Failed to connect to bus".to_owned() },
        MonitorNote::SystemdReachable,
        MonitorNote::WriteFailed { why: atomic_file::Error::Write { path, why: full }.to_string() },
        MonitorNote::WriteWell,
        channels(&["discord"]),
        channels(&[]),
    ]
}

fn all() -> Vec<Entry> {
    let machine = machine_notes().into_iter().map(|note| entry(&note, 30));
    let monitor = monitor_notes().into_iter().map(|note| Entry::of_monitor(&note, at(30), Wall::default()));
    machine.chain(monitor).collect()
}

#[test]
fn every_note_is_one_short_line_in_words_and_json_that_reads_back() {
    for entry in all() {
        let text = &entry.text;
        assert!((20..450).contains(&text.chars().count()), "{text}");
        assert!(!text.chars().any(char::is_control), "{text}");
        assert!(!text.ends_with('.') && !text.contains("  ") && !text.contains("{"), "{text}");
        let line = entry.to_json().to_string();
        let read = json::parse(&line).unwrap();
        assert!(line.starts_with("{\"at\":\"2026-11-21T22:00:30.000Z\",\"event\":\""), "{line}");
        assert_eq!(read.get("text").unwrap().as_str(), Some(text.as_str()));
        let keys: BTreeSet<_> = read.as_object().unwrap().iter().map(|field| field.key.as_str()).collect();
        assert_eq!(keys.len(), read.as_object().unwrap().len(), "a key twice: {line}");
    }
}

#[test]
fn no_way_out_leads_to_a_command_that_does_not_exist() {
    for entry in all() {
        for told in entry.text.split('`').skip(1).step_by(2).filter(|told| told.starts_with("openclaw-failover")) {
            let command = told.split(' ').nth(1);
            let known = ["check", "config", "status", "history", "notify", "promote", "resume", "drill"];
            assert!(command.is_some_and(|command| known.contains(&command)), "{told}");
        }
    }
}

#[test]
fn words_from_outside_leave_room_for_the_way_out() {
    for why in ["Unit openclaw.service is masked.".to_owned(), "word ".repeat(5000)] {
        let failed = entry(&Note::StopFailed { why: why.clone(), retry_in: Duration::from_secs(5) }, 0);
        let expected = ". Retrying in 5 s; to stop it by hand, run `systemctl stop openclaw.service` as root";
        assert!(failed.text.ends_with(expected) && !failed.text.contains(".."), "{}", failed.text);
        let refused = Entry::of_monitor(&MonitorNote::ReloadRefused { why }, at(0), Wall::default());
        assert!(
            refused.text.ends_with("run `openclaw-failover config --check FILE`") && !refused.text.contains(".."),
            "{}",
            refused.text
        );
    }
}

#[test]
fn a_promotion_says_what_why_since_when_and_what_next() {
    let note =
        Note::Promoting { cause: Cause::Outage, window: Duration::from_millis(30_012), failures: 11, life: at(0) };
    let entry = entry(&note, 30);
    assert_eq!(
        entry.text,
        "failing over: primary down for 30 s (11 failed probes), since 2026-11-21 22:00:00Z; starting openclaw.service \
         after the running pull (5 s at most)"
    );
    assert_eq!(entry.severity, Severity::Warning);
    let json = entry.to_json();
    assert_eq!(json.get("window_seconds").unwrap().as_f64(), Some(30.012));
    assert_eq!(json.get("life_at").unwrap().as_str(), Some("2026-11-21T22:00:00.000Z"));
    assert_eq!(json.get("cause").unwrap().as_str(), Some("outage"));
}

#[test]
fn an_armed_upstream_can_be_known_again_from_its_entry() {
    let json = entry(&Note::Armed { upstream: 0 }, 0).to_json();
    let urls = json.get("urls").unwrap().as_array().unwrap();
    assert_eq!(urls.len(), 1);
    assert_eq!(urls[0].as_str(), Some("http://100.64.0.1:18789"));
}

#[test]
fn times_follow_the_wall_clock_as_it_is_now() {
    let wall = Wall::new(at(30), at(3630));
    let config = config(&[("primary", &["http://a"]), ("second", &["http://b"])]);
    let note = Note::Promoting { cause: Cause::Outage, window: Duration::from_secs(30), failures: 11, life: at(0) };
    let entry = Entry::of_machine(&note, at(30), wall, &config);
    assert_eq!(entry.at, at(3630));
    assert!(entry.text.contains("since 2026-11-21 23:00:00Z"), "{}", entry.text);
    let opened = Note::WindowOpened { upstream: 1, failure: Failure::Refused };
    let opened = Entry::of_machine(&opened, at(0), wall, &config);
    assert!(opened.text.starts_with("every upstream is down; last probe of second: "), "{}", opened.text);
}

#[test]
fn a_start_says_how_old_its_workspace_may_be() {
    let pull = Pull { outcome: "stopped".to_owned(), fresh: Some(at(0)), stale: true, ..Pull::default() };
    let entry = Entry::of_monitor(&MonitorNote::StartsWith(Some(pull.clone())), at(30), Wall::default());
    assert!(entry.text.ends_with("; last in sync with the git remote at 2026-11-21 22:00:00Z"), "{}", entry.text);
    assert_eq!(entry.severity, Severity::Warning);
    let fresh = MonitorNote::StartsWith(Some(Pull { stale: false, ..pull }));
    assert_eq!(Entry::of_monitor(&fresh, at(30), Wall::default()).severity, Severity::Notice);
}

#[test]
fn why_a_hold_stands_is_in_all_that_is_told_of_it() {
    let hold = Hold { kind: HoldKind::Paused, since: at(0), until: None };
    for note in [Note::HoldSet { hold }, Note::HoldStands { hold }, Note::HeldBack { kind: hold.kind }] {
        let entry = entry(&note, 0).because("a \u{1b}[2Jnew\nkernel");
        assert!(entry.text.ends_with(". Reason: a [2Jnew kernel"), "{}", entry.text);
        assert!(entry.to_json().to_string().contains(r#""reason":"a [2Jnew kernel""#));
        let longest = entry.because(&"x".repeat(10_000));
        assert!(longest.to_json().to_string().len() < 2000);
    }
}

#[test]
fn a_gateway_that_does_not_serve_is_told_with_what_its_last_probe_found() {
    let silent = entry(&Note::NotAnswering { waited: Duration::from_secs(300) }, 310);
    let told = silent.after_probe("TLS: the certificate has expired (2 days ago); renew it there");
    assert!(
        told.text.ends_with(". Last probe: TLS: the certificate has expired (2 days ago); renew it there"),
        "{}",
        told.text
    );
}
