//! Several ways to one gateway, tried side by side.
//!
//! Each way has one thread for as long as the target lives, so that slow ways neither delay the good one nor pile up:
//! a thread that is still waiting when the next probe comes has that probe queued, and never more than that.

use std::sync::mpsc::{
    Receiver, Sender, SyncSender, {self},
};
use std::time::{Duration, Instant};

use crate::os::spawn;
use crate::probe::endpoint_probe::Route;
use crate::probe::verdict::{Failure, Verdict};
use crate::probe::{Answer, Error};

/// How long after the deadline an answer may still arrive, so that a way that failed at the deadline can say how.
const GRACE: Duration = Duration::from_millis(100);

/// The ways, in the order of their preference for telling why all failed.
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

    /// The first healthy answer, or when all have failed, the one that came furthest.
    pub(super) fn run(&self, deadline: Instant) -> Answer {
        let asked = Instant::now();
        let (sender, answers) = mpsc::channel();
        let mut failed: Vec<Option<Answer>> = Vec::new();
        for (index, lane) in self.lanes.iter().enumerate() {
            let job = Job { lane: index, deadline, answers: sender.clone() };
            let refused = lane.jobs.try_send(job).is_err();
            let why = "still waits for the answer to an earlier probe";
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
        best.unwrap_or_else(|| Answer::silent(String::new(), asked, "no URL to ask"))
    }
}

impl Lane {
    fn start(url: String, mut route: Route) -> Result<Self, Error> {
        let (jobs, queue) = mpsc::sync_channel::<Job>(1);
        let serve = move || {
            // Ends when the target is dropped, which drops the sender.
            for job in queue {
                // A probe that has its answer no longer listens.
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
