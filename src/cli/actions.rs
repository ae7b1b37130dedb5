//! Implementation of the commands, one function each.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;
use std::{env, fmt, io, thread};

use crate::cli::CommandOutcome;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::config::paths::Paths;
use crate::config::{Config, ConfigSource};
use crate::control::{self, Request};
use crate::demo;
use crate::doctor::BackgroundChecks;
use crate::monitor::{Backend, Dependencies, Monitor, SystemdBackend};
use crate::os::clock::read_wall_clock;
use crate::os::systemd::Systemctl;
use crate::os::{Cancel, atomic_file, journal, spawn};
use crate::records::{history as past, trace};
use crate::status::{StatusFormat, render_file, render_result};
use crate::text::CommandOutput;
use crate::workspace::{self, PullReport, unit};

/// Number of log lines that wait for a slow journal, at most.
const LOG_QUEUE_CAPACITY: usize = 64;

/// Time limit for a live status from the monitor.
const LIVE_STATUS_TIMEOUT: Duration = Duration::from_secs(2);

/// Redraw interval of a watched status.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

/// Time limit for the last log lines at shutdown.
const LOG_FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs the monitor until SIGTERM.
pub(super) fn run_monitor(source: ConfigSource, config: Config) -> Result<CommandOutcome, CliError> {
    journal::start_logging();
    let paths = Paths::for_monitor(environment_variable);
    let systemd = (source.clone(), paths.clone(), sync_paths());
    let (log, logged) =
        start_logger().map_err(|why| CliError::Failed(format!("cannot start a thread for the log: {why}")))?;
    let parts = Dependencies {
        source,
        config,
        paths,
        backend_factory: Box::new(move |config| -> Arc<dyn Backend> {
            let (source, paths, sync) = systemd.clone();
            Arc::new(SystemdBackend::new(config, source, paths, sync))
        }),
        // A blocked log loses lines; it must never delay a failover.
        event_sink: Box::new(move |entry| drop(log.try_send((entry.severity.log_level(), entry.text.clone())))),
    };
    let monitor = Monitor::start(parts).map_err(command_failure)?;
    monitor.handle_signals().map_err(command_failure)?;
    monitor.run();
    // The monitor has ended, whether or not the last lines were written.
    let _ = logged.recv_timeout(LOG_FLUSH_TIMEOUT);
    Ok(CommandOutcome::Success)
}

type LogLine = (log::Level, String);

/// Logs in a separate thread, so that a blocked journal delays nothing else. The receiver reports that the last line is
/// written.
fn start_logger() -> io::Result<(SyncSender<LogLine>, Receiver<()>)> {
    let (log, lines) = mpsc::sync_channel::<LogLine>(LOG_QUEUE_CAPACITY);
    let (done, logged) = mpsc::sync_channel(1);
    spawn("log", move || {
        for (level, text) in lines {
            log::log!(level, "{text}");
        }
        // The receiver may have timed out.
        let _ = done.send(());
    })?;
    Ok((log, logged))
}

/// Prints the monitor's live status, or for users who may not ask it the last one that it wrote. `No` if it does not
/// run.
pub(super) fn print_status(json: bool, out: &mut Output) -> Result<CommandOutcome, CliError> {
    print_output(&query_status(json, out), out)
}

/// Redraws the status in place until interrupted.
pub(super) fn watch_status(out: &mut Output) -> Result<CommandOutcome, CliError> {
    loop {
        let shown = query_status(false, out);
        out.redraw(&shown.text)?;
        thread::sleep(REDRAW_INTERVAL);
    }
}

fn query_status(json: bool, out: &Output) -> CommandOutput {
    let (paths, form) = (Paths::new(environment_variable), StatusFormat { json, colour: out.has_colour() });
    match control::send_request(&paths.control_socket(), &Request::Status { since: None }, LIVE_STATUS_TIMEOUT) {
        Ok(answer) => render_result(Ok(answer.status), form, read_wall_clock()),
        Err(_) => render_file(&paths.status_file(), form, read_wall_clock()),
    }
}

/// Prints the history, all of it or the last `since`.
pub(super) fn print_history(
    since: Option<Duration>,
    form: past::HistoryFormat,
    out: &mut Output,
) -> Result<CommandOutcome, CliError> {
    let shown = past::render_history(&Paths::new(environment_variable).history_file(), since, form, read_wall_clock());
    print_output(&shown.map_err(command_failure)?, out)
}

