//! Configuration, workspace, monitor, and the push timer of a primary.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::endpoint::Endpoint;
use crate::config::{ConfigSource, DEFAULT_CONFIG_FILE, WorkspaceConfig};
use crate::finding::Level;
use crate::os::atomic_file;
use crate::os::clock::read_wall_clock;
use crate::os::systemd::Systemctl;
use crate::setup::error::SetupError;
use crate::setup::plan::StepState;
use crate::setup::target::{SetupTarget, wait_until};
use crate::setup::units::{GATEWAY_UNIT_NAME, MONITOR_UNIT, PRIMARY_DROP_IN};
use crate::workspace::unit::{self, PUSH_TIMER};

/// Backup of the replaced configuration.
const CONFIG_BACKUP: &str = "/etc/openclaw-failover/config.json.old";

/// Folder below which the pull's sandbox can write secrets.
const SECRETS_FOLDER: &str = "/home/openclaw/.openclaw/secrets";

/// Size limit of the configuration, in bytes.
const CONFIG_SIZE_LIMIT: usize = 1 << 20;

/// Time limit for the monitor to write its first status.
const FIRST_STATUS_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the state of the configuration file.
pub(super) fn read_config_state(target: &SetupTarget) -> StepState {
    match check_config_fits(target).and_then(|()| config_text(target)) {
        Ok(text) if target.has_file(DEFAULT_CONFIG_FILE, 0o644, text.as_bytes()) => {
            StepState::Done(DEFAULT_CONFIG_FILE.into())
        }
        Ok(_) if target.context.system_path(DEFAULT_CONFIG_FILE).exists() => StepState::Pending(format!(
            "install {DEFAULT_CONFIG_FILE} from {}; keep the old one as {CONFIG_BACKUP}",
            target.context.source
        )),
        Ok(_) => StepState::Pending(format!("install {DEFAULT_CONFIG_FILE} from {}", target.context.source)),
        Err(why) => StepState::Refused(why),
    }
}

/// Installs the configuration file.
pub(super) fn write_config(target: &SetupTarget) -> Result<(), SetupError> {
    let text = config_text(target)?;
    back_up_config(target, &text)?;
    target.mark_monitor_stale()?;
    target.write_file(DEFAULT_CONFIG_FILE, 0o644, text.as_bytes())
}

/// Backs up the installed configuration if it differs from the new one.
pub(super) fn back_up_config(target: &SetupTarget, new: &str) -> Result<(), SetupError> {
    match atomic_file::read(&target.context.system_path(DEFAULT_CONFIG_FILE), CONFIG_SIZE_LIMIT) {
        Ok(Some(old)) if old != new.as_bytes() => target.write_file(CONFIG_BACKUP, 0o644, &old),
        Ok(_) => Ok(()),
        Err(why) => Err(why.into()),
    }
}

/// Checks that this configuration fits a standby with the shipped units.
fn check_config_fits(target: &SetupTarget) -> Result<(), SetupError> {
    let (config, default) = (&target.context.config, WorkspaceConfig::default());
    if target.context.system_path(PRIMARY_DROP_IN).exists() {
        return Err(SetupError::with_remedy(
            format_args!("this host is a primary ({PRIMARY_DROP_IN})"),
            "run `openclaw-failover uninstall` first",
        ));
    }
    let urls = config.upstreams.iter().flat_map(|upstream| &upstream.urls);
    if let Some(url) = urls.into_iter().find(|url| is_this_host(url)) {
        return Err(SetupError::with_remedy(
            format_args!("{url} is this host itself"),
            "a standby must be another host than its primary",
        ));
    }
    if config.gateway.unit != GATEWAY_UNIT_NAME || config.workspace.path != default.path {
        return Err(SetupError::with_remedy(
            format_args!("the units need {GATEWAY_UNIT_NAME} and {}", default.path.display()),
            "remove gateway.unit and workspace.path, or install by hand as in the README",
        ));
    }
    let hidden = config.secrets.iter().find(|secret| !secret.target.starts_with(SECRETS_FOLDER));
    if let Some(secret) = hidden {
        let path = secret.target.display();
        return Err(SetupError::new(format_args!(
            "the units can write secrets to {SECRETS_FOLDER} only, and not to {path}"
        )));
    }
    let files = config.upstreams.iter().filter_map(|upstream| upstream.ca_file.as_ref());
    let is_in_home = |file: &&PathBuf| ["/home", "/root", "/run/user"].iter().any(|home| file.starts_with(home));
    match files.into_iter().find(is_in_home) {
        None => Ok(()),
        Some(file) => Err(SetupError::with_remedy(
            format_args!("the monitor cannot read homes, and so not {}", file.display()),
            "move it to /etc/openclaw-failover",
        )),
    }
}

