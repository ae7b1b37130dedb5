//! Gateway actuator: the only thread that polls the gateway and drives its unit.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, {self},
};
use std::time::{Duration, Instant};

use crate::failover::{Answerer, Look, Order};
use crate::monitor::backend::Backend;
use crate::monitor::identity::{Identity, Snapshot};
use crate::monitor::messages::{Fact, Outlet};
use crate::os::spawn;
use crate::os::systemd::{Active, Unit};
use crate::probe::{Failure, Target, Verdict};

/// Poll interval while the gateway changes state.
const CLOSELY: Duration = Duration::from_millis(500);

/// Poll interval otherwise. systemd itself restarts a gateway that exits.
const LOOSELY: Duration = Duration::from_secs(5);

/// Longest interval between queries of systemd, whatever the gateway answers.
const ASK_SYSTEMD: Duration = Duration::from_secs(5 * 60);

/// Time limit of a probe of the local gateway. Orders must not wait longer for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Channel capacity, enough for one order, one poll mode and one reload at a time.
const ROOM: usize = 16;

/// Message to the actuator.
pub(super) enum Task {
    Order(Order),
    Look(Look),
    /// Use this configuration from now on.
    Drive(Driven),
}

/// Target of the actuator.
pub(super) struct Driven {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) target: Target,
    /// Port of the gateway.
    pub(super) port: u16,
    pub(super) timeout: Duration,
}

/// Starts the actuator. It ends when the returned sender is dropped.
pub(super) fn start(driven: Driven, outlet: Outlet) -> io::Result<SyncSender<Task>> {
    let (sender, tasks) = mpsc::sync_channel(ROOM);
    let identity = Identity::default();
    let mut actuator = Actuator { driven, outlet, look: Look::ForDown, asked: None, ended: Run::default(), identity };
    spawn("gateway", move || actuator.run(&tasks))?;
    Ok(sender)
}

struct Actuator {
    driven: Driven,
    outlet: Outlet,
    look: Look,
    /// Time of the last query of systemd.
    asked: Option<Instant>,
    /// Run of the unit whose exit was reported last, or is older than the last start.
    ended: Run,
    identity: Identity,
}

/// A run of the unit, by its `InvocationID`, or a start that a condition forbade after it.
#[derive(Default, PartialEq)]
struct Run {
    invocation: Option<String>,
    was_skipped: bool,
}

impl Actuator {
    fn run(&mut self, tasks: &Receiver<Task>) {
        let mut next = Instant::now();
        loop {
            match tasks.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Task::Order(order)) => self.carry_out(order),
                Ok(Task::Look(look)) => self.look = look,
                Ok(Task::Drive(driven)) => self.driven = driven,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let began = Instant::now();
            if !self.look() {
                return;
            }
            let pace = if self.look == Look::Closely { CLOSELY } else { LOOSELY };
            next = began + pace;
        }
    }

    /// Queries the unit, executes the order and reports its result; the next poll follows at once. Does not wait for
    /// the gateway itself.
    fn carry_out(&mut self, order: Order) {
        let unit = self.ask_systemd();
        if let (Order::Start, Ok(unit)) = (order, &unit)
            && unit.is_down()
        {
            self.ended = Run { invocation: unit.invocation.clone(), was_skipped: false };
        }
        let answerer = Answerer::Pending;
        self.outlet.send(Fact::Looked { unit: Some(unit), answer: None, permitted: None, exit: None, answerer });
        let backend = &self.driven.backend;
        let result = match order {
            Order::Start => backend.start(),
            Order::Stop => backend.stop(),
            Order::Kill => backend.kill(),
        };
        self.outlet.send(Fact::Ordered(result));
    }

    /// Probes the gateway, and queries systemd too if the answer is unexpected or the last query is too old. False if
    /// the main loop has ended.
    fn look(&mut self) -> bool {
        let timeout = self.driven.timeout.min(PATIENCE);
        let port = self.driven.port;
        // While the unit is down every answer is another process's, and the search through all sockets costs CPU time.
        let is_identified = self.look != Look::ForDown;
        let snapshot = || if is_identified { Identity::snapshot(port) } else { None };
        let before = snapshot();
        let answer = self.driven.target.probe(timeout);
        let (listening, addresses) = (snapshot(), self.driven.target.addresses());
        let is_wanted = match self.look {
            Look::ForDown => matches!(answer.verdict, Verdict::Failing(Failure::Refused)),
            Look::ForUp => answer.verdict.is_healthy() && self.identity.is_known(&listening, &addresses),
            Look::Closely => false,
        };
        let is_due = self.asked.is_none_or(|asked| asked.elapsed() >= ASK_SYSTEMD);
        let unit = (!is_wanted || is_due).then(|| self.ask_systemd());
        // The check resets a failed unit, which would lose the cause of its failure.
        let is_failed = unit.as_ref().is_some_and(|unit| unit.as_ref().is_ok_and(|unit| unit.active == Active::Failed));
        let permitted = (is_wanted && is_due && !is_failed).then(|| self.driven.backend.permitted());
        let shown = unit.as_ref().and_then(|unit| unit.as_ref().ok());
        let answerer = if is_identified && is_taken(answer.verdict, &listening) {
            self.identity.identify((&before, &listening), &addresses, shown, port, &*self.driven.backend)
        } else {
            Answerer::Pending
        };
        let exit = unit.as_ref().and_then(|unit| self.exit_of(unit.as_ref().ok()?));
        self.outlet.send(Fact::Looked { unit, answer: Some(answer), permitted, exit, answerer })
    }

    /// Describes the exit of the unit's last run, once for each unexpected exit.
    fn exit_of(&mut self, unit: &Unit) -> Option<String> {
        let run = Run { invocation: unit.invocation.clone(), was_skipped: unit.was_skipped };
        if self.look == Look::ForDown || !unit.is_down() || run == self.ended {
            return None;
        }
        self.ended = run;
        self.driven.backend.exit(unit)
    }

    fn ask_systemd(&mut self) -> Result<Unit, String> {
        self.asked = Some(Instant::now());
        self.driven.backend.show()
    }
}

/// True if some process may have accepted the connection. A process that closes it at once looks like a free port, so
/// listening sockets count too.
fn is_taken(verdict: Verdict, listening: &Snapshot) -> bool {
    let is_refused = matches!(
        verdict,
        Verdict::Failing(Failure::Refused | Failure::Dns | Failure::Unreachable | Failure::ConnectTimeout)
    );
    !is_refused || listening.as_ref().is_some_and(|listening| !listening.is_empty())
}
