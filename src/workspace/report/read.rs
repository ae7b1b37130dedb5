//! Parser for reports as untrusted input: an agent may run any program as the user that writes them.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::finding::ReportedCheck;
use crate::os::own_uid;
use crate::text::json::{self, Value};
use crate::text::{Time, utc};
use crate::workspace::report::name_list::LISTS_SIZE_LIMIT;
use crate::workspace::report::{
    CommitId, DETAILS_LENGTH_LIMIT, NameList, PullOutcome, PullReport, SECRET_LIMIT, SecretResult, WorkspacePull,
    safe_text, safe_text_within,
};
use crate::workspace::unit;

/// Size limit of a report, in bytes: the lists, and everything else.
const REPORT_SIZE_LIMIT: u64 = LISTS_SIZE_LIMIT as u64 + 32 * 1024;

/// Fails if the path is a symbolic link: Linux's `O_NOFOLLOW`, which differs between architectures.
#[cfg(any(target_arch = "arm", target_arch = "aarch64", target_arch = "powerpc64"))]
pub(crate) const O_NOFOLLOW: i32 = 0o100_000;
#[cfg(not(any(target_arch = "arm", target_arch = "aarch64", target_arch = "powerpc64")))]
pub(crate) const O_NOFOLLOW: i32 = 0o400_000;

/// Does not wait for the writer of a pipe: Linux's `O_NONBLOCK`.
pub(crate) const O_NONBLOCK: i32 = 0o4_000;

/// Error for a report that cannot be read.
#[derive(Debug)]
pub struct ReportError {
    path: PathBuf,
    reason: String,
}

/// Returns the operation that writes the report at this path, and its unit.
fn writer_of(path: &Path) -> (&'static str, &'static str) {
    if path.ends_with("push.json") { ("a push", unit::PUSH_SERVICE) } else { ("a pull", unit::PULL_SERVICE) }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, reason: why } = self;
        write!(f, "cannot read {}: {why}; `systemctl start {}` writes a new one", path.display(), writer_of(path).1)
    }
}

impl std::error::Error for ReportError {}

/// Reads a report that must be a regular file of the user id `owner`. `None` if there is none yet.
///
/// # Errors
/// If it is not such a file, is longer than 96 KiB, or holds a value that no report can hold.
pub fn read_pull_report(path: &Path, owner: u32) -> Result<Option<PullReport>, ReportError> {
    read_report(path, owner, parse_pull_report)
}

/// Reads a report of either kind; `parse` returns the key of the first invalid field as its error.
pub(super) fn read_report<T>(
    path: &Path,
    owner: u32,
    parse: fn(&Value) -> Result<T, &'static str>,
) -> Result<Option<T>, ReportError> {
    let fail = |why: String| ReportError { path: path.to_owned(), reason: why };
    let content = match read_untrusted(path, owner) {
        Ok(content) => content,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(fail(why.to_string())),
    };
    let value = json::parse(&content).map_err(|why| fail(why.to_string()))?;
    let (writer, _) = writer_of(path);
    let report = parse(&value).map_err(|key| fail(format!("{key} is missing or invalid for {writer}")))?;
    Ok(Some(report))
}

/// Reads a short file that must be a regular file of the user id `owner`. That user may have replaced it by anything.
///
/// # Errors
/// If it is not such a file, or longer than 96 KiB.
pub(crate) fn read_untrusted(path: &Path, owner: u32) -> io::Result<String> {
    read_owned_file(OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path)?, owner)
}

/// Reads this user's own last report; an invalid one counts as absent.
pub(crate) fn read_own_pull_report(path: &Path) -> Option<PullReport> {
    read_pull_report(path, own_uid().ok()?).ok().flatten()
}

fn read_owned_file(file: File, owner: u32) -> io::Result<String> {
    let found = file.metadata()?;
    if !found.is_file() || found.uid() != owner {
        return Err(io::Error::other(format!("it is not a regular file owned by user {owner}")));
    }
    let mut content = String::new();
    file.take(REPORT_SIZE_LIMIT + 1).read_to_string(&mut content)?;
    if content.len() as u64 > REPORT_SIZE_LIMIT {
        return Err(io::Error::other(format!("it is larger than {REPORT_SIZE_LIMIT} bytes")));
    }
    Ok(content)
}

