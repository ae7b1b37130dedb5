//! `run`: the monitor.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;
use std::{env, io};

use crate::cli::args::Args;
use crate::cli::config::load_config;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::cli::sync::sync_paths;
use crate::config::paths::Paths;
use crate::config::{Config, ConfigSource};
use crate::monitor::{Backend, Dependencies, Monitor, SystemdBackend};
use crate::os::{journal, spawn};

/// Number of log lines that wait for a slow journal, at most.
const LOG_QUEUE_CAPACITY: usize = 64;

/// Time limit for the last log lines at shutdown.
const LOG_FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) const HELP: &str = "\
The monitor: watch the upstreams, promote this host when all of them are down,
and demote it when one is back. It runs until SIGTERM and leaves the gateway as
it is; SIGHUP reloads the configuration.

Usage: openclaw-failover run [OPTIONS]

Options:
  --config FILE  read FILE instead of /etc/openclaw-failover/config.json
  -h, --help     show this text
";

/// Arguments of `run`.
#[derive(Debug, PartialEq)]
pub(super) struct RunCommand {
    config: Option<PathBuf>,
}

impl RunCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let mut run = Self { config: None };
        while args.next_option()?.is_some() {
            run.config = Some(args.file_value()?);
        }
        Ok(run)
    }

    pub(super) fn run(self, _: &mut Output) -> Result<CommandOutcome, CliError> {
        let (source, config) = load_config(self.config.as_deref())?;
        run_monitor(source, config)
    }
}

/// Runs the monitor until SIGTERM.
fn run_monitor(source: ConfigSource, config: Config) -> Result<CommandOutcome, CliError> {
    journal::start_logging();
    let paths = Paths::for_monitor(|name| env::var_os(name));
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
    let monitor = Monitor::start(parts).map_err(CliError::failed)?;
    monitor.handle_signals().map_err(CliError::failed)?;
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
