//! Which rows of OpenClaw's databases make it act when it starts.

use crate::text::Time;

/// The rows of one table.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What they are, for people, after their number.
    pub(super) words: &'static str,
    /// When a row was last touched, in milliseconds since 1970. A gateway that is started meanwhile writes newer ones.
    touched: &'static str,
    /// Which of them make it act.
    acts: &'static str,
    /// The columns that all this reads, and those that a change writes.
    pub(super) columns: &'static [&'static str],
    /// What a row becomes, where it stays because it holds more: assignments of SQL's `UPDATE`.
    becomes: Option<&'static str>,
}

const fn table(
    name: &'static str,
    words: &'static str,
    touched: &'static str,
    acts: &'static str,
    columns: &'static [&'static str],
) -> Table {
    Table { name, words, touched, acts, columns, becomes: None }
}

/// `state/openclaw.sqlite`, of schema 18. Finished rows stay: they tell apart what was sent from what was not.
pub(super) const STATE: [Table; 9] = [
    table("delivery_queue_entries", "queued messages", "updated_at", "status = 'pending'", &["status", "updated_at"]),
    table(
        "channel_ingress_events",
        "received messages",
        "updated_at",
        "status IN ('pending', 'claimed')",
        &["status", "updated_at"],
    ),
    table("gateway_restart_sentinel", "notes of a restart", "updated_at_ms", "1", &["updated_at_ms"]),
    table("gateway_restart_intent", "intended restarts", "updated_at_ms", "1", &["updated_at_ms"]),
    table("gateway_restart_handoff", "restarts handed over", "updated_at_ms", "1", &["updated_at_ms"]),
    table("subagent_runs", "sub-agents", "created_at", "1", &["created_at"]),
    // Before the tasks themselves, by which they are found.
    table(
        "task_delivery_state",
        "task reports",
        "(SELECT max(created_at, coalesce(last_event_at, 0)) FROM main.task_runs t WHERE t.task_id = task_delivery_state.task_id)",
        "task_id IN (SELECT task_id FROM main.task_runs WHERE status IN ('queued', 'running') \
         OR delivery_status IN ('pending', 'session_queued'))",
        &["task_id"],
    ),
    table(
        "task_runs",
        "unfinished tasks",
        "max(created_at, coalesce(last_event_at, 0))",
        "status IN ('queued', 'running') OR delivery_status IN ('pending', 'session_queued')",
        &["task_id", "status", "delivery_status", "created_at", "last_event_at"],
    ),
    table(
        "flow_runs",
        "unfinished flows",
        "updated_at",
        "status IN ('queued', 'running', 'waiting')",
        &["status", "updated_at"],
    ),
];

/// `agents/<id>/agent/openclaw-agent.sqlite`, of schema 23. The turn is marked as ended and the marks of its recovery go,
/// which are those that OpenClaw itself removes when it is done with one.
pub(super) const AGENT: [Table; 2] = [
    Table {
        name: "session_nodes",
        words: "interrupted turns",
        touched: "updated_at",
        acts: "status = 'running' OR (json_valid(entry_json) AND (json_extract(entry_json, '$.abortedLastRun') = 1 \
               OR json_extract(entry_json, '$.mainRestartRecovery') IS NOT NULL \
               OR json_extract(entry_json, '$.restartRecoveryRuns') IS NOT NULL \
               OR json_extract(entry_json, '$.restartRecoveryDeliveryRunId') IS NOT NULL \
               OR json_extract(entry_json, '$.pendingFinalDelivery') IS NOT NULL))",
        columns: &["session_key", "status", "entry_json", "updated_at"],
        becomes: Some(
            "entry_json = json_remove(json_set(iif(status = 'running', json_set(entry_json, '$.status', 'killed'), entry_json), \
             '$.abortedLastRun', json('false')), \
             '$.mainRestartRecovery', '$.restartRecoveryRuns', '$.restartRecoveryDeliveryRunId', \
             '$.restartRecoveryDeliverySourceRunId', '$.restartRecoveryForceSafeTools', '$.pendingFinalDelivery', \
             '$.activeWriterRunId', '$.lifecycleRunId'), status = iif(status = 'running', 'killed', status)",
        ),
    },
    Table {
        name: "session_windows",
        words: "windows of such turns",
        touched: "updated_at",
        acts: "status = 'running'",
        columns: &["session_id", "status", "updated_at"],
        becomes: Some("status = 'killed'"),
    },
];

impl Table {
    /// Prints the name and the number of rows.
    pub(super) fn count(&self, now: Time) -> String {
        format!("SELECT '{}', count(*) FROM main.{} WHERE {};\n", self.name, self.name, self.matches(now))
    }

    /// Copies the rows into the archive, as they are.
    pub(super) fn copy(&self, now: Time) -> String {
        let Self { name, .. } = self;
        let matches = self.matches(now);
        format!(
            "CREATE TEMP TABLE found_{name} AS SELECT rowid AS id FROM main.{name} WHERE {matches};\n\
             CREATE TABLE archive.{name} AS SELECT * FROM main.{name} WHERE rowid IN (SELECT id FROM found_{name});\n"
        )
    }

    /// Removes the rows that were copied, or has them become what they shall be.
    pub(super) fn take_away(&self, now: Time) -> String {
        let Self { name, .. } = self;
        let matches = format!("rowid IN (SELECT id FROM found_{name}) AND {}", self.matches(now));
        match self.becomes {
            None => format!("DELETE FROM main.{name} WHERE {matches};\n"),
            Some(becomes) => format!("UPDATE main.{name} SET {becomes} WHERE {matches};\n"),
        }
    }

    fn matches(&self, now: Time) -> String {
        format!("({}) AND {} < {}", self.acts, self.touched, now.as_millis())
    }
}
