//! Tailscale, if an upstream is reached through it.

use crate::finding::Level;
use crate::setup::StepState;
use crate::setup::target::SetupTarget;

/// Command that prints Tailscale's installer, which needs root.
const INSTALLER_COMMAND: &str = "curl -fsSL --proto '=https' https://tailscale.com/install.sh";

/// Reads the state of Tailscale, if an upstream is on a tailnet.
pub(super) fn read_state(target: &SetupTarget) -> StepState {
    let found = target.run_check("tailscale");
    match (found.level, is_not_installed(target)) {
        (Level::Ok, _) => StepState::Done(found.evidence),
        (Level::Warn | Level::Skipped, _) => StepState::Manual(found.evidence),
        (Level::Fail, true) if target.options.install_tailscale => {
            StepState::Pending(format!("`{INSTALLER_COMMAND} | sh`"))
        }
        (Level::Fail, true) => StepState::Refused(format!(
            "the primary is on a tailnet, but Tailscale is not installed; run `{INSTALLER_COMMAND} | sh`, then \
             `tailscale up`, or give --install-tailscale"
        )),
        (Level::Fail, false) => StepState::Refused(format!("{}; run `tailscale up` and log in", found.evidence)),
    }
}

/// Installs Tailscale. A person logs it in.
pub(super) fn install_tailscale(target: &SetupTarget) -> Result<(), String> {
    // The script is downloaded completely before it runs.
    let script = format!("script=$({INSTALLER_COMMAND}); printf '%s\\n' \"$script\" | sh");
    target.run_installer("sh", &["-euc", &script]).map_err(|why| why.to_string())
}

fn is_not_installed(target: &SetupTarget) -> bool {
    target.context.run_program("tailscale", &["version"]).is_err_and(|why| why.is_missing_program())
}
