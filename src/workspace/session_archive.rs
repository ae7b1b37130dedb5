//! Archive of work that a gateway would resume at its next start.
//!
//! OpenClaw resumes at its start: it sends queued messages, answers received messages, continues interrupted turns, and
//! reports the results of tasks. That is right on a host that restarts. On a standby, which may have served a month
//! ago, it would send old messages and act on old requests. So after a demotion, with the gateway stopped, its own user
//! moves this state to an archive next to the reports. Conversations and memory stay.
//!
//! Observed with OpenClaw 2026.9.6: a gateway that was killed during a turn and a delivery called the model again eight
//! seconds after its next start (`main-session-restart-recovery`) and resumed the delivery (`delivery-recovery`). Both
//! are stored in SQLite: deliveries, received messages, sub-agents, tasks and restart markers in
//! `state/openclaw.sqlite`, turns in `session_nodes` of `agents/<id>/agent/openclaw-agent.sqlite`.
//!
//! `sqlite3` does the work, with the same locks as the gateway. Tables that lack one of the expected columns, as in
//! another version of OpenClaw, are not changed.

mod tables;

use std::env;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::os::{Cancel, ChildCommand};
use crate::text::Time;
use crate::workspace::error::{FileResult, SyncError, SyncErrorKind};
use crate::workspace::files::write_and_open;
use crate::workspace::report::NameList;
use crate::workspace::session_archive::tables::{AGENT_TABLES, STATE_TABLES, SessionTable};
use crate::workspace::{SyncPaths, ref_names};

/// Time limit for one database.
const SQLITE_TIME_LIMIT: Duration = Duration::from_secs(60);

/// Limit for the number of agents.
const AGENT_LIMIT: usize = 64;

/// One of OpenClaw's databases.
struct SessionDatabase {
    path: PathBuf,
    /// Part of the archive's name.
    name: String,
    tables: &'static [SessionTable],
}

/// Archives work older than `now`. Returns what was archived; the error is a sentence for a report.
pub(super) fn archive_sessions(
    workspace: &Path,
    paths: &SyncPaths,
    now: Time,
    cancel: &Cancel,
) -> Result<NameList, SyncError> {
    let mut done = Vec::new();
    for database in list_databases(&openclaw_folder(workspace)) {
        if cancel.is_cancelled() {
            return Err(SyncError::new(SyncErrorKind::Cancelled, "interrupted"));
        }
        let named = |error: SyncError| SyncError { message: format!("{}: {error}", database.path.display()), ..error };
        done.extend(database.archive(paths, now).map_err(named)?);
    }
    Ok(NameList::from_names(done))
}

/// Returns OpenClaw's folder: the one around the workspace, or the one in this user's home.
fn openclaw_folder(workspace: &Path) -> PathBuf {
    let is_home = |path: &&Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == ".openclaw" || name.starts_with(".openclaw-")
    };
    let own = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".openclaw");
    workspace.ancestors().skip(1).find(is_home).map_or_else(own, Path::to_owned)
}

fn list_databases(home: &Path) -> Vec<SessionDatabase> {
    let state =
        SessionDatabase { path: home.join("state/openclaw.sqlite"), name: "state".into(), tables: &STATE_TABLES };
    let agents = fs::read_dir(home.join("agents")).into_iter().flatten().flatten().take(AGENT_LIMIT);
    let agent = |entry: fs::DirEntry| SessionDatabase {
        path: entry.path().join("agent/openclaw-agent.sqlite"),
        name: format!("agent-{}", file_safe_name(&entry.file_name())),
        tables: &AGENT_TABLES,
    };
    let is_there = |database: &SessionDatabase| database.path.symlink_metadata().is_ok_and(|found| found.is_file());
    [state].into_iter().chain(agents.map(agent)).filter(is_there).collect()
}

