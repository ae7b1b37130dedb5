//! Parallel probes of several URLs of one gateway.
//!
//! Each URL has one thread for the lifetime of the target, so that slow URLs neither delay the good one nor accumulate
//! threads. A thread that is still busy at the next probe queues that probe, and at most that one.

use std::sync::mpsc::{
    Receiver, Sender, SyncSender, {self},
};
use std::time::{Duration, Instant};

use crate::os::spawn;
use crate::probe::endpoint_probe::Route;
use crate::probe::verdict::{Failure, Verdict};
use crate::probe::{Answer, Error};

/// Extra time after the deadline in which a URL that failed at the deadline can report its reason.
const GRACE: Duration = Duration::from_millis(100);

/// Threads of all URLs, in the order of preference for reporting a failure.
pub(super) struct Race {
    lanes: Vec<Lane>,
}

struct Lane {
    url: String,
    jobs: SyncSender<Job>,
}

struct Job {
    lane: usize,
    deadline: Instant,
    answers: Sender<(usize, Answer)>,
}

impl Race {
    pub(super) fn new(routes: Vec<(String, Route)>) -> Result<Self, Error> {
        let lanes = routes.into_iter().map(|(url, route)| Lane::start(url, route));
        let lanes = lanes.collect::<Result<_, _>>()?;
        Ok(Self { lanes })
    }

    /// Probes all URLs. Returns the first healthy result or, if all failed, that of the probe that got furthest.
    pub(super) fn run(&self, deadline: Instant) -> Answer {
        let asked = Instant::now();
        let (sender, answers) = mpsc::channel();
        let mut failed: Vec<Option<Answer>> = Vec::new();
        for (index, lane) in self.lanes.iter().enumerate() {
            let job = Job { lane: index, deadline, answers: sender.clone() };
            let refused = lane.jobs.try_send(job).is_err();
            let why = "an earlier probe of this URL is still waiting for its answer";
            failed.push(refused.then(|| lane.silent(asked, why)));
        }
        drop(sender);
        while let Some((index, answer)) = next(&answers, deadline + GRACE) {
            if answer.verdict.is_healthy() {
                return answer;
            }
            if let Some(slot) = failed.get_mut(index) {
                *slot = Some(answer);
            }
        }
        let mut best: Option<Answer> = None;
        for (lane, answer) in self.lanes.iter().zip(failed) {
            let answer = answer.unwrap_or_else(|| lane.silent(asked, "no answer in time"));
            if best.as_ref().is_none_or(|best| reached(&answer) > reached(best)) {
                best = Some(answer);
            }
        }
        best.unwrap_or_else(|| Answer::silent(String::new(), asked, "no URL is given"))
    }
}

impl Lane {
    fn start(url: String, mut route: Route) -> Result<Self, Error> {
        let (jobs, queue) = mpsc::sync_channel::<Job>(1);
        let serve = move || {
            // The loop ends when the target is dropped, which drops the sender.
            for job in queue {
                // The receiver is gone if the probe already has a healthy result.
                let _ = job.answers.send((job.lane, route.ask(job.deadline)));
            }
        };
        spawn("probe", serve).map_err(Error::Thread)?;
        Ok(Self { url, jobs })
    }

    fn silent(&self, asked: Instant, why: &str) -> Answer {
        Answer::silent(self.url.clone(), asked, why)
    }
}

fn next(answers: &Receiver<(usize, Answer)>, until: Instant) -> Option<(usize, Answer)> {
    answers.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}

fn reached(answer: &Answer) -> u8 {
    match answer.verdict {
        Verdict::Healthy { .. } => u8::MAX,
        Verdict::Failing(failure) => failure.reached(),
    }
}

impl Answer {
    fn silent(url: String, asked: Instant, why: &str) -> Self {
        Self {
            verdict: Verdict::Failing(Failure::ResponseTimeout),
            channels: Default::default(),
            detail: why.to_owned(),
            latency: asked.elapsed(),
            url,
        }
    }
}
