//! Command `status`.

use std::path::Path;

use crate::os::atomic_file;
use crate::status::Status;
use crate::text::json::Value;
use crate::text::{CommandOutput, Time, json_fields};

/// Limit on the size of `status.json`, in bytes.
const MAX: usize = 256 * 1024;

/// Output format of `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// True for JSON.
    pub json: bool,
    /// True if the terminal shows colours.
    pub colour: bool,
}

/// Prints the file at `path`. `now` is the wall clock's.
///
/// Exit code: 0 if a monitor runs, even if degraded; 1 if none does.
#[must_use]
pub fn command(path: &Path, form: Form, now: Time) -> CommandOutput {
    let status = match atomic_file::read(path, MAX) {
        Ok(None) => Err(format!("there is no {}", path.display())),
        Ok(Some(bytes)) => Status::from_json(&bytes).map_err(|why| format!("cannot use {}: {why}", path.display())),
        Err(error) => Err(error.to_string()),
    };
    show(status, form, now)
}

/// Prints a status, or the reason why there is none. `now` is the wall clock's.
#[must_use]
pub fn show(status: Result<Status, String>, form: Form, now: Time) -> CommandOutput {
    match (status, form.json) {
        (Ok(status), true) => shown(&with_age(&status, now).pretty(), status.is_fresh(now)),
        (Ok(status), false) => shown(status.render(now, form.colour).trim_end(), status.is_fresh(now)),
        (Err(why), true) => {
            let not_running = Value::object([("running", false.into()), ("why", why.into())]);
            shown(&not_running.pretty(), false)
        }
        (Err(why), false) => shown(&format!("monitor not running: {why}"), false),
    }
}

fn shown(text: &str, running: bool) -> CommandOutput {
    CommandOutput { text: format!("{text}\n"), warning: None, code: if running { 0 } else { 1 } }
}

/// Returns the status with two fields that only its reader can compute.
fn with_age(status: &Status, now: Time) -> Value {
    let head = Value::object([
        ("running", status.is_fresh(now).into()),
        ("age_seconds", json_fields::seconds(status.age(now))),
    ]);
    match (head, status.to_json()) {
        (Value::Object(mut head), Value::Object(rest)) => {
            head.extend(rest);
            Value::Object(head)
        }
        (_, status) => status,
    }
}
