//! Texts of history entries.

use std::collections::BTreeSet;
use std::time::Duration;

use openclaw_failover::events::{HistoryEntry, MonitorNotice, Severity};
use openclaw_failover::failover::{
    Availability, CancelReason, Cause, DemotionReason, Drill, DrillOutcome, DrillRefusal, DrillStep, Hold, HoldKind,
    MachineNotice, StartFailure,
};
use openclaw_failover::finding::{Finding, Level};
use openclaw_failover::os::atomic_file;
use openclaw_failover::os::clock::WallClockOffset;
use openclaw_failover::probe::{ProbeFailure, Verdict};
use openclaw_failover::records::state;
use openclaw_failover::text::json;
use openclaw_failover::workspace::summary::PullSummary;

use super::{at, config, entry};

const HOUR: Duration = Duration::from_secs(3600);

fn drill(outcome: DrillOutcome) -> Drill {
    let took = [Some(812), Some(95), Some(6_100), Some(300_000), Some(1_100), Some(1_200)];
    Drill {
        began_at: at(0),
        step: DrillStep::Return,
        step_since: at(308),
        step_durations: took.map(|took| took.map(Duration::from_millis)),
        outcome: Some(outcome),
        ended_at: Some(at(310)),
    }
}

#[test]
fn a_drill_result_lists_the_time_of_each_step() {
    let passed = entry(&MachineNotice::DrillEnded { drill: drill(DrillOutcome::Passed) }, 310);
    assert_eq!(
        passed.text,
        "the drill passed: this host can take over. pull 812 ms, start 95 ms, verify 6.1 s, hold 5 m, stop 1.1 s, \
         return 1.2 s"
    );
    let failed =
        entry(&MachineNotice::DrillEnded { drill: drill(DrillOutcome::Failed { step: DrillStep::Verify }) }, 310);
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

fn machine_notes() -> Vec<MachineNotice> {
    let hold = |kind, until| Hold { kind, since: at(0), until, reason: None };
    let why = "Unit openclaw.service is masked.\n\u{1b}[31m".to_owned();
    let mut notes = vec![
        MachineNotice::Armed { upstream: 0 },
        MachineNotice::WindowClosed { upstream: 0, lasted: Duration::from_secs(72) },
        MachineNotice::Promoted { cause: Cause::Outage, took: Duration::from_millis(14_204), hold_down: HOUR },
        MachineNotice::Promoted { cause: Cause::Operator, took: HOUR, hold_down: HOUR },
        MachineNotice::Promoted { cause: Cause::Drill { hold: HOUR }, took: HOUR, hold_down: HOUR },
        MachineNotice::StartFailed {
            why: StartFailure::Described(why.clone()),
            retry_in: Some(Duration::from_secs(5)),
        },
        MachineNotice::StartFailed { why: StartFailure::ProcessExited, retry_in: None },
        MachineNotice::NotAnswering { waited: Duration::from_secs(300) },
        MachineNotice::StoppingSilent { waited: Duration::from_secs(600) },
        MachineNotice::ChannelsBroken,
        MachineNotice::ChannelsRecovered,
        MachineNotice::GatewayDown,
        MachineNotice::Flapping { recent: Availability::default() },
        MachineNotice::Steady { recent: Availability::default() },
        MachineNotice::ServesAgain,
        MachineNotice::DrainCut { after: Duration::from_secs(15) },
        MachineNotice::StopFailed { why, retry_in: Duration::from_secs(5) },
        MachineNotice::StopHangs { waited: Duration::from_secs(345) },
        MachineNotice::Demoted { reason: DemotionReason::Ready { upstream: 0 }, active_for: Some(HOUR) },
        MachineNotice::Demoted { reason: DemotionReason::Found, active_for: None },
        MachineNotice::PortHeld { verdict: Verdict::Healthy { ready: true } },
        MachineNotice::PortFree,
        MachineNotice::ForeignAnswer {
            why: "port 1 is held by a process of user www-data (uid 33), not by x".to_owned(),
        },
        MachineNotice::AnswerUnverified { why: "polkit does not allow it".to_owned() },
        MachineNotice::AnswerVerified,
        MachineNotice::Isolated,
        MachineNotice::Reconnected,
        MachineNotice::NeverSeenHealthy,
        MachineNotice::HoldEnded { kind: HoldKind::Paused, by_time: true },
        MachineNotice::HoldEnded { kind: HoldKind::Paused, by_time: false },
    ];
    for kind in [HoldKind::Promoted, HoldKind::Standby, HoldKind::Paused] {
        notes.push(MachineNotice::HeldBack { hold: hold(kind, None) });
        notes.push(MachineNotice::HoldSet { hold: hold(kind, Some(at(7200))) });
        notes.push(MachineNotice::HoldStands { hold: hold(kind, None) });
        notes.push(MachineNotice::Aborted { why: CancelReason::Held(kind) });
    }
    for cause in [Cause::Outage, Cause::Operator, Cause::Drill { hold: HOUR }, Cause::Found] {
        notes.push(MachineNotice::Promoting {
            cause,
            window: Duration::from_millis(30_012),
            failures: 11,
            last_healthy_at: at(0),
            waits_for_pull: true,
        });
        notes.push(MachineNotice::Adopted { cause });
    }
    for why in [CancelReason::Healthy, CancelReason::DrillOvertaken, CancelReason::DrillFailed] {
        notes.push(MachineNotice::Aborted { why });
    }
    for reason in [
        DemotionReason::Ready { upstream: 7 },
        DemotionReason::Operator,
        DemotionReason::DrillOver,
        DemotionReason::Found,
    ] {
        notes.push(MachineNotice::Demoting { reason });
    }
    for why in [
        DrillRefusal::NotStandby,
        DrillRefusal::PrimaryDown,
        DrillRefusal::Held,
        DrillRefusal::UnderWay,
        DrillRefusal::Degraded,
    ] {
        notes.push(MachineNotice::DrillRefused { why });
    }
    let failed = DrillStep::ALL.map(|step| DrillOutcome::Failed { step });
    let others = [
        DrillOutcome::Passed,
        DrillOutcome::Overtaken,
        DrillOutcome::Promoted,
        DrillOutcome::Stopped,
        DrillOutcome::Interrupted,
    ];
    notes.extend(failed.into_iter().chain(others).map(|outcome| MachineNotice::DrillEnded { drill: drill(outcome) }));
    notes.extend(ProbeFailure::ALL.map(|failure| MachineNotice::WindowOpened { upstream: 0, failure }));
    notes
}

fn monitor_notes() -> Vec<MonitorNotice> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    std::fs::write(&path, "{").unwrap();
    let (_, unreadable) = state::load(&path, at(0));
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let pull = |error: Option<&str>| PullSummary {
        outcome: "moved".to_owned(),
        commit: Some("1a2b3c4d".repeat(5)),
        committed_at: Some(at(0)),
        ended_at: at(0),
        last_complete_at: Some(at(0)),
        is_stale: error.is_some(),
        conflict_branches: if error.is_some() {
            "failover/standby@20261121T220000.000Z".to_owned()
        } else {
            String::new()
        },
        withheld: "word ".repeat(100),
        error: error.map(str::to_owned),
    };
    let channels = |failing: &[&str]| MonitorNotice::UpstreamChannels {
        upstream: "primary".to_owned(),
        failing: failing.iter().map(|&name| name.to_owned()).collect(),
        suppressed: Vec::new(),
    };
    vec![
        MonitorNotice::Started { version: "0.1.0".to_owned(), upstreams: vec!["primary".to_owned()], seen: None },
        MonitorNotice::Stopped,
        MonitorNotice::Reloaded,
        MonitorNotice::ReloadRefused { why: "config.json:3: unknown key `upstream`".to_owned() },
        MonitorNotice::FileQuarantined(unreadable.unwrap()),
        MonitorNotice::CredentialMissing { what: "git is not installed, so the workspace cannot be pulled".to_owned() },
        MonitorNotice::NotReady(Finding {
            id: "gateway-unit",
            level: Level::Fail,
            evidence: "openclaw.service is masked\u{7}".to_owned(),
            fix: "systemctl unmask openclaw.service".to_owned(),
        }),
        MonitorNotice::Ready { check: "gateway-unit", evidence: "openclaw.service is inactive".to_owned() },
        MonitorNotice::PullChanged(pull(None)),
        MonitorNotice::PullChanged(pull(Some("no route to host\u{7}"))),
        MonitorNotice::StartsWith(None),
        MonitorNotice::StartsWith(Some(pull(None))),
        MonitorNotice::StartsWith(Some(pull(Some("no route to host")))),
        MonitorNotice::StartsWith(Some(PullSummary {
            last_complete_at: None,
            is_stale: true,
            ..PullSummary::default()
        })),
        MonitorNotice::ChangesPushed { branches: "failover/standby".to_owned() },
        MonitorNotice::PushFailed { outcome: "refused".to_owned(), why: "the git host refuses it".to_owned() },
        MonitorNotice::WorkArchived { what: "3 queued deliveries".to_owned() },
        MonitorNotice::ArchiveFailed { why: "sqlite3 is not installed".to_owned() },
        MonitorNotice::WorkspacePublic,
        MonitorNotice::SystemdUnreachable { why: "Failed to connect to bus".to_owned() },
        MonitorNotice::SystemdReachable,
        MonitorNotice::WriteFailed { why: atomic_file::FileError::Write { path, why: full }.to_string() },
        MonitorNotice::WriteRecovered,
        channels(&["discord"]),
        channels(&[]),
    ]
}

