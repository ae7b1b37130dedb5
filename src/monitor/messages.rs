//! Channel into the main loop.
//!
//! The sender stamps each message with the time of its fact, so that a delayed main loop still measures correctly.

use std::sync::mpsc::{
    Receiver, SyncSender, {self},
};

use crate::failover::Answerer;
use crate::finding::Checked;
use crate::monitor::backend::OrderError;
use crate::monitor::clock::Clock;
use crate::monitor::operator::Call;
use crate::monitor::reload::Loaded;
use crate::os::systemd::Unit;
use crate::probe::Answer;
use crate::text::Time;
use crate::workspace::Report;
use crate::workspace::report::Pushed;

/// Channel capacity; senders block while it is full.
const ROOM: usize = 64;

/// Fact with its time.
pub(super) struct Message {
    pub(super) at: Time,
    pub(super) fact: Fact,
}

/// Input of the main loop.
pub(super) enum Fact {
    /// A probe of an upstream ended. Results of an older configuration's probers are dropped.
    Probed { generation: u64, upstream: usize, answer: Answer },
    /// The witnesses were queried.
    Witnessed { alive: bool },
    /// The local gateway was polled. Parts that were not queried are `None`. `permitted` is the result of the check
    /// that systemd accepts requests. `exit` describes an unexpected exit of the gateway.
    Looked {
        unit: Option<Result<Unit, String>>,
        answer: Option<Answer>,
        permitted: Option<Result<(), String>>,
        exit: Option<String>,
        answerer: Answerer,
    },
    /// The order in flight ended.
    Ordered(Result<(), OrderError>),
    /// The running pull ended.
    Pulled(Result<Report, String>),
    /// The running push ended.
    Pushed(Result<Pushed, String>),
    /// Writing to the disk began to fail, or works again.
    Disk(Result<(), String>),
    /// Delivery to a webhook or the heartbeat's server began to fail, or works again.
    Notified {
        /// Serial number of the notifier.
        serial: u64,
        /// Name of the credential.
        who: String,
        /// Result of the delivery.
        result: Result<(), String>,
    },
    /// The configuration was loaded for a reload.
    Loaded(Loaded),
    /// An operator sent a request over the control socket.
    Called(Call),
    /// The readiness checks ended.
    Examined(Vec<Checked>),
    /// A signal asks the monitor to stop or reload.
    Asked(Ask),
}

/// Request by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Stop,
    Reload,
}

/// Sending side of the main loop's channel.
#[derive(Clone)]
pub(super) struct Outlet {
    sender: SyncSender<Message>,
    clock: Clock,
}

impl Outlet {
    /// Sends a fact, stamped with the current time. False if the main loop has ended.
    pub(super) fn send(&self, fact: Fact) -> bool {
        self.sender.send(Message { at: self.clock.now(), fact }).is_ok()
    }
}

pub(super) fn inbox(clock: Clock) -> (Outlet, Receiver<Message>) {
    let (sender, receiver) = mpsc::sync_channel(ROOM);
    (Outlet { sender, clock }, receiver)
}
