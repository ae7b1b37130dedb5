//! `sync pull` and `sync push`: the transfer of the workspace in both directions.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::args::{Args, Argument};
use crate::cli::config::load_config;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::config::endpoint::Endpoint;
use crate::config::paths::Paths;
use crate::config::{self, Config, ConfigSource, WorkspaceConfig};
use crate::doctor::BackgroundChecks;
use crate::os::systemd::Systemctl;
use crate::os::{Cancel, journal};
use crate::text::suggestion::suggest_name;
use crate::workspace::git::setting_files;
use crate::workspace::report::{NameList, PushReport, list_file};
use crate::workspace::{self, PullReport, SessionHandling, SyncRole, unit};

pub(super) const HELP: &str = "\
Pull fetches the workspace from its git remote and the secrets from their
hosts; local changes are merged, or kept on a branch. Push sends local changes
on a branch of this host. Nothing is ever lost. If another user than the owner
of the workspace calls it, its systemd unit does the work.

Usage: openclaw-failover sync pull [OPTIONS]
       openclaw-failover sync push [OPTIONS]

Options:
  --primary      push as the primary: commit on its branch, merge what
                 standbys have sent, push. The file then needs only
                 \"workspace\", and may be missing
  --config FILE  read FILE instead of /etc/openclaw-failover/config.json
  -h, --help     show this text
";

/// Time limit for a connection to this host's own gateway.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

const VERBS: [&str; 2] = ["pull", "push"];

/// Internal verb: the step of the sync units that runs outside of their sandbox.
const FILES_VERB: &str = "files";

/// Arguments of `sync`.
#[derive(Debug, PartialEq)]
pub(super) struct SyncCommand {
    verb: SyncVerb,
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum SyncVerb {
    Pull,
    Push { is_primary: bool },
    Files,
}

impl SyncCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let (mut config, mut verb, mut is_primary) = (None, None, false);
        while let Some(item) = args.next()? {
            match item {
                Argument::Option("--primary") => is_primary = true,
                Argument::Option(_) => config = Some(args.file_value()?),
                Argument::Value(value) if verb.is_none() => {
                    let typed = value.to_string_lossy().into_owned();
                    let known = VERBS.into_iter().chain([FILES_VERB]).find(|known| *known == typed);
                    verb = Some(known.ok_or_else(|| {
                        let hint = suggest_name(&typed, VERBS);
                        let hint =
                            hint.map_or("use 'pull' or 'push'".to_owned(), |near| format!("did you mean '{near}'?"));
                        args.usage_error(format!("sync has no '{typed}', {hint}"))
                    })?);
                }
                Argument::Value(value) => return Err(args.unexpected_argument(&value)),
            }
        }
        let verb = match (verb, is_primary) {
            (Some("push"), is_primary) => SyncVerb::Push { is_primary },
            (Some(FILES_VERB), _) => SyncVerb::Files,
            (Some(_), false) => SyncVerb::Pull,
            (Some(_), true) => return Err(args.usage_error("--primary goes with push; a primary does not pull")),
            (None, _) => return Err(args.usage_error("missing verb: `sync pull` or `sync push`")),
        };
        Ok(Self { verb, config })
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        match self.verb {
            SyncVerb::Pull => {
                let (source, config) = load_config(self.config.as_deref())?;
                pull_workspace(&source, &config, out)
            }
            SyncVerb::Files => {
                // The step is the same on a standby and on a primary, and the host is one of them.
                let file = self.config.as_deref();
                let workspace = match load_config(file) {
                    Ok((_, config)) => config.workspace,
                    Err(_) => config::load_primary(file)?,
                };
                setting_files::record_existing_files(&workspace.path, &sync_paths().state_folder)
                    .map_err(CliError::failed)?;
                Ok(CommandOutcome::Success)
            }
            SyncVerb::Push { is_primary: true } => push_primary(self.config.as_deref(), out),
            SyncVerb::Push { is_primary: false } => push_standby(self.config.as_deref(), out),
        }
    }
}

fn push_standby(file: Option<&Path>, out: &mut Output) -> Result<CommandOutcome, CliError> {
    let (_, config) = load_config(file)?;
    journal::start_logging();
    if !unit::runs_sync_itself(&config.workspace.path) {
        return push_by_unit(&config.workspace, out);
    }
    let checkout_mode = || unit::current_checkout_mode(&Systemctl::default(), &config.gateway.unit);
    let keeps_sessions = || config.gateway.keep_queue || is_listening(&config.gateway.url);
    let queue = || if keeps_sessions() { SessionHandling::Resume } else { SessionHandling::Archive };
    push_directly(&config.workspace, SyncRole::Standby { reach: &checkout_mode, queue: &queue }, out)
}

/// True if anything listens at the gateway's address. A gateway that was started by hand has no unit.
fn is_listening(url: &str) -> bool {
    let address = Endpoint::from_url(url).ok().and_then(|endpoint| endpoint.address().socket_address());
    address.is_some_and(|address| TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).is_ok())
}

