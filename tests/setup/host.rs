//! Host made of files and shell scripts, with nothing installed until a test changes that.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use openclaw_failover::config::paths::Paths;
use openclaw_failover::config::{self, ConfigSource};
use openclaw_failover::doctor::{HostContext, Identity};
use openclaw_failover::setup::{Channel, ChannelOptions, Plan, PrimaryOptions, SetupError, StandbyOptions, StepState};
use tempfile::TempDir;

use crate::script;

/// Output of each program on a bare Debian 12.
const PROGRAMS: [(&str, &str); 6] = [
    ("apt-get", "exit 0"),
    ("apt-cache", "echo 'polkitd:'; echo '  Installed: (none)'; echo '  Candidate: 122-3'"),
    ("dpkg-query", "echo 'git installed'; exit 1"),
    ("systemctl", "echo LoadState=not-found; echo ActiveState=inactive"),
    ("getent", "exit 2"),
    ("sshd", "echo port 22; echo port 2222"),
];

const CONFIG: &str = r#"{ "upstreams": [{ "name": "primary", "urls": ["http://192.0.2.1:18789"] }],
    "workspace": { "url": "ssh://git@git.example:2222/memory.git" } }"#;

pub(crate) struct Host {
    dir: TempDir,
    pub(crate) config: String,
    pub(crate) options: StandbyOptions,
}

impl Host {
    pub(crate) fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = StandbyOptions { is_interactive: true, ..StandbyOptions::default() };
        let host = Self { dir, config: CONFIG.into(), options };
        for (name, script) in PROGRAMS {
            host.write_program(name, script);
        }
        fs::create_dir_all(host.path("run/systemd/system")).unwrap();
        host.write("usr/bin/openclaw", "");
        host
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(crate) fn write_program(&self, name: &str, script: &str) {
        // Programs that the scripts call come from this machine.
        let path = env::var("PATH").unwrap();
        fs::create_dir_all(self.path("bin")).unwrap();
        script::write_script(&self.path(&format!("bin/{name}")), &format!("#!/bin/sh\nPATH='{path}'\n{script}\n"));
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn context(&self) -> HostContext {
        self.write("etc/new.json", &self.config);
        let file = self.path("etc/new.json");
        let config = config::load_config(&file).unwrap();
        let paths = Paths { state_dir: self.path("state"), run_dir: self.path("run"), sync_dir: self.path("sync") };
        let programs = Some(self.path("bin").into_os_string());
        let root = self.dir.path().to_owned();
        HostContext::with_root(config, ConfigSource::File(file), paths, Identity::Root, root, programs)
    }

    pub(crate) fn standby_plan(&self) -> Plan<StandbyOptions> {
        let mut plan = Plan::for_standby(self.context(), self.options.clone());
        plan.target.program = self.path("etc/new.json");
        plan
    }

    pub(crate) fn primary_plan(&self, options: PrimaryOptions) -> Plan<PrimaryOptions> {
        Plan::for_primary(self.context(), options)
    }

    pub(crate) fn uninstall_plan(&self) -> Plan<()> {
        Plan::for_uninstall(self.context())
    }

    /// Chooses Telegram for the standby, where one user may write.
    pub(crate) fn choose_telegram(&mut self) -> &mut ChannelOptions {
        self.options.channel.insert(ChannelOptions {
            channel: Channel::Telegram,
            allowed_ids: vec!["1".into()],
            token: None,
            model: None,
        })
    }

    /// Returns a host with an agent, whose home is below this one's; commands run as the agent stay with this user.
    /// Requests to systemd are logged in `log`, and `units` holds its answers.
    pub(crate) fn with_agent() -> Self {
        let host = Self::bare();
        let (home, root) = (host.path("home/openclaw"), host.path(""));
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(host.path("units")).unwrap();
        fs::create_dir_all(host.path("etc/systemd/system")).unwrap();
        host.write_program(
            "getent",
            "case $3 in openclaw) echo openclaw:x:4242:4242::/home/openclaw:/bin/sh;; *) exit 2;; esac",
        );
        let home = home.display();
        host.write_program("setsid", &format!("while [ $1 != sh ]; do shift; done; HOME={home} exec \"$@\""));
        host.write_program(
            "systemctl",
            &format!(
                "cd {}; for last; do :; done;\n\
                 case $* in *show*) cat \"units/$last\" 2>/dev/null ||\n\
                     printf 'LoadState=not-found\\nActiveState=inactive\\n' ;;\n\
                 *) echo \"$*\" >>log ;; esac\n\
                 case $1 in stop) sed -i s/ActiveState=.*/ActiveState=inactive/ \"units/$last\" ;; esac",
                root.display()
            ),
        );
        host
    }

    /// Adds a hand-written unit that runs.
    pub(crate) fn add_running_unit(&self, name: &str) {
        self.write(&format!("etc/systemd/system/{name}"), "[Service]\nExecStart=/bin/sleep 1\n");
        self.write(&format!("units/{name}"), "LoadState=loaded\nActiveState=active\n");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Applies one step of a standby.
    pub(crate) fn apply_step(&self, id: &str) -> Result<(), SetupError> {
        self.standby_plan().apply_step(id)
    }

    /// Returns the state of one step of a standby.
    pub(crate) fn standby_step_state(&self, id: &str) -> StepState {
        self.standby_plan().read_state(id).unwrap_or_else(|| panic!("there is no step {id}"))
    }

    /// Returns every file of the host.
    pub(crate) fn list_files(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.dir.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

/// Returns the state of every step of a plan.
pub(crate) fn read_states<O>(plan: &Plan<O>) -> Vec<(&'static str, StepState)> {
    plan.read_states().into_iter().map(|(step, state)| (step.id, state)).collect()
}

/// Returns the reason of a refused step.
pub(crate) fn refusal_text(state: StepState) -> String {
    match state {
        StepState::Refused(why) => why.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}