/// Parses a report. The error is the key of the first invalid field.
fn parse_pull_report(report: &Value) -> Result<PullReport, &'static str> {
    let workspace = report.get("workspace").ok_or("workspace")?;
    let secrets = report.get("secrets").and_then(|node| node.as_array()).ok_or("secrets")?;
    // Older versions make no checks.
    let checks = report.get("checks").map(|checks| checks.as_array().map(|_| checks).ok_or("checks")).transpose()?;
    Ok(PullReport {
        started_at: required_field(report, "started", parse_time)?,
        ended_at: required_field(report, "ended", parse_time)?,
        last_complete_at: optional_field(report, "fresh", parse_time)?,
        workspace: WorkspacePull {
            outcome: required_field(workspace, "outcome", PullOutcome::parse)?,
            commit_before: optional_field(workspace, "before", CommitId::parse)?,
            commit_after: optional_field(workspace, "after", CommitId::parse)?,
            remote_commit: optional_field(workspace, "remote", CommitId::parse)?,
            committed_at: optional_field(workspace, "committed", parse_time)?,
            has_unpushed: required_bool(workspace, "unreturned")?,
            unpushed_conflict_branches: required_names(workspace, "kept")?,
            // Older versions named them in `said`.
            conflicts: workspace
                .get("conflicts")
                .map_or(Ok(NameList::default()), |_| required_names(workspace, "conflicts"))?,
            withheld: required_names(workspace, "withheld")?,
            moved_aside: required_names(workspace, "aside")?,
            details: required_field(workspace, "said", |said| Some(safe_text_within(said, DETAILS_LENGTH_LIMIT)))?,
        },
        secrets: secrets
            .iter()
            .take(SECRET_LIMIT)
            .map(|secret| parse_secret_result(secret))
            .collect::<Result<_, _>>()?,
        checks: checks.map(|checks| ReportedCheck::parse_list(checks)).unwrap_or_default(),
    })
}

fn parse_secret_result(secret: &Value) -> Result<SecretResult, &'static str> {
    Ok(SecretResult { is_copied: required_bool(secret, "ok")?, error: required_field(secret, "said", parse_text)? })
}

