//! Settings of the replaced shell monitor: the variables in its unit or its script.

use std::path::Path;

use crate::doctor::{belongs_to, read_text_file};
use crate::os::systemd::UnitProperties;
use crate::os::{ChildCommand, Owner};
use crate::setup::target::ROOT_PATH;
use crate::setup::units::SHELL_MONITOR_UNIT;

/// Size limit of its script, in bytes.
const SCRIPT_SIZE_LIMIT: usize = 64 * 1024;

/// Returns a variable of the shell monitor from its unit or its script, if this host has one.
pub fn find_variable(name: &str) -> Option<String> {
    let unit =
        UnitProperties::query(new_command("systemctl"), SHELL_MONITOR_UNIT).ok().filter(UnitProperties::is_loaded)?;
    if let Some(value) = unit.environment_variable(name) {
        return Some(strip_quotes(value));
    }
    let owner = ["openclaw", "nobody"].iter().find_map(|user| Owner::look_up(new_command("getent"), user).ok())?;
    let script =
        unit.start_command().into_iter().filter(|word| word.starts_with('/') && !word.ends_with("/openclaw-failover"));
    unit.environment_files().chain(script).find_map(|file| find_assignment(&read_text(Path::new(file), &owner)?, name))
}

fn new_command(program: &str) -> ChildCommand {
    ChildCommand::new(program).env("PATH", ROOT_PATH).dir("/").limit(SCRIPT_SIZE_LIMIT)
}

/// Returns the content of a file. A file of the agent's is read as the agent's user, never as root.
fn read_text(file: &Path, owner: &Owner) -> Option<String> {
    if !belongs_to(file, owner) {
        return read_text_file(file).ok();
    }
    let words = owner.setpriv_args().into_iter().chain(["cat".into(), "--".into(), file.into()]);
    new_command("setsid").args(words).run().ok().map(|said| said.stdout)
}

/// Returns the value that a shell script or an environment file assigns to a variable.
fn find_assignment(text: &str, name: &str) -> Option<String> {
    let value = text.lines().find_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("export ").unwrap_or(line).trim_start().strip_prefix(name)?.strip_prefix('=')
    })?;
    let value = strip_quotes(value.split(" #").next().unwrap_or_default());
    // The default in `${PRIMARY_IP:-100.64.0.1}` is the value.
    let inner = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    Some(inner.and_then(|rest| rest.split_once(":-")).map_or(value.clone(), |(_, default)| strip_quotes(default)))
}

fn strip_quotes(value: &str) -> String {
    value.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::find_assignment;

    #[test]
    fn a_script_tells_what_it_sets() {
        let script = "#!/bin/bash\n# PRIMARY_IP=no\nPRIMARY_IP=\"${PRIMARY_IP:-100.64.0.1}\" # the tailnet\n\
            \x20 export FAIL='3'\n\
            PRIMARY_IP=later\n";
        assert_eq!(find_assignment(script, "PRIMARY_IP").as_deref(), Some("100.64.0.1"));
        assert_eq!(find_assignment(script, "FAIL").as_deref(), Some("3"));
        assert_eq!(find_assignment(script, "IP"), None);
    }
}
