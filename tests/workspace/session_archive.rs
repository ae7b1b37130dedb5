//! Archive of a standby's unfinished work after a demotion.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use openclaw_failover::config::WorkspaceConfig;
use openclaw_failover::os::{Cancel, ChildCommand};
use openclaw_failover::workspace::report::PushReport;
use openclaw_failover::workspace::{self, CheckoutMode, SessionHandling, SyncRole};

use crate::needs::require;
use crate::repositories::{Repositories, run};

/// Tables of OpenClaw 2026.9.6, without the columns that no test reads.
const STATE: &str = "
PRAGMA journal_mode = WAL;
CREATE TABLE delivery_queue_entries (queue_name TEXT NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL,
    entry_json TEXT NOT NULL, updated_at INTEGER NOT NULL, PRIMARY KEY (queue_name, id)) STRICT;
CREATE TABLE channel_ingress_events (queue_name TEXT NOT NULL, event_id TEXT NOT NULL, status TEXT NOT NULL,
    payload_json TEXT NOT NULL, updated_at INTEGER NOT NULL, PRIMARY KEY (queue_name, event_id)) STRICT;
CREATE TABLE gateway_restart_sentinel (sentinel_key TEXT NOT NULL PRIMARY KEY, updated_at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE subagent_runs (run_id TEXT NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL) STRICT;
CREATE TABLE task_runs (task_id TEXT NOT NULL PRIMARY KEY, status TEXT NOT NULL, delivery_status TEXT NOT NULL,
    created_at INTEGER NOT NULL, last_event_at INTEGER) STRICT;
CREATE TABLE task_delivery_state (task_id TEXT NOT NULL PRIMARY KEY,
    FOREIGN KEY (task_id) REFERENCES task_runs(task_id) ON DELETE CASCADE) STRICT;
CREATE TABLE flow_runs (flow_id TEXT NOT NULL PRIMARY KEY, state TEXT) STRICT;
INSERT INTO delivery_queue_entries VALUES ('outbound-prepared-v1', 'old', 'pending', '{\"text\":\"old news\"}', 1000),
    ('outbound-prepared-v1', 'sent', 'completed', '{}', 1000),
    ('outbound-prepared-v1', 'future', 'pending', '{}', 9000000000000);
INSERT INTO channel_ingress_events VALUES ('telegram', '1', 'claimed', '{}', 1000),
    ('telegram', '2', 'completed', '{}', 1000);
INSERT INTO gateway_restart_sentinel VALUES ('current', 1000);
INSERT INTO subagent_runs VALUES ('r', 1000);
INSERT INTO task_runs VALUES ('t1', 'running', 'pending', 1000, NULL), ('t2', 'succeeded', 'delivered', 1000, 1001);
INSERT INTO task_delivery_state VALUES ('t1'), ('t2');
INSERT INTO flow_runs VALUES ('of another form', NULL);
";

const AGENT: &str = r#"
CREATE TABLE session_nodes (session_key TEXT NOT NULL PRIMARY KEY, entry_json TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    status TEXT CHECK (status IS NULL OR status IN ('running', 'done', 'failed', 'killed', 'timeout'))) STRICT;
CREATE TABLE session_windows (session_id TEXT NOT NULL PRIMARY KEY, updated_at INTEGER NOT NULL, status TEXT) STRICT;
CREATE TABLE transcript_events (event_json TEXT CHECK (length(event_json) < 1 OR NOT json_valid(event_json)));
    CREATE INDEX any ON transcript_events (json_valid(event_json));
INSERT INTO session_nodes VALUES
    ('cut', '{"sessionId":"s","status":"running","abortedLastRun":true,"mainRestartRecovery":{"cycleId":"c"}}', 1000,
        'running'),
    ('owed', '{"sessionId":"o","status":"done","pendingFinalDelivery":{"text":"late"}}', 1000, 'done'),
    ('idle', '{"sessionId":"i"}', 1000, NULL);
INSERT INTO session_windows VALUES ('s', 1000, 'running'), ('o', 1000, 'done');
INSERT INTO transcript_events VALUES ('please remember the milk');
"#;

/// Creates a standby whose OpenClaw was killed during several operations.
fn repos() -> Repositories {
    let mut repos = Repositories::new();
    fs::create_dir_all(repos.at(".openclaw/state")).unwrap();
    fs::create_dir_all(repos.at(".openclaw/agents/main/agent")).unwrap();
    fs::rename(repos.at("workspace"), repos.at(".openclaw/workspace")).unwrap();
    repos.workspace = WorkspaceConfig { path: repos.at(".openclaw/workspace"), ..repos.workspace };
    repos.standby("git remote set-url origin ../../remote.git");
    sql(&state(&repos), STATE);
    sql(&agent(&repos), AGENT);
    repos
}

fn state(repos: &Repositories) -> PathBuf {
    repos.at(".openclaw/state/openclaw.sqlite")
}

fn agent(repos: &Repositories) -> PathBuf {
    repos.at(".openclaw/agents/main/agent/openclaw-agent.sqlite")
}

fn sql(database: &Path, script: &str) -> String {
    let sqlite = ChildCommand::new("sqlite3").arg("-bail").arg(database).arg(script);
    sqlite.run().unwrap().stdout.trim().to_owned()
}

fn push(repos: &Repositories, queue: SessionHandling) -> PushReport {
    workspace::push(
        &repos.workspace,
        &repos.paths,
        SyncRole::Standby { reach: &|| CheckoutMode::UpdateFiles, queue: &|| queue },
        &Cancel::new(),
    )
}

#[test]
fn what_would_be_acted_on_is_archived_and_the_rest_stays() {
    require!("sqlite3");
    let repos = repos();
    let pushed = push(&repos, SessionHandling::Archive);
    let words = "1 queued messages, 1 received messages, 1 notes of a restart, 1 sub-agents, 1 task reports and 3 more";
    assert_eq!(pushed.archived.to_sentence(), words, "{pushed:?}");
    let left = "SELECT id FROM delivery_queue_entries; SELECT event_id FROM channel_ingress_events; SELECT task_id \
        FROM task_runs;
        SELECT task_id FROM task_delivery_state; SELECT flow_id FROM flow_runs; SELECT count(*) FROM subagent_runs;
        SELECT count(*) FROM gateway_restart_sentinel;";
    assert_eq!(sql(&state(&repos), left), "future\nsent\n2\nt2\nt2\nof another form\n0\n0");
    let left = "SELECT session_key, status, entry_json FROM session_nodes; SELECT status FROM session_windows; SELECT \
        * FROM transcript_events;";
    assert_eq!(
        sql(&agent(&repos), left),
        r#"cut|killed|{"sessionId":"s","status":"killed","abortedLastRun":false}
owed|done|{"sessionId":"o","status":"done","abortedLastRun":false}
idle||{"sessionId":"i"}
killed
done
please remember the milk"#
    );
    // The archives hold all of it, readable by their owner alone.
    let archives = run(&repos.at("state/archive"), "ls");
    let [of_agent, of_state] = archives.lines().collect::<Vec<_>>()[..] else { panic!("{archives}") };
    assert!(of_agent.ends_with("-agent-main.sqlite") && of_state.ends_with("-state.sqlite"), "{archives}");
    let of_state = repos.at("state/archive").join(of_state);
    assert_eq!(sql(&of_state, "SELECT entry_json FROM delivery_queue_entries"), r#"{"text":"old news"}"#);
    let of_agent = repos.at("state/archive").join(of_agent);
    let cut = sql(&of_agent, "SELECT entry_json FROM session_nodes WHERE session_key = 'cut'");
    assert!(cut.contains("mainRestartRecovery"), "{cut}");
    assert_eq!(fs::metadata(&of_state).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(repos.at("state/archive")).unwrap().mode() & 0o777, 0o700);
    // Another push finds nothing and creates no archive.
    assert!(push(&repos, SessionHandling::Archive).archived.is_empty());
    assert_eq!(run(&repos.at("state/archive"), "ls | wc -l"), "2");
}

#[test]
fn who_wants_it_all_to_go_on_keeps_it() {
    require!("sqlite3");
    let repos = repos();
    assert!(push(&repos, SessionHandling::Resume).archived.is_empty());
    assert_eq!(sql(&state(&repos), "SELECT count(*) FROM delivery_queue_entries"), "3");
    assert!(!repos.at("state/archive").exists());
}

#[test]
fn a_database_that_cannot_be_read_is_said_and_does_not_hold_up_the_push() {
    require!("sqlite3");
    let repos = repos();
    fs::write(state(&repos), "no database at all, but long enough to be looked at as one".repeat(100)).unwrap();
    repos.standby("echo learned >learned.md");
    let pushed = push(&repos, SessionHandling::Archive);
    assert!(pushed.is_complete(), "{pushed:?}");
    assert!(pushed.archive_error.contains("file is not a database"), "{}", pushed.archive_error);
    assert!(!pushed.is_complete_and_archived(), "it is tried again");
}