/// Replays a trace; by default the monitor's own. `No` if the machine decides differently now.
pub(super) fn replay_trace(file: Option<PathBuf>, out: &mut Output) -> Result<CommandOutcome, CliError> {
    let file = file.map_or_else(|| Ok(Paths::new(environment_variable).trace_file()), resolve)?;
    let text = trace::read(&file).map_err(command_failure)?;
    let replayed = trace::replay(&text, out.stream()).map_err(CliError::Output)?;
    let left_out = replayed.describe_skipped();
    if replayed.events == 0 {
        return Err(command_failure(atomic_file::FileError::NoEvents { path: file, left_out }));
    }
    if let Some(warning) = left_out {
        out.flush()?;
        CliError::Failed(warning).print();
    }
    Ok(if replayed.differences == 0 { CommandOutcome::Success } else { CommandOutcome::Failure })
}

/// Resolves the symbolic links of a path given as an argument.
fn resolve(file: PathBuf) -> Result<PathBuf, CliError> {
    match file.canonicalize() {
        Ok(found) => Ok(found),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(file),
        Err(why) => Err(command_failure(atomic_file::FileError::Read { path: file, why })),
    }
}

/// Runs a failover on loopback.
pub(super) fn run_demo(out: &mut Output) -> Result<CommandOutcome, CliError> {
    demo::run(|line| out.write_line(line).and_then(|()| out.flush()).is_ok()).map_err(CliError::Failed)?;
    Ok(CommandOutcome::Success)
}

/// Runs one of the demo's gateways.
pub(super) fn serve_stub_gateway(address: SocketAddr) -> Result<CommandOutcome, CliError> {
    demo::stub_gateway::serve(address).map_err(|why| CliError::Failed(format!("cannot serve on {address}: {why}")))?;
    Ok(CommandOutcome::Success)
}

/// Pulls workspace and secrets once.
pub(super) fn pull_workspace(
    source: &ConfigSource,
    config: &Config,
    out: &mut Output,
) -> Result<CommandOutcome, CliError> {
    journal::start_logging();
    let paths = sync_paths();
    let report = if unit::runs_sync_itself(&config.workspace.path) {
        let cancel = Cancel::on_signals().map_err(|why| CliError::Failed(format!("cannot catch signals: {why}")))?;
        let beside = BackgroundChecks::start(config, source, Paths::new(environment_variable));
        let reach = || unit::current_checkout_mode(&Systemctl::default(), &config.gateway.unit);
        unit::wait_for_turn(&paths, unit::TURN_WAIT_LIMIT, &cancel);
        workspace::pull(&config.workspace, &config.secrets, &paths, &reach, &cancel, &|| beside.finish())
    } else {
        let longest = unit::pull_time_limit(&config.workspace, &config.secrets);
        let report = unit::run_pull_unit(&Systemctl::default(), longest, &paths, &Cancel::new());
        report.map_err(command_failure)?
    };
    print_report(&report, out)?;
    Ok(if report.is_ok() { CommandOutcome::Success } else { CommandOutcome::Failure })
}

fn print_report(report: &PullReport, out: &mut Output) -> Result<(), CliError> {
    let workspace = &report.workspace;
    let commit = workspace.commit_after.as_ref().map_or("no commit", |commit| commit.abbreviated());
    out.write_line(format!("workspace  {}  {commit}  {}", workspace.outcome.name(), workspace.details).trim_end())?;
    crate::cli::sync::print_lists(&workspace.titled_lists(), &sync_paths().pull_report_file(), out)?;
    for (index, secret) in report.secrets.iter().enumerate() {
        let word = if secret.is_copied { "copied" } else { "failed" };
        out.write_line(format!("secrets {}  {word}  {}", index + 1, secret.error).trim_end())?;
    }
    Ok(())
}

fn command_failure(why: impl fmt::Display) -> CliError {
    CliError::Failed(why.to_string())
}

fn print_output(shown: &CommandOutput, out: &mut Output) -> Result<CommandOutcome, CliError> {
    out.write_text(&shown.text)?;
    if let Some(warning) = &shown.warning {
        out.flush()?;
        CliError::Failed(warning.clone()).print();
    }
    Ok(if shown.exit_code == 0 { CommandOutcome::Success } else { CommandOutcome::Failure })
}

/// Returns the folders of the sync reports. They are the same for every process; the monitor's unit sets other folders.
pub(super) fn sync_paths() -> workspace::SyncPaths {
    workspace::SyncPaths { state_folder: Paths::new(environment_variable).sync_dir, ..workspace::SyncPaths::default() }
}

fn environment_variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}
