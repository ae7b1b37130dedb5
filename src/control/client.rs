//! Client of the control socket.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::control::{ControlResponse, MAX_RESPONSE_BYTES, Refusal, Request};

/// Failure of a request to the monitor.
#[derive(Debug)]
pub enum ControlError {
    /// The monitor does not run.
    NoMonitor {
        /// Path of the socket.
        path: PathBuf,
    },
    /// The user may not connect.
    NotAllowed {
        /// Path of the socket.
        path: PathBuf,
    },
    /// The request could not be sent, or the response did not arrive in time.
    NoResponse {
        /// Error of the system.
        why: io::Error,
    },
    /// The monitor refused the request, or sent an invalid response.
    Refused(Refusal),
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMonitor { path } => write!(
                f,
                "monitor not running: nothing listens on {}; start it with `systemctl start openclaw-failover`",
                path.display()
            ),
            Self::NotAllowed { path } => write!(
                f,
                "permission denied: {} is for root and the members of its group; run this as root, or add your user \
                 with `usermod --append --groups openclaw-failover NAME`",
                path.display()
            ),
            Self::NoResponse { why } => {
                write!(f, "the monitor does not respond: {why}; see `systemctl status openclaw-failover`")
            }
            Self::Refused(why) => write!(f, "the monitor refused the request: {why}"),
        }
    }
}

impl std::error::Error for ControlError {}

/// Sends a request to the monitor that listens at `path`, and waits up to `timeout` for the response. The monitor
/// responds at once, but other clients may be served first.
///
/// # Errors
/// Returns an error if the monitor does not run, the user may not connect, or the request is refused.
pub fn send_request(path: &Path, request: &Request, timeout: Duration) -> Result<ControlResponse, ControlError> {
    let line = exchange_lines(path, request, timeout).map_err(|why| match why.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => ControlError::NoMonitor { path: path.to_owned() },
        ErrorKind::PermissionDenied => ControlError::NotAllowed { path: path.to_owned() },
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            ControlError::NoResponse { why: io::Error::new(ErrorKind::TimedOut, "no response in time") }
        }
        _ => ControlError::NoResponse { why },
    })?;
    ControlResponse::parse(&line).map_err(ControlError::Refused)
}

fn exchange_lines(path: &Path, request: &Request, timeout: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + timeout;
    let mut stream = UnixStream::connect(path)?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(format!("{}\n", request.to_line()).as_bytes())?;
    let mut line = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Zero would mean "no limit" to the kernel.
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut buffer)? {
            0 => return Ok(line),
            _ if line.len() > MAX_RESPONSE_BYTES => return Err(io::Error::other("the response is too long")),
            read => line.extend_from_slice(buffer.get(..read).unwrap_or_default()),
        }
    }
}
