//! Environment files of the gateway's unit, which only root can read: they hold the tokens.

use crate::doctor::context::World;
use crate::doctor::untrusted_file::{is_of, read};

/// Number of files that are read, at most.
const FILES: usize = 8;

/// Returns the variables in the unit's `EnvironmentFile=`s, except in files below the owner's home.
pub(super) fn values(world: &World) -> Vec<(String, String)> {
    let Ok(unit) = world.gateway() else { return Vec::new() };
    let mut found = Vec::new();
    for file in unit.values("EnvironmentFiles").take(FILES) {
        let path = file.split(" (").next().unwrap_or_default();
        let path = world.path(path);
        if !world.owner.as_ref().is_ok_and(|owner| is_of(&path, owner)) {
            found.extend(read(&path).unwrap_or_default().lines().filter_map(assignment));
        }
    }
    found
}

/// Parses `NAME=value` as systemd does, without its escapes and continuation lines.
fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))?;
    let value = value.trim();
    let quoted = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    Some((name.trim().to_owned(), quoted('"').or(quoted('\'')).unwrap_or(value).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::assignment;

    #[test]
    fn an_assignment_is_read_as_systemd_reads_it() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(assignment("TOKEN=1:a=b"), pair("TOKEN", "1:a=b"));
        assert_eq!(assignment(" TOKEN = \"1:a\" "), pair("TOKEN", "1:a"));
        assert_eq!(assignment("TOKEN='1:a'"), pair("TOKEN", "1:a"));
        assert_eq!(assignment("# TOKEN=1"), None);
        assert_eq!(assignment("nothing"), None);
    }
}
