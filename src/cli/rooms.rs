//! Implementation of the commands, one function each.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{
    Receiver, SyncSender, {self},
};
use std::time::Duration;
use std::{env, fmt, io, thread};

use crate::cli::Answer;
use crate::cli::error::Error;
use crate::cli::output::Output;
use crate::config::paths::Paths;
use crate::config::{Config, Source};
use crate::control::{
    Request, {self},
};
use crate::doctor::Beside;
use crate::monitor::{Backend, Monitor, Parts, Systemd};
use crate::os::clock::wall_clock;
use crate::os::systemd::Systemctl;
use crate::os::{Cancel, atomic_file, journal, spawn};
use crate::records::{history as past, trace};
use crate::text::CommandOutput;
use crate::workspace::{
    Report, unit, {self},
};
use crate::{demo, status as present};

/// Number of log lines that wait for a slow journal, at most.
const LINES: usize = 64;

/// Time limit for a live status from the monitor.
const LIVE: Duration = Duration::from_secs(2);

/// Redraw interval of a watched status.
const WATCH: Duration = Duration::from_secs(1);

/// Time limit for the last log lines at shutdown.
const LAST_LINES: Duration = Duration::from_secs(3);

/// Runs the monitor until SIGTERM.
pub(super) fn monitor(source: Source, config: Config) -> Result<Answer, Error> {
    journal::init();
    let paths = Paths::of_monitor(environment);
    let systemd = (source.clone(), paths.clone(), sync_paths());
    let (log, logged) = logger().map_err(|why| Error::Failed(format!("cannot start a thread for the log: {why}")))?;
    let parts = Parts {
        source,
        config,
        paths,
        backend: Box::new(move |config| -> Arc<dyn Backend> {
            let (source, paths, sync) = systemd.clone();
            Arc::new(Systemd::new(config, source, paths, sync))
        }),
        // A blocked log loses lines; it must never delay a failover.
        teller: Box::new(move |entry| drop(log.try_send((entry.severity.level(), entry.text.clone())))),
    };
    let monitor = Monitor::start(parts).map_err(failed)?;
    monitor.obey_signals().map_err(failed)?;
    monitor.run();
    // The monitor has ended, whether or not the last lines were written.
    let _ = logged.recv_timeout(LAST_LINES);
    Ok(Answer::Yes)
}

type Line = (log::Level, String);