/// True if a URL's host is an address of this host. A tunnel's local end does not count: it leads to another host.
fn is_this_host(url: &str) -> bool {
    Endpoint::from_url(url).is_ok_and(|endpoint| endpoint.is_own_interface())
}

/// Returns the text of this host's configuration.
pub(super) fn config_text(target: &SetupTarget) -> Result<String, SetupError> {
    match &target.context.source {
        ConfigSource::File(file) => target.read_given_file(file),
        ConfigSource::Environment(_) => Ok(format!(
            "// From the variables of the shell monitor.\n{}\n",
            target.context.config.to_json().to_pretty()
        )),
    }
}

/// Reads the state of the workspace, which must be a git checkout.
pub(super) fn read_workspace_state(target: &SetupTarget) -> StepState {
    let workspace = &target.context.config.workspace;
    let path = workspace.path.display().to_string();
    // OpenClaw initialises a repository of its own if there is none; the next pull adds the remote.
    let is_checkout = "cd \"$1\"; git rev-parse --quiet --verify HEAD; [ -z \"$2\" ] || git config \"remote.$3.url\"";
    let url = workspace.url.as_deref().unwrap_or_default();
    if target.succeeds_as_agent(is_checkout, &[&path, url, &workspace.remote]) {
        return StepState::Done(path);
    }
    match &workspace.url {
        Some(url) => StepState::Pending(format!("clone {url}")),
        None => {
            StepState::Skipped(format!("set workspace.url in {DEFAULT_CONFIG_FILE}, or clone the repository to {path}"))
        }
    }
}

/// Clones the workspace by running a pull.
pub(super) fn clone_workspace(target: &SetupTarget) -> Result<(), SetupError> {
    let config = &target.context.config;
    let limit = unit::pull_time_limit(&config.workspace, &config.secrets);
    let report = unit::run_pull_unit(&Systemctl::default(), limit, &target.context.sync_paths(), &target.cancel);
    let workspace = report.map_err(SetupError::new)?.workspace;
    if workspace.outcome.is_ok() {
        return Ok(());
    }
    let (outcome, details) = (workspace.outcome.description(), workspace.details);
    Err(SetupError::with_remedy(
        format_args!("{outcome}: {details}"),
        "check that the git host accepts openclaw's key, shown above",
    ))
}

/// Reads the state of the monitor, now and for the next boot.
pub(super) fn read_monitor_state(target: &SetupTarget) -> StepState {
    match (target.query_unit(MONITOR_UNIT).is_enabled() && is_monitor_current(target), target.is_monitor_stale()) {
        (true, false) => match find_polkit_failure(target) {
            None => StepState::Done("running".into()),
            Some(why) => StepState::Pending(why),
        },
        (true, true) => StepState::Pending("restart it; the gateway is not affected".into()),
        (false, _) => StepState::Pending("enable and start it; the gateway stays down until it is needed".into()),
    }
}

/// Enables and starts the monitor.
pub(super) fn start_monitor(target: &SetupTarget) -> Result<(), SetupError> {
    target.run_program("systemctl", &["enable", MONITOR_UNIT])?;
    if target.is_monitor_stale() || !is_monitor_current(target) {
        target.run_program("systemctl", &["restart", MONITOR_UNIT])?;
        target.clear_stale_marker()?;
    }
    wait_until(FIRST_STATUS_TIMEOUT, || is_monitor_current(target));
    // polkit reloads changed rules by itself, unless their folder was removed and created again.
    if find_polkit_failure(target).is_some() {
        target.run_program("systemctl", &["restart", "polkit.service"])
    } else {
        Ok(())
    }
}

/// Returns the failed polkit check: a permission that the monitor lacks, or one too many.
fn find_polkit_failure(target: &SetupTarget) -> Option<String> {
    let found = target.run_check("polkit");
    (found.level == Level::Fail).then_some(found.evidence)
}

/// True if the monitor runs this version and its status is fresh.
fn is_monitor_current(target: &SetupTarget) -> bool {
    let is_current = target
        .context
        .read_status()
        .is_some_and(|status| status.is_fresh(read_wall_clock()) && status.version == env!("CARGO_PKG_VERSION"));
    is_current && target.query_unit(MONITOR_UNIT).is_up()
}

/// Reads the state of the push timer.
pub(super) fn read_timer_state(target: &SetupTarget) -> StepState {
    let timer = target.query_unit(PUSH_TIMER);
    match timer.is_enabled() && timer.is_up() {
        true => StepState::Done("enabled and running".into()),
        false => StepState::Pending(format!("enable and start {PUSH_TIMER}")),
    }
}

/// Enables and starts the push timer.
pub(super) fn start_push_timer(target: &SetupTarget) -> Result<(), SetupError> {
    target.run_program("systemctl", &["enable", "--now", PUSH_TIMER])
}