fn push_primary(file: Option<&Path>, out: &mut Output) -> Result<CommandOutcome, CliError> {
    let workspace = config::load_primary(file)?;
    journal::start_logging();
    if !unit::runs_sync_itself(&workspace.path) {
        return push_by_unit(&workspace, out);
    }
    if !unit::is_push_due(&Systemctl::default(), &workspace, &sync_paths()) {
        return Ok(CommandOutcome::Success);
    }
    push_directly(&workspace, SyncRole::Primary, out)
}

fn push_directly(
    workspace: &WorkspaceConfig,
    role: SyncRole<'_>,
    out: &mut Output,
) -> Result<CommandOutcome, CliError> {
    let cancel = Cancel::on_signals().map_err(|why| CliError::Failed(format!("cannot catch signals: {why}")))?;
    let paths = sync_paths();
    unit::wait_for_turn(&paths, unit::TURN_WAIT_LIMIT, &cancel);
    print_pushed(&workspace::push(workspace, &paths, role, &cancel), out)
}

fn push_by_unit(workspace: &WorkspaceConfig, out: &mut Output) -> Result<CommandOutcome, CliError> {
    let longest = unit::push_time_limit(workspace);
    let pushed = unit::request_push(&Systemctl::default(), longest, &sync_paths(), &Cancel::new());
    print_pushed(&pushed.map_err(CliError::failed)?, out)
}

/// Prints the result. Conflicts and excluded files are listed for a person, but only unpushed data is a failure: the
/// unit must not stay failed for weeks because a branch is not merged.
fn print_pushed(pushed: &PushReport, out: &mut Output) -> Result<CommandOutcome, CliError> {
    let commit = pushed.commit.as_ref().map_or("no commit", |commit| commit.abbreviated());
    out.write_line(format!("workspace  {}  {commit}  {}", pushed.outcome.name(), pushed.details).trim_end())?;
    print_lists(&pushed.titled_lists(), &sync_paths().push_report_file(), out)?;
    if !pushed.archive_error.is_empty() {
        out.write_line(format_args!("not archived: {}", pushed.archive_error))?;
    }
    Ok(if pushed.is_complete_and_archived() { CommandOutcome::Success } else { CommandOutcome::Failure })
}

/// Prints every file and branch, one a line.
fn print_lists(lists: &[(&str, &NameList)], report: &Path, out: &mut Output) -> Result<(), CliError> {
    for (title, names) in lists {
        for name in &names.listed {
            out.write_line(format_args!("{title}: {name}"))?;
        }
        if names.unlisted_count() > 0 {
            let file = list_file::path_for(report);
            out.write_line(format_args!("{title}: and {} more, listed in {}", names.unlisted_count(), file.display()))?;
        }
    }
    Ok(())
}

/// Pulls workspace and secrets once.
fn pull_workspace(source: &ConfigSource, config: &Config, out: &mut Output) -> Result<CommandOutcome, CliError> {
    journal::start_logging();
    let paths = sync_paths();
    let report = if unit::runs_sync_itself(&config.workspace.path) {
        let cancel = Cancel::on_signals().map_err(|why| CliError::Failed(format!("cannot catch signals: {why}")))?;
        let checks = BackgroundChecks::start(config, source, Paths::from_environment());
        let checkout_mode = || unit::current_checkout_mode(&Systemctl::default(), &config.gateway.unit);
        unit::wait_for_turn(&paths, unit::TURN_WAIT_LIMIT, &cancel);
        workspace::pull(&config.workspace, &config.secrets, &paths, &checkout_mode, &cancel, &|| checks.finish())
    } else {
        let longest = unit::pull_time_limit(&config.workspace, &config.secrets);
        let report = unit::run_pull_unit(&Systemctl::default(), longest, &paths, &Cancel::new());
        report.map_err(CliError::failed)?
    };
    print_report(&report, out)?;
    Ok(if report.is_ok() { CommandOutcome::Success } else { CommandOutcome::Failure })
}

fn print_report(report: &PullReport, out: &mut Output) -> Result<(), CliError> {
    let workspace = &report.workspace;
    let commit = workspace.commit_after.as_ref().map_or("no commit", |commit| commit.abbreviated());
    out.write_line(format!("workspace  {}  {commit}  {}", workspace.outcome.name(), workspace.details).trim_end())?;
    print_lists(&workspace.titled_lists(), &sync_paths().pull_report_file(), out)?;
    for (index, secret) in report.secrets.iter().enumerate() {
        let word = if secret.is_copied { "copied" } else { "failed" };
        out.write_line(format!("secrets {}  {word}  {}", index + 1, secret.error).trim_end())?;
    }
    Ok(())
}

/// Returns the folders of the sync reports. They are the same for every process; the monitor's unit sets other folders.
pub(super) fn sync_paths() -> workspace::SyncPaths {
    workspace::SyncPaths { state_folder: Paths::from_environment().sync_dir, ..workspace::SyncPaths::default() }
}
