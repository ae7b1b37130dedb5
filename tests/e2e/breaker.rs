//! Primaries that fall again and again. OpenClaw's crash-loop breaker mutes every channel of a gateway that has died
//! three times in five minutes, and that gateway calls itself started all the same: a standby that steps aside then
//! leaves its user without an answer. So after a second fall the primary has to stay ready for longer than that.

use std::thread;

use crate::host::Host;
use crate::lab::{GATEWAY, Lab, PRIMARY, STANDBY};
use crate::outage::{INTERVAL, Outage, TIMEOUT};
use crate::shell::{eventually, now, report, secs};

/// The hold-down of a primary that has fallen more than once in five minutes.
const UNSTEADY: f64 = 330.0;

#[test]
fn three_kills_in_five_minutes() {
    let lab = Lab::new();
    let primary = &lab.primary;
    // Long enough for the first kill to be an outage.
    primary.add_to_unit(GATEWAY, "[Service]\nRestartSec=10\n");
    let kill = || primary.run(&format!("systemctl kill --kill-who=main --signal=KILL {GATEWAY}"));
    let outage = Outage::begin(&lab, || drop(kill()));
    outage.takeover();
    for _ in 0..2 {
        lab.wait_primary_serves();
        lab.monitor().wait_sees_healthy();
        kill();
        eventually("the kill shows", secs(5), || (!lab.standby.sees_started(PRIMARY)).then_some(()));
    }
    lab.wait_primary_serves();
    let back = now();
    eventually("OpenClaw mutes its channels", secs(10), || suppressed(primary).then_some(()));

    while suppressed(primary) {
        assert_eq!(lab.monitor().role(), "active", "the standby stays up while the primary is muted");
        assert!(lab.standby.sees_started(STANDBY), "the standby answers while the primary is muted");
        thread::sleep(secs(1));
    }
    report(&format!("the primary's channels were muted for {:.0} s", now() - back));
    outage.steps_aside(back, UNSTEADY..=UNSTEADY + INTERVAL + TIMEOUT);
    outage.nothing_else_happened(back);
}

#[test]
fn flapping_every_20_seconds() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.primary.filter("tcp dport 18789 drop"));
    let gateway = outage.takeover();
    for _ in 0..3 {
        lab.primary.unfilter();
        thread::sleep(secs(10));
        lab.primary.filter("tcp dport 18789 drop");
        thread::sleep(secs(10));
    }
    lab.primary.unfilter();
    lab.wait_primary_serves();
    let back = now();
    assert_eq!(lab.standby.unit(GATEWAY), gateway, "one takeover lasts through all of it");
    outage.steps_aside(back, UNSTEADY..=UNSTEADY + INTERVAL + TIMEOUT);
    outage.nothing_else_happened(back);
}

/// Whether a gateway says, to its own host, that a channel is muted.
fn suppressed(host: &Host) -> bool {
    host.get("127.0.0.1", "/readyz").is_some_and(|reply| reply.body.contains(r#""suppressed":["telegram"]"#))
}
