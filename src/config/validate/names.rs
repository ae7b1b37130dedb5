//! Checks of names: upstreams, channels, units, credentials, users, git remotes and branches.

use crate::config::decode::CREDENTIALS;
use crate::config::diagnostics::{ValueError, quote};

/// Maximum length of the name of an upstream, channel or credential. Tokens are longer.
const MAX_NAME_BYTES: usize = 32;

/// Maximum length of a unit name (systemd.unit(5)), also applied to git remotes and branches.
const MAX_UNIT_NAME_BYTES: usize = 255;

/// Units of this program; none of them is a gateway.
const OWN_UNITS: [&str; 5] = [
    "openclaw-failover.service",
    "openclaw-failover-check.service",
    "openclaw-health-monitor.service",
    "openclaw-sync-pull.service",
    "openclaw-sync-push.service",
];

/// Checks a name that appears in tables and file names.
pub(super) fn check_short_name(name: &str) -> Result<(), ValueError> {
    if is_short_name(name) {
        return Ok(());
    }
    Err(format!(
        "{} is not a valid name; use at most {MAX_NAME_BYTES} letters, digits, '.', '_' and '-', \
         a letter or digit first",
        quote(name)
    )
    .into())
}

/// Checks the name of a credential. The value is never quoted: it may be the secret itself.
pub(super) fn check_credential(name: &str) -> Result<(), ValueError> {
    if is_short_name(name) {
        return Ok(());
    }
    Err(format!(
        "must be the name of a file in {CREDENTIALS} (at most {MAX_NAME_BYTES} letters, digits, '.', '_' and '-'); if \
         this is the secret itself, move it into such a file"
    )
    .into())
}

fn is_short_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Checks the unit name of this host's gateway, by the rules of systemd.unit(5).
pub(super) fn check_unit(name: &str) -> Result<(), ValueError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    let what = if OWN_UNITS.contains(&name) {
        "is a unit of openclaw-failover itself; name the gateway's unit, such as \"openclaw.service\""
    } else if name.starts_with('-') {
        "begins with '-', which systemctl would read as an option"
    } else if name.is_empty() || !name.bytes().all(is_allowed) || name.len() > MAX_UNIT_NAME_BYTES {
        "is not a valid unit name; use letters, digits and ':', '-', '_', '.', '\\', '@', at most 255"
    } else if !name.ends_with(".service") {
        let stem = name.split('.').next().unwrap_or_default();
        return Err(format!("{} is not a service; did you mean \"{stem}.service\"?", quote(name)).into());
    } else if name == ".service" || name.starts_with('@') {
        "has nothing before its suffix"
    } else if name.ends_with("@.service") {
        "is a template; name an instance of it, such as \"openclaw@main.service\""
    } else {
        return Ok(());
    };
    Err(format!("{} {what}", quote(name)).into())
}

/// Checks the name of a git remote. A URL is not quoted: it may contain a password.
pub(super) fn check_remote(name: &str) -> Result<(), ValueError> {
    if name.contains([':', '@']) {
        return Err("must be the name of a git remote, such as \"origin\", not a URL; see `git remote -v`".into());
    }
    let error = ref_name_error(name);
    error.map_or(Ok(()), |why| Err(format!("{} is not a valid remote name: {why}", quote(name)).into()))
}

/// Checks the name of an ssh user.
pub(super) fn check_user(user: &str) -> Result<(), ValueError> {
    let is_sound = user.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_sound { Ok(()) } else { Err("has no valid user name before the @".into()) }
}

/// Checks the name of a git branch, by the rules of git-check-ref-format(1).
pub(super) fn check_branch(name: &str) -> Result<(), ValueError> {
    let own = name == "failover" || name.starts_with("failover/");
    let why = if own {
        Some("standbys write failover/…; name the branch that the primary writes, such as \"main\"")
    } else if name.starts_with("refs/") {
        Some("write the branch alone, without refs/heads/")
    } else if name == "HEAD" {
        Some("write the branch that HEAD points to, such as \"main\"")
    } else {
        ref_name_error(name)
    };
    why.map_or(Ok(()), |why| Err(format!("{} cannot be used as the branch: {why}", quote(name)).into()))
}

