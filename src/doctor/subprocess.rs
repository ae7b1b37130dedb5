//! Cheap checks of the host's half, run in a child process: their memory is freed with it, so the monitor stays small.
//! The child also reads the configuration, so an invalid one is found before the monitor restarts.

use std::env;
use std::ffi::OsString;
use std::time::Duration;

use crate::config::ConfigSource;
use crate::config::paths::Paths;
use crate::doctor::context::HostContext;
use crate::doctor::registry::{CheckHalf, Depth, parse_outcomes, run_checks};
use crate::finding::{CheckOutcome, CheckResult, ReportedCheck, remedy};
use crate::os::ChildCommand;
use crate::text::json;

/// Time limit of the child, which takes half a second.
const CHILD_TIMEOUT: Duration = Duration::from_secs(60);

/// Variables that configure the program if there is no file.
const CONFIG_VARIABLES: [&str; 5] = ["PRIMARY_IP", "PRIMARY_PORT", "SECRETS_HOST", "CHECK_INTERVAL", "FAIL_THRESHOLD"];

/// Returns the child's output.
pub fn child_report(context: &HostContext) -> String {
    // Without systemd there is little to check, and the monitor reports that itself.
    let found =
        if context.gateway_unit().is_ok() { run_checks(context, Depth::Cheap, CheckHalf::Host) } else { Vec::new() };
    ReportedCheck::list_to_json(&found).to_string()
}

/// Runs the checks in a child. Returns no results if the child fails or exceeds the time limit.
#[must_use]
pub fn run_child(source: &ConfigSource, paths: &Paths) -> Vec<CheckOutcome> {
    let mut command = ChildCommand::new("/proc/self/exe").args(["doctor", "--cheap"]).args(config_options(source));
    for (name, value) in config_variables(source) {
        command = command.env(name, value);
    }
    for (name, folder) in paths.env_variables() {
        command = command.env(name, folder);
    }
    match command.deadline(CHILD_TIMEOUT).run() {
        Ok(output) => {
            json::parse(&output.stdout).map(|output| parse_outcomes(&output, CheckHalf::Host)).unwrap_or_default()
        }
        Err(why) if why.exit_code() == Some(2) => {
            let output = why.last_output().trim_start_matches("openclaw-failover: ");
            vec![CheckOutcome { id: "config", result: CheckResult::fail(&output, remedy::EDIT_CONFIG) }]
        }
        Err(why) => {
            log::warn!("cannot run the checks of this host: {why}");
            Vec::new()
        }
    }
}

/// Returns the options that lead another process to the same configuration.
pub(super) fn config_options(source: &ConfigSource) -> Vec<OsString> {
    match source {
        ConfigSource::File(path) => vec!["--config".into(), path.into()],
        ConfigSource::Environment(_) => Vec::new(),
    }
}

/// Returns the variables that lead another process to the same configuration.
pub(super) fn config_variables(source: &ConfigSource) -> Vec<(&'static str, String)> {
    match source {
        ConfigSource::File(_) => Vec::new(),
        ConfigSource::Environment(_) => CONFIG_VARIABLES.map(|name| (name, env::var(name).unwrap_or_default())).into(),
    }
}
