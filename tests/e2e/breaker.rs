//! Primaries that fail repeatedly. OpenClaw's crash-loop breaker mutes every channel of a gateway that died three times
//! in five minutes, and that gateway still reports itself as started: a standby that demotes then leaves the user
//! without answers. So after a second failure the primary must stay ready for longer than that.

use std::thread;

use crate::host::Host;
use crate::lab::{CONFIG, GATEWAY, Lab, MONITOR, PRIMARY, STANDBY};
use crate::outage::{Outage, PROBE_INTERVAL, PROBE_TIMEOUT};
use crate::shell::{check_throughout, print_measurement, secs, unix_now, wait_until};

/// Gateway token of the primary.
const GATEWAY_TOKEN: &str = "a-token-of-the-suite-0123456789abcdef";

/// Hold-down of a primary that failed more than once in five minutes.
const UNSTABLE_HOLD_DOWN: f64 = 630.0;

#[test]
fn three_kills_in_five_minutes() {
    let lab = Lab::new();
    let (outage, back) = three_kills(&lab);
    while has_suppressed_channel(&lab.primary) {
        assert_eq!(lab.monitor().role(), "active", "the standby stays up while the primary is muted");
        assert!(lab.standby.sees_started(STANDBY), "the standby answers while the primary is muted");
        thread::sleep(secs(1));
    }
    print_measurement(&format!("the primary's channels were muted for {:.0} s", unix_now() - back));
    outage.check_demotion(back, UNSTABLE_HOLD_DOWN..=UNSTABLE_HOLD_DOWN + PROBE_INTERVAL + PROBE_TIMEOUT);
    outage.check_nothing_else_happened(back);
}

#[test]
fn three_kills_and_the_primarys_token_is_known() {
    let lab = Lab::new();
    let config = lab.standby.read(CONFIG).unwrap_or_default();
    let config = config.replace(r#""name": "primary","#, r#""name": "primary", "credential": "primary","#);
    lab.standby.install(CONFIG, config);
    lab.standby.install("/etc/openclaw-failover/credentials/primary", GATEWAY_TOKEN);
    lab.standby.run(&format!("systemctl stop {MONITOR}"));
    lab.start_monitor();

    three_kills(&lab);
    lab.monitor().wait_degraded("suppressed: telegram", secs(10));
    check_throughout("a muted primary is not ready", secs(30), || {
        lab.monitor().role() == "active" && lab.monitor().sees_healthy() && !lab.monitor().sees_ready()
    });
}

#[test]
fn flapping_every_20_seconds() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.primary.add_filter_rule("tcp dport 18789 drop"));
    let gateway = outage.check_failover();
    for _ in 0..3 {
        // Less than the minimum hold-down.
        lab.primary.remove_filter_rules();
        thread::sleep(secs(8));
        lab.primary.add_filter_rule("tcp dport 18789 drop");
        thread::sleep(secs(12));
    }
    lab.primary.remove_filter_rules();
    lab.wait_primary_serves();
    let back = unix_now();
    assert_eq!(lab.standby.unit(GATEWAY), gateway, "the standby was promoted only once");
    outage.check_demotion(back, UNSTABLE_HOLD_DOWN..=UNSTABLE_HOLD_DOWN + PROBE_INTERVAL + PROBE_TIMEOUT);
    outage.check_nothing_else_happened(back);
}

/// Kills the primary's gateway three times, once for the outage and twice at its return, so that OpenClaw mutes its
/// channels. Returns when the muted gateway was back.
fn three_kills(lab: &Lab) -> (Outage<'_>, f64) {
    let outage = Outage::begin(lab, || lab.kill_primary());
    outage.check_failover();
    lab.primary.add_to_unit(GATEWAY, "[Service]\nRestart=always\n");
    lab.start_primary();
    for _ in 0..2 {
        lab.wait_primary_serves();
        lab.monitor().wait_sees_healthy();
        lab.primary.run(&format!("systemctl kill --kill-who=main --signal=KILL {GATEWAY}"));
        wait_until("systemd sees the kill", secs(5), || (!lab.standby.sees_started(PRIMARY)).then_some(()));
        wait_until("the monitor sees the failure", secs(10), || (!lab.monitor().sees_healthy()).then_some(()));
    }
    lab.wait_primary_serves();
    let back = unix_now();
    wait_until("OpenClaw mutes its channels", secs(10), || has_suppressed_channel(&lab.primary).then_some(()));
    (outage, back)
}

/// True if a gateway reports to its own host that a channel is muted.
fn has_suppressed_channel(host: &Host) -> bool {
    host.http_get("127.0.0.1", "/readyz").is_some_and(|reply| reply.body.contains(r#""suppressed":["telegram"]"#))
}
