//! OpenClaw on this host: its location and its installation.

use crate::os::atomic_file;
use crate::setup::error::SetupError;
use crate::setup::options::StandbyOptions;
use crate::setup::plan::StepState;
use crate::setup::target::{INSTALL_TIMEOUT, SetupTarget};
use crate::setup::units::{GATEWAY_UNIT_NAME, OPENCLAW_DROP_IN};

/// First line of the drop-in.
const DROP_IN_HEADER: &str = "# Where OpenClaw is on this host, as `openclaw-failover setup` has found it.";

/// Paths of a system-wide installation.
const SYSTEM_PATHS: [&str; 2] = ["/usr/local/bin/openclaw", "/usr/bin/openclaw"];

/// Runs OpenClaw's installer in the agent's home, Node included, without root. The script is downloaded completely
/// before it runs.
const INSTALL_SCRIPT: &str = "script=$(curl -fsSL --proto '=https' --tlsv1.2 https://openclaw.ai/install-cli.sh)\n\
    printf '%s\\n' \"$script\" | bash -s -- --no-onboard";

/// Prints the path of `openclaw` and the folder of its `node`: first what a login shell finds (within 10 s), then the
/// usual folders of nvm, npm, fnm, Volta, pnpm and the installers. Links that exist only during a login are resolved.
const FIND_SCRIPT: &str = "seen=$(timeout -k 1 10 bash -lic \\\n\
        'for it in openclaw node; do echo \"$it at $(command -v $it)\"; done' \\\n\
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

/// Installation of OpenClaw.
pub(super) struct Installation {
    pub(super) program: String,
    /// `PATH` for the processes that it starts.
    pub(super) path: String,
}

pub(super) fn find_installation(target: &SetupTarget) -> Option<Installation> {
    let output = target.run_as_agent(FIND_SCRIPT, &[]).ok()?;
    let mut lines = output.lines().filter(|line| needs_no_quoting(line));
    let (program, node) = (lines.next()?, lines.next().unwrap_or("/usr/local/bin"));
    let own = program.rsplit_once('/').map_or("/", |(folder, _)| folder);
    let path = format!("{own}:{node}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    Some(Installation { program: program.to_owned(), path })
}

/// True if a path can be written into a unit without quoting. The agent's user may have chosen the path.
pub(super) fn needs_no_quoting(path: &str) -> bool {
    path.starts_with('/') && path.len() < 500 && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._+@-".contains(c))
}

fn render_drop_in(found: &Installation) -> String {
    format!(
        "{DROP_IN_HEADER}\n[Service]\nEnvironment=PATH={}\nExecStart=\nExecStart={} gateway run\n",
        found.path, found.program
    )
}

/// True if the installed drop-in was written by a setup.
pub(super) fn is_our_drop_in(target: &SetupTarget) -> bool {
    let there =
        atomic_file::read(&target.context.system_path(OPENCLAW_DROP_IN), 1 << 16).ok().flatten().unwrap_or_default();
    there.starts_with(DROP_IN_HEADER.as_bytes())
}

/// Reads the state of OpenClaw's installation and of the drop-in.
pub(super) fn read_state(target: &SetupTarget, options: &StandbyOptions) -> StepState {
    let is_for_everybody = || SYSTEM_PATHS.iter().any(|path| target.context.system_path(path).exists());
    match find_installation(target) {
        Some(found) if target.has_file(OPENCLAW_DROP_IN, 0o644, render_drop_in(&found).as_bytes()) => {
            StepState::Done(found.program)
        }
        Some(found) => StepState::Pending(format!("have {GATEWAY_UNIT_NAME} start {}", found.program)),
        None if options.install_openclaw => StepState::Pending("install it with the installer of openclaw.ai".into()),
        // Without the agent's user the search cannot run yet.
        None if target.look_up_user().is_err() && is_for_everybody() => {
            StepState::Pending(format!("have {GATEWAY_UNIT_NAME} start it"))
        }
        None => StepState::Refused(missing_error(target)),
    }
}

/// Installs OpenClaw if requested, and writes the drop-in.
pub(super) fn install_openclaw(target: &SetupTarget, options: &StandbyOptions) -> Result<(), SetupError> {
    if options.install_openclaw && find_installation(target).is_none() {
        target.run_as_agent_within(INSTALL_TIMEOUT, INSTALL_SCRIPT, &[])?;
    }
    let found = find_installation(target).ok_or_else(|| missing_error(target))?;
    target.write_file(OPENCLAW_DROP_IN, 0o644, render_drop_in(&found).as_bytes())?;
    target.run_program("systemctl", &["daemon-reload"])
}

fn missing_error(target: &SetupTarget) -> SetupError {
    SetupError::with_remedy(
        format_args!("OpenClaw is not installed, or {} cannot find it", target.user),
        "give --install-openclaw, or run `npm install -g openclaw`",
    )
}

#[cfg(test)]
mod tests {
    use super::needs_no_quoting;

    #[test]
    fn what_goes_into_a_unit_is_a_path_and_nothing_else() {
        assert!(needs_no_quoting("/home/openclaw/.nvm/versions/node/v24.21.0/bin/openclaw"));
        for wrong in ["", "openclaw", "/a b", "/a\nExecStartPre=+/bin/sh", "/a%h", "/a\"", "/a;b", "/a$b"] {
            assert!(!needs_no_quoting(wrong), "{wrong}");
        }
    }
}
