//! Signal handlers: TERM and INT stop the monitor, HUP reloads the configuration.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::monitor::messages::{Ask, Fact, Outlet};
use crate::os::spawn;

pub(super) fn listen(outlet: Outlet) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    spawn("signals", move || {
        for signal in signals.forever() {
            let ask = if signal == SIGHUP { Ask::Reload } else { Ask::Stop };
            if !outlet.send(Fact::Asked(ask)) {
                return;
            }
        }
    })?;
    Ok(())
}
