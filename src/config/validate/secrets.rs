//! Checks of the secrets that rsync copies, and of the workspace and other paths.

use std::path::{Path, PathBuf};

use crate::config::address::Address;
use crate::config::defaults::SECRETS_TARGET;
use crate::config::diagnostics::{Diagnostics, quote};
use crate::config::model::{SecretConfig, WorkspaceConfig};
use crate::config::schema::RawSecret;
use crate::config::span::Spanned;
use crate::config::validate::state_paths::{forbidden_reason, split_path};
use crate::config::validate::{check_required, names};

const SOURCE_EXAMPLE: &str = "\"openclaw@100.64.0.1:.openclaw/standby.env\"";

/// Checks every source and target, alone and together with the workspace.
pub(super) fn check_secrets(
    raw: Vec<RawSecret>,
    workspace: &WorkspaceConfig,
    problems: &Diagnostics,
) -> Vec<SecretConfig> {
    let mut secrets: Vec<SecretConfig> = Vec::new();
    for RawSecret { span: place, source, target } in raw {
        let source = check_required(source, &place, "source", SOURCE_EXAMPLE, problems);
        let target = Spanned::or_default(target, "secrets[].target", SECRETS_TARGET.to_owned());
        if let Some(source) = &source
            && let Err(what) = check_source(&source.value)
        {
            problems.add(&source.span, what);
        }
        check_target(&target, workspace, problems);
        let secret = SecretConfig {
            source: source.map_or_else(String::new, |source| source.value),
            target: PathBuf::from(target.value),
        };
        if secrets.contains(&secret) {
            problems.add(&place, "is the same as an earlier entry; remove one of them");
        }
        secrets.push(secret);
    }
    secrets
}

/// Checks a source: `user@host:path` over ssh, and no other form that rsync accepts. The text is quoted only after its
/// form is known to contain no password.
fn check_source(source: &str) -> Result<(), String> {
    let shape = format!("must be user@host:path, such as {SOURCE_EXAMPLE}");
    if source.starts_with('-') {
        return Err(format!("begins with '-', which rsync would read as an option; {shape}"));
    }
    let Some((user, rest)) = source.split_once('@') else {
        return Err(shape);
    };
    names::check_user(user).map_err(|why| format!("{why}; {shape}"))?;
    let end_of_host = rest.find("]:").map_or_else(|| rest.find(':'), |bracket| Some(bracket + 1));
    let Some((host, path)) = end_of_host.and_then(|end| rest.split_at_checked(end)) else {
        return Err(format!("has no ':' after the host; {shape}"));
    };
    Address::parse(host, Some(22))?;
    let path = path.strip_prefix(':').unwrap_or(path);
    if path.starts_with(':') {
        return Err(format!("names an rsync daemon, which encrypts nothing; {shape}"));
    }
    check_remote_path(path).map_err(|why| format!("{} cannot be copied: {why}", quote(source)))
}

/// Checks the remote path. A shell on the other host reads it, so only characters without a meaning to a shell are
/// allowed.
fn check_remote_path(path: &str) -> Result<(), &'static str> {
    let is_plain = |c: char| c.is_alphanumeric() || "._/-+=,@%".contains(c);
    if path.starts_with('~') {
        return Err("leave out the '~/'; a path without a leading '/' begins at the home");
    }
    if path.starts_with('-') {
        return Err("its path begins with '-', which rsync would read as an option");
    }
    if !path.chars().all(is_plain) {
        return Err("a shell on the other host reads its path; use only letters, digits and . _ / - + = , @ %");
    }
    forbidden_reason(path.starts_with('/'), &split_path(path)?).map_or(Ok(()), Err)
}

fn check_target(target: &Spanned<String>, workspace: &WorkspaceConfig, problems: &Diagnostics) {
    let Some(parts) = check_absolute_path(target, problems) else {
        return;
    };
    let path = Path::new(&target.value);
    let why = if let Some(why) = forbidden_reason(true, &parts) {
        why.to_owned()
    } else if path.starts_with(&workspace.path) {
        format!("it is inside workspace.path ({}), so git would push the secrets", workspace.path.display())
    } else if workspace.path.starts_with(path) {
        format!("it contains workspace.path ({}); name a separate directory", workspace.path.display())
    } else {
        return;
    };
    problems.add(&target.span, format!("{} cannot be a target: {why}", quote(&target.value)));
}

/// Checks the workspace path. Everything below it is pushed, so it must contain no state that belongs to one host.
pub(super) fn check_workspace_path(path: &Spanned<String>, problems: &Diagnostics) {
    if let Some(why) = check_absolute_path(path, problems).and_then(|parts| forbidden_reason(true, &parts)) {
        problems.add(&path.span, format!("{} cannot be the workspace: {why}", quote(&path.value)));
    }
}

/// Returns the parts of an absolute path; reports any other path.
pub(super) fn check_absolute_path<'a>(path: &'a Spanned<String>, problems: &Diagnostics) -> Option<Vec<&'a str>> {
    let why = match split_path(&path.value) {
        Ok(parts) if path.value.starts_with('/') => return Some(parts),
        Ok(_) => "it must be absolute, beginning with '/'",
        Err(why) => why,
    };
    problems.add(&path.span, format!("{} is not a usable path: {why}", quote(&path.value)));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_of_secrets_may_be_copied() {
        for source in [
            "openclaw@100.64.0.1:.openclaw/standby.env",
            "openclaw@claw.example.org:/home/openclaw/.openclaw/secrets/",
            "me@[fd7a::1]:.openclaw/secrets/standby.env",
            "me@host:secrets",
        ] {
            assert_eq!(check_source(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_reason() {
        let cases = [
            ("/etc/secrets", "user@host:path"),
            ("host:path", "user@host:path"),
            ("--rsh=sh@host:x", "option"),
            ("-e@host:x", "option"),
            ("rsync://me@host/module", "user name"),
            ("me:hunter2@host:x", "user name"),
            ("me@host::module", "daemon"),
            ("me@host", "no ':'"),
            ("me@:x", "no host"),
            ("me@-oProxyCommand=x:y", "read as an option"),
            ("me@host:", "home"),
            ("me@host:.", "home"),
            ("me@host:/", "home"),
            ("me@host:~/x", "leave out"),
            ("me@host:/home/openclaw/", "home"),
            ("me@host:/root", "home"),
            ("me@host:-x", "option"),
            ("me@host:$(reboot)", "shell"),
            ("me@host:a b", "shell"),
            ("me@host:*.env", "shell"),
            ("me@host:a/../.ssh", "'..'"),
            ("me@host:.ssh/id_ed25519", ".ssh"),
            ("me@host:.openclaw", "two hosts must never share"),
            ("me@host:.openclaw-work/", "two hosts must never share"),
            ("me@host:./.openclaw//credentials/whatsapp", "ratchet"),
            ("me@host:/home/x/.openclaw/agents/main", "rotate"),
            ("me@host:.openclaw/state", "live state"),
            ("me@host:x/openclaw-agent.sqlite-wal", "rotate"),
        ];
        for (source, hint) in cases {
            let problem = check_source(source).unwrap_err();
            assert!(problem.contains(hint), "{source}: {problem}");
            assert!(!problem.contains("hunter2"));
        }
    }
}
