//! The one channel into the main loop.
//!
//! Whoever sends stamps the time at which the fact was found, so that a main loop that comes late still counts right.

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

/// More messages than this wait nowhere: whoever has one more waits itself.
const ROOM: usize = 64;

/// A fact, and when it was found.
pub(super) struct Message {
    pub(super) at: Time,
    pub(super) fact: Fact,
}

pub(super) enum Fact {
    /// A probe of an upstream ended. Probers of an older configuration are not listened to.
    Probed { generation: u64, upstream: usize, answer: Answer },
    /// The witnesses were asked.
    Witnessed { alive: bool },
    /// Somebody looked at the gateway. What was not asked is `None`; `permitted` says whether systemd would obey.
    /// `exit` says how a run of the gateway ended that should not have.
    Looked {
        unit: Option<Result<Unit, String>>,
        answer: Option<Answer>,
        permitted: Option<Result<(), String>>,
        exit: Option<String>,
        answerer: Answerer,
    },
    /// The order that was in flight ended.
    Ordered(Result<(), OrderError>),
    /// The pull that was running ended.
    Pulled(Result<Report, String>),
    /// The push that was running ended.
    Pushed(Result<Pushed, String>),
    /// The disk takes what is written to it, or why not.
    Disk(Result<(), String>),
    /// A webhook, or the heartbeat's server, by its credential's name: it takes what it is sent, or why not.
    Notified {
        /// Which notifier's.
        serial: u64,
        /// By the name of its credential.
        who: String,
        /// Whether it is taken.
        result: Result<(), String>,
    },
    /// The configuration was read again.
    Loaded(Loaded),
    /// An operator wants to know something, or gives an order.
    Called(Call),
    /// Somebody looked whether this host could take over.
    Examined(Vec<Checked>),
    /// Somebody wants the monitor to do something.
    Asked(Ask),
}

/// What a person, or systemd, wants of the monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Stop,
    Reload,
}

/// A way into the main loop.
#[derive(Clone)]
pub(super) struct Outlet {
    sender: SyncSender<Message>,
    clock: Clock,
}

impl Outlet {
    /// Hands in a fact that was found just now. False when the main loop has ended.
    pub(super) fn send(&self, fact: Fact) -> bool {
        self.sender.send(Message { at: self.clock.now(), fact }).is_ok()
    }
}

pub(super) fn inbox(clock: Clock) -> (Outlet, Receiver<Message>) {
    let (sender, receiver) = mpsc::sync_channel(ROOM);
    (Outlet { sender, clock }, receiver)
}
