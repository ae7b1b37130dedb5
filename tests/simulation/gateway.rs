//! Simulated local gateway under systemd.

use openclaw_failover::failover::{Answerer, InvocationId, Observation, ObservedUnit, UnitState};
use openclaw_failover::probe::{ProbeFailure, Verdict};

use crate::plan::{MINUTE, SECOND};
use crate::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Process {
    Down,
    /// Up, answering from this time on.
    Up {
        answers_at: u64,
    },
    /// Draining until this time.
    Draining {
        until: u64,
    },
}

pub struct Gateway {
    pub process: Process,
    invocation: u128,
    /// Another process holds the port until this time.
    squatter: Option<u64>,
    /// True if the answering process cannot be identified, as with a missing check unit.
    pub is_unverifiable: bool,
    /// Number of starts, stops and runs in a thousand that go wrong; 0 in a world without such trouble.
    pub trouble: u64,
}

impl Gateway {
    pub fn new(trouble: u64) -> Self {
        Self { process: Process::Down, invocation: 1, squatter: None, is_unverifiable: false, trouble }
    }

    /// True if the unit's own process answers.
    pub fn answers(&self, now: u64) -> bool {
        matches!(self.process, Process::Up { answers_at } if now >= answers_at) && !self.is_squatted(now)
    }

    pub fn is_squatted(&self, now: u64) -> bool {
        self.squatter.is_some_and(|until| now < until)
    }

    /// Lets another process take the port, unless the gateway has it. A gateway that comes up meanwhile must wait until
    /// that process is gone.
    pub fn squat(&mut self, now: u64, until: u64) {
        if self.answers(now) || self.is_squatted(now) {
            return;
        }
        self.squatter = Some(until);
        self.wait_for_port();
    }

    /// Lets the gateway exit and be restarted by systemd, while another process takes the port first.
    pub fn squat_on_restart(&mut self, now: u64, until: u64) {
        if self.answers(now) {
            self.invocation += 1;
            self.squatter = Some(until);
            self.wait_for_port();
        }
    }

    /// Keeps the unit's process restarting until it can bind its port.
    fn wait_for_port(&mut self) {
        if let (Process::Up { answers_at }, Some(until)) = (&mut self.process, self.squatter) {
            *answers_at = (*answers_at).max(until + 5 * SECOND);
        }
    }

    /// Tries to start the gateway, and returns systemd's result.
    pub fn start(&mut self, now: u64, rng: &mut Rng) -> Result<(), String> {
        if rng.chance(self.trouble) {
            return Err("Unit openclaw.service is masked.".to_owned());
        }
        match self.process {
            Process::Up { .. } => {}
            Process::Down if self.is_squatted(now) => return Err("port 18789 is held by another process".to_owned()),
            Process::Draining { .. } => return Err("a stop job is pending".to_owned()),
            Process::Down => {
                self.invocation += 1;
                let slow = if rng.chance(100) { 170 * SECOND } else { 15 * SECOND };
                let takes = if rng.chance(self.trouble) { u64::MAX / 2 - now } else { rng.range(5 * SECOND, slow) };
                self.process = Process::Up { answers_at: now + takes };
                self.wait_for_port();
            }
        }
        Ok(())
    }

    pub fn stop(&mut self, now: u64, rng: &mut Rng) -> Result<(), String> {
        if rng.chance(self.trouble) {
            return Err("Access denied".to_owned());
        }
        if let Process::Up { .. } = self.process {
            let drain = if rng.chance(200) { rng.range(SECOND, 315 * SECOND) } else { rng.range(100, SECOND) };
            self.process = Process::Draining { until: now + drain };
        }
        Ok(())
    }

    pub fn kill(&mut self) {
        self.process = Process::Down;
    }

    /// Ends a drain that is due.
    pub fn settle(&mut self, now: u64) {
        if matches!(self.process, Process::Draining { until } if now >= until) {
            self.process = Process::Down;
        }
    }

    pub fn unit(&self) -> ObservedUnit {
        let state = match self.process {
            Process::Down => UnitState::Down,
            Process::Up { .. } => UnitState::Active,
            Process::Draining { .. } => UnitState::Deactivating,
        };
        let main_pid = (state != UnitState::Down).then_some(4242);
        ObservedUnit { state, invocation: Some(InvocationId(self.invocation)), main_pid }
    }

    /// Returns a poll; `is_proved` is false while the answering process is not identified yet.
    pub fn look(&self, now: u64, ask_systemd: bool, is_proved: bool) -> Observation {
        let verdict = match self.process {
            _ if self.is_squatted(now) => Verdict::Healthy { ready: true },
            Process::Down => Verdict::Failing(ProbeFailure::Refused),
            Process::Up { answers_at } if now >= answers_at => Verdict::Healthy { ready: true },
            Process::Up { answers_at } if answers_at - now < MINUTE => Verdict::Failing(ProbeFailure::Starting),
            Process::Up { .. } => Verdict::Failing(ProbeFailure::Refused),
            Process::Draining { .. } => Verdict::Failing(ProbeFailure::Draining),
        };
        let answerer = match self.process {
            _ if matches!(verdict, Verdict::Failing(ProbeFailure::Refused)) || !is_proved => Answerer::Pending,
            Process::Down => Answerer::Pending,
            _ if self.is_unverifiable => Answerer::Unverified("the check is missing".to_owned()),
            _ if self.is_squatted(now) => Answerer::Other("port 18789 is held by another process".to_owned()),
            _ => Answerer::Unit,
        };
        Observation {
            unit: ask_systemd.then(|| self.unit()),
            verdict: Some(verdict),
            are_channels_healthy: true,
            answerer,
        }
    }
}
