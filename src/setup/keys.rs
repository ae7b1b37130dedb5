//! ssh keys: the agent's own key, and the known hosts.

use std::path::Path;
use std::time::Duration;

use crate::os::Owner;
use crate::setup::error::SetupError;
use crate::setup::options::{HostKeys, StandbyOptions};
use crate::setup::plan::StepState;
use crate::setup::target::SetupTarget;
use crate::text::to_printable;

/// File of known hosts, below the agent's home.
const KNOWN_HOSTS_FILE: &str = ".ssh/known_hosts";

const HAS_KEY_SCRIPT: &str = "[ -s .ssh/id_ed25519 ] && [ -s .ssh/id_ed25519.pub ]";

/// Time limit for a host to send its keys.
const KEYSCAN_TIMEOUT: Duration = Duration::from_secs(30);

/// Creates a key. The private half is put in place last: without it there is no key.
const CREATE_KEY_SCRIPT: &str = "mkdir -p .ssh; cd .ssh\n\
    if [ -s id_ed25519 ]; then ssh-keygen -y -f id_ed25519 >.new.pub; mv .new.pub id_ed25519.pub; exit; fi\n\
    rm -f .new .new.pub; ssh-keygen -q -t ed25519 -N '' -C openclaw@$(uname -n) -f .new\n\
    mv .new.pub id_ed25519.pub; mv .new id_ed25519";

/// Prints those of the given hosts that have no known key.
const UNKNOWN_HOSTS_SCRIPT: &str = "for host; do\n\
    ssh-keygen -F \"$host\" -f .ssh/known_hosts >/dev/null 2>&1 && continue\n\
    ssh-keygen -F \"$host\" -f /etc/ssh/ssh_known_hosts >/dev/null 2>&1 || echo \"$host\"\ndone";

/// Reads the state of the agent's own key.
pub(super) fn read_own_key_state(target: &SetupTarget) -> StepState {
    match target.succeeds_as_agent(HAS_KEY_SCRIPT, &[]) {
        true => StepState::Done("~/.ssh/id_ed25519".into()),
        false => StepState::Pending("create ~/.ssh/id_ed25519, without a passphrase".into()),
    }
}

/// Creates the agent's own key.
pub(super) fn create_own_key(target: &SetupTarget) -> Result<(), SetupError> {
    target.run_as_agent(CREATE_KEY_SCRIPT, &[]).map(drop)
}

/// Returns the public half of the agent's key. It is validated, because the agent can write anything there.
pub(super) fn read_public_key(target: &SetupTarget) -> Option<String> {
    let output = target.run_as_agent("head -c 1000 .ssh/id_ed25519.pub", &[]).ok()?;
    parse_public_key(&output)
}

/// Returns the type and the base64 of a public key in ssh's format, without its comment.
pub(super) fn parse_public_key(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let (kind, key) = (words.next()?, words.next()?);
    let is_kind = kind.chars().all(|c| c.is_ascii_alphanumeric() || "-@.".contains(c));
    let is_key = key.starts_with("AAAA") && key.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
    (is_kind && is_key).then(|| format!("{kind} {key}"))
}

/// Returns the line for `authorized_keys` that lets a key read one folder and nothing else.
pub(super) fn restricted_line(folder: &str, key: &str) -> String {
    format!("restrict,command=\"rrsync -ro {folder}\" {key}")
}

/// Reads the state of the known hosts: those of the git remote and of the secrets.
pub(super) fn read_known_hosts_state(target: &SetupTarget, options: &StandbyOptions) -> StepState {
    let wanted = ssh_hosts(target);
    let unknown = find_unknown_hosts(target, &wanted);
    if wanted.is_empty() {
        return StepState::Done("no host is accessed by ssh".into());
    }
    if unknown.is_empty() {
        return StepState::Done(wanted.join(", "));
    }
    let names = unknown.join(", ");
    match &options.host_keys {
        Some(HostKeys::File(file)) => match find_host_without_key(target, file, &unknown) {
            Ok(None) => StepState::Pending(format!("add the keys of {names} from {}", file.display())),
            Ok(Some(host)) => StepState::refused(
                format_args!("{} has no key of {host}", file.display()),
                format_args!("add the published one (`ssh-keyscan {}` prints what it presents)", scan_arguments(host)),
            ),
            Err(why) => StepState::Refused(why),
        },
        Some(HostKeys::Confirmed(_)) => StepState::Pending(format!("add the keys of {names}, which you confirmed")),
        None if options.is_interactive => {
            StepState::Pending(format!("{names}: the keys will be shown for you to confirm"))
        }
        None => StepState::refused(
            format_args!("the keys of {names} are unknown, and --yes asks no questions"),
            "give --known-hosts FILE",
        ),
    }
}

/// Returns the arguments of ssh-keyscan for `host` or `[host]:port`.
fn scan_arguments(host: &str) -> String {
    match host.trim_start_matches('[').split_once("]:") {
        Some((host, port)) => format!("-p {port} {host}"),
        None => host.to_owned(),
    }
}