fn file_safe_name(name: &OsString) -> String {
    let name = name.to_string_lossy();
    name.chars().take(64).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

impl SessionDatabase {
    fn archive(&self, paths: &SyncPaths, now: Time) -> Result<Vec<String>, SyncError> {
        let known = self.list_known_tables(paths)?;
        let counted = self.run_sql(paths, &known.iter().map(|table| table.count_sql(now)).collect::<String>())?;
        let found: Vec<&SessionTable> =
            known.into_iter().filter(|table| parse_row_count(&counted, table.name) > 0).collect();
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let archive = self.create_archive(paths, now)?;
        let script =
            |part: fn(&SessionTable, Time) -> String| found.iter().map(|table| part(table, now)).collect::<String>();
        let quoted = archive.display().to_string().replace('\'', "''");
        // The copy is committed before any row is removed.
        let script = format!(
            "ATTACH '{quoted}' AS archive;\nBEGIN IMMEDIATE;\n{}COMMIT;\nBEGIN IMMEDIATE;\n{}COMMIT;\n",
            script(SessionTable::copy_sql),
            script(SessionTable::removal_sql)
        );
        self.run_sql(paths, &script)?;
        Ok(found
            .iter()
            .map(|table| format!("{} {}", parse_row_count(&counted, table.name), table.description))
            .collect())
    }

    /// Returns the tables that exist with all expected columns.
    fn list_known_tables(&self, paths: &SyncPaths) -> Result<Vec<&'static SessionTable>, SyncError> {
        let columns = "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c \
                       WHERE m.type = 'table';\n";
        let found = self.run_sql(paths, columns)?;
        let has =
            |table: &SessionTable, column: &str| found.lines().any(|line| line == format!("{}.{column}", table.name));
        Ok(self.tables.iter().filter(|table| table.columns.iter().all(|column| has(table, column))).collect())
    }

    /// Creates the archive, readable by this user alone: it holds people's messages.
    fn create_archive(&self, paths: &SyncPaths, now: Time) -> Result<PathBuf, SyncError> {
        let folder = paths.state_folder.join("archive");
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).or_cannot("create", &folder)?;
        let archive = folder.join(format!("{}-{}.sqlite", ref_names::time_stamp(now), self.name));
        let created = File::create_new(&archive);
        let created = created.and_then(|file| file.set_permissions(fs::Permissions::from_mode(0o600)));
        created.or_cannot("create", &archive)?;
        Ok(archive)
    }

    fn run_sql(&self, paths: &SyncPaths, script: &str) -> Result<String, SyncError> {
        let path = paths.state_folder.join("sqlite-input");
        let input = write_and_open(&path, script.as_bytes())?;
        let sqlite =
            ChildCommand::new("sqlite3").args(["-batch", "-bail", "-init", "/dev/null", "-cmd", ".timeout 10000"]);
        let answer = sqlite.arg(&self.path).stdin(input).deadline(SQLITE_TIME_LIMIT).limit(1 << 20).run();
        answer.map(|output| output.stdout).map_err(|why| SyncError::failed(why.reason()))
    }
}

/// Returns the number of rows that was counted in a table.
fn parse_row_count(counted: &str, table: &str) -> u64 {
    let line = counted.lines().find_map(|line| line.strip_prefix(table)?.strip_prefix('|'));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openclaws_folder_is_around_the_workspace_or_at_home() {
        assert_eq!(openclaw_folder(Path::new("/home/o/.openclaw/workspace")), Path::new("/home/o/.openclaw"));
        assert_eq!(openclaw_folder(Path::new("/home/o/.openclaw-work/workspace")), Path::new("/home/o/.openclaw-work"));
        assert!(openclaw_folder(Path::new("/srv/workspace")).ends_with(".openclaw"));
    }

    #[test]
    fn counts_are_read_by_name() {
        let counted = "task_runs|3\ntask_runs_old|7\nflow_runs|0\n";
        assert_eq!(["task_runs", "flow_runs", "other"].map(|table| parse_row_count(counted, table)), [3, 0, 0]);
    }
}
