//! Puts away what a gateway would go on with when it is started again.
//!
//! OpenClaw resumes its last life on start: it sends queued messages, answers messages that it had received, continues
//! turns that were cut off, and tells the outcome of tasks. On a host that restarts this is right. A standby that served
//! an hour a month ago would send month-old messages and act on month-old wishes. So after a demotion, with the gateway
//! stopped and as its own user, that state goes into an archive beside the reports. Conversations and memory stay.
//!
//! Seen with OpenClaw 2026.9.6: a gateway that was killed in the middle of a turn and of a delivery asked the model again
//! eight seconds after its next start (`main-session-restart-recovery`) and took up the delivery (`delivery-recovery`).
//! Both live in SQLite: deliveries, received messages, sub-agents, tasks and the note that a restart leaves behind in
//! `state/openclaw.sqlite`, turns in the `session_nodes` of `agents/<id>/agent/openclaw-agent.sqlite`.
//!
//! It is done through `sqlite3`, which locks as the gateway does. What another version of OpenClaw keeps elsewhere, or in
//! another form, is left alone: only tables that have all the columns that count are touched.

mod tables;

use std::ffi::OsString;
use std::fs::{
    DirBuilder, File, {self},
};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, io};

use crate::os::{Cancel, Command};
use crate::text::Time;
use crate::workspace::report::Names;
use crate::workspace::session_archive::tables::{AGENT, STATE, Table};
use crate::workspace::{Paths, ref_names};

/// How long one database may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// How many agents are looked at.
const MOST_AGENTS: usize = 64;

/// One of OpenClaw's databases.
struct Database {
    path: PathBuf,
    /// Its part of the archive's name.
    name: String,
    tables: &'static [Table],
}

/// Puts away what is older than `now`. Says what it was; the error is in words for a report.
pub(super) fn put_away(workspace: &Path, paths: &Paths, now: Time, cancel: &Cancel) -> Result<Names, String> {
    let mut done = Vec::new();
    for database in databases(&home(workspace)) {
        if cancel.is_cancelled() {
            return Err("interrupted".into());
        }
        let cannot = |why: String| format!("{}: {why}", database.path.display());
        done.extend(database.put_away(paths, now).map_err(cannot)?);
    }
    Ok(Names::of(done))
}

/// OpenClaw's folder: the one that the workspace lies in, or else this user's.
fn home(workspace: &Path) -> PathBuf {
    let is_home = |path: &&Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == ".openclaw" || name.starts_with(".openclaw-")
    };
    let own = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".openclaw");
    workspace.ancestors().skip(1).find(is_home).map_or_else(own, Path::to_owned)
}

fn databases(home: &Path) -> Vec<Database> {
    let state = Database { path: home.join("state/openclaw.sqlite"), name: "state".into(), tables: &STATE };
    let agents = fs::read_dir(home.join("agents")).into_iter().flatten().flatten().take(MOST_AGENTS);
    let agent = |entry: fs::DirEntry| Database {
        path: entry.path().join("agent/openclaw-agent.sqlite"),
        name: format!("agent-{}", plain(&entry.file_name())),
        tables: &AGENT,
    };
    let is_there = |database: &Database| database.path.symlink_metadata().is_ok_and(|found| found.is_file());
    [state].into_iter().chain(agents.map(agent)).filter(is_there).collect()
}

fn plain(name: &OsString) -> String {
    let name = name.to_string_lossy();
    name.chars().take(64).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

impl Database {
    fn put_away(&self, paths: &Paths, now: Time) -> Result<Vec<String>, String> {
        let known = self.known_tables(paths)?;
        let counted = self.ask(paths, &known.iter().map(|table| table.count(now)).collect::<String>())?;
        let found: Vec<&Table> = known.into_iter().filter(|table| count(&counted, table.name) > 0).collect();
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let archive = self.new_archive(paths, now).map_err(|why| format!("cannot make an archive: {why}"))?;
        let script = |part: fn(&Table, Time) -> String| found.iter().map(|table| part(table, now)).collect::<String>();
        let quoted = archive.display().to_string().replace('\'', "''");
        // The copy is on the disk before anything is taken away.
        let script = format!(
            "ATTACH '{quoted}' AS archive;\nBEGIN IMMEDIATE;\n{}COMMIT;\nBEGIN IMMEDIATE;\n{}COMMIT;\n",
            script(Table::copy),
            script(Table::take_away)
        );
        self.ask(paths, &script)?;
        Ok(found.iter().map(|table| format!("{} {}", count(&counted, table.name), table.words)).collect())
    }

    /// The tables that are there with all the columns that count.
    fn known_tables(&self, paths: &Paths) -> Result<Vec<&'static Table>, String> {
        let columns = "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c \
                       WHERE m.type = 'table';\n";
        let found = self.ask(paths, columns)?;
        let has = |table: &Table, column: &str| found.lines().any(|line| line == format!("{}.{column}", table.name));
        Ok(self.tables.iter().filter(|table| table.columns.iter().all(|column| has(table, column))).collect())
    }

    /// Only this user may read what people have written.
    fn new_archive(&self, paths: &Paths, now: Time) -> io::Result<PathBuf> {
        let folder = paths.state.join("archive");
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let archive = folder.join(format!("{}-{}.sqlite", ref_names::stamp(now), self.name));
        File::create_new(&archive)?.set_permissions(fs::Permissions::from_mode(0o600))?;
        Ok(archive)
    }

    fn ask(&self, paths: &Paths, script: &str) -> Result<String, String> {
        let path = paths.state.join("sqlite-input");
        let input = fs::write(&path, script).and_then(|()| File::open(&path));
        let input = input.map_err(|why| format!("cannot write {}: {why}", path.display()))?;
        let sqlite = Command::new("sqlite3").args(["-batch", "-bail", "-init", "/dev/null", "-cmd", ".timeout 10000"]);
        let answer = sqlite.arg(&self.path).stdin(input).deadline(DEADLINE).limit(1 << 20).run();
        answer.map(|output| output.stdout).map_err(|why| why.reason())
    }
}

/// How many rows of a table were counted.
fn count(counted: &str, table: &str) -> u64 {
    let line = counted.lines().find_map(|line| line.strip_prefix(table)?.strip_prefix('|'));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openclaws_folder_is_around_the_workspace_or_at_home() {
        assert_eq!(home(Path::new("/home/o/.openclaw/workspace")), Path::new("/home/o/.openclaw"));
        assert_eq!(home(Path::new("/home/o/.openclaw-work/workspace")), Path::new("/home/o/.openclaw-work"));
        assert!(home(Path::new("/srv/workspace")).ends_with(".openclaw"));
    }

    #[test]
    fn counts_are_read_by_name() {
        let counted = "task_runs|3\ntask_runs_old|7\nflow_runs|0\n";
        assert_eq!(["task_runs", "flow_runs", "other"].map(|table| count(counted, table)), [3, 0, 0]);
    }
}
