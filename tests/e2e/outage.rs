//! Outage of the primary, from the fault to the recovery, with the checks that apply to every kind of fault.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::host::UnitStatus;
use crate::lab::{GATEWAY, Lab, PRIMARY, STANDBY};
use crate::shell::{print_measurement, secs, unix_now, wait_until};

/// `promote.after` in the suite's configuration, in seconds.
pub(crate) const PROMOTE_AFTER: f64 = 10.0;
/// `probe.interval`, in seconds.
pub(crate) const PROBE_INTERVAL: f64 = 2.0;
/// `probe.timeout`, in seconds; longer than `probe.retry_interval`.
pub(crate) const PROBE_TIMEOUT: f64 = 2.0;
/// `demote.after`, in seconds.
pub(crate) const HOLD_DOWN: f64 = 10.0;
/// `promote.sync_wait`, in seconds.
pub(crate) const SYNC_WAIT: f64 = 1.0;
/// Tolerance for rounding to milliseconds and for corrections of the wall clock, in seconds.
pub(crate) const CLOCK_TOLERANCE: f64 = 0.01;
/// Tolerance for a busy machine in times measured from outside, in seconds.
pub(crate) const LOAD_TOLERANCE: f64 = 0.5;

/// Outage that has begun.
pub(crate) struct Outage<'a> {
    lab: &'a Lab,
    /// Time before the fault.
    pub(crate) began: f64,
    /// Time after the fault.
    complete: f64,
    /// Time of the primary's last healthy answer, if known.
    pub(crate) last_life: Option<f64>,
}

impl<'a> Outage<'a> {
    /// Causes a fault while everything is well.
    pub(crate) fn begin(lab: &'a Lab, fault: impl FnOnce()) -> Self {
        assert_eq!(lab.standby.unit(GATEWAY).active, "inactive", "the standby's gateway before the outage");
        let began = unix_now();
        fault();
        Self { lab, began, complete: unix_now(), last_life: None }
    }

    /// Waits for the promotion, checks its time, and returns the state of the gateway's unit.
    pub(crate) fn check_failover(&self) -> UnitStatus {
        self.check_decision();
        self.wait_serving()
    }

    /// Waits for the promotion and checks its time.
    pub(crate) fn check_decision(&self) {
        let decided = self.lab.monitor().wait_event("promoting", self.began, secs(30));
        let window = decided.at - self.last_life.unwrap_or_else(|| decided.last_healthy_at());
        print_measurement(&format!(
            "decided {window:.3} s after the last proof of life, {:.3} s after the fault",
            decided.at - self.began
        ));
        assert!(
            window >= PROMOTE_AFTER - CLOCK_TOLERANCE,
            "promoted too early: {window} s after the last healthy answer"
        );
        assert!(
            window <= PROMOTE_AFTER + PROBE_TIMEOUT + LOAD_TOLERANCE,
            "promoted too late: {window} s after the last healthy answer"
        );
        // The same by the suite's clock: the last healthy answer was at most one interval before the fault.
        let since_fault = decided.at - self.began;
        assert!(
            since_fault >= PROMOTE_AFTER - PROBE_INTERVAL - LOAD_TOLERANCE,
            "promoted too early: {since_fault} s after the fault"
        );
        let since_fault = decided.at - self.complete;
        assert!(
            since_fault <= PROMOTE_AFTER + PROBE_TIMEOUT + LOAD_TOLERANCE,
            "promoted too late: {since_fault} s after the fault"
        );
    }

    /// Checks that the start job followed the decision in time, whatever a pull did.
    pub(crate) fn check_start_in_time(&self) {
        let decided = self.lab.monitor().wait_event("promoting", self.began, secs(1)).at;
        let started =
            self.lab.journal_times("Starting").into_iter().find(|start| *start >= decided).unwrap_or(f64::MAX);
        let waited = started - decided;
        print_measurement(&format!("the start of the standby's gateway began {waited:.3} s after the decision"));
        assert!(waited <= SYNC_WAIT + LOAD_TOLERANCE, "its start began {waited} s after the decision");
    }

    /// Waits until the standby's gateway answers, and returns the state of its unit.
    pub(crate) fn wait_serving(&self) -> UnitStatus {
        let monitor = self.lab.monitor();
        let promoted = monitor.wait_event("promoted", self.began, secs(180));
        print_measurement(&format!("the standby's gateway answers {:.1} s after the fault", promoted.at - self.began));
        assert!(self.lab.standby.sees_started(STANDBY), "the standby's gateway answers on the wire");
        let gateway = self.lab.standby.unit(GATEWAY);
        assert!(gateway.active == "active" && gateway.main_pid > 0, "{gateway:?}");
        monitor.wait_role("active", secs(5));
        gateway
    }

    /// Checks the recovery: the standby demotes once, after the minimum hold-down.
    pub(crate) fn check_failback(&self, recovery: impl FnOnce()) {
        recovery();
        let serves = || self.lab.standby.sees_started(PRIMARY).then(unix_now);
        let back = wait_until("the primary serves again", secs(180), serves);
        self.check_demotion(back, HOLD_DOWN..=HOLD_DOWN + PROBE_INTERVAL + PROBE_TIMEOUT);
        self.check_nothing_else_happened(back);
    }

    /// Waits for the demotion and checks the hold-down, in seconds since the primary was `back`.
    pub(crate) fn check_demotion(&self, back: f64, hold_down: RangeInclusive<f64>) {
        let monitor = self.lab.monitor();
        let patience = Duration::from_secs_f64(hold_down.end() + 20.0);
        let waited = monitor.wait_event("demoting", self.began, patience).at - back;
        print_measurement(&format!("demoted {waited:.1} s after the primary was back"));
        assert!(waited >= hold_down.start() - LOAD_TOLERANCE, "demoted too early: {waited} s");
        assert!(waited <= hold_down.end() + LOAD_TOLERANCE, "demoted too late: {waited} s");
        monitor.wait_event("demoted", self.began, secs(60));
        monitor.wait_role("standby", secs(5));
    }

    /// Checks that the outage had one promotion and one demotion, and checks as [`Lab::check_starts`].
    pub(crate) fn check_nothing_else_happened(&self, back: f64) {
        self.lab.check_starts(self.began, back, 1);
        for event in ["promoting", "promoted", "demoting", "demoted"] {
            assert_eq!(self.lab.monitor().count_events(event, self.began), 1, "events {event}");
        }
    }
}
