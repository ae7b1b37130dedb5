//! A complete failover and failback on loopback: the real monitor with short time limits, stub gateways as real
//! processes, and a real git checkout as the workspace. It needs no root and no systemd, and leaves nothing behind.

mod environment;
mod error;
pub(crate) mod stub_gateway;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::config::paths::Paths;
use crate::config::{self, Config, ConfigSource};
use crate::demo::environment::{
    LocalBackend, PRIMARY_SYNC_FOLDER, StubGateway, TempFolder, free_address, make_repositories, push_primary,
    write_note,
};
use crate::demo::error::DemoError;
use crate::events::EventKind;
use crate::monitor::{Backend, Dependencies, Monitor, StopHandle};
use crate::workspace;

/// Time limit of the demo, which takes about 15 s.
const DEMO_TIMEOUT: Duration = Duration::from_secs(50);

/// Interval between checks for Ctrl-C.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Runs the demo. `line` prints one line and returns false if the output is closed.
///
/// # Errors
/// When an expected step does not happen.
pub(crate) fn run(line: impl FnMut(&str) -> bool) -> Result<(), DemoError> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let flag = Arc::clone(&interrupted);
        signal_hook::flag::register(signal, flag).map_err(|why| DemoError::System("catch signals", why))?;
    }
    let folder = TempFolder::create().map_err(|why| DemoError::System("create a temporary folder", why))?;
    make_repositories(&folder)?;
    let (primary, standby) = (loopback_address()?, loopback_address()?);
    let config = demo_config(&folder, primary, standby)?;
    let (sender, events) = mpsc::channel();
    let mut demo = DemoRun { line, events, interrupted, began: Instant::now() };
    let mut primary = StubGateway::new(primary);
    demo.print_line("act", "starting the primary's gateway and the monitor; thresholds here: 5 s instead of 30 s")?;
    primary.start().map_err(start_failure)?;
    let monitor = RunningMonitor::start(&folder, config, standby, sender)?;
    let result = demo.run_steps(&folder, &mut primary);
    drop(monitor);
    result
}

fn loopback_address() -> Result<SocketAddr, DemoError> {
    free_address().map_err(|why| DemoError::System("find a free port on loopback", why))
}

fn demo_config(folder: &TempFolder, primary: SocketAddr, standby: SocketAddr) -> Result<Config, DemoError> {
    let workspace = folder.join("standby");
    let text = format!(
        r#"{{
            "upstreams": [{{ "name": "primary", "urls": ["http://{primary}"] }}],
            "probe": {{ "interval": "1s", "retry_interval": "500ms", "timeout": "500ms" }},
            "promote": {{ "after": "5s", "witnesses": [] }},
            "demote": {{ "after": "5s" }},
            "gateway": {{ "url": "http://{standby}" }},
            "workspace": {{ "path": "{}" }}
        }}"#,
        workspace.display()
    );
    config::parse(&text, "the demo's configuration").map_err(DemoError::Config)
}

fn start_failure(why: std::io::Error) -> DemoError {
    DemoError::System("start the primary's gateway", why)
}

/// Monitor in a separate thread, stopped on drop.
struct RunningMonitor {
    stopper: StopHandle,
    thread: Option<JoinHandle<()>>,
}

/// Entry of the history: the event, and the sentence for people.
type DemoEvent = (EventKind, String);

