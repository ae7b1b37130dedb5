//! Night that runs by itself: the real [`ProbeSchedule`] of the probes, and a gateway that boots and drains as
//! configured.

use openclaw_failover::config::Config;
use openclaw_failover::failover::{
    Action, Answerer, Event, InitialFacts, InvocationId, Machine, MachineNotice, Observation, ObservedUnit, Policy,
    PollMode, ProbeSchedule, UnitAction, UnitState,
};
use openclaw_failover::probe::{ProbeFailure, Verdict};
use openclaw_failover::records::trace::{SegmentStart, Tracer, decision_names};

use crate::night::{second_of, time};

/// Result of a probe that begins at this second, and its duration in seconds.
pub type Plan = Box<dyn Fn(f64) -> (Verdict, f64)>;

/// Duration of every probe of a healthy gateway, in seconds.
const QUICK: f64 = 0.02;

pub fn up() -> (Verdict, f64) {
    (Verdict::Healthy { ready: true }, QUICK)
}

/// Failed probe; the two timeouts take the whole 5 s.
pub fn fails(failure: ProbeFailure) -> (Verdict, f64) {
    let takes =
        if matches!(failure, ProbeFailure::ConnectTimeout | ProbeFailure::ResponseTimeout) { 5.0 } else { QUICK };
    (Verdict::Failing(failure), takes)
}

/// Plan of an upstream that is up until this second, and then fails in this way.
pub fn fails_from(at: f64, failure: ProbeFailure) -> Plan {
    Box::new(move |now| if now < at { up() } else { fails(failure) })
}

enum Soon {
    Begin { upstream: usize },
    End { upstream: usize, began: f64, verdict: Verdict },
    Look,
    Obey(UnitAction),
    Tell(Event),
}

#[derive(Clone, Copy)]
enum Process {
    Down,
    Up { since: f64 },
    Draining { until: f64 },
}

pub struct Play {
    pub machine: Machine,
    /// Seconds from the gateway's start to its first answer, and from the stop request to its exit.
    pub boot: f64,
    pub drain: f64,
    /// Answer of the witness at this second.
    pub witness: fn(f64) -> bool,
    /// Every action and notice, with its second.
    pub log: Vec<(f64, Action)>,
    plans: Vec<Plan>,
    paces: Vec<ProbeSchedule>,
    queue: Vec<(f64, Soon)>,
    process: Process,
    invocation: u128,
    look: PollMode,
    recorder: Option<Recorder>,
}

/// Real flight recorder, and the trace that it has written.
struct Recorder {
    config: Config,
    tracer: Tracer,
    text: String,
}

impl Play {
    /// Creates a monitor that starts at 0 s; each upstream follows its plan and was seen healthy before.
    pub fn new(policy: &Policy, plans: Vec<Plan>) -> Self {
        let start = InitialFacts { armed: vec![true; plans.len()], ..InitialFacts::default() };
        let policy = Policy { upstreams: plans.len(), ..policy.clone() };
        Self {
            machine: Machine::new(policy.clone(), time(0.0), start),
            boot: 8.0,
            drain: 0.5,
            witness: |_| true,
            log: Vec::new(),
            paces: plans.iter().map(|_| ProbeSchedule::new(&policy, time(0.0))).collect(),
            queue: (0..plans.len())
                .map(|upstream| (0.0, Soon::Begin { upstream }))
                .chain([(0.0, Soon::Look)])
                .collect(),
            plans,
            process: Process::Down,
            invocation: 0,
            look: PollMode::ExpectDown,
            recorder: None,
        }
    }

    /// Creates a monitor with this configuration and a flight recorder.
    pub fn recorded(config: Config, plans: Vec<Plan>) -> Self {
        let witnessed = config.promote.witnesses.as_ref().is_some_and(|witnesses| !witnesses.is_empty());
        let start = InitialFacts { armed: vec![true; plans.len()], ..InitialFacts::default() };
        let begin = SegmentStart {
            at: time(0.0),
            config: config.clone(),
            has_witnesses: witnessed,
            start,
            same_upstreams: None,
        };
        let (mut tracer, mut play) = (Tracer::default(), Self::new(&begin.policy(), plans));
        let text = tracer.begin_segment(&begin).into_iter().map(|batch| batch.lines).collect();
        play.recorder = Some(Recorder { config, tracer, text });
        play
    }

    /// Returns the recorded trace.
    pub fn trace(mut self) -> String {
        let Some(recorder) = &mut self.recorder else { return String::new() };
        let rest = recorder.tracer.flush().map(|batch| batch.lines).unwrap_or_default();
        recorder.text.clone() + &rest
    }

    /// Schedules an event at this second.
    pub fn schedule_event(&mut self, at: f64, event: Event) -> &mut Self {
        self.soon(at, Soon::Tell(event));
        self
    }

    /// Runs until this second.
    pub fn run_until(&mut self, end: f64) -> &mut Self {
        let mut now = 0.0;
        loop {
            let wake = self.machine.next_tick_at().map(|at| second_of(at).max(now));
            let next = (0..self.queue.len()).min_by(|&a, &b| self.queue[a].0.total_cmp(&self.queue[b].0));
            let due = next.map_or(f64::MAX, |index| self.queue[index].0);
            now = due.min(wake.unwrap_or(f64::MAX));
            if now >= end {
                return self;
            }
            match next {
                Some(index) if due <= now => {
                    let (_, soon) = self.queue.remove(index);
                    self.happens(now, soon);
                }
                _ => self.tell(now, Event::Tick),
            }
        }
    }

