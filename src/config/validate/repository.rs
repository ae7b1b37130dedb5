//! Checks of the address of a git repository.

use crate::config::address::Address;
use crate::config::diagnostics::ValueError;
use crate::config::validate::names::check_user;

const REPOSITORY_EXAMPLE: &str = "such as \"git@example.org:me/memory.git\"";

/// Checks the address of a git repository: ssh, https or a local path. The value is not quoted: it may contain a
/// password.
pub(super) fn check_repository(url: &str) -> Result<(), ValueError> {
    if url.starts_with('-') {
        return Err("begins with '-', which git would read as an option".into());
    }
    if url.is_empty() || url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(format!("must be the address of a git repository, without spaces, {REPOSITORY_EXAMPLE}").into());
    }
    if url.contains("::") && !url.contains('[') {
        return Err("names a transport helper, which is a program; use ssh, https or a path".into());
    }
    match url.split_once("://") {
        Some((scheme, rest)) => check_repository_url(scheme, rest),
        None if url.starts_with('/') => Ok(()),
        None => check_scp_address(url),
    }
}

fn check_repository_url(scheme: &str, rest: &str) -> Result<(), ValueError> {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    match (scheme, user) {
        ("https" | "file", Some(_)) => {
            return Err(
                "contains a user or token, and this file is world-readable; store it in a git credential helper \
                 (`git help credentials`)"
                    .into(),
            );
        }
        ("ssh", Some(user)) if user.contains(':') => {
            return Err("has a password in it, and this file is world-readable; use an ssh key".into());
        }
        ("ssh", Some(user)) => check_user(user)?,
        ("https" | "ssh" | "file", None) => {}
        _ => {
            return Err("must use ssh, https or a local path; other transports are neither private nor safe".into());
        }
    }
    match (scheme, host) {
        ("file", "" | "localhost") => {}
        ("file", _) => {
            return Err("names a host, but file:// is for local paths, such as file:///srv/memory.git".into());
        }
        ("ssh", host) => drop(Address::parse(host, Some(22))?),
        (_, host) => drop(Address::parse(host, Some(443))?),
    }
    check_repository_path(path.strip_prefix('/').unwrap_or(path))
}

/// Checks `[user@]host:path`, git's short form for ssh.
fn check_scp_address(url: &str) -> Result<(), ValueError> {
    let shape = || {
        ValueError::from(format!(
            "must be an address that means the same on every host, {REPOSITORY_EXAMPLE}, https://… or an absolute path"
        ))
    };
    // A colon within brackets belongs to an IPv6 address.
    let end = url.find("]:").map_or_else(|| url.find(':'), |bracket| Some(bracket + 1));
    let (authority, path) = end.and_then(|end| Some((url.get(..end)?, url.get(end + 1..)?))).ok_or_else(shape)?;
    if authority.contains('/') {
        return Err(shape());
    }
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            check_user(user)?;
            host
        }
        None => authority,
    };
    if path.split('/').next().is_some_and(|first| first.contains('@') && first.contains(':')) {
        return Err("has a password in it, and this file is world-readable; use an ssh key".into());
    }
    Address::parse(host, Some(22))?;
    check_repository_path(path)
}

fn check_repository_path(path: &str) -> Result<(), ValueError> {
    match path {
        "" => Err(format!("names no repository on that host; write its path, {REPOSITORY_EXAMPLE}").into()),
        path if path.starts_with('-') => {
            Err("has a path that begins with '-', which git would read as an option".into())
        }
        _ => Ok(()),
    }
}