/// Returns the first host that has no key in a file. Names in the file may be hashed, so ssh-keygen searches it.
/// Without ssh-keygen nothing counts as missing yet; the check repeats once it is installed.
fn find_host_without_key<'a>(
    target: &SetupTarget,
    file: &Path,
    hosts: &'a [String],
) -> Result<Option<&'a String>, SetupError> {
    target.read_given_file(file)?;
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let is_lacking = |host: &&String| {
        let command = target.context.new_command("ssh-keygen").args(["-F", host.as_str(), "-f"]).arg(&file);
        command.run().is_err_and(|why| !why.is_missing_program())
    };
    Ok(hosts.iter().find(is_lacking))
}

/// Adds the hosts' keys, from the given file or as confirmed at the terminal.
pub(super) fn add_host_keys(target: &SetupTarget, options: &StandbyOptions) -> Result<(), SetupError> {
    let lines = match &options.host_keys {
        Some(HostKeys::File(file)) => target.read_given_file(file)?,
        Some(HostKeys::Confirmed(keys)) => keys.clone(),
        None => return Err(SetupError::new("the keys are not confirmed")),
    };
    let lines: Vec<&str> = lines.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    target.add_lines(&lines.join("\n"), KNOWN_HOSTS_FILE)
}

/// Keys that a host presented, for a person to compare with the published ones.
pub struct ScannedHostKeys {
    /// Keys, in the format of `known_hosts`.
    pub keys: String,
    /// Fingerprints, one a line, printable.
    pub fingerprints: Vec<String>,
}

/// Runs ssh-keyscan as the user `nobody`; the answer is unauthenticated.
///
/// # Errors
/// When the host does not answer, or ssh is not installed yet.
pub fn scan_host_keys(target: &SetupTarget, host: &str) -> Result<ScannedHostKeys, SetupError> {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((name, port)) => (name, port),
        None => (host, "22"),
    };
    let user = Owner::look_up(target.context.new_command("getent"), "nobody").map_err(SetupError::new)?;
    let run = |script: &str, args: &[&str]| {
        let command = target.context.new_command("setsid").args(user.setpriv_args()).args(["sh", "-euc", script, "sh"]);
        command.args(args).deadline(KEYSCAN_TIMEOUT).run().map(|output| output.stdout)
    };
    let failed = |why: &str| {
        SetupError::with_remedy(format_args!("cannot fetch the keys of {host}: {why}"), "give --known-hosts FILE")
    };
    let scanned = run("ssh-keyscan -T 10 -p \"$1\" -- \"$2\" 2>/dev/null", &[port, name]).and_then(|keys| {
        let fingerprints = run("printf '%s\\n' \"$1\" | ssh-keygen -lf -", &[&keys])?;
        let fingerprints = fingerprints.lines().map(|line| to_printable(line, 200)).collect();
        Ok(ScannedHostKeys { keys, fingerprints })
    });
    match scanned {
        Ok(scanned) if scanned.fingerprints.is_empty() => Err(failed("no answer")),
        Ok(scanned) => Ok(scanned),
        Err(why) => Err(failed(&why.reason())),
    }
}

/// Returns the hosts reached by ssh whose keys are neither known nor given.
pub(super) fn unknown_hosts(target: &SetupTarget, options: &StandbyOptions) -> Vec<String> {
    if options.host_keys.is_some() { Vec::new() } else { find_unknown_hosts(target, &ssh_hosts(target)) }
}

fn find_unknown_hosts(target: &SetupTarget, hosts: &[String]) -> Vec<String> {
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    match target.run_as_agent(UNKNOWN_HOSTS_SCRIPT, &names) {
        Ok(output) => hosts.iter().filter(|host| output.lines().any(|line| line == *host)).cloned().collect(),
        Err(_) => hosts.to_vec(),
    }
}

/// Returns every host that is reached by ssh, as `known_hosts` names it.
fn ssh_hosts(target: &SetupTarget) -> Vec<String> {
    let config = &target.context.config;
    let sources = config.secrets.iter().map(|secret| secret.source.as_str());
    let mut hosts = Vec::new();
    for host in config.workspace.url.as_deref().into_iter().chain(sources).filter_map(parse_ssh_host) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// Returns the host in `ssh://user@host:port/path` or `user@host:path`; `None` for other protocols.
fn parse_ssh_host(url: &str) -> Option<String> {
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
    fn a_host_is_scanned_at_its_port() {
        assert_eq!(scan_arguments("git.example"), "git.example");
        assert_eq!(scan_arguments("[git.example]:2222"), "-p 2222 git.example");
    }

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
            assert_eq!(parse_ssh_host(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_public_key_is_not_passed_on() {
        assert_eq!(parse_public_key("ssh-ed25519 AAAAC3Nz+/= me@host\n").as_deref(), Some("ssh-ed25519 AAAAC3Nz+/="));
        for wrong in ["", "ssh-ed25519", "command=\"x\" ssh-ed25519 AAAA", "ssh-ed25519 AAAA\"x"] {
            assert_eq!(parse_public_key(wrong), None, "{wrong}");
        }
    }
}
