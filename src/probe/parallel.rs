//! Parallel probes of several URLs of one gateway.
//!
//! Each URL has one thread for the lifetime of the target, so that slow URLs neither delay the good one nor accumulate
//! threads. A thread that is still busy at the next probe queues that probe, and at most that one.

use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::time::{Duration, Instant};

use crate::os::spawn;
use crate::probe::endpoint_probe::EndpointProbe;
use crate::probe::result::ProbeResult;
use crate::probe::target_error::TargetError;

/// Extra time after the deadline in which a URL that failed at the deadline can report its reason.
const LATE_RESULT_TIMEOUT: Duration = Duration::from_millis(100);

/// Threads of all URLs, in the order of preference for reporting a failure.
pub(super) struct ParallelProbes {
    threads: Vec<ProbeThread>,
}

struct ProbeThread {
    url: String,
    jobs: SyncSender<ProbeJob>,
}

struct ProbeJob {
    thread_index: usize,
    deadline: Instant,
    results: Sender<(usize, ProbeResult)>,
}

impl ParallelProbes {
    pub(super) fn new(probes: Vec<(String, EndpointProbe)>) -> Result<Self, TargetError> {
        let threads = probes.into_iter().map(|(url, probe)| ProbeThread::spawn(url, probe));
        let threads = threads.collect::<Result<_, _>>()?;
        Ok(Self { threads })
    }

    /// Probes all URLs. Returns the first healthy result or, if all failed, that of the probe that got furthest.
    pub(super) fn run(&self, deadline: Instant) -> ProbeResult {
        let asked = Instant::now();
        let (sender, answers) = mpsc::channel();
        let mut failed: Vec<Option<ProbeResult>> = Vec::new();
        for (index, thread) in self.threads.iter().enumerate() {
            let job = ProbeJob { thread_index: index, deadline, results: sender.clone() };
            let refused = thread.jobs.try_send(job).is_err();
            let why = "an earlier probe of this URL is still waiting for its answer";
            failed.push(refused.then(|| thread.timeout_result(asked, why)));
        }
        drop(sender);
        while let Some((index, answer)) = receive_result(&answers, deadline + LATE_RESULT_TIMEOUT) {
            if answer.verdict.is_healthy() {
                return answer;
            }
            if let Some(slot) = failed.get_mut(index) {
                *slot = Some(answer);
            }
        }
        let mut best: Option<ProbeResult> = None;
        for (thread, answer) in self.threads.iter().zip(failed) {
            let answer = answer.unwrap_or_else(|| thread.timeout_result(asked, "no answer in time"));
            if best.as_ref().is_none_or(|best| answer.progress_rank() > best.progress_rank()) {
                best = Some(answer);
            }
        }
        best.unwrap_or_else(|| ProbeResult::timed_out(String::new(), asked, "no URL is given"))
    }
}

impl ProbeThread {
    fn spawn(url: String, mut probe: EndpointProbe) -> Result<Self, TargetError> {
        let (jobs, queue) = mpsc::sync_channel::<ProbeJob>(1);
        let serve = move || {
            // The loop ends when the target is dropped, which drops the sender.
            for job in queue {
                // The receiver is gone if the probe already has a healthy result.
                let _ = job.results.send((job.thread_index, probe.run(job.deadline)));
            }
        };
        spawn("probe", serve).map_err(TargetError::Thread)?;
        Ok(Self { url, jobs })
    }

    fn timeout_result(&self, asked: Instant, why: &str) -> ProbeResult {
        ProbeResult::timed_out(self.url.clone(), asked, why)
    }
}

fn receive_result(answers: &Receiver<(usize, ProbeResult)>, until: Instant) -> Option<(usize, ProbeResult)> {
    answers.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}
