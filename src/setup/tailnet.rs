//! Tailscale, if an upstream is reached through it.

use crate::finding::Level;
use crate::setup::State;
use crate::setup::target::Site;

/// Command that prints Tailscale's installer, which needs root.
const INSTALLER: &str = "curl -fsSL --proto '=https' https://tailscale.com/install.sh";

/// Reads the state of Tailscale, if an upstream is on a tailnet.
pub(super) fn look(site: &Site) -> State {
    let found = site.judge("tailscale");
    match (found.level, is_missing(site)) {
        (Level::Ok, _) => State::Done(found.evidence),
        (Level::Warn | Level::Skipped, _) => State::Left(found.evidence),
        (Level::Fail, true) if site.wishes.install_tailscale => State::Todo(format!("`{INSTALLER} | sh`")),
        (Level::Fail, true) => State::Refused(format!(
            "the primary is on a tailnet, but Tailscale is not installed; run `{INSTALLER} | sh`, then \
             `tailscale up`, or give --install-tailscale"
        )),
        (Level::Fail, false) => State::Refused(format!("{}; run `tailscale up` and log in", found.evidence)),
    }
}

/// Installs Tailscale. A person logs it in.
pub(super) fn join(site: &Site) -> Result<(), String> {
    // The script is downloaded completely before it runs.
    let script = format!("script=$({INSTALLER}); printf '%s\\n' \"$script\" | sh");
    site.install("sh", &["-euc", &script]).map_err(|why| why.to_string())
}

fn is_missing(site: &Site) -> bool {
    site.world.ask("tailscale", &["version"]).is_err_and(|why| why.is_missing_program())
}
