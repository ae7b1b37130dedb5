//! The gateway actuator: the one thread that touches the gateway's unit, and the eyes on it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use super::backend::Backend;
use super::identity::{Identity, Snapshot};
use super::inbox::{Fact, Outlet};
use crate::failover::{Answerer, Look, Order};
use crate::host::spawn;
use crate::host::systemd::{Active, Unit};
use crate::probe::{Failure, Target, Verdict};

/// While the gateway changes it is looked at so often.
const CLOSELY: Duration = Duration::from_millis(500);

/// And so often while it stays as it is: systemd itself restarts a gateway that dies.
const LOOSELY: Duration = Duration::from_secs(5);

/// systemd is asked at least so often, whatever the gateway answers.
const ASK_SYSTEMD: Duration = Duration::from_secs(5 * 60);

/// A local gateway that takes longer to answer than this is as good as silent, and orders must not wait for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// One order in flight, one way of looking and one reload at a time.
const ROOM: usize = 16;

/// What the actuator is told.
pub(super) enum Task {
    Order(Order),
    Look(Look),
    /// The configuration has changed.
    Drive(Driven),
}

/// What it drives.
pub(super) struct Driven {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) target: Target,
    /// The port at which it answers.
    pub(super) port: u16,
    pub(super) timeout: Duration,
}

/// Starts the actuator. It ends when the sender that it answers with is dropped.
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
    /// When systemd was last asked.
    asked: Option<Instant>,
    /// The run of the unit whose end is known: told, or older than the last start.
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

    /// A look before, the order, its outcome; the look after follows at once. Nothing here waits for the gateway itself.
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

    /// Asks the gateway, and systemd too where the answer is not the one wanted or systemd was not asked for long.
    /// False when nobody listens any more.
    fn look(&mut self) -> bool {
        let timeout = self.driven.timeout.min(PATIENCE);
        let port = self.driven.port;
        // While the gateway is down any answer is another process's, and the kernel goes through all its sockets for one.
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
        // What a failed unit failed of must not be forgotten for this.
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

    /// Describes the end of the unit's last run, once for each run that should not have ended.
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

/// True if some process may have taken the connection. One that drops it without a word looks like a free port, so the
/// sockets that listen count too.
fn is_taken(verdict: Verdict, listening: &Snapshot) -> bool {
    let is_refused = matches!(
        verdict,
        Verdict::Failing(Failure::Refused | Failure::Dns | Failure::Unreachable | Failure::ConnectTimeout)
    );
    !is_refused || listening.as_ref().is_some_and(|listening| !listening.is_empty())
}
