//! Gateway actuator: the only thread that polls the gateway and drives its unit.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use crate::failover::{Answerer, PollMode, UnitAction};
use crate::monitor::backend::Backend;
use crate::monitor::identity::{AnswererIdentity, ListeningSockets};
use crate::monitor::messages::{MessageSender, MonitorMessage};
use crate::os::spawn;
use crate::os::systemd::{Active, SystemdError, Unit};
use crate::probe::{ProbeFailure, ProbeTarget, Verdict};

/// Poll interval while the gateway changes state.
const TRANSITION_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Poll interval otherwise. systemd itself restarts a gateway that exits.
const STEADY_POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Longest interval between queries of systemd, whatever the gateway answers.
const SYSTEMD_QUERY_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Time limit of a probe of the local gateway. Unit actions must not wait longer for it.
const LOCAL_PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Channel capacity, enough for one unit action, one poll mode and one reload at a time.
const CHANNEL_CAPACITY: usize = 16;

/// Message to the actuator.
pub(super) enum GatewayTask {
    UnitAction(UnitAction),
    SetPollMode(PollMode),
    /// Use this configuration from now on.
    Reconfigure(GatewayDriver),
}

/// Target of the actuator.
pub(super) struct GatewayDriver {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) target: ProbeTarget,
    /// Port of the gateway.
    pub(super) port: u16,
    pub(super) timeout: Duration,
}

/// Starts the actuator. It ends when the returned sender is dropped.
pub(super) fn start_actuator(
    driver: GatewayDriver,
    message_sender: MessageSender,
) -> io::Result<SyncSender<GatewayTask>> {
    let (sender, tasks) = mpsc::sync_channel(CHANNEL_CAPACITY);
    let identity = AnswererIdentity::default();
    let mut actuator = Actuator {
        driver,
        message_sender,
        poll_mode: PollMode::ExpectDown,
        systemd_queried_at: None,
        reported_exit: Run::default(),
        identity,
    };
    spawn("gateway", move || actuator.run(&tasks))?;
    Ok(sender)
}

struct Actuator {
    driver: GatewayDriver,
    message_sender: MessageSender,
    poll_mode: PollMode,
    /// Time of the last query of systemd.
    systemd_queried_at: Option<Instant>,
    /// Run of the unit whose exit was reported last, or is older than the last start.
    reported_exit: Run,
    identity: AnswererIdentity,
}

/// A run of the unit, by its `InvocationID`, or a start that a condition forbade after it.
#[derive(Default, PartialEq)]
struct Run {
    invocation: Option<String>,
    was_skipped: bool,
}

impl Actuator {
    fn run(&mut self, tasks: &Receiver<GatewayTask>) {
        let mut next = Instant::now();
        loop {
            match tasks.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(GatewayTask::UnitAction(action)) => self.execute_action(action),
                Ok(GatewayTask::SetPollMode(mode)) => self.poll_mode = mode,
                Ok(GatewayTask::Reconfigure(driver)) => self.driver = driver,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let began = Instant::now();
            if !self.poll_gateway() {
                return;
            }
            let interval =
                if self.poll_mode == PollMode::Transition { TRANSITION_POLL_INTERVAL } else { STEADY_POLL_INTERVAL };
            next = began + interval;
        }
    }

    /// Queries the unit, executes the action and reports its result; the next poll follows at once. Does not wait for
    /// the gateway itself.
    fn execute_action(&mut self, action: UnitAction) {
        let unit = self.query_systemd();
        if let (UnitAction::Start, Ok(unit)) = (action, &unit)
            && unit.is_stopped()
        {
            self.reported_exit = Run { invocation: unit.invocation_id.clone(), was_skipped: false };
        }
        let answerer = Answerer::Pending;
        self.message_sender.send(MonitorMessage::GatewayPolled {
            unit: Some(unit),
            answer: None,
            permitted: None,
            exit: None,
            answerer,
        });
        let backend = &self.driver.backend;
        let result = match action {
            UnitAction::Start => backend.start(),
            UnitAction::Stop => backend.stop(),
            UnitAction::Kill => backend.kill(),
        };
        self.message_sender.send(MonitorMessage::UnitActionEnded(result));
    }

    /// Probes the gateway, and queries systemd too if the answer is unexpected or the last query is too old. False if
    /// the main loop has ended.
    fn poll_gateway(&mut self) -> bool {
        let timeout = self.driver.timeout.min(LOCAL_PROBE_TIMEOUT);
        let port = self.driver.port;
        // While the unit is down every answer is another process's, and the search through all sockets costs CPU time.
        let is_identified = self.poll_mode != PollMode::ExpectDown;
        let read_sockets = || if is_identified { AnswererIdentity::read_sockets(port) } else { None };
        let before = read_sockets();
        let answer = self.driver.target.probe(timeout);
        let (listening, addresses) = (read_sockets(), self.driver.target.addresses());
        let is_wanted = match self.poll_mode {
            PollMode::ExpectDown => matches!(answer.verdict, Verdict::Failing(ProbeFailure::Refused)),
            PollMode::ExpectUp => answer.verdict.is_healthy() && self.identity.is_known(&listening, &addresses),
            PollMode::Transition => false,
        };
        let is_due = self.systemd_queried_at.is_none_or(|asked| asked.elapsed() >= SYSTEMD_QUERY_INTERVAL);
        let unit = (!is_wanted || is_due).then(|| self.query_systemd());
        // The check resets a failed unit, which would lose the cause of its failure.
        let is_failed =
            unit.as_ref().is_some_and(|unit| unit.as_ref().is_ok_and(|unit| unit.active_state == Active::Failed));
        let permitted = (is_wanted && is_due && !is_failed).then(|| self.driver.backend.check_permission());
        let shown = unit.as_ref().and_then(|unit| unit.as_ref().ok());
        let answerer = if is_identified && is_port_taken(answer.verdict, &listening) {
            self.identity.identify((&before, &listening), &addresses, shown, port, &*self.driver.backend)
        } else {
            Answerer::Pending
        };
        let exit = unit.as_ref().and_then(|unit| self.describe_new_exit(unit.as_ref().ok()?));
        self.message_sender.send(MonitorMessage::GatewayPolled {
            unit,
            answer: Some(answer),
            permitted,
            exit,
            answerer,
        })
    }

    /// Describes the exit of the unit's last run, once for each unexpected exit.
    fn describe_new_exit(&mut self, unit: &Unit) -> Option<String> {
        let run = Run { invocation: unit.invocation_id.clone(), was_skipped: unit.was_skipped };
        if self.poll_mode == PollMode::ExpectDown || !unit.is_stopped() || run == self.reported_exit {
            return None;
        }
        self.reported_exit = run;
        self.driver.backend.describe_exit(unit)
    }

    fn query_systemd(&mut self) -> Result<Unit, SystemdError> {
        self.systemd_queried_at = Some(Instant::now());
        self.driver.backend.show()
    }
}

/// True if some process may have accepted the connection. A process that closes it at once looks like a free port, so
/// listening sockets count too.
fn is_port_taken(verdict: Verdict, listening: &ListeningSockets) -> bool {
    let is_refused = matches!(
        verdict,
        Verdict::Failing(
            ProbeFailure::Refused | ProbeFailure::Dns | ProbeFailure::Unreachable | ProbeFailure::ConnectTimeout
        )
    );
    !is_refused || listening.as_ref().is_some_and(|listening| !listening.is_empty())
}
