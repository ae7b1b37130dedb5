//! ssh: the key with which the agent's user shows who it is, and the keys by which it knows other hosts.

use super::State;
use super::site::Site;
use crate::doctor::{is_of, read};
use crate::host::printable;

/// Which hosts it knows.
const KNOWN: &str = ".ssh/known_hosts";

const HAS_KEY: &str = "[ -s .ssh/id_ed25519 ] && [ -s .ssh/id_ed25519.pub ]";

/// The private half comes last: while it is missing, there is no key.
const MAKE_KEY: &str = "mkdir -p .ssh; cd .ssh\n\
    if [ -s id_ed25519 ]; then ssh-keygen -y -f id_ed25519 >.new.pub; mv .new.pub id_ed25519.pub; exit; fi\n\
    rm -f .new .new.pub; ssh-keygen -q -t ed25519 -N '' -C openclaw@$(uname -n) -f .new\n\
    mv .new.pub id_ed25519.pub; mv .new id_ed25519";

/// Names those of the hosts that are not known.
const UNKNOWN: &str = "for host; do\n\
    ssh-keygen -F \"$host\" -f .ssh/known_hosts >/dev/null 2>&1 && continue\n\
    ssh-keygen -F \"$host\" -f /etc/ssh/ssh_known_hosts >/dev/null 2>&1 || echo \"$host\"\ndone";

/// A key of its own.
pub(super) fn own(site: &Site) -> State {
    match site.agent_sees(HAS_KEY, &[]) {
        true => State::Done("~/.ssh/id_ed25519".into()),
        false => State::Todo("make ~/.ssh/id_ed25519, without a passphrase".into()),
    }
}

/// Makes it.
pub(super) fn make_own(site: &Site) -> Result<(), String> {
    site.agent(MAKE_KEY, &[]).map(drop)
}

/// Its public half, if it is one: the agent could have written anything there.
pub(super) fn public_half(site: &Site) -> Option<String> {
    let said = site.agent("head -c 1000 .ssh/id_ed25519.pub", &[]).ok()?;
    plain_key(&said)
}

/// The kind and the base64 of a public key in ssh's format, and nothing else.
pub(super) fn plain_key(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let (kind, key) = (words.next()?, words.next()?);
    let is_kind = kind.chars().all(|c| c.is_ascii_alphanumeric() || "-@.".contains(c));
    let is_key = key.starts_with("AAAA") && key.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
    (is_kind && is_key).then(|| format!("{kind} {key}"))
}

/// The hosts of git and of secrets are known.
pub(super) fn known(site: &Site) -> State {
    let wanted = hosts(site);
    let unknown = unknown(site, &wanted);
    if wanted.is_empty() {
        return State::Done("no host is reached by ssh".into());
    }
    if unknown.is_empty() {
        return State::Done(wanted.join(", "));
    }
    let names = unknown.join(", ");
    match (&site.wishes.known_hosts, site.ask) {
        (Some(file), _) => State::Todo(format!("{names}, from {}", file.display())),
        (None, Some(_)) => State::Todo(format!("{names}: the keys are shown, and you say whether they are right")),
        (None, None) => State::Refused(format!(
            "the keys of {names} are not known, and with --yes nobody is asked; give --known-hosts FILE"
        )),
    }
}

/// Learns their keys, from a file or from the hosts themselves; those only with a person's word.
pub(super) fn learn(site: &Site) -> Result<(), String> {
    if let Some(file) = &site.wishes.known_hosts {
        let failed = |why: &str| format!("cannot read {}: {why}", file.display());
        if site.owner().is_ok_and(|owner| is_of(file, &owner)) {
            return Err(failed("it is the agent's, and root reads nothing of its; give root a copy"));
        }
        let lines = read(file).map_err(|why| failed(&why))?;
        let lines: Vec<&str> = lines.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
        return site.merge(&lines.join("\n"), KNOWN);
    }
    for host in unknown(site, &hosts(site)) {
        let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
            Some((name, port)) => (name, port),
            None => (host.as_str(), "22"),
        };
        let keys = site.agent("ssh-keyscan -T 10 -p \"$1\" -- \"$2\" 2>/dev/null", &[port, name])?;
        let shown = site.agent("printf '%s\\n' \"$1\" | ssh-keygen -lf -", &[&keys])?;
        let shown: Vec<String> = shown.lines().map(|line| printable(line, 200)).collect();
        let question = format!("{host} shows these keys:\n  {}\nAre they its own?", shown.join("\n  "));
        if !site.ask.is_some_and(|ask| ask(&question)) {
            return Err(format!("the keys of {host} were not confirmed"));
        }
        site.merge(keys.trim_end(), KNOWN)?;
    }
    Ok(())
}

fn unknown(site: &Site, hosts: &[String]) -> Vec<String> {
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    match site.agent(UNKNOWN, &names) {
        Ok(said) => hosts.iter().filter(|host| said.lines().any(|line| line == *host)).cloned().collect(),
        Err(_) => hosts.to_vec(),
    }
}

/// Every host that is reached by ssh, as `known_hosts` names it.
fn hosts(site: &Site) -> Vec<String> {
    let config = &site.world.config;
    let sources = config.secrets.iter().map(|secret| secret.source.as_str());
    let mut hosts = Vec::new();
    for host in config.workspace.url.as_deref().into_iter().chain(sources).filter_map(host) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// The host in `ssh://user@host:port/path` or in `user@host:path`; `None` where ssh is not used.
fn host(url: &str) -> Option<String> {
    if let Some(rest) = url.strip_prefix("ssh://") {
        let authority = rest.split('/').next()?;
        let host = authority.rsplit('@').next()?;
        return Some(match host.rsplit_once(':') {
            Some((name, port)) if port != "22" && !port.ends_with(']') => format!("[{name}]:{port}"),
            Some((name, "22")) => name.to_owned(),
            _ => host.trim_matches(['[', ']']).to_owned(),
        });
    }
    if url.contains("://") || url.starts_with('/') {
        return None;
    }
    let rest = url.split_once('@').map_or(url, |(_, rest)| rest);
    match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").map(|(host, _)| host.to_owned()),
        None => rest.split_once(':').map(|(host, _)| host.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_as_known_hosts_names_it() {
        let cases = [
            ("git@github.com:me/memory.git", Some("github.com")),
            ("ssh://git@git.example:2222/me/memory.git", Some("[git.example]:2222")),
            ("ssh://git.example/me/memory.git", Some("git.example")),
            ("ssh://git@git.example:22/memory.git", Some("git.example")),
            ("openclaw@[fd7a::1]:standby.env", Some("fd7a::1")),
            ("openclaw@100.64.0.1:.openclaw/standby.env", Some("100.64.0.1")),
            ("https://github.com/me/memory.git", None),
            ("/srv/memory.git", None),
        ];
        for (url, expected) in cases {
            assert_eq!(host(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_public_key_is_not_passed_on() {
        assert_eq!(plain_key("ssh-ed25519 AAAAC3Nz+/= me@host\n").as_deref(), Some("ssh-ed25519 AAAAC3Nz+/="));
        for wrong in ["", "ssh-ed25519", "command=\"x\" ssh-ed25519 AAAA", "ssh-ed25519 AAAA\"x"] {
            assert_eq!(plain_key(wrong), None, "{wrong}");
        }
    }
}
