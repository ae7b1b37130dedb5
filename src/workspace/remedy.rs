//! Remedies for errors of git, ssh or a git host, chosen by the text of the error.
//!
//! Each case has the texts that identify it and a command for the workspace's owner. The commands work as printed:
//! tests/workspace/advice.rs runs each of them.

use std::path::Path;

use crate::config::WorkspaceConfig;
use crate::text::to_printable;
use crate::workspace::safe_text::safe_text;

/// Length limit of a quoted URL, in characters.
const URL_LENGTH_LIMIT: usize = 200;

/// Workspace, remote and branches of a refused operation.
pub(super) struct RefusalContext<'a> {
    pub(super) workspace: &'a WorkspaceConfig,
    /// URL of the remote, if it has one.
    pub(super) url: Option<&'a str>,
    /// Name of this host, used in its branches.
    pub(super) host: &'a str,
    /// Refused branches, without `refs/heads/`.
    pub(super) refused_branches: &'a [String],
    /// True if the remote has a commit that precedes the refused ones.
    pub(super) is_begun: bool,
}

/// Texts that identify a case, in lower case, and the function that returns its remedy.
type RefusalCase = (&'static [&'static str], fn(&RefusalContext<'_>, &str) -> String);

/// Known cases; the first match counts.
const REFUSAL_CASES: [RefusalCase; 15] = [
    (&["has changed and you have requested strict", "remote host identification has changed"], changed_host_key),
    (&["host key verification failed", "host key is known for"], unknown_host_key),
    (&["exists; cannot create"], blocked_branch_name),
    (&["old, conflicting branches"], |context, _| {
        let (path, remote) = (context.quoted_path(), &context.workspace.remote);
        format!(
            "branches that the remote no longer has are still known here; forget them: \
             git -C {path} remote prune {remote}"
        )
    }),
    (
        &["gh013", "push protection", "contain secrets", "contains secrets", "secret detected", "secrets detected"],
        committed_secret,
    ),
    (&["gh001", "large file", "exceeds", "too large", "file size limit", "max file size"], committed_large_file),
    (&["quota", "no space left", "disk full"], |_, _| {
        "the git host has no space left; free space there, or raise its limit".to_owned()
    }),
    (
        &["gh006", "protected branch", "protected branches", "not allowed to push", "not allowed to force"],
        protected_branch,
    ),
    (
        &["read only", "read-only", "write access", "denied to", "insufficient permission", "error: 403"],
        read_only_access,
    ),
    (&["permission denied (", "permission denied, please"], rejected_ssh_key),
    (
        &["authentication failed", "could not read username", "could not read password", "error: 401", "http basic"],
        missing_password,
    ),
    (
        &["repository not found", "not appear to be a git repository", "could not be found", "error: 404", "not found"],
        missing_repository,
    ),
    (&["shallow update not allowed", "shallow"], |context, _| {
        let (path, remote) = (context.quoted_path(), &context.workspace.remote);
        format!("this repository is a shallow clone; fetch its whole history: git -C {path} fetch --unshallow {remote}")
    }),
    (&["dubious ownership"], |context, _| {
        format!("the workspace belongs to another user; as root: chown -R openclaw: {}", context.quoted_path())
    }),
    (&["hook declined", "repository rule", "[remote rejected]"], |_, _| {
        "a rule of the git host refuses the push; change that rule there, or fix the commits as it says".to_owned()
    }),
];

/// Returns the remedy after a semicolon and a space; empty if no case matches.
pub(super) fn remedy_for(error_text: &str, context: &RefusalContext<'_>) -> String {
    let lower = error_text.to_lowercase();
    let case = REFUSAL_CASES.iter().find(|(words, _)| words.iter().any(|words| lower.contains(words)));
    case.map_or_else(String::new, |(_, advice)| format!("; {}", advice(context, error_text)))
}

impl RefusalContext<'_> {
    fn quoted_path(&self) -> String {
        quote_for_shell(&self.workspace.path)
    }

    /// Returns ssh's arguments for the host that git uses: `git@host`, with the port if it is not the default.
    fn ssh_login(&self, error_text: &str) -> String {
        let url = self.url.unwrap_or_default();
        if let Some(rest) = url.strip_prefix("ssh://") {
            let authority = rest.split('/').next().unwrap_or_default();
            return match authority.rsplit_once(':') {
                Some((host, port)) if port.parse::<u16>().is_ok() => format!("-p {port} {}", shell_safe_host(host)),
                _ => shell_safe_host(authority),
            };
        }
        match url.split_once(':') {
            Some((host, _)) if !host.contains('/') => shell_safe_host(host),
            _ => find_host_name(error_text).unwrap_or_else(|| "HOST".to_owned()),
        }
    }

    /// Returns a shell expression for the last commit that the remote has from this host.
    fn last_pushed_commit(&self) -> String {
        let WorkspaceConfig { remote, branch, .. } = self.workspace;
        if self.refused_branches.iter().any(|refused| refused == branch) {
            return format!("{remote}/{branch}");
        }
        let (path, own) = (self.quoted_path(), crate::workspace::ref_names::own_branch(self.host));
        format!(
            "$(git -C {path} rev-parse -q --verify refs/remotes/{remote}/{own} || \
             git -C {path} rev-parse {remote}/{branch})"
        )
    }
}