fn all_entries() -> Vec<HistoryEntry> {
    let machine = machine_notes().into_iter().map(|note| entry(&note, 30));
    let monitor = monitor_notes()
        .into_iter()
        .map(|note| HistoryEntry::from_monitor_notice(&note, at(30), WallClockOffset::default()));
    machine.chain(monitor).collect()
}

#[test]
fn every_note_is_one_short_line_in_words_and_json_that_reads_back() {
    for entry in all_entries() {
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
fn remedies_name_existing_commands() {
    for entry in all_entries() {
        for quoted in entry.text.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("openclaw-failover"))
        {
            let command = quoted.split(' ').nth(1);
            let known = ["check", "config", "status", "history", "notify", "promote", "resume", "drill"];
            assert!(command.is_some_and(|command| known.contains(&command)), "{quoted}");
        }
    }
}

#[test]
fn long_external_text_leaves_space_for_the_remedy() {
    for why in ["Unit openclaw.service is masked.".to_owned(), "word ".repeat(5000)] {
        let failed = entry(&MachineNotice::StopFailed { why: why.clone(), retry_in: Duration::from_secs(5) }, 0);
        let expected = ". Retrying in 5 s; to stop it by hand, run `systemctl stop openclaw.service` as root";
        assert!(failed.text.ends_with(expected) && !failed.text.contains(".."), "{}", failed.text);
        let refused =
            HistoryEntry::from_monitor_notice(&MonitorNotice::ReloadRefused { why }, at(0), WallClockOffset::default());
        assert!(
            refused.text.ends_with("run `openclaw-failover config --check FILE`") && !refused.text.contains(".."),
            "{}",
            refused.text
        );
    }
}

#[test]
fn a_promotion_says_what_why_since_when_and_what_next() {
    let promoting = |waits_for_pull| MachineNotice::Promoting {
        cause: Cause::Outage,
        window: Duration::from_millis(30_012),
        failures: 11,
        last_healthy_at: at(0),
        waits_for_pull,
    };
    let text = "failing over: primary down for 30 s (11 failed probes), since 2026-11-21 22:00:00Z; starting \
                openclaw.service";
    assert_eq!(entry(&promoting(false), 30).text, text);
    let entry = entry(&promoting(true), 30);
    assert_eq!(entry.text, format!("{text} after the running pull (5 s at most)"));
    assert_eq!(entry.severity, Severity::Warning);
    let json = entry.to_json();
    assert_eq!(json.get("window_seconds").unwrap().as_f64(), Some(30.012));
    assert_eq!(json.get("last_healthy_at").unwrap().as_str(), Some("2026-11-21T22:00:00.000Z"));
    assert_eq!(json.get("cause").unwrap().as_str(), Some("outage"));
}

#[test]
fn an_armed_upstream_can_be_known_again_from_its_entry() {
    let json = entry(&MachineNotice::Armed { upstream: 0 }, 0).to_json();
    let urls = json.get("urls").unwrap().as_array().unwrap();
    assert_eq!(urls.len(), 1);
    assert_eq!(urls[0].as_str(), Some("http://100.64.0.1:18789"));
}

#[test]
fn times_follow_the_wall_clock_as_it_is_now() {
    let wall = WallClockOffset::new(at(30), at(3630));
    let config = config(&[("primary", &["http://a"]), ("second", &["http://b"])]);
    let note = MachineNotice::Promoting {
        cause: Cause::Outage,
        window: Duration::from_secs(30),
        failures: 11,
        last_healthy_at: at(0),
        waits_for_pull: true,
    };
    let entry = HistoryEntry::from_machine_notice(&note, at(30), wall, &config);
    assert_eq!(entry.at, at(3630));
    assert!(entry.text.contains("since 2026-11-21 23:00:00Z"), "{}", entry.text);
    let opened = MachineNotice::WindowOpened { upstream: 1, failure: ProbeFailure::Refused };
    let opened = HistoryEntry::from_machine_notice(&opened, at(0), wall, &config);
    assert!(opened.text.starts_with("every upstream is down; last probe of second: "), "{}", opened.text);
}

#[test]
fn a_start_says_how_old_its_workspace_may_be() {
    let pull = PullSummary {
        outcome: "stopped".to_owned(),
        last_complete_at: Some(at(0)),
        is_stale: true,
        ..PullSummary::default()
    };
    let entry = HistoryEntry::from_monitor_notice(
        &MonitorNotice::StartsWith(Some(pull.clone())),
        at(30),
        WallClockOffset::default(),
    );
    assert!(entry.text.ends_with("; last in sync with the git remote at 2026-11-21 22:00:00Z"), "{}", entry.text);
    assert_eq!(entry.severity, Severity::Warning);
    let fresh = MonitorNotice::StartsWith(Some(PullSummary { is_stale: false, ..pull }));
    assert_eq!(
        HistoryEntry::from_monitor_notice(&fresh, at(30), WallClockOffset::default()).severity,
        Severity::Notice
    );
}

#[test]
fn every_hold_entry_has_the_reason() {
    let hold =
        |reason: &str| Hold { kind: HoldKind::Paused, since: at(0), until: None, reason: Some(reason.to_owned()) };
    let notices = |hold: Hold| {
        [
            MachineNotice::HoldSet { hold: hold.clone() },
            MachineNotice::HoldStands { hold: hold.clone() },
            MachineNotice::HeldBack { hold },
        ]
    };
    for notice in notices(hold("a \u{1b}[2Jnew\nkernel")) {
        let entry = entry(&notice, 0);
        assert!(entry.text.ends_with(". Reason: a [2Jnew kernel"), "{}", entry.text);
        assert!(entry.to_json().to_string().contains(r#""reason":"a [2Jnew kernel""#));
    }
    for notice in notices(hold(&"x".repeat(10_000))) {
        assert!(entry(&notice, 0).to_json().to_string().len() < 2000);
    }
}

#[test]
fn a_failing_gateway_is_reported_with_its_last_probe() {
    let silent = entry(&MachineNotice::NotAnswering { waited: Duration::from_secs(300) }, 310);
    let with_probe = silent.with_last_probe("TLS: the certificate has expired (2 days ago); renew it there");
    assert!(
        with_probe.text.ends_with(". Last probe: TLS: the certificate has expired (2 days ago); renew it there"),
        "{}",
        with_probe.text
    );
}
