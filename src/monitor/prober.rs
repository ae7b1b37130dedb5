//! Probers: one thread per upstream, each with its own schedule.

use std::io;
use std::sync::mpsc::{
    RecvTimeoutError, Sender, {self},
};
use std::time::Duration;

use crate::failover::{Pace, Policy};
use crate::monitor::clock::Clock;
use crate::monitor::messages::{Fact, Outlet};
use crate::os::spawn;
use crate::probe::Target;

/// Probers of one configuration. They end when this is dropped, each after its current probe.
pub(super) struct Probers {
    _alive: Vec<Sender<()>>,
}

impl Probers {
    pub(super) fn start(
        targets: Vec<Target>,
        policy: &Policy,
        generation: u64,
        clock: Clock,
        outlet: &Outlet,
    ) -> io::Result<Self> {
        let mut alive = Vec::new();
        for (upstream, target) in targets.into_iter().enumerate() {
            let (handle, ended) = mpsc::channel();
            let pace = Pace::new(policy, clock.now());
            let prober =
                Prober { upstream, target, timeout: policy.timeout, generation, clock, outlet: outlet.clone(), pace };
            spawn(&format!("prober-{upstream}"), move || {
                prober.run(|pause| matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout)));
            })?;
            alive.push(handle);
        }
        Ok(Self { _alive: alive })
    }
}

struct Prober {
    upstream: usize,
    target: Target,
    timeout: Duration,
    generation: u64,
    clock: Clock,
    outlet: Outlet,
    pace: Pace,
}

impl Prober {
    /// Probes until the main loop ends, or until `pause` returns false because the prober is to end.
    fn run(mut self, pause: impl Fn(Duration) -> bool) {
        loop {
            let began = self.clock.now();
            let answer = self.target.probe(self.timeout);
            let healthy = answer.verdict.is_healthy();
            let (generation, upstream) = (self.generation, self.upstream);
            if !self.outlet.send(Fact::Probed { generation, upstream, answer }) {
                return;
            }
            let next = self.pace.next(began, self.clock.now(), healthy);
            if !pause(self.clock.until(next)) {
                return;
            }
        }
    }
}
