//! Report of the check: written by the gateway's user, read by the monitor as untrusted input.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

use crate::os::atomic_file;
use crate::text::json::{self, Value};
use crate::text::to_printable;
use crate::workspace::report::read_untrusted;

/// File name of the report.
const FILE_NAME: &str = "check.json";

/// Version of the report's format.
const SCHEMA_VERSION: u64 = 1;

/// Limit for the number of sockets in a report.
const SOCKET_LIMIT: usize = 32;

/// Length limit of a holder's description, in characters.
const DESCRIPTION_LENGTH_LIMIT: usize = 200;

/// Findings of one run of the check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayCheckReport {
    /// `InvocationID` of the run.
    pub invocation: String,
    /// Sockets on the gateway's port.
    pub sockets: Vec<GatewaySocket>,
}

/// Socket that listens on the gateway's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySocket {
    /// Inode of the socket, as in `/proc/net/tcp`.
    pub inode: u64,
    /// Process that holds the socket.
    pub owner: SocketOwner,
}

/// Process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketOwner {
    /// Only processes of the gateway's unit.
    GatewayUnit,
    /// Another process, with a description.
    OtherProcess(String),
    /// Undetermined, with the reason.
    Unknown(String),
}

impl SocketOwner {
    fn name(&self) -> &'static str {
        match self {
            Self::GatewayUnit => "unit",
            Self::OtherProcess(_) => "other",
            Self::Unknown(_) => "unknown",
        }
    }

    fn description(&self) -> &str {
        match self {
            Self::GatewayUnit => "",
            Self::OtherProcess(words) | Self::Unknown(words) => words,
        }
    }
}

/// Writes a report into `folder`.
///
/// # Errors
/// If it cannot be written.
pub fn write_report(folder: &Path, report: &GatewayCheckReport) -> Result<(), atomic_file::FileError> {
    let socket = |socket: &GatewaySocket| {
        Value::from_entries([
            ("inode", socket.inode.into()),
            ("owner", socket.owner.name().into()),
            ("words", to_printable(socket.owner.description(), DESCRIPTION_LENGTH_LIMIT).into()),
        ])
    };
    let text = Value::from_entries([
        ("schema", SCHEMA_VERSION.into()),
        ("invocation", report.invocation.as_str().into()),
        ("sockets", Value::from_items(report.sockets.iter().take(SOCKET_LIMIT).map(socket))),
    ]);
    atomic_file::replace(&folder.join(FILE_NAME), 0o644, text.to_pretty().as_bytes())
}

/// Reads the report in `folder`. It must be a regular file of the folder's owner.
pub(super) fn read_report(folder: &Path) -> io::Result<GatewayCheckReport> {
    let text = read_untrusted(&folder.join(FILE_NAME), fs::symlink_metadata(folder)?.uid())?;
    let value = json::parse(&text).map_err(|why| io::Error::other(why.to_string()))?;
    parse_report(&value).ok_or_else(|| io::Error::other("it is not a valid report of the check"))
}

fn parse_report(report: &Value) -> Option<GatewayCheckReport> {
    if report.get("schema")?.as_u64()? != SCHEMA_VERSION {
        return None;
    }
    let sockets = report.get("sockets")?.as_array()?;
    if sockets.len() > SOCKET_LIMIT {
        return None;
    }
    let socket = |node: &Value| {
        let words = || Some(to_printable(node.get("words")?.as_str()?, DESCRIPTION_LENGTH_LIMIT));
        let owner = match node.get("owner")?.as_str()? {
            "unit" => SocketOwner::GatewayUnit,
            "other" => SocketOwner::OtherProcess(words()?),
            "unknown" => SocketOwner::Unknown(words()?),
            _ => return None,
        };
        Some(GatewaySocket { inode: node.get("inode")?.as_u64()?, owner })
    };
    let invocation = report.get("invocation")?.as_str()?.to_owned();
    Some(GatewayCheckReport { invocation, sockets: sockets.iter().map(|node| socket(node)).collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn report() -> GatewayCheckReport {
        let owners = [
            SocketOwner::GatewayUnit,
            SocketOwner::OtherProcess("user other".to_owned()),
            SocketOwner::Unknown("hidden".to_owned()),
        ];
        let sockets = owners.into_iter().zip(7..).map(|(owner, inode)| GatewaySocket { inode, owner }).collect();
        GatewayCheckReport { invocation: "cdf7".to_owned(), sockets }
    }

    #[test]
    fn a_report_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        write_report(folder.path(), &report()).unwrap();
        assert_eq!(read_report(folder.path()).unwrap(), report());
    }

    #[test]
    fn a_hostile_report_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE_NAME);
        assert!(read_report(folder.path()).is_err(), "there is none");
        let many = vec![r#"{"inode":1,"owner":"unit","words":""}"#; SOCKET_LIMIT + 1].join(",");
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
            assert!(read_report(folder.path()).is_err(), "{text:.80}");
        }
        let escape = r#"{"schema":1,"invocation":"","sockets":[{"inode":1,"owner":"other","words":"\u001b[2Jx\ny"}]}"#;
        fs::write(&file, escape).unwrap();
        assert_eq!(
            read_report(folder.path()).unwrap().sockets[0].owner,
            SocketOwner::OtherProcess("[2Jx y".to_owned())
        );
        fs::remove_file(&file).unwrap();
        symlink("/etc/passwd", &file).unwrap();
        assert!(read_report(folder.path()).is_err(), "a link");
    }
}
