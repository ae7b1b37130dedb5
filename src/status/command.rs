//! Command `status`.

use std::path::Path;

use crate::status::Status;
use crate::text::json::Value;
use crate::text::{CommandOutput, Time, json_fields};

/// Output format of `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusFormat {
    /// True for JSON.
    pub json: bool,
    /// True if the terminal shows colours.
    pub colour: bool,
}

/// Prints the file at `path`. `now` is the wall clock's.
///
/// Exit code: 0 if a monitor runs, even if degraded; 1 if none does.
#[must_use]
pub fn render_file(path: &Path, form: StatusFormat, now: Time) -> CommandOutput {
    match Status::load(path) {
        Ok(status) => render_status(&status, form, now),
        Err(why) if form.json => {
            let not_running = Value::from_entries([("running", false.into()), ("why", why.to_string().into())]);
            to_output(&not_running.to_pretty(), false)
        }
        Err(why) => to_output(&format!("monitor not running: {why}"), false),
    }
}

/// Prints a status. `now` is the wall clock's.
#[must_use]
pub fn render_status(status: &Status, form: StatusFormat, now: Time) -> CommandOutput {
    let text = if form.json { json_with_age(status, now).to_pretty() } else { status.render(now, form.colour) };
    to_output(text.trim_end(), status.is_fresh(now))
}

fn to_output(text: &str, running: bool) -> CommandOutput {
    CommandOutput { text: format!("{text}\n"), warning: None, exit_code: if running { 0 } else { 1 } }
}

/// Returns the status with two fields that only its reader can compute.
fn json_with_age(status: &Status, now: Time) -> Value {
    let head = Value::from_entries([
        ("running", status.is_fresh(now).into()),
        ("age_seconds", json_fields::seconds_to_json(status.age(now))),
    ]);
    match (head, status.to_json()) {
        (Value::Object(mut head), Value::Object(rest)) => {
            head.extend(rest);
            Value::Object(head)
        }
        (_, status) => status,
    }
}
