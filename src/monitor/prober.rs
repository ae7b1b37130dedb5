//! Probers: one thread per upstream, each with its own schedule.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use crate::failover::{Policy, ProbeSchedule};
use crate::monitor::clock::Clock;
use crate::monitor::messages::{MessageSender, MonitorMessage};
use crate::os::spawn;
use crate::probe::ProbeTarget;

/// Longest time between the first probes of two upstreams. Probes that end at the same moment cost the trace a line
/// each.
const MAX_STAGGER: Duration = Duration::from_millis(250);

/// Probers of one configuration. They end when this is dropped, each after its current probe.
pub(super) struct Probers {
    _alive: Vec<Sender<()>>,
}

impl Probers {
    pub(super) fn start(
        targets: Vec<ProbeTarget>,
        policy: &Policy,
        generation: u64,
        clock: Clock,
        message_sender: &MessageSender,
    ) -> io::Result<Self> {
        let mut alive = Vec::new();
        let stagger = (policy.interval / policy.upstreams.max(1) as u32).min(MAX_STAGGER);
        for (upstream, target) in targets.into_iter().enumerate() {
            let (handle, ended) = mpsc::channel();
            let schedule = ProbeSchedule::new(policy, clock.now());
            let first_probe_in = stagger * upstream as u32;
            let prober = Prober {
                upstream,
                target,
                timeout: policy.timeout,
                generation,
                clock,
                message_sender: message_sender.clone(),
                schedule,
            };
            spawn(&format!("prober-{upstream}"), move || {
                let pause = |pause| matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout));
                if first_probe_in.is_zero() || pause(first_probe_in) {
                    prober.run(pause);
                }
            })?;
            alive.push(handle);
        }
        Ok(Self { _alive: alive })
    }
}

struct Prober {
    upstream: usize,
    target: ProbeTarget,
    timeout: Duration,
    generation: u64,
    clock: Clock,
    message_sender: MessageSender,
    schedule: ProbeSchedule,
}

impl Prober {
    /// Probes until the main loop ends, or until `pause` returns false because the prober is to end.
    fn run(mut self, pause: impl Fn(Duration) -> bool) {
        loop {
            let began = self.clock.now();
            let answer = self.target.probe(self.timeout);
            let healthy = answer.verdict.is_healthy();
            let (generation, upstream) = (self.generation, self.upstream);
            if !self.message_sender.send(MonitorMessage::Probed { generation, upstream, answer }) {
                return;
            }
            let next = self.schedule.next_probe_at(began, self.clock.now(), healthy);
            if !pause(self.clock.time_until(next)) {
                return;
            }
        }
    }
}