fn ref_name_error(name: &str) -> Option<&'static str> {
    let part_is_wrong = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if name.starts_with('-') {
        Some("it begins with '-', which git would read as an option")
    } else if name.len() > MAX_UNIT_NAME_BYTES {
        Some("it is longer than 255 bytes")
    } else if name.contains(|c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c)) {
        Some("git allows no spaces, control characters or any of ~ ^ : ? * [ \\ in it")
    } else if name.contains("..") || name.contains("@{") || name == "@" || name.ends_with('.') {
        Some("git allows no '..', no '@{', no '@' alone and no '.' at its end")
    } else if name.split('/').any(part_is_wrong) {
        Some("between its slashes git allows nothing empty, no leading '.' and no trailing \".lock\"")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::validate::repository::check_repository;

    type Check = fn(&str) -> Result<(), ValueError>;

    #[test]
    fn sound_names_pass() {
        for name in ["primary", "a", "host-2.example", "X_1"] {
            assert_eq!(check_short_name(name), Ok(()));
            assert_eq!(check_credential(name), Ok(()));
        }
        for name in ["openclaw.service", "openclaw@main.service", "a\\x2db:c_d.service"] {
            assert_eq!(check_unit(name), Ok(()));
        }
        for name in ["main", "feature/x-1", "a.b", "v1@2", "ünïcode"] {
            assert_eq!(check_branch(name), Ok(()));
        }
        assert_eq!(check_remote("origin"), Ok(()));
        for url in ["git@example.org:me/m.git", "ssh://git@[fd7a::1]:22/m", "https://example.org/m", "/srv/m.git"] {
            assert_eq!(check_repository(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn wrong_names_say_why() {
        let cases: [(Check, &str, &str); 36] = [
            (check_short_name, "", "valid name"),
            (check_short_name, "-x", "valid name"),
            (check_short_name, ".hidden", "valid name"),
            (check_short_name, "a b", "valid name"),
            (check_short_name, "näme", "valid name"),
            (check_credential, "../x", "name of a file"),
            (check_credential, "a/b", "name of a file"),
            (check_credential, "0123456789abcdef0123456789abcdef0", "secret itself"),
            (check_unit, "openclaw", "did you mean \"openclaw.service\""),
            (check_unit, "openclaw.timer", "did you mean \"openclaw.service\""),
            (check_unit, "", "valid unit"),
            (check_unit, "-x.service", "option"),
            (check_unit, "a b.service", "valid unit"),
            (check_unit, "a/b.service", "valid unit"),
            (check_unit, ".service", "nothing before"),
            (check_unit, "@x.service", "nothing before"),
            (check_unit, "openclaw@.service", "template"),
            (check_unit, "openclaw-failover.service", "itself"),
            (check_remote, "git@example.org:me/memory.git", "not a URL"),
            (check_remote, "https://me:hunter2@example.org/x.git", "not a URL"),
            (check_remote, "--upload-pack=x", "option"),
            (check_repository, "-u@host:x", "option"),
            (check_repository, "", "address"),
            (check_repository, "memory.git", "means the same on every host"),
            (check_repository, "./a:b", "means the same on every host"),
            (check_repository, "ext::sh -c x", "spaces"),
            (check_repository, "ext::sh", "a program"),
            (check_repository, "https://hunter2@example.org/x.git", "token"),
            (check_repository, "git://example.org/x.git", "private"),
            (check_branch, "-f", "option"),
            (check_branch, "a..b", "'..'"),
            (check_branch, "a\nb", "control"),
            (check_branch, "a//b", "empty"),
            (check_branch, "x.lock", ".lock"),
            (check_branch, "failover/host", "standbys"),
            (check_branch, "refs/heads/main", "without refs"),
        ];
        for (check, name, hint) in cases {
            let problem = check(name).unwrap_err().to_string();
            assert!(problem.contains(hint), "{name}: {problem}");
            assert!(!problem.contains("hunter2") && !problem.contains("0123456789"));
        }
    }
}