/// Logs in a separate thread, so that a blocked journal delays nothing else. The receiver reports that the last line is
/// written.
fn logger() -> io::Result<(SyncSender<Line>, Receiver<()>)> {
    let (log, lines) = mpsc::sync_channel::<Line>(LINES);
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
pub(super) fn status(json: bool, out: &mut Output) -> Result<Answer, Error> {
    show(&look(json, out), out)
}

/// Redraws the status in place until interrupted.
pub(super) fn watch(out: &mut Output) -> Result<Answer, Error> {
    loop {
        let shown = look(false, out);
        out.redraw(&shown.text)?;
        thread::sleep(WATCH);
    }
}

fn look(json: bool, out: &Output) -> CommandOutput {
    let (paths, form) = (Paths::new(environment), present::Form { json, colour: out.colour() });
    match control::ask(&paths.control(), &Request::News { since: None }, LIVE) {
        Ok(answer) => present::show(Ok(answer.status), form, wall_clock()),
        Err(_) => present::command(&paths.status(), form, wall_clock()),
    }
}

/// Prints the history, all of it or the last `since`.
pub(super) fn history(since: Option<Duration>, form: past::Form, out: &mut Output) -> Result<Answer, Error> {
    let shown = past::command(&Paths::new(environment).history(), since, form, wall_clock());
    show(&shown.map_err(failed)?, out)
}

/// Replays a trace; by default the monitor's own. `No` if the machine decides differently now.
pub(super) fn replay(file: Option<PathBuf>, out: &mut Output) -> Result<Answer, Error> {
    let file = file.map_or_else(|| Ok(Paths::new(environment).trace()), resolve)?;
    let text = trace::read(&file).map_err(failed)?;
    let replayed = trace::replay(&text, out.stream()).map_err(Error::Output)?;
    let left_out = replayed.left_out();
    if replayed.events == 0 {
        return Err(failed(atomic_file::Error::NoEvents { path: file, left_out }));
    }
    if let Some(warning) = left_out {
        out.flush()?;
        Error::Failed(warning).print();
    }
    Ok(if replayed.differences == 0 { Answer::Yes } else { Answer::No })
}

/// Resolves the symbolic links of a path given as an argument.
fn resolve(file: PathBuf) -> Result<PathBuf, Error> {
    match file.canonicalize() {
        Ok(found) => Ok(found),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(file),
        Err(why) => Err(failed(atomic_file::Error::Read { path: file, why })),
    }
}

/// Runs a failover on loopback.
pub(super) fn demo(out: &mut Output) -> Result<Answer, Error> {
    demo::run(|line| out.line(line).and_then(|()| out.flush()).is_ok()).map_err(Error::Failed)?;
    Ok(Answer::Yes)
}

/// Runs one of the demo's gateways.
pub(super) fn stub_gateway(address: SocketAddr) -> Result<Answer, Error> {
    demo::stub::serve(address).map_err(|why| Error::Failed(format!("cannot serve on {address}: {why}")))?;
    Ok(Answer::Yes)
}

/// Pulls workspace and secrets once.
pub(super) fn pull(source: &Source, config: &Config, out: &mut Output) -> Result<Answer, Error> {
    journal::init();
    let paths = sync_paths();
    let report = if unit::is_ours(&config.workspace.path) {
        let cancel = Cancel::on_signals().map_err(|why| Error::Failed(format!("cannot catch signals: {why}")))?;
        let beside = Beside::begin(config, source, Paths::new(environment));
        let reach = || unit::reach(&Systemctl::default(), &config.gateway.unit);
        unit::wait_for_turn(&paths, unit::TURN_LIMIT, &cancel);
        workspace::pull(&config.workspace, &config.secrets, &paths, &reach, &cancel, &|| beside.end())
    } else {
        let longest = unit::longest(&config.workspace, &config.secrets);
        let report = unit::pull(&Systemctl::default(), longest, &paths, &Cancel::new());
        report.map_err(failed)?
    };
    tell(&report, out)?;
    Ok(if report.is_ok() { Answer::Yes } else { Answer::No })
}

fn tell(report: &Report, out: &mut Output) -> Result<(), Error> {
    let workspace = &report.workspace;
    let commit = workspace.after.as_ref().map_or("no commit", |commit| commit.short());
    out.line(format!("workspace  {}  {commit}  {}", workspace.outcome.name(), workspace.said).trim_end())?;
    crate::cli::sync::tell_lists(&workspace.lists(), &sync_paths().pull_report(), out)?;
    for (index, secret) in report.secrets.iter().enumerate() {
        let word = if secret.ok { "copied" } else { "failed" };
        out.line(format!("secrets {}  {word}  {}", index + 1, secret.said).trim_end())?;
    }
    Ok(())
}

fn failed(why: impl fmt::Display) -> Error {
    Error::Failed(why.to_string())
}

fn show(shown: &CommandOutput, out: &mut Output) -> Result<Answer, Error> {
    out.text(&shown.text)?;
    if let Some(warning) = &shown.warning {
        out.flush()?;
        Error::Failed(warning.clone()).print();
    }
    Ok(if shown.code == 0 { Answer::Yes } else { Answer::No })
}

/// Returns the folders of the sync reports. They are the same for every process; the monitor's unit sets other folders.
pub(super) fn sync_paths() -> workspace::Paths {
    workspace::Paths { state: Paths::new(environment).sync_dir, ..workspace::Paths::default() }
}

fn environment(name: &str) -> Option<OsString> {
    env::var_os(name)
}
