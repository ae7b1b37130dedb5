//! The rooms that do a command's work, one function each.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use crate::config::{Config, Source};
use crate::control::{self, Request};
use crate::demo;
use crate::doctor::Beside;
use crate::host::Cancel;
use crate::host::journal;
use crate::host::spawn;
use crate::host::systemd::Systemctl;
use crate::monitor::{Backend, Monitor, Parts, Systemd};
use crate::report::clock::wall_clock;
use crate::report::paths::Paths;
use crate::report::{Shown, durable, history as past, status as present, trace};
use crate::sync::{self, Report, unit};

use super::Answer;
use super::error::Error;
use super::output::Output;

/// So many lines wait for a journal that is slow.
const LINES: usize = 64;

/// How long a monitor that is asked how things stand may take.
const LIVE: Duration = Duration::from_secs(2);

/// How often a status that is watched is drawn anew.
const WATCH: Duration = Duration::from_secs(1);

/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_secs(3);

/// The monitor, until it is told to stop.
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
        // A log that nobody reads any more costs lines, and never a failover.
        teller: Box::new(move |entry| drop(log.try_send((entry.severity.level(), entry.text.clone())))),
    };
    let monitor = Monitor::start(parts).map_err(failed)?;
    monitor.obey_signals().map_err(failed)?;
    monitor.run();
    // Whether the last lines were written or nobody takes them, the monitor has ended.
    let _ = logged.recv_timeout(LAST_LINES);
    Ok(Answer::Yes)
}

type Line = (log::Level, String);

/// Logs on a thread of its own, which says when the last line is written: a journal that hangs holds up nobody else.
fn logger() -> io::Result<(SyncSender<Line>, Receiver<()>)> {
    let (log, lines) = mpsc::sync_channel::<Line>(LINES);
    let (done, logged) = mpsc::sync_channel(1);
    spawn("log", move || {
        for (level, text) in lines {
            log::log!(level, "{text}");
        }
        // Whoever waited may have given up.
        let _ = done.send(());
    })?;
    Ok((log, logged))
}

/// How things stand, by the monitor's own word, or for those who may not ask it by what it wrote last; `No` if it does not
/// run.
pub(super) fn status(json: bool, out: &mut Output) -> Result<Answer, Error> {
    show(&look(json, out), out)
}

/// The same again and again, in the same place, until somebody interrupts it.
pub(super) fn watch(out: &mut Output) -> Result<Answer, Error> {
    loop {
        let shown = look(false, out);
        out.redraw(&shown.text)?;
        thread::sleep(WATCH);
    }
}

fn look(json: bool, out: &Output) -> Shown {
    let (paths, form) = (Paths::new(environment), present::Form { json, colour: out.colour() });
    match control::ask(&paths.control(), &Request::News { since: None }, LIVE) {
        Ok(answer) => present::show(Ok(answer.status), form, wall_clock()),
        Err(_) => present::command(&paths.status(), form, wall_clock()),
    }
}

/// What happened, all of it or the last `since`.
pub(super) fn history(since: Option<Duration>, form: past::Form, out: &mut Output) -> Result<Answer, Error> {
    let shown = past::command(&Paths::new(environment).history(), since, form, wall_clock());
    show(&shown.map_err(failed)?, out)
}

/// A trace, run again; the monitor's own where no other is named. `No` if the machine decides otherwise now.
pub(super) fn replay(file: Option<PathBuf>, out: &mut Output) -> Result<Answer, Error> {
    let file = file.map_or_else(|| Ok(Paths::new(environment).trace()), resolve)?;
    let text = trace::read(&file).map_err(failed)?;
    let replayed = trace::replay(&text, out.stream()).map_err(Error::Output)?;
    let left_out = replayed.left_out();
    if replayed.events == 0 {
        return Err(failed(durable::Error::NoEvents { path: file, left_out }));
    }
    if let Some(warning) = left_out {
        out.flush()?;
        Error::Failed(warning).print();
    }
    Ok(if replayed.differences == 0 { Answer::Yes } else { Answer::No })
}

/// Follows the links of a path that a person has typed.
fn resolve(file: PathBuf) -> Result<PathBuf, Error> {
    match file.canonicalize() {
        Ok(found) => Ok(found),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(file),
        Err(why) => Err(failed(durable::Error::Read { path: file, why })),
    }
}

/// A failover on loopback.
pub(super) fn demo(out: &mut Output) -> Result<Answer, Error> {
    demo::run(|line| out.line(line).and_then(|()| out.flush()).is_ok()).map_err(Error::Failed)?;
    Ok(Answer::Yes)
}

/// One of the demo's gateways.
pub(super) fn stub_gateway(address: SocketAddr) -> Result<Answer, Error> {
    demo::stub::serve(address).map_err(|why| Error::Failed(format!("cannot serve on {address}: {why}")))?;
    Ok(Answer::Yes)
}

/// Workspace and secrets, once.
pub(super) fn pull(source: &Source, config: &Config, out: &mut Output) -> Result<Answer, Error> {
    journal::init();
    let paths = sync_paths();
    let report = if unit::is_ours(&config.workspace.path) {
        let cancel = Cancel::on_signals().map_err(|why| Error::Failed(format!("cannot catch signals: {why}")))?;
        let beside = Beside::begin(config, source, Paths::new(environment));
        let reach = || unit::reach(&Systemctl::default(), &config.gateway.unit);
        unit::wait_for_turn(&paths, unit::TURN_LIMIT, &cancel);
        sync::pull(&config.workspace, &config.secrets, &paths, &reach, &cancel, &|| beside.end())
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
    super::sync::tell_lists(&workspace.lists(), &sync_paths().pull_report(), out)?;
    for (index, secret) in report.secrets.iter().enumerate() {
        let word = if secret.ok { "copied" } else { "failed" };
        out.line(format!("secrets {}  {word}  {}", index + 1, secret.said).trim_end())?;
    }
    Ok(())
}

fn failed(why: impl fmt::Display) -> Error {
    Error::Failed(why.to_string())
}

fn show(shown: &Shown, out: &mut Output) -> Result<Answer, Error> {
    out.text(&shown.text)?;
    if let Some(warning) = &shown.warning {
        out.flush()?;
        Error::Failed(warning.clone()).print();
    }
    Ok(if shown.code == 0 { Answer::Yes } else { Answer::No })
}

/// Where a sync leaves its reports: in the same place for the monitor, whose unit names other folders, and everybody else.
pub(super) fn sync_paths() -> sync::Paths {
    sync::Paths { state: Paths::new(environment).sync_dir, ..sync::Paths::default() }
}

fn environment(name: &str) -> Option<OsString> {
    env::var_os(name)
}
