//! This host's gateway under its systemd, as the monitor meets it.

use openclaw_failover::failover::{Invocation, Observation, Unit, UnitState};
use openclaw_failover::probe::{Failure, Verdict};

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
    /// How many in a thousand starts, stops and lives go wrong; 0 in a world whose systemd obeys.
    pub trouble: u64,
}

impl Gateway {
    pub fn new(trouble: u64) -> Self {
        Self { process: Process::Down, invocation: 1, trouble }
    }

    pub fn answers(&self, now: u64) -> bool {
        matches!(self.process, Process::Up { answers_at } if now >= answers_at)
    }

    /// Starts it, as far as that goes; the answer is systemd's.
    pub fn start(&mut self, now: u64, rng: &mut Rng) -> Result<(), String> {
        if rng.chance(self.trouble) {
            return Err("Unit openclaw.service is masked.".to_owned());
        }
        match self.process {
            Process::Up { .. } => {}
            Process::Draining { .. } => return Err("a stop job is pending".to_owned()),
            Process::Down => {
                self.invocation += 1;
                let slow = if rng.chance(100) { 170 * SECOND } else { 15 * SECOND };
                let takes = if rng.chance(self.trouble) { u64::MAX / 2 - now } else { rng.range(5 * SECOND, slow) };
                self.process = Process::Up { answers_at: now + takes };
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

    /// Ends a drain whose time has come.
    pub fn settle(&mut self, now: u64) {
        if matches!(self.process, Process::Draining { until } if now >= until) {
            self.process = Process::Down;
        }
    }

    pub fn unit(&self) -> Unit {
        let state = match self.process {
            Process::Down => UnitState::Down,
            Process::Up { .. } => UnitState::Active,
            Process::Draining { .. } => UnitState::Deactivating,
        };
        let main_pid = (state != UnitState::Down).then_some(4242);
        Unit { state, invocation: Some(Invocation(self.invocation)), main_pid }
    }

    pub fn look(&self, now: u64, ask_systemd: bool) -> Observation {
        let verdict = match self.process {
            Process::Down => Verdict::Failing(Failure::Refused),
            Process::Up { answers_at } if now >= answers_at => Verdict::Healthy { ready: true },
            Process::Up { answers_at } if answers_at - now < MINUTE => Verdict::Failing(Failure::Starting),
            Process::Up { .. } => Verdict::Failing(Failure::Refused),
            Process::Draining { .. } => Verdict::Failing(Failure::Draining),
        };
        Observation { unit: ask_systemd.then(|| self.unit()), verdict: Some(verdict), channels_well: true }
    }
}
