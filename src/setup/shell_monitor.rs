//! Settings of the replaced shell monitor: the variables in its unit or its script.

use std::path::Path;

use crate::doctor::{Unit, is_of, read};
use crate::os::{Command, Owner};
use crate::setup::migration::OLD;
use crate::setup::target::PATH;

/// Size limit of its script, in bytes.
const SCRIPT: usize = 64 * 1024;

/// Returns a variable of the shell monitor from its unit or its script, if this host has one.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    let unit = Unit::ask(command("systemctl"), OLD).ok().filter(Unit::is_loaded)?;
    if let Some(value) = unit.variable(name) {
        return Some(plain(value));
    }
    let owner = ["openclaw", "nobody"].iter().find_map(|user| Owner::find(command("getent"), user).ok())?;
    let files = unit.values("EnvironmentFiles").map(|file| file.split(" (").next().unwrap_or_default());
    let script =
        unit.command().into_iter().filter(|word| word.starts_with('/') && !word.ends_with("/openclaw-failover"));
    files.chain(script).find_map(|file| assigned(&text(Path::new(file), &owner)?, name))
}

fn command(program: &str) -> Command {
    Command::new(program).env("PATH", PATH).dir("/").limit(SCRIPT)
}

/// Returns the content of a file. A file of the agent's is read as the agent's user, never as root.
fn text(file: &Path, owner: &Owner) -> Option<String> {
    if !is_of(file, owner) {
        return read(file).ok();
    }
    let words = owner.become_it().into_iter().chain(["cat".into(), "--".into(), file.into()]);
    command("setsid").args(words).run().ok().map(|said| said.stdout)
}

/// Returns the value that a shell script or an environment file assigns to a variable.
fn assigned(text: &str, name: &str) -> Option<String> {
    let value = text.lines().find_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("export ").unwrap_or(line).trim_start().strip_prefix(name)?.strip_prefix('=')
    })?;
    let value = plain(value.split(" #").next().unwrap_or_default());
    // The default in `${PRIMARY_IP:-100.64.0.1}` is the value.
    let inner = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    Some(inner.and_then(|rest| rest.split_once(":-")).map_or(value.clone(), |(_, default)| plain(default)))
}

fn plain(value: &str) -> String {
    value.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::assigned;

    #[test]
    fn a_script_tells_what_it_sets() {
        let script = "#!/bin/bash\n# PRIMARY_IP=no\nPRIMARY_IP=\"${PRIMARY_IP:-100.64.0.1}\" # the tailnet\n\
            \x20 export FAIL='3'\n\
            PRIMARY_IP=later\n";
        assert_eq!(assigned(script, "PRIMARY_IP").as_deref(), Some("100.64.0.1"));
        assert_eq!(assigned(script, "FAIL").as_deref(), Some("3"));
        assert_eq!(assigned(script, "IP"), None);
    }
}
