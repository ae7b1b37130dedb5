//! Report of the check: written by the gateway's user, read by the monitor as untrusted input.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

use crate::os::atomic_file;
use crate::text::json::{
    Value, {self},
};
use crate::text::printable;
use crate::workspace::report::read_untrusted;

/// File name of the report.
const NAME: &str = "check.json";

/// Version of the report's format.
const SCHEMA: u64 = 1;

/// Limit for the number of sockets in a report.
const MAX_SOCKETS: usize = 32;

/// Length limit of a holder's description, in characters.
const LONGEST_HOLDER: usize = 200;

/// Findings of one run of the check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// `InvocationID` of the run.
    pub invocation: String,
    /// Sockets on the gateway's port.
    pub sockets: Vec<Socket>,
}

/// Socket that listens on the gateway's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Inode of the socket, as in `/proc/net/tcp`.
    pub inode: u64,
    /// Process that holds the socket.
    pub owner: Owner,
}

/// Process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Only processes of the gateway's unit.
    Unit,
    /// Another process, with a description.
    Other(String),
    /// Undetermined, with the reason.
    Unknown(String),
}

impl Owner {
    fn name(&self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Other(_) => "other",
            Self::Unknown(_) => "unknown",
        }
    }

    fn words(&self) -> &str {
        match self {
            Self::Unit => "",
            Self::Other(words) | Self::Unknown(words) => words,
        }
    }
}

/// Writes a report into `folder`.
///
/// # Errors
/// If it cannot be written.
pub fn write(folder: &Path, report: &Report) -> Result<(), atomic_file::Error> {
    let socket = |socket: &Socket| {
        Value::object([
            ("inode", socket.inode.into()),
            ("owner", socket.owner.name().into()),
            ("words", printable(socket.owner.words(), LONGEST_HOLDER).into()),
        ])
    };
    let text = Value::object([
        ("schema", SCHEMA.into()),
        ("invocation", report.invocation.as_str().into()),
        ("sockets", Value::array(report.sockets.iter().take(MAX_SOCKETS).map(socket))),
    ]);
    atomic_file::replace(&folder.join(NAME), 0o644, text.pretty().as_bytes())
}

/// Reads the report in `folder`. It must be a regular file of the folder's owner.
pub(super) fn read(folder: &Path) -> io::Result<Report> {
    let text = read_untrusted(&folder.join(NAME), fs::symlink_metadata(folder)?.uid())?;
    let value = json::parse(&text).map_err(|why| io::Error::other(why.to_string()))?;
    parse(&value).ok_or_else(|| io::Error::other("it is not a valid report of the check"))
}

fn parse(report: &Value) -> Option<Report> {
    if report.get("schema")?.as_u64()? != SCHEMA {
        return None;
    }
    let sockets = report.get("sockets")?.as_array()?;
    if sockets.len() > MAX_SOCKETS {
        return None;
    }
    let socket = |node: &Value| {
        let words = || Some(printable(node.get("words")?.as_str()?, LONGEST_HOLDER));
        let owner = match node.get("owner")?.as_str()? {
            "unit" => Owner::Unit,
            "other" => Owner::Other(words()?),
            "unknown" => Owner::Unknown(words()?),
            _ => return None,
        };
        Some(Socket { inode: node.get("inode")?.as_u64()?, owner })
    };
    let invocation = report.get("invocation")?.as_str()?.to_owned();
    Some(Report { invocation, sockets: sockets.iter().map(|node| socket(node)).collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn report() -> Report {
        let owners = [Owner::Unit, Owner::Other("user other".to_owned()), Owner::Unknown("hidden".to_owned())];
        let sockets = owners.into_iter().zip(7..).map(|(owner, inode)| Socket { inode, owner }).collect();
        Report { invocation: "cdf7".to_owned(), sockets }
    }

    #[test]
    fn a_report_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &report()).unwrap();
        assert_eq!(read(folder.path()).unwrap(), report());
    }

    #[test]
    fn a_hostile_report_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(NAME);
        assert!(read(folder.path()).is_err(), "there is none");
        let many = vec![r#"{"inode":1,"owner":"unit","words":""}"#; MAX_SOCKETS + 1].join(",");
        let hostile = [
            String::new(),
            "[]".to_owned(),
            r#"{"schema":2,"invocation":"","sockets":[]}"#.to_owned(),
            r#"{"schema":1,"invocation":"","sockets":[{"inode":-1,"owner":"unit"}]}"#.to_owned(),
            r#"{"schema":1,"invocation":"","sockets":[{"inode":1,"owner":"ours"}]}"#.to_owned(),
            format!(r#"{{"schema":1,"invocation":"","sockets":[{many}]}}"#),
            format!(r#"{{"schema":1,"invocation":"{}","sockets":[]}}"#, "x".repeat(256 * 1024)),
        ];
        for text in hostile {
            fs::write(&file, &text).unwrap();
            assert!(read(folder.path()).is_err(), "{text:.80}");
        }
        let escape = r#"{"schema":1,"invocation":"","sockets":[{"inode":1,"owner":"other","words":"\u001b[2Jx\ny"}]}"#;
        fs::write(&file, escape).unwrap();
        assert_eq!(read(folder.path()).unwrap().sockets[0].owner, Owner::Other("[2Jx y".to_owned()));
        fs::remove_file(&file).unwrap();
        symlink("/etc/passwd", &file).unwrap();
        assert!(read(folder.path()).is_err(), "a link");
    }
}
