//! Reads a durable file; what cannot be understood is set aside, never obeyed and never overwritten.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::os::atomic_file;
use crate::text::Time;
use crate::text::json::{
    Node, {self},
};

/// A file that was there and could not be understood, and what became of it.
#[derive(Debug)]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, to be read after "it is not used: ".
    pub why: String,
    /// Its new name; or why it still has the old one, under which the next write replaces it.
    pub aside: Result<PathBuf, atomic_file::Error>,
    /// What this means for the monitor.
    pub so: &'static str,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not used: {}; ", self.path.display(), self.why)?;
        match &self.aside {
            Ok(aside) => write!(f, "it is kept as {}; ", aside.display())?,
            Err(error) => write!(f, "{error}; ")?,
        }
        f.write_str(self.so)
    }
}

/// Reads a JSON file of at most `max` bytes; `None` when there is none. Whatever `understand` refuses is set aside under
/// a name that holds `now`, the wall clock's time; `so` says what follows.
pub(crate) fn load<T>(
    path: &Path,
    max: usize,
    now: Time,
    so: &'static str,
    understand: impl FnOnce(&Node) -> Result<T, String>,
) -> Result<Option<T>, Unreadable> {
    let understood = match atomic_file::read(path, max) {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => parse(&bytes).and_then(|node| understand(&node)),
        Err(error) => Err(error.to_string()),
    };
    understood.map(Some).map_err(|why| {
        let aside = atomic_file::set_aside(path, now);
        Unreadable { path: path.to_owned(), why, aside, so }
    })
}

/// Reads one JSON text that should have been written by this program.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, String> {
    if bytes.iter().all(|byte| matches!(byte, 0 | b' ' | b'\n')) {
        return Err("it is empty, as after a power cut".to_owned());
    }
    let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
    json::parse(text).map_err(|error| error.to_string())
}
