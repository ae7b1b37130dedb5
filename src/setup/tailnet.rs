//! Tailscale, if an upstream is reached through it.

use crate::finding::Level;
use crate::setup::error::SetupError;
use crate::setup::options::StandbyOptions;
use crate::setup::plan::StepState;
use crate::setup::target::SetupTarget;

/// Command that prints Tailscale's installer, which needs root.
const INSTALLER_COMMAND: &str = "curl -fsSL --proto '=https' https://tailscale.com/install.sh";

/// Reads the state of Tailscale, if an upstream is on a tailnet.
pub(super) fn read_state(target: &SetupTarget, options: &StandbyOptions) -> StepState {
    let found = target.run_check("tailscale");
    match (found.level, is_not_installed(target)) {
        (Level::Ok, _) => StepState::Done(found.evidence),
        (Level::Warn | Level::Skipped, _) => StepState::Skipped(found.evidence),
        (Level::Fail, true) if options.install_tailscale => StepState::Pending(format!("`{INSTALLER_COMMAND} | sh`")),
        (Level::Fail, true) => StepState::refused(
            "the primary is on a tailnet, but Tailscale is not installed",
            format_args!("run `{INSTALLER_COMMAND} | sh`, then `tailscale up`, or give --install-tailscale"),
        ),
        (Level::Fail, false) => StepState::refused(found.evidence, "run `tailscale up` and log in"),
    }
}

/// Installs Tailscale. A person logs it in.
pub(super) fn install_tailscale(target: &SetupTarget) -> Result<(), SetupError> {
    // The script is downloaded completely before it runs.
    let script = format!("script=$({INSTALLER_COMMAND}); printf '%s\\n' \"$script\" | sh");
    Ok(target.run_installer("sh", &["-euc", &script])?)
}

fn is_not_installed(target: &SetupTarget) -> bool {
    target.context.run_program("tailscale", &["version"]).is_err_and(|why| why.is_missing_program())
}