    fn happens(&mut self, now: f64, soon: Soon) {
        match soon {
            Soon::Begin { upstream } => {
                let (verdict, takes) = self.plans[upstream](now);
                self.soon(now + takes, Soon::End { upstream, began: now, verdict });
            }
            Soon::End { upstream, began, verdict } => {
                let next = self.paces[upstream].next_probe_at(time(began), time(now), verdict.is_healthy());
                self.soon(second_of(next), Soon::Begin { upstream });
                self.tell(now, Event::Probed { upstream, verdict });
            }
            Soon::Look => {
                let pace = if self.look == PollMode::Transition { 0.5 } else { 10.0 };
                self.soon(now + pace, Soon::Look);
                let seen = self.sees(now);
                self.tell(now, Event::Observed(seen));
            }
            Soon::Obey(order) => {
                let seen = self.sees(now);
                self.tell(now, Event::Observed(seen));
                self.obey(now, order);
                self.tell(now, Event::UnitActionEnded(Ok(())));
            }
            Soon::Tell(event) => self.tell(now, event),
        }
    }

    fn soon(&mut self, at: f64, soon: Soon) {
        self.queue.push((at, soon));
    }

    fn tell(&mut self, now: f64, event: Event) {
        let actions = self.machine.handle_event(time(now), event.clone());
        if let Some(recorder) = &mut self.recorder {
            let did = decision_names(&actions, time(now), &recorder.config);
            let batch = recorder.tracer.record_event(time(now), event, &did);
            recorder.text.extend(batch.map(|batch| batch.lines));
        }
        for action in actions {
            match &action {
                Action::SetPollMode(look) => {
                    self.look = *look;
                    self.queue.retain(|(_, soon)| !matches!(soon, Soon::Look));
                    self.soon(now + 0.02, Soon::Look);
                    continue;
                }
                Action::UnitAction(order) => self.soon(now + 0.05, Soon::Obey(*order)),
                Action::Pull => self.soon(now + 2.0, Soon::Tell(Event::Pulled { unpushed: false })),
                Action::Push => self.soon(now + 1.0, Soon::Tell(Event::Pushed { returned: true })),
                Action::QueryWitnesses => {
                    let alive = (self.witness)(now);
                    self.soon(now + 0.1, Soon::Tell(Event::WitnessesAnswered { alive }));
                }
                Action::StopSync | Action::Announce(_) => {}
            }
            self.log.push((now, action));
        }
    }

    fn obey(&mut self, now: f64, order: UnitAction) {
        match (order, self.process) {
            (UnitAction::Start, Process::Down) => {
                self.invocation += 1;
                self.process = Process::Up { since: now };
            }
            (UnitAction::Stop, Process::Up { .. }) => self.process = Process::Draining { until: now + self.drain },
            (UnitAction::Kill, _) => self.process = Process::Down,
            _ => {}
        }
    }

    fn sees(&mut self, now: f64) -> Observation {
        if matches!(self.process, Process::Draining { until } if now >= until) {
            self.process = Process::Down;
        }
        let (state, verdict) = match self.process {
            Process::Down => (UnitState::Down, Verdict::Failing(ProbeFailure::Refused)),
            Process::Up { since } if now - since >= self.boot => (UnitState::Active, up().0),
            Process::Up { .. } => (UnitState::Active, Verdict::Failing(ProbeFailure::Starting)),
            Process::Draining { .. } => (UnitState::Deactivating, Verdict::Failing(ProbeFailure::Draining)),
        };
        let main_pid = (state != UnitState::Down).then_some(4242);
        let unit = ObservedUnit { state, invocation: Some(InvocationId(self.invocation)), main_pid };
        Observation { unit: Some(unit), verdict: Some(verdict), are_channels_healthy: true, answerer: Answerer::Unit }
    }

    /// Returns the times of the actions and notices that match.
    pub fn times_of(&self, wanted: impl Fn(&Action) -> bool) -> Vec<f64> {
        self.log.iter().filter(|(_, action)| wanted(action)).map(|&(at, _)| at).collect()
    }

    /// Returns the times at which promotions were decided.
    pub fn decision_times(&self) -> Vec<f64> {
        self.times_of(|action| matches!(action, Action::Announce(MachineNotice::Promoting { .. })))
    }

    /// Returns the times at which the gateway answered after a promotion.
    pub fn promoted(&self) -> Vec<f64> {
        self.times_of(|action| matches!(action, Action::Announce(MachineNotice::Promoted { .. })))
    }

    /// Returns the times of the stop requests.
    pub fn stop_times(&self) -> Vec<f64> {
        self.times_of(|action| matches!(action, Action::UnitAction(UnitAction::Stop)))
    }

    /// Returns the last healthy time before the first promotion.
    pub fn last_healthy_time(&self) -> Option<f64> {
        let life = |action: &Action| match action {
            Action::Announce(MachineNotice::Promoting { last_healthy_at: life, .. }) => Some(*life),
            _ => None,
        };
        self.log.iter().find_map(|(_, action)| life(action)).map(second_of)
    }
}

/// Asserts that `at` is between the two, within a hundredth of a second.
pub fn assert_between(at: f64, least: f64, most: f64, what: &str) {
    assert!(at >= least - 0.011 && at <= most + 0.011, "{what}: {at} s is not between {least} s and {most} s");
}

/// Builds a plan from spans: from each second on, the result of a probe.
pub fn spans(spans: Vec<(f64, (Verdict, f64))>) -> Plan {
    Box::new(move |now| spans.iter().rev().find(|(from, _)| now >= *from).map_or_else(up, |&(_, found)| found))
}