impl RunningMonitor {
    fn start(
        folder: &TempFolder,
        config: Config,
        standby: SocketAddr,
        events: Sender<DemoEvent>,
    ) -> Result<Self, DemoError> {
        let paths =
            Paths { state_dir: folder.join("state"), run_dir: folder.join("run"), sync_dir: folder.join("sync") };
        for dir in [&paths.state_dir, &paths.run_dir, &paths.sync_dir, &folder.join(PRIMARY_SYNC_FOLDER)] {
            std::fs::create_dir(dir).map_err(|why| DemoError::System("create a folder of the demo", why))?;
        }
        let sync = workspace::SyncPaths { state_folder: paths.sync_dir.clone(), ..workspace::SyncPaths::default() };
        let (sender, started) = mpsc::channel();
        let thread = thread::spawn(move || {
            let backend = move |config: &Config| -> Arc<dyn Backend> {
                Arc::new(LocalBackend::new(config, standby, sync.clone()))
            };
            let parts = Dependencies {
                source: ConfigSource::File(paths.state_dir.join("config.json")),
                config,
                paths,
                backend_factory: Box::new(backend),
                event_sink: Box::new(move |entry| {
                    // The demo may have ended.
                    let _ = events.send((entry.event, entry.text.clone()));
                }),
            };
            match Monitor::start(parts) {
                Ok(monitor) => {
                    let _ = sender.send(Ok(monitor.stop_handle()));
                    monitor.run();
                }
                Err(why) => {
                    let _ = sender.send(Err(why));
                }
            }
        });
        let stopper = started.recv().map_err(|_| DemoError::MonitorEnded)?.map_err(DemoError::Monitor)?;
        Ok(Self { stopper, thread: Some(thread) })
    }
}

impl Drop for RunningMonitor {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the monitor's thread panicked");
        }
    }
}

struct DemoRun<L> {
    line: L,
    events: Receiver<DemoEvent>,
    interrupted: Arc<AtomicBool>,
    began: Instant,
}

impl<L: FnMut(&str) -> bool> DemoRun<L> {
    fn run_steps(&mut self, folder: &TempFolder, primary: &mut StubGateway) -> Result<(), DemoError> {
        self.print_until(EventKind::Armed)?;
        write_note(folder, "The note that the primary wrote last.")?;
        self.print_line("act", "the primary's agent writes a note; its gateway is killed (SIGKILL)")?;
        let died = Instant::now();
        primary.kill();
        self.print_until(EventKind::Promoted)?;
        let promoted = died.elapsed();
        let note = std::fs::read_to_string(folder.join("standby").join("notes.md")).unwrap_or_default();
        self.print_line("act", &format!("the standby's workspace says: {note}"))?;
        let learned = "A note that the standby's agent wrote meanwhile.";
        std::fs::write(folder.join("standby").join("learned.md"), learned)
            .map_err(|why| DemoError::System("write a note", why))?;
        self.print_line("act", "the standby's agent writes a note; the primary's gateway starts again")?;
        let back = Instant::now();
        primary.start().map_err(start_failure)?;
        self.print_until(EventKind::Demoted)?;
        let demoted = back.elapsed();
        self.print_until(EventKind::Pushed)?;
        push_primary(folder)?;
        let note = std::fs::read_to_string(folder.join("primary").join("learned.md")).unwrap_or_default();
        self.print_line("act", &format!("the primary's push timer merges it; the primary's workspace says: {note}"))?;
        let summary = format!(
            "failover took {:.1} s after the primary's end; failback took {:.1} s after its return",
            promoted.as_secs_f64(),
            demoted.as_secs_f64()
        );
        self.print_line("done", &summary)
    }

    /// Prints events until `event` happens.
    fn print_until(&mut self, event: EventKind) -> Result<(), DemoError> {
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(DemoError::Interrupted);
            }
            if self.began.elapsed() > DEMO_TIMEOUT {
                return Err(DemoError::TimedOut(event.name()));
            }
            match self.events.recv_timeout(POLL_INTERVAL) {
                Ok((what, text)) => {
                    self.print_line(what.name(), &text)?;
                    if what == event {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(DemoError::MonitorEnded),
            }
        }
    }

    fn print_line(&mut self, what: &str, text: &str) -> Result<(), DemoError> {
        let mut line = format!("{:>6.1} s  {what:<14} ", self.began.elapsed().as_secs_f64());
        let _ = write!(line, "{text}");
        if (self.line)(&line) { Ok(()) } else { Err(DemoError::OutputClosed) }
    }
}
