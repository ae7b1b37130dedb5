//! Paths that two hosts must never share, recognised by name.
//!
//! OpenClaw's directory holds more than secrets: sessions that ratchet, logins that rotate, allow-lists. A copy logs
//! out the host that it came from, or lets the wrong people in here, so these paths are refused with the reason.

use std::path::Path;

/// Splits a path into its parts. `.` and repeated slashes are dropped.
///
/// # Errors
/// For `..` and control characters.
pub(super) fn split_path(path: &str) -> Result<Vec<&str>, &'static str> {
    if path.contains(char::is_control) {
        return Err("it contains a control character");
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err("it contains '..'; write the path without it");
    }
    Ok(parts)
}

/// Splits an absolute path into its parts.
///
/// # Errors
/// For a relative path, and as [`split_path`].
pub(super) fn split_absolute_path(path: &str) -> Result<Vec<&str>, &'static str> {
    let parts = split_path(path)?;
    if path.starts_with('/') { Ok(parts) } else { Err("it must be absolute, beginning with '/'") }
}

/// Returns why an absolute path is or contains state that two hosts must not share. A path that cannot be split is
/// reported by its own check.
pub(super) fn forbidden_reason_of_path(path: &Path) -> Option<&'static str> {
    forbidden_reason(true, &split_path(path.to_str()?).ok()?)
}

/// Returns why a path is or contains state that two hosts must not share. A relative path starts at the home.
pub(super) fn forbidden_reason(absolute: bool, parts: &[&str]) -> Option<&'static str> {
    // `openclaw --profile NAME` keeps its state in `.openclaw-NAME`.
    let is_openclaw = |part: &&str| *part == ".openclaw" || part.starts_with(".openclaw-");
    let inside = parts.iter().position(is_openclaw);
    let below = inside.map(|index| parts.get(index + 1).copied());
    if parts.contains(&".ssh") {
        Some(".ssh holds the keys and known hosts that git and rsync themselves depend on")
    } else if parts.iter().any(|part| part.contains(".sqlite")) {
        Some("*.sqlite holds model logins, which rotate: a copy logs the other host out")
    } else if is_home(absolute, parts) {
        Some("it is or contains a whole home, with .ssh and .openclaw/credentials in it")
    } else {
        match below? {
            Some("credentials") => Some(
                ".openclaw/credentials holds WhatsApp sessions, which ratchet: a copy breaks the other host's; and \
                 allow-lists, which it would overwrite",
            ),
            Some("agents") => Some(".openclaw/agents holds model logins, which rotate: a copy logs the other host out"),
            Some("state") => Some(".openclaw/state is the live state of one gateway"),
            Some(_) => None,
            None => Some(
                "it contains .openclaw/credentials, .openclaw/agents and .openclaw/state, which two hosts must never \
                 share",
            ),
        }
    }
}

fn is_home(absolute: bool, parts: &[&str]) -> bool {
    let shallow = matches!(parts, ["home" | "root" | "var"] | ["home", _] | ["var", "lib"]);
    parts.is_empty() || (absolute && shallow)
}
