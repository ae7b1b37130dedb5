//! Paths of the files that this program writes.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const DEFAULT_STATE_DIR: &str = "/var/lib/openclaw-failover";
const DEFAULT_RUN_DIR: &str = "/run/openclaw-failover";
pub(crate) const DEFAULT_SYNC_DIR: &str = "/var/lib/openclaw-sync";

/// Variables that override the three directories.
const DIR_VARIABLES: [&str; 3] =
    ["OPENCLAW_FAILOVER_STATE_DIR", "OPENCLAW_FAILOVER_RUN_DIR", "OPENCLAW_FAILOVER_SYNC_DIR"];

/// Directories of this program.
///
/// `OPENCLAW_FAILOVER_STATE_DIR`, `OPENCLAW_FAILOVER_RUN_DIR` and `OPENCLAW_FAILOVER_SYNC_DIR` override them for a
/// second monitor, such as a demo or a test. Variables rather than flags: one `export` makes the monitor and every
/// reader of its files agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// State that survives a reboot. Only the monitor writes it.
    pub state_dir: PathBuf,
    /// Runtime files, world-readable and lost at a reboot.
    pub run_dir: PathBuf,
    /// Reports of the sync units. They run as another user, so the content is untrusted.
    pub sync_dir: PathBuf,
}

impl Paths {
    /// Returns the directories for every command but the monitor. `env` looks up an environment variable.
    pub fn new(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let or = |key, default| absolute_path(env(key)).unwrap_or_else(|| PathBuf::from(default));
        let [state, run, sync] = DIR_VARIABLES;
        Self {
            state_dir: or(state, DEFAULT_STATE_DIR),
            run_dir: or(run, DEFAULT_RUN_DIR),
            sync_dir: or(sync, DEFAULT_SYNC_DIR),
        }
    }

    /// Returns the directories that this process's environment gives to every command but the monitor.
    pub fn from_environment() -> Self {
        Self::new(|name| env::var_os(name))
    }

    /// Returns the directories for the monitor, whose unit gets them from systemd through `StateDirectory=` and
    /// `RuntimeDirectory=`. Other commands ignore those variables: in another unit they name that unit's directories.
    pub fn for_monitor(env: impl Fn(&str) -> Option<OsString>) -> Self {
        Self::new(|key| {
            let by_systemd = match key {
                "OPENCLAW_FAILOVER_STATE_DIR" => Some("STATE_DIRECTORY"),
                "OPENCLAW_FAILOVER_RUN_DIR" => Some("RUNTIME_DIRECTORY"),
                _ => None,
            };
            env(key).or_else(|| env(by_systemd?))
        })
    }

    /// Returns the variables that give another process of this program the same directories.
    pub fn env_variables(&self) -> [(&'static str, &Path); 3] {
        let [state, run, sync] = DIR_VARIABLES;
        [(state, &self.state_dir), (run, &self.run_dir), (sync, &self.sync_dir)]
    }

    /// Persistent state of the failover machine.
    pub fn state_file(&self) -> PathBuf {
        self.state_dir.join("state.json")
    }

    /// Upstreams that were ever seen healthy.
    pub fn seen_healthy_file(&self) -> PathBuf {
        self.state_dir.join("seen-healthy.json")
    }

    /// Timeline of the last 24 hours.
    pub fn timeline_file(&self) -> PathBuf {
        self.state_dir.join("timeline.json")
    }

    /// History of events.
    pub fn history_file(&self) -> PathBuf {
        self.state_dir.join("history.jsonl")
    }

    /// Delivery cursor of one webhook.
    pub fn delivery_cursor_file(&self, credential: &str) -> PathBuf {
        self.state_dir.join(format!("notified-{credential}.json"))
    }

    /// Trace of the failover machine's inputs.
    pub fn trace_file(&self) -> PathBuf {
        self.state_dir.join("trace.jsonl")
    }

    /// Current status.
    pub fn status_file(&self) -> PathBuf {
        self.run_dir.join("status.json")
    }

    /// Metrics in the Prometheus text format.
    pub fn metrics_file(&self) -> PathBuf {
        self.run_dir.join("metrics.prom")
    }

    /// Control socket of the monitor.
    pub fn control_socket(&self) -> PathBuf {
        self.run_dir.join("control.sock")
    }
}

/// Returns the path if it is absolute. A relative one depends on the current directory, so it is ignored.
fn absolute_path(path: Option<OsString>) -> Option<PathBuf> {
    path.map(PathBuf::from).filter(|path| Path::is_absolute(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        |key| vars.iter().find(|(name, _)| *name == key).map(|(_, value)| value.into())
    }

    #[test]
    fn without_a_word_all_is_where_the_unit_puts_it() {
        let paths = Paths::new(env(&[("STATE_DIRECTORY", "/var/lib/other"), ("OPENCLAW_FAILOVER_RUN_DIR", "run")]));
        assert_eq!(paths.state_file(), Path::new("/var/lib/openclaw-failover/state.json"));
        assert_eq!(paths.status_file(), Path::new("/run/openclaw-failover/status.json"));
        assert_eq!(paths.sync_dir, Path::new("/var/lib/openclaw-sync"));
    }

    #[test]
    fn the_monitor_listens_to_systemd_and_everybody_to_the_operator() {
        let vars = [("STATE_DIRECTORY", "/s"), ("RUNTIME_DIRECTORY", "/r"), ("OPENCLAW_FAILOVER_RUN_DIR", "/mine")];
        let monitor = Paths::for_monitor(env(&vars));
        assert_eq!((monitor.state_file(), monitor.run_dir), ("/s/state.json".into(), "/mine".into()));
        assert_eq!(Paths::new(env(&vars)).run_dir, Path::new("/mine"));
    }
}
