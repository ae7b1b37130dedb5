//! Channel into the main loop.
//!
//! The sender stamps each message with the time of its fact, so that a delayed main loop still measures correctly.

use std::sync::mpsc::{self, Receiver, SyncSender};

use crate::config::{Config, WitnessConfig};
use crate::control::{ControlResponse, Request};
use crate::failover::{Answerer, UnitActionError};
use crate::finding::CheckOutcome;
use crate::monitor::clock::Clock;
use crate::monitor::error::ReloadError;
use crate::notify::DeliveryError;
use crate::os::atomic_file::FileError;
use crate::os::systemd::{SystemdError, Unit};
use crate::probe::ProbeResult;
use crate::text::Time;
use crate::workspace::PullReport;
use crate::workspace::report::PushReport;
use crate::workspace::unit::SyncUnitError;

/// Channel capacity; senders block while it is full.
const CHANNEL_CAPACITY: usize = 64;

/// Fact with its time.
pub(super) struct StampedMessage {
    pub(super) at: Time,
    pub(super) message: MonitorMessage,
}

/// Input of the main loop.
pub(super) enum MonitorMessage {
    /// A probe of an upstream ended. Results of an older configuration's probers are dropped.
    Probed { generation: u64, upstream: usize, answer: ProbeResult },
    /// The witnesses were queried.
    Witnessed { alive: bool },
    /// The local gateway was polled. Parts that were not queried are `None`. `permitted` is the result of the check
    /// that systemd accepts requests. `exit` describes an unexpected exit of the gateway.
    GatewayPolled {
        unit: Option<Result<Unit, SystemdError>>,
        answer: Option<ProbeResult>,
        permitted: Option<Result<(), SystemdError>>,
        exit: Option<String>,
        answerer: Answerer,
    },
    /// The unit action in flight ended.
    UnitActionEnded(Result<(), UnitActionError>),
    /// The running pull ended.
    Pulled(Result<PullReport, SyncUnitError>),
    /// The running push ended.
    Pushed(Result<PushReport, SyncUnitError>),
    /// Writing to the disk began to fail, or works again.
    DiskResult(Result<(), FileError>),
    /// Delivery to a webhook or the heartbeat's server began to fail, or works again.
    DeliveryResult {
        /// Serial number of the notifier.
        serial: u64,
        /// Name of the credential.
        who: String,
        /// Result of the delivery.
        result: Result<(), DeliveryError>,
    },
    /// The configuration was loaded for a reload.
    ConfigLoaded(LoadedConfig),
    /// An operator sent a request over the control socket.
    OperatorCalled(OperatorCall),
    /// The readiness checks ended.
    ReadinessChecked(Vec<CheckOutcome>),
    /// A signal asks the monitor to stop or reload.
    Signalled(SignalRequest),
}

/// Configuration that was loaded, and the witnesses that apply to it.
pub(super) type LoadedConfig = Result<(Box<Config>, Vec<WitnessConfig>), ReloadError>;

/// Request of an operator with the channel for its response.
pub(super) struct OperatorCall {
    pub(super) request: Request,
    pub(super) response_sender: SyncSender<ControlResponse>,
}

/// Request by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalRequest {
    Stop,
    Reload,
}

/// Sending side of the main loop's channel.
#[derive(Clone)]
pub(super) struct MessageSender {
    sender: SyncSender<StampedMessage>,
    clock: Clock,
}

impl MessageSender {
    /// Sends a fact, stamped with the current time. False if the main loop has ended.
    pub(super) fn send(&self, message: MonitorMessage) -> bool {
        self.sender.send(StampedMessage { at: self.clock.now(), message }).is_ok()
    }
}

pub(super) fn message_channel(clock: Clock) -> (MessageSender, Receiver<StampedMessage>) {
    let (sender, receiver) = mpsc::sync_channel(CHANNEL_CAPACITY);
    (MessageSender { sender, clock }, receiver)
}
