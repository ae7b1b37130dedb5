//! The client's side.

use std::fmt;
use std::io::{
    ErrorKind, Read, Write, {self},
};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::control::{Answer, LONGEST_ANSWER, Request};

/// Why the monitor could not be asked.
#[derive(Debug)]
pub enum Error {
    /// There is none.
    NoMonitor {
        /// Where it would listen.
        path: PathBuf,
    },
    /// We are not among those who may ask it.
    NotAllowed {
        /// Where it listens.
        path: PathBuf,
    },
    /// It did not take the request, or did not answer in time.
    Silent {
        /// What the system says.
        why: io::Error,
    },
    /// It answered that it will not, or something that is no answer.
    Refused {
        /// Its words.
        why: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMonitor { path } => write!(
                f,
                "cannot ask the monitor: none listens at {}; start it with `systemctl start openclaw-failover`",
                path.display()
            ),
            Self::NotAllowed { path } => write!(
                f,
                "cannot ask the monitor: {} is for root and the members of its group; \
                 `usermod --append --groups openclaw-failover NAME` makes one",
                path.display()
            ),
            Self::Silent { why } => {
                write!(f, "cannot ask the monitor: {why}; look at `systemctl status openclaw-failover`")
            }
            Self::Refused { why } => write!(f, "cannot ask the monitor: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// Asks the monitor that listens at `path`, and waits for its answer for `patience`. It answers at once; a crowd of other
/// clients may be before us.
///
/// # Errors
/// When there is none, or it may not be asked, or it does not do what it is asked.
pub fn ask(path: &Path, request: &Request, patience: Duration) -> Result<Answer, Error> {
    let line = exchange(path, request, patience).map_err(|why| match why.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => Error::NoMonitor { path: path.to_owned() },
        ErrorKind::PermissionDenied => Error::NotAllowed { path: path.to_owned() },
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            Error::Silent { why: io::Error::new(ErrorKind::TimedOut, "it does not answer in time") }
        }
        _ => Error::Silent { why },
    })?;
    Answer::parse(&line).map_err(|why| Error::Refused { why })
}

fn exchange(path: &Path, request: &Request, patience: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + patience;
    let mut stream = UnixStream::connect(path)?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(format!("{}\n", request.to_line()).as_bytes())?;
    let mut line = Vec::new();
    let mut room = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Zero would mean "no limit" to the kernel.
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut room)? {
            0 => return Ok(line),
            _ if line.len() > LONGEST_ANSWER => return Err(io::Error::other("its answer has no end")),
            read => line.extend_from_slice(room.get(..read).unwrap_or_default()),
        }
    }
}
