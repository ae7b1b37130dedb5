//! OpenClaw on this host: where it is, whoever has put it there.

use crate::os::atomic_file;
use crate::setup::State;
use crate::setup::service::GATEWAY;
use crate::setup::target::{INSTALL, Site};

/// Tells the unit where OpenClaw is.
pub(super) const DROP_IN: &str = "/etc/systemd/system/openclaw.service.d/openclaw.conf";

/// How that begins.
const HEADER: &str = "# Where OpenClaw is on this host, as `openclaw-failover setup` has found it.";

/// Where it is for everybody.
const SYSTEM: [&str; 2] = ["/usr/local/bin/openclaw", "/usr/bin/openclaw"];

/// OpenClaw's own installer into the home, Node included; it needs no root and is given none. Half a script is not run.
const INSTALLER: &str = "script=$(curl -fsSL --proto '=https' --tlsv1.2 https://openclaw.ai/install-cli.sh)\n\
    printf '%s\\n' \"$script\" | bash -s -- --no-onboard";

/// Says where `openclaw` is, and the folder of the `node` that runs it: what a login finds, if it comes to an end, then
/// where nvm, npm, fnm, Volta, pnpm and the installers put it. A folder that is a link of this login's alone is followed to
/// where it leads.
const FIND: &str = "seen=$(timeout -k 1 10 bash -lic 'for it in openclaw node; do echo \"$it at $(command -v $it)\"; done' \\\n\
        2>/dev/null) || :\n\
    login() { printf '%s\\n' \"$seen\" | sed -n \"s/^$1 at //p\" | tail -n 1; }\n\
    for file in \"$(login openclaw)\" $(ls -d .nvm/versions/node/*/bin/openclaw \\\n\
        .local/share/fnm/node-versions/*/installation/bin/openclaw 2>/dev/null | sort -rV) \\\n\
        .npm-global/bin/openclaw .local/bin/openclaw .volta/bin/openclaw .local/share/pnpm/openclaw \\\n\
        .openclaw/bin/openclaw /usr/local/bin/openclaw /usr/bin/openclaw; do\n\
        case $file in /*) ;; *) file=$HOME/$file ;; esac\n\
        [ -f \"$file\" ] && [ -x \"$file\" ] || continue\n\
        for node in \"${file%/*}/node\" \"$(login node)\" /usr/local/bin/node /usr/bin/node; do\n\
            [ -x \"$node\" ] && break\n\
        done\n\
        real() { (cd \"${1%/*}\"; pwd -P); }\n\
        echo \"$(real \"$file\")/openclaw\"; real \"$node\"; exit\n\
    done";

/// OpenClaw, as this host has it.
pub(super) struct Found {
    pub(super) program: String,
    /// Where what it runs is looked for.
    pub(super) path: String,
}

pub(super) fn find(site: &Site) -> Option<Found> {
    let said = site.agent(FIND, &[]).ok()?;
    let mut lines = said.lines().filter(|line| is_plain(line));
    let (program, node) = (lines.next()?, lines.next().unwrap_or("/usr/local/bin"));
    let own = program.rsplit_once('/').map_or("/", |(folder, _)| folder);
    let path = format!("{own}:{node}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    Some(Found { program: program.to_owned(), path })
}

/// Whether a path can stand in a unit as it is; the agent's user may have named it.
pub(super) fn is_plain(path: &str) -> bool {
    path.starts_with('/') && path.len() < 500 && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._+@-".contains(c))
}

fn drop_in(found: &Found) -> String {
    format!(
        "{HEADER}\n[Service]\nEnvironment=PATH={}\nExecStart=\nExecStart={} gateway run\n",
        found.path, found.program
    )
}

/// Whether the drop-in that is there was written by a setup.
pub(super) fn is_our_drop_in(site: &Site) -> bool {
    let there = atomic_file::read(&site.world.path(DROP_IN), 1 << 16).ok().flatten().unwrap_or_default();
    there.starts_with(HEADER.as_bytes())
}

/// OpenClaw is there, and the unit knows where.
pub(super) fn program(site: &Site) -> State {
    let is_for_everybody = || SYSTEM.iter().any(|path| site.world.path(path).exists());
    match find(site) {
        Some(found) if site.has(DROP_IN, 0o644, drop_in(&found).as_bytes()) => State::Done(found.program),
        Some(found) => State::Todo(format!("{GATEWAY} starts {}", found.program)),
        None if site.wishes.install_openclaw => State::Todo("install it, with the installer of openclaw.ai".into()),
        // Its user cannot look before there is one.
        None if site.owner().is_err() && is_for_everybody() => State::Todo(format!("{GATEWAY} starts it")),
        None => State::Refused(missing(site)),
    }
}

/// Installs it where that was asked for, and tells the unit.
pub(super) fn install(site: &Site) -> Result<(), String> {
    if site.wishes.install_openclaw && find(site).is_none() {
        site.agent_within(INSTALL, INSTALLER, &[])?;
    }
    let found = find(site).ok_or_else(|| missing(site))?;
    site.put(DROP_IN, 0o644, drop_in(&found).as_bytes())?;
    site.run("systemctl", &["daemon-reload"])
}

fn missing(site: &Site) -> String {
    format!(
        "OpenClaw is not installed where {0} could find it; give --install-openclaw, or install it: npm install -g openclaw",
        site.user()
    )
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn what_goes_into_a_unit_is_a_path_and_nothing_else() {
        assert!(is_plain("/home/openclaw/.nvm/versions/node/v24.21.0/bin/openclaw"));
        for wrong in ["", "openclaw", "/a b", "/a\nExecStartPre=+/bin/sh", "/a%h", "/a\"", "/a;b", "/a$b"] {
            assert!(!is_plain(wrong), "{wrong}");
        }
    }
}
