//! Checks of the secrets that rsync copies.

use crate::config::address::Address;
use crate::config::diagnostics::{Diagnostics, ValueError, quote};
use crate::config::model::{SecretConfig, WorkspaceConfig};
use crate::config::state_paths::{forbidden_reason, forbidden_reason_of_path, split_path};
use crate::config::validate::names;
use crate::config::validate::values::{check_required, list_items};

const SOURCE_EXAMPLE: &str = "\"openclaw@100.64.0.1:.openclaw/standby.env\"";

/// Checks every source and target, alone and together with the workspace.
pub(super) fn check_secrets(secrets: &[SecretConfig], workspace: &WorkspaceConfig, problems: &Diagnostics) {
    for (index, (path, secret)) in list_items("secrets", secrets, problems).enumerate() {
        let source = format!("{path}.source");
        if let Some(text) = check_required(&source, &secret.source, SOURCE_EXAMPLE, problems) {
            problems.check(&source, check_source(text));
        }
        let target = format!("{path}.target");
        if !problems.has_problem(&target) {
            problems.check(&target, check_target(secret, workspace));
        }
        if secrets.iter().take(index).any(|other| other == secret) {
            problems.add(&path, "is the same as an earlier entry; remove one of them");
        }
    }
}

/// Checks a source: `user@host:path` over ssh, and no other form that rsync accepts. The text is quoted only after its
/// form is known to contain no password.
fn check_source(source: &str) -> Result<(), ValueError> {
    let shape = format!("must be user@host:path, such as {SOURCE_EXAMPLE}");
    if source.starts_with('-') {
        return Err(format!("begins with '-', which rsync would read as an option; {shape}").into());
    }
    let Some((user, rest)) = source.split_once('@') else {
        return Err(shape.into());
    };
    names::check_user(user).map_err(|why| format!("{why}; {shape}"))?;
    let end_of_host = rest.find("]:").map_or_else(|| rest.find(':'), |bracket| Some(bracket + 1));
    let Some((host, path)) = end_of_host.and_then(|end| rest.split_at_checked(end)) else {
        return Err(format!("has no ':' after the host; {shape}").into());
    };
    Address::parse(host, Some(22))?;
    let path = path.strip_prefix(':').unwrap_or(path);
    if path.starts_with(':') {
        return Err(format!("names an rsync daemon, which encrypts nothing; {shape}").into());
    }
    Ok(check_remote_path(path).map_err(|why| format!("{} cannot be copied: {why}", quote(source)))?)
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

fn check_target(secret: &SecretConfig, workspace: &WorkspaceConfig) -> Result<(), ValueError> {
    let (target, workspace) = (&secret.target, &workspace.path);
    let why = if let Some(why) = forbidden_reason_of_path(target) {
        why.to_owned()
    } else if target.starts_with(workspace) {
        format!("it is inside workspace.path ({}), so git would push the secrets", workspace.display())
    } else if workspace.starts_with(target) {
        format!("it contains workspace.path ({}); name a separate directory", workspace.display())
    } else {
        return Ok(());
    };
    Err(format!("{} cannot be a target: {why}", quote(&target.to_string_lossy())).into())
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
            let problem = check_source(source).unwrap_err().to_string();
            assert!(problem.contains(hint), "{source}: {problem}");
            assert!(!problem.contains("hunter2"));
        }
    }
}
