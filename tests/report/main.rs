//! Records on disk, status and metrics, from outside.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

#[path = "../support/needs.rs"]
mod needs;

mod armed;
mod clocks;
mod entries;
mod history;
mod metrics;
mod state;
mod status;
mod trace;
mod year;

use std::time::Duration;

use openclaw_failover::config::{
    Config, DemotionConfig, DrillConfig, GatewayConfig, ProbeConfig, PromotionConfig, UpstreamConfig, WorkspaceConfig,
};
use openclaw_failover::events::HistoryEntry;
use openclaw_failover::failover::MachineNotice;
use openclaw_failover::os::clock::WallClockOffset;
use openclaw_failover::text::Time;

/// Wall-clock time `seconds` after 2026-11-21 22:00:00Z.
fn at(seconds: u64) -> Time {
    Time::from_millis(1_795_298_400_000 + seconds * 1000)
}

fn config(upstreams: &[(&str, &[&str])]) -> Config {
    let seconds = Duration::from_secs;
    let upstream = |&(name, urls): &(&str, &[&str])| UpstreamConfig {
        name: name.to_owned(),
        urls: urls.iter().map(|&url| url.to_owned()).collect(),
        channels: vec!["rocketchat".to_owned()],
        credential: Some("primary-token".to_owned()),
        ca_file: None,
    };
    Config {
        upstreams: upstreams.iter().map(upstream).collect(),
        probe: ProbeConfig { interval: seconds(10), retry_interval: seconds(3), timeout: seconds(5) },
        promote: PromotionConfig {
            after: seconds(30),
            failures: 3,
            restart_grace: seconds(0),
            sync_wait: seconds(5),
            witnesses: None,
        },
        demote: DemotionConfig { after: seconds(30), max_after: seconds(1800), flap_window: seconds(10_800) },
        gateway: GatewayConfig {
            unit: "openclaw.service".to_owned(),
            url: "http://127.0.0.1:18789".to_owned(),
            start_timeout: seconds(300),
            stop_timeout: seconds(345),
            ..GatewayConfig::default()
        },
        workspace: WorkspaceConfig {
            path: "/home/openclaw/.openclaw/workspace".into(),
            remote: "origin".to_owned(),
            branch: "main".to_owned(),
            timeout: seconds(300),
            refresh: seconds(300),
            ..WorkspaceConfig::default()
        },
        secrets: Vec::new(),
        notify: Vec::new(),
        drill: DrillConfig::default(),
        heartbeat: None,
    }
}

fn primary() -> Config {
    config(&[("primary", &["http://100.64.0.1:18789"])])
}

fn entry(note: &MachineNotice, seconds: u64) -> HistoryEntry {
    HistoryEntry::from_machine_notice(note, at(seconds), WallClockOffset::default(), &primary())
}
