//! Control socket: passes the requests of operators to the main loop.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use crate::control::{self, Request};
use crate::monitor::messages::{MessageSender, MonitorMessage, OperatorCall};

/// Time limit of a response. The main loop takes milliseconds, unless it hangs.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the control socket. If that fails, the monitor runs without it; returns the problem as a sentence.
pub(super) fn open_control_socket(path: &Path, message_sender: MessageSender) -> Option<String> {
    let decide = move |request: &Request| {
        let (answer, answered) = mpsc::sync_channel(1);
        message_sender
            .send(MonitorMessage::OperatorCalled(OperatorCall { request: request.clone(), response_sender: answer }));
        answered.recv_timeout(RESPONSE_TIMEOUT).map_err(|_| "the monitor is stopping or does not respond".into())
    };
    let why = control::serve(path, Box::new(decide)).err()?;
    Some(format!(
        "cannot open the control socket {}: {why}. `promote`, `demote`, `pause`, `resume` and `drill` do not work; fix \
         this and restart openclaw-failover.service",
        path.display()
    ))
}
