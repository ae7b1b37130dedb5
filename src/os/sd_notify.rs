//! Service state notifications to systemd, see sd_notify(3).
//!
//! Nothing here blocks or returns an error: a monitor that cannot notify systemd keeps working.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;
use std::{env, process};

use crate::text::to_printable;

/// Maximum length of the status line, in characters.
const MAX_STATUS_CHARS: usize = 200;

/// Notification socket of systemd; does nothing if systemd did not start this process.
#[derive(Debug, Default)]
pub struct SdNotify {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl SdNotify {
    /// Opens the socket named by `NOTIFY_SOCKET`. Children do not inherit that variable.
    pub fn from_env() -> Self {
        let name = env::var_os("NOTIFY_SOCKET").unwrap_or_default();
        Self::connect(name.as_bytes())
    }

    fn connect(name: &[u8]) -> Self {
        let address = match name {
            [] => return Self::default(),
            // An abstract socket, which has no file.
            [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
            path => SocketAddr::from_pathname(Path::new(std::ffi::OsStr::from_bytes(path))),
        };
        let socket = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok((socket, address?))
        });
        match socket {
            Ok(socket) => Self { socket: Some(socket) },
            Err(why) => {
                log::warn!("cannot notify systemd: {why}");
                Self::default()
            }
        }
    }

    /// Reports that the service is up, or has reloaded.
    pub fn send_ready(&self) {
        self.send("READY=1");
    }

    /// Reports the start of a reload; [`send_ready`](Self::send_ready) reports its end.
    ///
    /// The monotonic time is required only by `Type=notify-reload`, which Debian 12 lacks; the unit is `Type=notify`.
    pub fn send_reloading(&self) {
        self.send("RELOADING=1");
    }

    /// Reports that the service is stopping.
    pub fn send_stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Reports that the service is alive; due every [`watchdog_interval`].
    pub fn send_watchdog(&self) {
        self.send("WATCHDOG=1");
    }

    /// Sends one line for `systemctl status`.
    pub fn send_status(&self, line: &str) {
        self.send(&format!("STATUS={}", to_printable(line, MAX_STATUS_CHARS)));
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(why) = socket.send_to_addr(message.as_bytes(), address)
        {
            log::debug!("cannot send {message} to systemd: {why}");
        }
    }
}

/// Returns the interval of watchdog messages: half of the unit's watchdog timeout. `None` without a watchdog.
pub fn watchdog_interval() -> Option<Duration> {
    let number = |name| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let meant_for = number("WATCHDOG_PID");
    let is_ours = meant_for.is_none_or(|pid| pid == u64::from(process::id()));
    let limit = number("WATCHDOG_USEC").filter(|limit| is_ours && *limit > 0)?;
    Some(Duration::from_micros(limit / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn systemd_hears_it_on_a_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let notify = SdNotify::connect(path.as_os_str().as_bytes());
        notify.send_ready();
        assert_eq!(heard(&systemd), "READY=1");
        notify.send_status("standby\nMAINPID=1");
        assert_eq!(heard(&systemd), "STATUS=standby MAINPID=1");
    }

    #[test]
    fn systemd_hears_it_on_an_abstract_socket() {
        let name = format!("openclaw-failover-test-{}", process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let systemd = UnixDatagram::bind_addr(&address).unwrap();
        SdNotify::connect(format!("@{name}").as_bytes()).send_watchdog();
        assert_eq!(heard(&systemd), "WATCHDOG=1");
    }

    #[test]
    fn nobody_listening_is_no_trouble() {
        SdNotify::default().send_ready();
        let gone = SdNotify::connect(b"/nonexistent/notify");
        gone.send_stopping();
        gone.send_reloading();
    }

    #[test]
    fn a_systemd_that_does_not_read_never_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let _deaf = UnixDatagram::bind(&path).unwrap();
        let notify = SdNotify::connect(path.as_os_str().as_bytes());
        for _ in 0..10_000 {
            notify.send_watchdog();
        }
    }
}
