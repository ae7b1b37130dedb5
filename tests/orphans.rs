//! Orphans: no child outlives its command. Each command is killed while a child runs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its hosts has failed")]

#[path = "support/needs.rs"]
mod needs;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use needs::require;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_openclaw-failover");

/// Time limit of every wait, enough for a busy machine.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

const SIGNALS: [(&str, i32); 5] = [("INT", 2), ("TERM", 15), ("HUP", 1), ("QUIT", 3), ("KILL", 9)];

/// Script that hangs, ignores TERM, and has a child in another session.
const HANGING_SCRIPT: &str = "#!/bin/sh\n\
    trap '' TERM INT HUP\n\
    setsid sh -c 'echo $$ >>\"$0\"; while :; do sleep 0.2; done' \"@PIDS@\" &\n\
    echo $$ >>\"@PIDS@\"\n\
    while :; do sleep 0.2; done\n";

/// Script of a git that hangs when it contacts the remote.
const HANGING_GIT_SCRIPT: &str =
    "case \" $* \" in *' fetch '*|*' push '*|*' ls-remote '*) ;; *) PATH=${PATH#*:} exec git \"$@\";; esac\n";

/// Launcher of a command in a mount namespace where systemd seems to have booted the host; sd_booted(3) tells so by a
/// folder.
const BOOTED_BY_SYSTEMD: [&str; 8] = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "sh",
    "-ec",
    r#"mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/system; exec "$@""#,
    "sh",
];

/// Directory with a configuration and with programs that hang.
struct Host(TempDir);

impl Host {
    fn new(hanging: &[&str]) -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        let config = format!(
            r#"{{ "upstreams": [{{ "name": "primary", "urls": ["http://127.0.0.1:1"] }}],
                 "promote": {{ "witnesses": ["tailscale"] }},
                 "workspace": {{ "path": "{}" }} }}"#,
            host.path("workspace").display()
        );
        fs::write(host.path("config.json"), config).unwrap();
        for folder in ["bin", "workspace", "state", "run", "sync"] {
            fs::create_dir_all(host.path(folder)).unwrap();
        }
        let commit = "git init -q -b main; git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one; \
            git clone -q --bare . ../remote.git; git remote add origin ../remote.git; git fetch -q origin";
        let made = Command::new("sh").args(["-ec", commit]).current_dir(host.path("workspace")).status();
        assert!(made.unwrap().success());
        for program in hanging {
            let hangs = HANGING_SCRIPT.replace("@PIDS@", &host.path("pids").display().to_string());
            let (shell, rest) = hangs.split_at("#!/bin/sh\n".len());
            let unless = if *program == "git" { HANGING_GIT_SCRIPT } else { "" };
            host.write_program(program, &format!("{shell}{unless}{rest}"));
        }
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write_program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    fn start(&self, launcher: &[&str], arguments: &[&str]) -> Child {
        let path = std::env::var("PATH").unwrap_or_default();
        // A test run in the background of a script has INT ignored, and hands that down.
        let mut command = Command::new("env");
        command
            .arg("--default-signal")
            .args(launcher)
            .arg(BINARY)
            .args(arguments)
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("HOME", self.0.path());
        command.env("TMPDIR", self.0.path());
        for name in ["STATE", "RUN", "SYNC"] {
            let folder = self.path(&name.to_lowercase());
            command.env(format!("OPENCLAW_FAILOVER_{name}_DIR"), folder);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Waits for the hanging program to start its child. Returns the ids of both processes.
    fn await_hanging(&self, command: &mut Child) -> Vec<String> {
        let read = || fs::read_to_string(self.path("pids")).unwrap_or_default();
        wait_until("the hanging child", || {
            assert!(command.try_wait().unwrap().is_none(), "the command ended before its child hung");
            read().lines().count() >= 2
        });
        read().lines().map(str::to_owned).collect()
    }
}

/// Cleanup after a failed test.
impl Drop for Host {
    fn drop(&mut self) {
        let kill = "for pid; do kill -9 \"$pid\"; done 2>/dev/null";
        let left = processes_below(self.0.path());
        let _ = Command::new("sh").args(["-c", kill, "sh"]).args(left).status();
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let asked = Instant::now();
    while !done() {
        assert!(asked.elapsed() < WAIT_TIMEOUT, "{what} never came");
        thread::sleep(Duration::from_millis(5));
    }
}

/// True if the process runs; false for a zombie.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Lists the processes that have `folder` in their environment or command line.
fn processes_below(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let pids = entries.filter(|name| name.parse::<u32>().is_ok() && is_running(name));
    let of_folder = |pid: &String| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let text = String::from_utf8_lossy(&[environment, command].concat()).into_owned();
        text.contains(&folder.display().to_string())
    };
    pids.filter(of_folder).collect()
}

/// Sends a signal to a command and waits for its end.
fn kill_and_wait(command: &mut Child, (signal, number): (&str, i32)) {
    let pid = command.id().to_string();
    assert!(Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, signal, &pid]).status().unwrap().success());
    let mut status = None;
    wait_until(&format!("the command's end, after {signal}"), || {
        status = command.try_wait().unwrap();
        status.is_some()
    });
    assert!(signal != "KILL" || status.and_then(|status| status.signal()) == Some(number), "{status:?}");
}

