//! Environment files of the gateway's unit, which only root can read: they hold the tokens.

use crate::doctor::context::HostContext;
use crate::doctor::untrusted_file::{belongs_to, read_text_file};

/// Number of files that are read, at most.
const ENVIRONMENT_FILE_LIMIT: usize = 8;

/// Returns the variables in the unit's `EnvironmentFile=`s, except in files below the owner's home.
pub(super) fn read_gateway_environment(context: &HostContext) -> Vec<(String, String)> {
    let Ok(unit) = context.gateway_unit() else { return Vec::new() };
    let mut found = Vec::new();
    for file in unit.environment_files().take(ENVIRONMENT_FILE_LIMIT) {
        let path = context.system_path(file);
        if !context.owner.as_ref().is_ok_and(|owner| belongs_to(&path, owner)) {
            found.extend(read_text_file(&path).unwrap_or_default().lines().filter_map(parse_assignment));
        }
    }
    found
}

/// Parses `NAME=value` as systemd does, without its escapes and continuation lines.
fn parse_assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))?;
    let value = value.trim();
    let quoted = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    Some((name.trim().to_owned(), quoted('"').or(quoted('\'')).unwrap_or(value).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::parse_assignment;

    #[test]
    fn an_assignment_is_read_as_systemd_reads_it() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(parse_assignment("TOKEN=1:a=b"), pair("TOKEN", "1:a=b"));
        assert_eq!(parse_assignment(" TOKEN = \"1:a\" "), pair("TOKEN", "1:a"));
        assert_eq!(parse_assignment("TOKEN='1:a'"), pair("TOKEN", "1:a"));
        assert_eq!(parse_assignment("# TOKEN=1"), None);
        assert_eq!(parse_assignment("nothing"), None);
    }
}
