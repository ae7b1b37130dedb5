//! Where everything lies.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

const STATE: &str = "/var/lib/openclaw-failover";
const RUN: &str = "/run/openclaw-failover";
pub(crate) const SYNC: &str = "/var/lib/openclaw-sync";

/// What moves them.
const VARIABLES: [&str; 3] = ["OPENCLAW_FAILOVER_STATE_DIR", "OPENCLAW_FAILOVER_RUN_DIR", "OPENCLAW_FAILOVER_SYNC_DIR"];

/// The folders of this program.
///
/// `OPENCLAW_FAILOVER_STATE_DIR`, `OPENCLAW_FAILOVER_RUN_DIR` and `OPENCLAW_FAILOVER_SYNC_DIR` move them, for whoever
/// runs a monitor of their own: the demo, a test. They are variables and not flags because the monitor and everything
/// that reads after it must agree, and one `export` sees to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// What must survive a reboot. Only the monitor writes there.
    pub state_dir: PathBuf,
    /// What everybody may read, and no reboot preserves.
    pub run_dir: PathBuf,
    /// What the sync units report. They run as another user, so nothing there is to be trusted.
    pub sync_dir: PathBuf,
}

impl Paths {
    /// The folders for everybody but the monitor. `env` is the environment.
    #[must_use]
    pub fn new(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let or = |key, default| absolute(env(key)).unwrap_or_else(|| PathBuf::from(default));
        let [state, run, sync] = VARIABLES;
        Self { state_dir: or(state, STATE), run_dir: or(run, RUN), sync_dir: or(sync, SYNC) }
    }

    /// The folders for the monitor: where its unit has `StateDirectory=` and `RuntimeDirectory=`, systemd says where they
    /// are. The others must not listen to that: in another unit it names that unit's folders.
    #[must_use]
    pub fn of_monitor(env: impl Fn(&str) -> Option<OsString>) -> Self {
        Self::new(|key| {
            let by_systemd = match key {
                "OPENCLAW_FAILOVER_STATE_DIR" => Some("STATE_DIRECTORY"),
                "OPENCLAW_FAILOVER_RUN_DIR" => Some("RUNTIME_DIRECTORY"),
                _ => None,
            };
            env(key).or_else(|| env(by_systemd?))
        })
    }

    /// The variables by which another process of this program finds the same folders.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, &Path); 3] {
        let [state, run, sync] = VARIABLES;
        [(state, &self.state_dir), (run, &self.run_dir), (sync, &self.sync_dir)]
    }

    /// What the machine must remember.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.state_dir.join("state.json")
    }

    /// Which upstreams were ever seen healthy.
    #[must_use]
    pub fn armed(&self) -> PathBuf {
        self.state_dir.join("armed.json")
    }

    /// What the last 24 hours were like.
    #[must_use]
    pub fn strip(&self) -> PathBuf {
        self.state_dir.join("strip.json")
    }

    /// What happened.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.state_dir.join("history.jsonl")
    }

    /// How far the notifications to one webhook have come.
    #[must_use]
    pub fn notified(&self, credential: &str) -> PathBuf {
        self.state_dir.join(format!("notified-{credential}.json"))
    }

    /// What the machine was given.
    #[must_use]
    pub fn trace(&self) -> PathBuf {
        self.state_dir.join("trace.jsonl")
    }

    /// How things stand.
    #[must_use]
    pub fn status(&self) -> PathBuf {
        self.run_dir.join("status.json")
    }

    /// The same in numbers.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.run_dir.join("metrics.prom")
    }

    /// Where the monitor listens to operators.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.run_dir.join("control.sock")
    }
}

/// A relative path would mean another folder to everybody who starts elsewhere, so it counts as none.
fn absolute(path: Option<OsString>) -> Option<PathBuf> {
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
        assert_eq!(paths.state(), Path::new("/var/lib/openclaw-failover/state.json"));
        assert_eq!(paths.status(), Path::new("/run/openclaw-failover/status.json"));
        assert_eq!(paths.sync_dir, Path::new("/var/lib/openclaw-sync"));
    }

    #[test]
    fn the_monitor_listens_to_systemd_and_everybody_to_the_operator() {
        let vars = [("STATE_DIRECTORY", "/s"), ("RUNTIME_DIRECTORY", "/r"), ("OPENCLAW_FAILOVER_RUN_DIR", "/mine")];
        let monitor = Paths::of_monitor(env(&vars));
        assert_eq!((monitor.state(), monitor.run_dir), ("/s/state.json".into(), "/mine".into()));
        assert_eq!(Paths::new(env(&vars)).run_dir, Path::new("/mine"));
    }
}
