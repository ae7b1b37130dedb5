//! Default values.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::model::{DemotionConfig, DrillConfig, GatewayConfig, ProbeConfig, PromotionConfig, WorkspaceConfig};

/// Default of `secrets[].target`.
pub(super) const SECRETS_TARGET: &str = "/home/openclaw/.openclaw/secrets/";

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            retry_interval: Duration::from_secs(3),
            timeout: Duration::from_secs(5),
        }
    }
}

impl Default for PromotionConfig {
    fn default() -> Self {
        Self {
            after: Duration::from_secs(30),
            failures: 3,
            restart_grace: Duration::ZERO,
            sync_wait: Duration::from_secs(5),
            witnesses: None,
        }
    }
}

impl Default for DemotionConfig {
    fn default() -> Self {
        Self {
            after: Duration::from_secs(30),
            max_after: Duration::from_secs(30 * 60),
            flap_window: Duration::from_secs(3 * 60 * 60),
        }
    }
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            unit: "openclaw.service".into(),
            url: "http://127.0.0.1:18789".into(),
            ca_file: None,
            start_timeout: Duration::from_secs(300),
            // OpenClaw drains for at most 315 s; systemd kills it after 330 s.
            stop_timeout: Duration::from_secs(345),
            keep_queue: false,
        }
    }
}

impl Default for DrillConfig {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30 * 24 * 60 * 60) }
    }
}

impl Default for WorkspaceConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/home/openclaw/.openclaw/workspace"),
            remote: "origin".into(),
            url: None,
            branch: "main".into(),
            timeout: Duration::from_secs(5 * 60),
            refresh: Duration::from_secs(5 * 60),
            push_interval: Duration::from_secs(5 * 60),
            merge: true,
            max_file: 20 * 1024 * 1024,
        }
    }
}