/// Finds the host in ssh's text: `Host key for HOST has changed`, `No ED25519 host key is known for HOST and …`.
fn find_host_name(error_text: &str) -> Option<String> {
    let rest = ["ost key for ", "is known for "].iter().find_map(|before| error_text.split_once(before))?.1;
    rest.split_whitespace().next().map(shell_safe_host)
}

fn changed_host_key(context: &RefusalContext<'_>, error_text: &str) -> String {
    let host = find_host_name(error_text)
        .unwrap_or_else(|| context.ssh_login(error_text).rsplit('@').next().unwrap_or_default().to_owned());
    format!(
        "that host's ssh key has changed: it was reinstalled, or another host answers at its address. Ask its owner \
         for the new fingerprint first; then: ssh-keygen -R '{host}'; ssh -T {} (shows the fingerprint and asks)",
        context.ssh_login(error_text)
    )
}

fn unknown_host_key(context: &RefusalContext<'_>, error_text: &str) -> String {
    format!(
        "that host's ssh key is not known on this host. Compare the fingerprint that this command shows with the \
         published one, and answer yes: ssh -T {}",
        context.ssh_login(error_text)
    )
}

fn blocked_branch_name(context: &RefusalContext<'_>, _: &str) -> String {
    let (path, remote) = (context.quoted_path(), &context.workspace.remote);
    format!(
        "the remote's branch failover blocks the name failover/{host}; rename it: \
         git -C {path} fetch -q {remote} failover && \
         git -C {path} push -q {remote} FETCH_HEAD:refs/heads/failover-old :refs/heads/failover; \
         git -C {path} remote prune {remote}",
        host = context.host
    )
}

fn committed_secret(context: &RefusalContext<'_>, _: &str) -> String {
    redo_unpushed_commits(context, "remove the secret from that file, or allow it on the git host")
}

fn committed_large_file(context: &RefusalContext<'_>, _: &str) -> String {
    redo_unpushed_commits(
        context,
        "move the file out of the workspace, or set workspace.max_file below the limit of the git host",
    )
}

/// Returns commands that redo the unpushed commits. A git host judges each commit, not the file's latest version.
fn redo_unpushed_commits(context: &RefusalContext<'_>, first: &str) -> String {
    let path = context.quoted_path();
    let forget = if context.is_begun {
        format!("reset -q --soft {}", context.last_pushed_commit())
    } else {
        "update-ref -d HEAD".into()
    };
    format!("{first}; then redo the unpushed commits: git -C {path} {forget}")
}

fn protected_branch(context: &RefusalContext<'_>, _: &str) -> String {
    let branches = context.refused_branches.join(", ");
    let branches = if branches.is_empty() { &context.workspace.branch } else { &branches };
    format!("allow this host's key to push to {branches} at the git host, where a rule protects it")
}

fn read_only_access(context: &RefusalContext<'_>, error_text: &str) -> String {
    if error_text.contains("insufficient permission") {
        return "files of the remote repository belong to another user; on that host, as root: chown -R USER: REPOSITORY"
            .into();
    }
    let what = if context.url.is_some_and(|url| url.starts_with("https://")) { "password or token" } else { "ssh key" };
    format!("this user's {what} has read access only; give it write access at the git host")
}

fn rejected_ssh_key(context: &RefusalContext<'_>, error_text: &str) -> String {
    format!(
        "that host does not accept this user's ssh key; add it there, as a deploy key with write access: \
         cat ~/.ssh/*.pub (to see which key is offered: ssh -vT {})",
        context.ssh_login(error_text)
    )
}

fn missing_password(context: &RefusalContext<'_>, _: &str) -> String {
    let (path, remote) = (context.quoted_path(), &context.workspace.remote);
    format!(
        "the git host asks for a password or token, and git has none; store one: git config --global \
         credential.helper store && git -C {path} fetch {remote}"
    )
}

fn missing_repository(context: &RefusalContext<'_>, _: &str) -> String {
    let (path, remote) = (context.quoted_path(), &context.workspace.remote);
    let url = context.url.map_or_else(|| "URL".to_owned(), |url| to_printable(&safe_text(url), URL_LENGTH_LIMIT));
    format!(
        "there is no repository at {url}, or this user has no access to it; set the right URL: \
         git -C {path} remote set-url {remote} URL"
    )
}

/// Quotes a path as one shell argument.
pub(super) fn quote_for_shell(path: &Path) -> String {
    quoted_text(&path.display().to_string())
}

/// Quotes a text as one shell argument.
pub(super) fn quoted_text(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:".contains(c);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Removes the characters of a host name that have a meaning in a shell.
fn shell_safe_host(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "@.:-_[]".contains(*c)).collect()
}
