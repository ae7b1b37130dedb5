//! Signal handlers: TERM and INT stop the monitor, HUP reloads the configuration.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::monitor::messages::{MessageSender, MonitorMessage, SignalRequest};
use crate::os::spawn;

pub(super) fn install_handlers(message_sender: MessageSender) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    spawn("signals", move || {
        for signal in signals.forever() {
            let ask = if signal == SIGHUP { SignalRequest::Reload } else { SignalRequest::Stop };
            if !message_sender.send(MonitorMessage::Signalled(ask)) {
                return;
            }
        }
    })?;
    Ok(())
}