/// Ends a command with each signal while its child hangs, and checks that all its processes end.
fn check_nothing_outlives(hanging: &[&str], arguments: &[&str]) {
    check_nothing_outlives_on(|_| (), &[], hanging, arguments);
}

/// Does the same on a host that `prepare` has changed, with a command that `launcher` starts.
fn check_nothing_outlives_on(prepare: impl Fn(&Host) + Sync, launcher: &[&str], hanging: &[&str], arguments: &[&str]) {
    for_each_signal(|signal, number| {
        // The monitor reads its configuration again.
        if signal == "HUP" && arguments.first() == Some(&"run") {
            return;
        }
        let host = Host::new(hanging);
        prepare(&host);
        let config = host.path("config.json").display().to_string();
        let arguments: Vec<&str> =
            arguments.iter().map(|word| if *word == "CONFIG" { config.as_str() } else { word }).collect();
        let mut command = host.start(launcher, &arguments);
        let hanging = host.await_hanging(&mut command);
        kill_and_wait(&mut command, (signal, number));
        wait_until(&format!("the end of what {arguments:?} started, after {signal}"), || {
            hanging.iter().all(|pid| !is_running(pid)) && processes_below(host.0.path()).is_empty()
        });
    });
}

/// Tests all signals in parallel.
fn for_each_signal(kill_with: impl Fn(&str, i32) + Sync) {
    let kill_with = &kill_with;
    thread::scope(|scope| {
        for (signal, number) in SIGNALS {
            scope.spawn(move || kill_with(signal, number));
        }
    });
}

#[test]
fn doctor() {
    check_nothing_outlives(&["systemctl"], &["doctor", "--config", "CONFIG"]);
}

#[test]
fn the_owners_half_of_doctor() {
    require!(ordinary_user);
    let getent = format!("#!/bin/sh\necho openclaw:x:{0}:{0}::/nonexistent:/bin/sh\n", needs::own_uid());
    let arguments = ["doctor", "--as-owner", "--config", "CONFIG"];
    check_nothing_outlives_on(|host| host.write_program("getent", &getent), &[], &["systemctl"], &arguments);
}

/// Root's command waits for `setsid`, which waits in another session for the process of the workspace's user.
#[test]
fn both_halves_of_doctor() {
    require!(root);
    require!("setsid");
    let prepare = |host: &Host| {
        host.write_program("getent", "#!/bin/sh\necho openclaw:x:65534:65534::/nonexistent:/bin/sh\n");
        host.write_program("systemctl", "#!/bin/sh\necho LoadState=not-found\n");
    };
    check_nothing_outlives_on(prepare, &[], &["setpriv"], &["doctor", "--config", "CONFIG"]);
}

/// The demo's gateways are not registered as children; they end when their input is closed.
#[test]
fn demo() {
    require!("git");
    for_each_signal(|signal, number| {
        let host = Host::new(&[]);
        let mut command = host.start(&[], &["demo"]);
        wait_until("the demo's gateways", || processes_below(host.0.path()).len() > 2);
        kill_and_wait(&mut command, (signal, number));
        wait_until("the end of the demo's gateways", || processes_below(host.0.path()).is_empty());
    });
}

#[test]
fn the_monitor() {
    check_nothing_outlives(&["systemctl"], &["run", "--config", "CONFIG"]);
}

#[test]
fn pull_and_push() {
    check_nothing_outlives(&["systemctl", "git"], &["sync", "pull", "--config", "CONFIG"]);
    check_nothing_outlives(&["systemctl", "git"], &["sync", "push", "--config", "CONFIG"]);
    let primary = |host: &Host| {
        let config = format!(r#"{{ "workspace": {{ "path": "{}" }} }}"#, host.path("workspace").display());
        fs::write(host.path("config.json"), config).unwrap();
    };
    check_nothing_outlives_on(
        primary,
        &[],
        &["systemctl", "git"],
        &["sync", "push", "--primary", "--config", "CONFIG"],
    );
}

#[test]
fn setup_and_uninstall() {
    require!("apt-get");
    let [program, rest @ ..] = BOOTED_BY_SYSTEMD;
    if !Command::new(program).args(rest).arg("true").status().is_ok_and(|status| status.success()) {
        return needs::report_skipped(module_path!(), "user namespaces");
    }
    let check = |arguments: &[&str]| {
        check_nothing_outlives_on(|_| (), &BOOTED_BY_SYSTEMD, &["systemctl", "getent"], arguments);
    };
    check(&["setup", "standby", "--dry-run", "--config", "CONFIG"]);
    check(&["uninstall", "--dry-run"]);
}
