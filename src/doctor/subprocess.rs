//! Cheap checks of the host's half, run in a child process: their memory is freed with it, so the monitor stays small.
//! The child also reads the configuration, so an invalid one is found before the monitor restarts.

use std::env;
use std::ffi::OsString;
use std::time::Duration;

use crate::config::Source;
use crate::config::paths::Paths;
use crate::doctor::context::World;
use crate::doctor::owner::read_list;
use crate::doctor::{Depth, Half, look};
use crate::finding::{Checked, ReportedCheck, Said, remedy};
use crate::os::Command;
use crate::text::json;

/// Time limit of the child, which takes half a second.
const DEADLINE: Duration = Duration::from_secs(60);

/// Variables that configure the program if there is no file.
const VARIABLES: [&str; 5] = ["PRIMARY_IP", "PRIMARY_PORT", "SECRETS_HOST", "CHECK_INTERVAL", "FAIL_THRESHOLD"];

/// Returns the child's output.
#[must_use]
pub fn answer(world: &World) -> String {
    // Without systemd there is little to check, and the monitor reports that itself.
    let found = if world.gateway().is_ok() { look(world, Depth::Cheap, Half::Hosts) } else { Vec::new() };
    ReportedCheck::list_to_json(&found).to_string()
}

/// Runs the checks in a child. Returns no results if the child fails or exceeds the time limit.
#[must_use]
pub fn ask(source: &Source, paths: &Paths) -> Vec<Checked> {
    let mut command = Command::new("/proc/self/exe").args(["doctor", "--cheap"]).args(options(source));
    for (name, value) in variables(source) {
        command = command.env(name, value);
    }
    for (name, folder) in paths.variables() {
        command = command.env(name, folder);
    }
    match command.deadline(DEADLINE).run() {
        Ok(said) => json::parse(&said.stdout).map(|said| read_list(&said, Half::Hosts)).unwrap_or_default(),
        Err(why) if why.code() == Some(2) => {
            let said = why.said().trim_start_matches("openclaw-failover: ");
            vec![Checked { id: "config", said: Said::fail(&said, remedy::EDIT_CONFIG) }]
        }
        Err(why) => {
            log::warn!("cannot run the checks of this host: {why}");
            Vec::new()
        }
    }
}

/// Returns the options that lead another process to the same configuration.
pub(super) fn options(source: &Source) -> Vec<OsString> {
    match source {
        Source::File(path) => vec!["--config".into(), path.into()],
        Source::Environment(_) => Vec::new(),
    }
}

/// Returns the variables that lead another process to the same configuration.
pub(super) fn variables(source: &Source) -> Vec<(&'static str, String)> {
    match source {
        Source::File(_) => Vec::new(),
        Source::Environment(_) => VARIABLES.map(|name| (name, env::var(name).unwrap_or_default())).into(),
    }
}
