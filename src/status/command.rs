//! Command `status`.

use std::path::Path;

use crate::os::atomic_file;
use crate::status::Status;
use crate::text::json::Value;
use crate::text::{CommandOutput, Time, json_fields};

/// Limit on the size of `status.json`, in bytes.
const MAX_STATUS_BYTES: usize = 256 * 1024;

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
    let status = match atomic_file::read(path, MAX_STATUS_BYTES) {
        Ok(None) => Err(format!("there is no {}", path.display())),
        Ok(Some(bytes)) => Status::from_json(&bytes).map_err(|why| format!("cannot use {}: {why}", path.display())),
        Err(error) => Err(error.to_string()),
    };
    render_result(status, form, now)
}

/// Prints a status, or the reason why there is none. `now` is the wall clock's.
#[must_use]
pub fn render_result(status: Result<Status, String>, form: StatusFormat, now: Time) -> CommandOutput {
    match (status, form.json) {
        (Ok(status), true) => to_output(&json_with_age(&status, now).to_pretty(), status.is_fresh(now)),
        (Ok(status), false) => to_output(status.render(now, form.colour).trim_end(), status.is_fresh(now)),
        (Err(why), true) => {
            let not_running = Value::from_entries([("running", false.into()), ("why", why.into())]);
            to_output(&not_running.to_pretty(), false)
        }
        (Err(why), false) => to_output(&format!("monitor not running: {why}"), false),
    }
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
