//! Remedies for a refusal of git, ssh or a git host, as far as their words tell.
//!
//! Each case has the words by which it is known, what they mean, and a command. Commands are for the workspace's owner,
//! and work as they stand here: tests/workspace/advice.rs types each of them.

use std::path::Path;

use crate::config::Workspace;
use crate::host::printable;

/// Length limit of what is quoted of an address, in characters.
const ADDRESS_LIMIT: usize = 200;

/// The place of a refusal: workspace, remote and branches.
pub(super) struct Place<'a> {
    pub(super) workspace: &'a Workspace,
    /// The address of the remote, where it has one.
    pub(super) url: Option<&'a str>,
    /// The name of this host, under which it keeps branches.
    pub(super) host: &'a str,
    /// The branches that were refused, without `refs/heads/`.
    pub(super) branches: &'a [String],
    /// True if the remote has a commit that the refused ones follow.
    pub(super) is_begun: bool,
}

/// Words by which a case is known, in lower case, and what to say then.
type Case = (&'static [&'static str], fn(&Place<'_>, &str) -> String);

/// The cases, of which the first that fits counts.
const CASES: [Case; 15] = [
    (&["has changed and you have requested strict", "remote host identification has changed"], changed_key),
    (&["host key verification failed", "host key is known for"], unknown_key),
    (&["exists; cannot create"], name_taken),
    (&["old, conflicting branches"], |place, _| {
        let (path, remote) = (place.path(), &place.workspace.remote);
        format!(
            "branches that the remote no longer has are still known here; forget them: \
             git -C {path} remote prune {remote}"
        )
    }),
    (
        &["gh013", "push protection", "contain secrets", "contains secrets", "secret detected", "secrets detected"],
        secret,
    ),
    (&["gh001", "large file", "exceeds", "too large", "file size limit", "max file size"], large),
    (&["quota", "no space left", "disk full"], |_, _| {
        "the git host has no space left; free some there, or raise its limit".to_owned()
    }),
    (&["gh006", "protected branch", "protected branches", "not allowed to push", "not allowed to force"], protected),
    (&["read only", "read-only", "write access", "denied to", "insufficient permission", "error: 403"], no_write),
    (&["permission denied (", "permission denied, please"], no_key),
    (
        &["authentication failed", "could not read username", "could not read password", "error: 401", "http basic"],
        no_password,
    ),
    (
        &["repository not found", "not appear to be a git repository", "could not be found", "error: 404", "not found"],
        no_repository,
    ),
    (&["shallow update not allowed", "shallow"], |place, _| {
        let (path, remote) = (place.path(), &place.workspace.remote);
        format!("the history here is cut off; complete it: git -C {path} fetch --unshallow {remote}")
    }),
    (&["dubious ownership"], |place, _| {
        format!("the workspace is another user's; as root: chown -R openclaw: {}", place.path())
    }),
    (&["hook declined", "repository rule", "[remote rejected]"], |_, _| {
        "a rule of the git host refuses it; change that rule there, or what it says is wrong with the commits"
            .to_owned()
    }),
];

/// Says what to do, behind a semicolon; empty where the words tell nothing.
pub(super) fn of(said: &str, place: &Place<'_>) -> String {
    let lower = said.to_lowercase();
    let case = CASES.iter().find(|(words, _)| words.iter().any(|words| lower.contains(words)));
    case.map_or_else(String::new, |(_, advice)| format!("; {}", advice(place, said)))
}

impl Place<'_> {
    fn path(&self) -> String {
        quoted(&self.workspace.path)
    }

    /// The arguments with which ssh goes where git goes: `git@host`, with a port where it is another.
    fn login(&self, said: &str) -> String {
        let url = self.url.unwrap_or_default();
        if let Some(rest) = url.strip_prefix("ssh://") {
            let authority = rest.split('/').next().unwrap_or_default();
            return match authority.rsplit_once(':') {
                Some((host, port)) if port.parse::<u16>().is_ok() => format!("-p {port} {}", word(host)),
                _ => word(authority),
            };
        }
        match url.split_once(':') {
            Some((host, _)) if !host.contains('/') => word(host),
            _ => named_host(said).unwrap_or_else(|| "HOST".to_owned()),
        }
    }

    /// The commit that this role's unsent commits follow, as a word for a shell.
    fn sent(&self) -> String {
        let Workspace { remote, branch, .. } = self.workspace;
        if self.branches.iter().any(|refused| refused == branch) {
            return format!("{remote}/{branch}");
        }
        let (path, own) = (self.path(), super::names::own(self.host));
        format!(
            "$(git -C {path} rev-parse -q --verify refs/remotes/{remote}/{own} || \
             git -C {path} rev-parse {remote}/{branch})"
        )
    }
}

