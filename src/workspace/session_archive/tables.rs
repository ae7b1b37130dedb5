//! Rows of OpenClaw's databases that make it act when it starts.

use crate::text::Time;

/// Rows of one table.
pub(super) struct SessionTable {
    pub(super) name: &'static str,
    /// Name of the rows for people, after their number.
    pub(super) description: &'static str,
    /// SQL for the last change of a row, in milliseconds since 1970. A gateway that is started meanwhile writes newer
    /// rows.
    changed_at: &'static str,
    /// SQL condition for rows that make it act.
    condition: &'static str,
    /// Columns that are read or changed.
    pub(super) columns: &'static [&'static str],
    /// Assignments of SQL's `UPDATE` for rows that stay because they hold more; `None` to delete the rows.
    update: Option<&'static str>,
}

const fn deleted_rows(
    name: &'static str,
    words: &'static str,
    touched: &'static str,
    acts: &'static str,
    columns: &'static [&'static str],
) -> SessionTable {
    SessionTable { name, description: words, changed_at: touched, condition: acts, columns, update: None }
}

/// Tables of `state/openclaw.sqlite`, schema 18. Finished rows stay: they record what was sent.
pub(super) const STATE_TABLES: [SessionTable; 9] = [
    deleted_rows(
        "delivery_queue_entries",
        "queued messages",
        "updated_at",
        "status = 'pending'",
        &["status", "updated_at"],
    ),
    deleted_rows(
        "channel_ingress_events",
        "received messages",
        "updated_at",
        "status IN ('pending', 'claimed')",
        &["status", "updated_at"],
    ),
    deleted_rows("gateway_restart_sentinel", "notes of a restart", "updated_at_ms", "1", &["updated_at_ms"]),
    deleted_rows("gateway_restart_intent", "intended restarts", "updated_at_ms", "1", &["updated_at_ms"]),
    deleted_rows("gateway_restart_handoff", "restarts handed over", "updated_at_ms", "1", &["updated_at_ms"]),
    deleted_rows("subagent_runs", "sub-agents", "created_at", "1", &["created_at"]),
    // Before the tasks, which it refers to.
    deleted_rows(
        "task_delivery_state",
        "task reports",
        "(SELECT max(created_at, coalesce(last_event_at, 0)) FROM main.task_runs t WHERE t.task_id = \
         task_delivery_state.task_id)",
        "task_id IN (SELECT task_id FROM main.task_runs WHERE status IN ('queued', 'running') \
         OR delivery_status IN ('pending', 'session_queued'))",
        &["task_id"],
    ),
    deleted_rows(
        "task_runs",
        "unfinished tasks",
        "max(created_at, coalesce(last_event_at, 0))",
        "status IN ('queued', 'running') OR delivery_status IN ('pending', 'session_queued')",
        &["task_id", "status", "delivery_status", "created_at", "last_event_at"],
    ),
    deleted_rows(
        "flow_runs",
        "unfinished flows",
        "updated_at",
        "status IN ('queued', 'running', 'waiting')",
        &["status", "updated_at"],
    ),
];

/// Tables of `agents/<id>/agent/openclaw-agent.sqlite`, schema 23. Each turn is marked as ended, and its recovery
/// markers are removed: those that OpenClaw removes when it has finished a recovery.
pub(super) const AGENT_TABLES: [SessionTable; 2] = [
    SessionTable {
        name: "session_nodes",
        description: "interrupted turns",
        changed_at: "updated_at",
        condition: "status = 'running' OR (json_valid(entry_json) AND (json_extract(entry_json, \
             '$.abortedLastRun') = 1 \
               OR json_extract(entry_json, '$.mainRestartRecovery') IS NOT NULL \
               OR json_extract(entry_json, '$.restartRecoveryRuns') IS NOT NULL \
               OR json_extract(entry_json, '$.restartRecoveryDeliveryRunId') IS NOT NULL \
               OR json_extract(entry_json, '$.pendingFinalDelivery') IS NOT NULL))",
        columns: &["session_key", "status", "entry_json", "updated_at"],
        update: Some(
            "entry_json = json_remove(json_set(iif(status = 'running', json_set(entry_json, '$.status', 'killed'), \
             entry_json), '$.abortedLastRun', json('false')), \
             '$.mainRestartRecovery', '$.restartRecoveryRuns', '$.restartRecoveryDeliveryRunId', \
             '$.restartRecoveryDeliverySourceRunId', '$.restartRecoveryForceSafeTools', '$.pendingFinalDelivery', \
             '$.activeWriterRunId', '$.lifecycleRunId'), status = iif(status = 'running', 'killed', status)",
        ),
    },
    SessionTable {
        name: "session_windows",
        description: "windows of such turns",
        changed_at: "updated_at",
        condition: "status = 'running'",
        columns: &["session_id", "status", "updated_at"],
        update: Some("status = 'killed'"),
    },
];

impl SessionTable {
    /// Returns the SQL that prints the table's name and number of rows.
    pub(super) fn count_sql(&self, now: Time) -> String {
        format!("SELECT '{}', count(*) FROM main.{} WHERE {};\n", self.name, self.name, self.condition_before(now))
    }

    /// Returns the SQL that copies the rows to the archive.
    pub(super) fn copy_sql(&self, now: Time) -> String {
        let Self { name, .. } = self;
        let matches = self.condition_before(now);
        format!(
            "CREATE TEMP TABLE found_{name} AS SELECT rowid AS id FROM main.{name} WHERE {matches};\n\
             CREATE TABLE archive.{name} AS SELECT * FROM main.{name} WHERE rowid IN (SELECT id FROM found_{name});\n"
        )
    }

    /// Returns the SQL that deletes the copied rows, or updates them.
    pub(super) fn removal_sql(&self, now: Time) -> String {
        let Self { name, .. } = self;
        let matches = format!("rowid IN (SELECT id FROM found_{name}) AND {}", self.condition_before(now));
        match self.update {
            None => format!("DELETE FROM main.{name} WHERE {matches};\n"),
            Some(becomes) => format!("UPDATE main.{name} SET {becomes} WHERE {matches};\n"),
        }
    }

    fn condition_before(&self, now: Time) -> String {
        format!("({}) AND {} < {}", self.condition, self.changed_at, now.as_millis())
    }
}