pub(super) fn required_bool(object: &Value, key: &'static str) -> Result<bool, &'static str> {
    object.get(key).and_then(|node| node.as_bool()).ok_or(key)
}

pub(super) fn required_names(object: &Value, key: &'static str) -> Result<NameList, &'static str> {
    object.get(key).and_then(|node| NameList::parse(node)).ok_or(key)
}

fn parse_time(written: &str) -> Option<Time> {
    utc::parse_rfc3339(written)
}

fn parse_text(written: &str) -> Option<String> {
    Some(safe_text(written))
}

pub(super) fn required_field<T>(
    object: &Value,
    key: &'static str,
    read: fn(&str) -> Option<T>,
) -> Result<T, &'static str> {
    object.get(key).and_then(|node| node.as_str()).and_then(read).ok_or(key)
}

pub(super) fn optional_field<T>(
    object: &Value,
    key: &'static str,
    read: fn(&str) -> Option<T>,
) -> Result<Option<T>, &'static str> {
    match object.get(key) {
        Some(node) if node.is_null() => Ok(None),
        _ => required_field(object, key, read).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn report() -> PullReport {
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        let commit = CommitId::parse(&"0123456789".repeat(4));
        let mut report = PullReport::new(at(10), WorkspacePull::new(PullOutcome::Updated, "three files"));
        report.ended_at = at(12);
        report.workspace.commit_before = commit.clone();
        report.workspace.commit_after = commit;
        report.workspace.committed_at = Some(at(5));
        report.secrets = vec![SecretResult::from_result(Ok(())), SecretResult::from_result(Err("no route".into()))];
        report.checks = checks(r#"[{"id": "crons", "level": "ok", "evidence": "off", "fix": ""}]"#);
        report
    }

    fn checks(text: &str) -> Vec<ReportedCheck> {
        ReportedCheck::parse_list(&json::parse(text).unwrap())
    }

    fn own() -> u32 {
        own_uid().unwrap()
    }

    fn refusal(content: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pull.json");
        fs::write(&path, content).unwrap();
        read_pull_report(&path, own()).unwrap_err().to_string()
    }

    #[test]
    fn a_report_reads_back_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pull.json");
        assert_eq!(read_pull_report(&path, own()).unwrap(), None);
        report().write(&path).unwrap();
        assert_eq!(read_pull_report(&path, own()).unwrap(), Some(report()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
    }

    #[test]
    fn only_a_regular_file_of_its_owner_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        report().write(&real).unwrap();
        let foreign = read_pull_report(&real, own() + 1).unwrap_err().to_string();
        assert!(foreign.contains("it is not a regular file owned by user"), "{foreign}");
        let link = dir.path().join("link");
        symlink(&real, &link).unwrap();
        assert!(read_pull_report(&link, own()).is_err());
        assert!(read_pull_report(dir.path(), own()).is_err());
        assert!(read_pull_report(Path::new("/dev/zero"), 0).is_err());
        let pipe = dir.path().join("pipe");
        let made = crate::os::ChildCommand::new("mkfifo").arg(&pipe).run();
        assert!(made.is_ok());
        assert!(read_pull_report(&pipe, own()).is_err());
    }

    #[test]
    fn what_no_pull_writes_is_refused() {
        let good = report().to_json().to_string();
        let bad = |from: &str, to: &str| refusal(&good.replace(from, to));
        assert!(bad("\"moved\"", "\"levitated\"").contains("outcome is missing or invalid for a pull"));
        assert!(bad(&"0123456789".repeat(4), "$(reboot)").contains("before is missing"));
        assert!(bad("1970-01-01T00:00:10.000Z", "10").contains("started"));
        assert!(bad("\"ok\":true", "\"ok\":\"yes\"").contains("ok is missing"));
        assert!(bad("\"checks\":[", "\"checks\":7,\"more\":[").contains("checks is missing"));
        assert!(refusal("").contains("line 1"));
        assert!(refusal("[]").contains("workspace"));
        assert!(refusal(&"[".repeat(10_000)).contains("line 1"));
        assert!(refusal(&" ".repeat(96 * 1024 + 1)).contains("larger than 98304 bytes"));
    }

    #[test]
    fn checks_of_an_enemy_are_bounded_and_printable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pull.json");
        let checks_read = |checks: &str| {
            let good = report().to_json().to_string();
            let (before, _) = good.split_once("\"checks\":").unwrap();
            fs::write(&path, format!("{before}\"checks\":{checks}}}")).unwrap();
            read_pull_report(&path, own()).unwrap().unwrap().checks
        };
        let hostile = checks_read(
            r#"[{"id":"crons","level":"fail","evidence":"\u001b[2Jon\nok","fix":""}, 7, [], {"level":"ok"},
                {"id":"channels","level":"ok","evidence":7,"fix":""}]"#,
        );
        let harmless = r#"[{"id":"crons","level":"fail","evidence":"[2Jon ok","fix":""}, {"id":"channels"}]"#;
        assert_eq!(hostile, checks(harmless));
        let older = report().to_json().to_string().replace("\"checks\"", "\"other\"");
        fs::write(&path, older).unwrap();
        assert_eq!(read_pull_report(&path, own()).unwrap().unwrap().checks, []);
        let many = format!("[{}7]", r#"{"id":"crons","level":"ok","evidence":"off","fix":""},"#.repeat(200));
        assert_eq!(checks_read(&many).len(), 128);
    }

    #[test]
    fn text_of_an_enemy_is_harmless() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pull.json");
        let hostile = format!("\\u001b[2J\\u202e{}", "x".repeat(2000));
        fs::write(&path, report().to_json().to_string().replace("three files", &hostile)).unwrap();
        let said = read_pull_report(&path, own()).unwrap().unwrap().workspace.details;
        assert!(said.starts_with("[2J xxx"), "{said}");
        assert_eq!(said.chars().count(), 1001);
    }
}