/// The host that ssh names: `Host key for HOST has changed`, `No ED25519 host key is known for HOST and …`.
fn named_host(said: &str) -> Option<String> {
    let rest = ["ost key for ", "is known for "].iter().find_map(|before| said.split_once(before))?.1;
    rest.split_whitespace().next().map(word)
}

fn changed_key(place: &Place<'_>, said: &str) -> String {
    let host = named_host(said).unwrap_or_else(|| place.login(said).rsplit('@').next().unwrap_or_default().to_owned());
    format!(
        "that host has another ssh key than before: it was set up again, or another host answers in its place. Ask its \
         owner for the new fingerprint first; then: ssh-keygen -R '{host}'; ssh -T {} \
         (it shows the fingerprint and asks)",
        place.login(said)
    )
}

fn unknown_key(place: &Place<'_>, said: &str) -> String {
    format!(
        "the ssh key of that host is not known here yet. Compare the fingerprint that this shows with the one that its \
         owner publishes, and answer yes: ssh -T {}",
        place.login(said)
    )
}

fn name_taken(place: &Place<'_>, _: &str) -> String {
    let (path, remote) = (place.path(), &place.workspace.remote);
    format!(
        "a branch named failover leaves no space for failover/{host}; give it another name: \
         git -C {path} fetch -q {remote} failover && \
         git -C {path} push -q {remote} FETCH_HEAD:refs/heads/failover-old :refs/heads/failover; \
         git -C {path} remote prune {remote}",
        host = place.host
    )
}

fn secret(place: &Place<'_>, _: &str) -> String {
    again(place, "take the secret out of that file, or allow it on the git host")
}

fn large(place: &Place<'_>, _: &str) -> String {
    again(place, "move the file out of the workspace, or set workspace.max_file below the limit of the git host")
}

/// Has the commits made again that are not sent yet: they are refused for what is in them, whatever the file says now.
fn again(place: &Place<'_>, first: &str) -> String {
    let path = place.path();
    let forget = if place.is_begun { format!("reset -q --soft {}", place.sent()) } else { "update-ref -d HEAD".into() };
    format!("{first}; then have what is not sent yet committed again: git -C {path} {forget}")
}

fn protected(place: &Place<'_>, _: &str) -> String {
    let branches = place.branches.join(", ");
    let branches = if branches.is_empty() { &place.workspace.branch } else { &branches };
    format!("allow this host's key to push to {branches} there, past the rule that protects it")
}

fn no_write(place: &Place<'_>, said: &str) -> String {
    if said.contains("insufficient permission") {
        return "files of the repository there are another user's; on that host, as root: chown -R USER: REPOSITORY"
            .into();
    }
    let what = if place.url.is_some_and(|url| url.starts_with("https://")) { "password or token" } else { "ssh key" };
    format!("the git host knows this user's {what} and lets it read alone; allow it to write there")
}

fn no_key(place: &Place<'_>, said: &str) -> String {
    format!(
        "that host does not accept this user's ssh key; add it there, as a deploy key that may write: cat ~/.ssh/*.pub \
         (to see which is offered: ssh -vT {})",
        place.login(said)
    )
}

fn no_password(place: &Place<'_>, _: &str) -> String {
    let (path, remote) = (place.path(), &place.workspace.remote);
    format!(
        "the git host asks for a password or token that git does not have; give it one: git config --global \
         credential.helper store && git -C {path} fetch {remote}"
    )
}

fn no_repository(place: &Place<'_>, _: &str) -> String {
    let (path, remote) = (place.path(), &place.workspace.remote);
    let url = place.url.map_or_else(|| "URL".to_owned(), |url| printable(&super::report::text(url), ADDRESS_LIMIT));
    format!(
        "there is no repository at {url}, or this user may not see it; correct the address: \
         git -C {path} remote set-url {remote} URL"
    )
}

/// A path as one word of a shell.
pub(super) fn quoted(path: &Path) -> String {
    quoted_text(&path.display().to_string())
}

/// A text as one word of a shell.
pub(super) fn quoted_text(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:".contains(c);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// A host's name, without what a shell would take for more.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "@.:-_[]".contains(*c)).collect()
}
