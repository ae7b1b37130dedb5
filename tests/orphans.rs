//! No child outlives the command that started it: each command that has children is killed in the middle of one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its world has failed")]

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

/// However busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

const SIGNALS: [(&str, i32); 5] = [("INT", 2), ("TERM", 15), ("HUP", 1), ("QUIT", 3), ("KILL", 9)];

/// A child that hangs, with a child of its own in another session, and does not end for being asked to.
const HANGS: &str = "#!/bin/sh\n\
    trap '' TERM INT HUP\n\
    setsid sh -c 'echo $$ >>\"$0\"; while :; do sleep 0.2; done' \"@PIDS@\" &\n\
    echo $$ >>\"@PIDS@\"\n\
    while :; do sleep 0.2; done\n";

/// A git that hangs when it is to reach its remote.
const HANGS_AT_THE_REMOTE: &str =
    "case \" $* \" in *' fetch '*|*' push '*|*' ls-remote '*) ;; *) PATH=${PATH#*:} exec git \"$@\";; esac\n";

/// A folder with a configuration, and with programs that hang.
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
            let hangs = HANGS.replace("@PIDS@", &host.path("pids").display().to_string());
            let (shell, rest) = hangs.split_at("#!/bin/sh\n".len());
            let unless = if *program == "git" { HANGS_AT_THE_REMOTE } else { "" };
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

    fn start(&self, arguments: &[&str]) -> Child {
        let path = std::env::var("PATH").unwrap_or_default();
        // A test run in the background of a script has INT ignored, and hands that down.
        let mut command = Command::new("env");
        command
            .args(["--default-signal", BINARY])
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

    /// The processes of the program that hangs, once it has started its own child.
    fn await_hanging(&self, command: &mut Child) -> Vec<String> {
        let read = || fs::read_to_string(self.path("pids")).unwrap_or_default();
        wait_until("the hanging child", || {
            assert!(command.try_wait().unwrap().is_none(), "the command ended before its child hung");
            read().lines().count() >= 2
        });
        read().lines().map(str::to_owned).collect()
    }
}

/// Where a test fails, nothing of it runs on.
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
        assert!(asked.elapsed() < PATIENCE, "{what} never came");
        thread::sleep(Duration::from_millis(5));
    }
}

/// True if the process runs; a zombie does not.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The processes that run this program for `folder` or were started by one that does, by a file of theirs.
fn processes_below(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let pids = entries.filter(|name| name.parse::<u32>().is_ok() && runs(name));
    let of_folder = |pid: &String| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let text = String::from_utf8_lossy(&[environment, command].concat()).into_owned();
        text.contains(&folder.display().to_string())
    };
    pids.filter(of_folder).collect()
}

/// Kills a command and waits for its end; one that catches other signals ends as it likes.
fn kill(command: &mut Child, (signal, number): (&str, i32)) {
    let pid = command.id().to_string();
    assert!(Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, signal, &pid]).status().unwrap().success());
    let mut status = None;
    wait_until(&format!("the command's end, after {signal}"), || {
        status = command.try_wait().unwrap();
        status.is_some()
    });
    assert!(signal != "KILL" || status.and_then(|status| status.signal()) == Some(number), "{status:?}");
}

/// Kills a command by each signal while a program that it runs hangs, and waits until nothing of it is left.
fn nothing_outlives(hanging: &[&str], arguments: &[&str]) {
    nothing_outlives_on(|_| (), hanging, arguments);
}

/// The same on a host that is prepared in this way.
fn nothing_outlives_on(prepare: impl Fn(&Host) + Sync, hanging: &[&str], arguments: &[&str]) {
    by_each_signal(|signal, number| {
        // The monitor reads its configuration again.
        if signal == "HUP" && arguments.first() == Some(&"run") {
            return;
        }
        let host = Host::new(hanging);
        prepare(&host);
        let config = host.path("config.json").display().to_string();
        let arguments: Vec<&str> =
            arguments.iter().map(|word| if *word == "CONFIG" { config.as_str() } else { word }).collect();
        let mut command = host.start(&arguments);
        let hanging = host.await_hanging(&mut command);
        kill(&mut command, (signal, number));
        wait_until(&format!("the end of what {arguments:?} started, after {signal}"), || {
            hanging.iter().all(|pid| !runs(pid)) && processes_below(host.0.path()).is_empty()
        });
    });
}

/// Does the same for every signal, at once.
fn by_each_signal(kill_with: impl Fn(&str, i32) + Sync) {
    let kill_with = &kill_with;
    thread::scope(|scope| {
        for (signal, number) in SIGNALS {
            scope.spawn(move || kill_with(signal, number));
        }
    });
}

#[test]
fn doctor() {
    nothing_outlives(&["systemctl"], &["doctor", "--config", "CONFIG"]);
}

#[test]
fn the_owners_half_of_doctor() {
    require!(ordinary_user);
    let getent = format!("#!/bin/sh\necho openclaw:x:{0}:{0}::/nonexistent:/bin/sh\n", needs::uid());
    let arguments = ["doctor", "--as-owner", "--config", "CONFIG"];
    nothing_outlives_on(|host| host.write_program("getent", &getent), &["systemctl"], &arguments);
}

/// Root's half waits for `setsid`, which waits in a session of its own for what becomes the owner.
#[test]
fn both_halves_of_doctor() {
    require!(root);
    require!("setsid");
    let prepare = |host: &Host| {
        host.write_program("getent", "#!/bin/sh\necho openclaw:x:65534:65534::/nonexistent:/bin/sh\n");
        host.write_program("systemctl", "#!/bin/sh\necho LoadState=not-found\n");
    };
    nothing_outlives_on(prepare, &["setpriv"], &["doctor", "--config", "CONFIG"]);
}

/// The gateways of the demo are children without a name in a register: they end with their input.
#[test]
fn demo() {
    require!("git");
    by_each_signal(|signal, number| {
        let host = Host::new(&[]);
        let mut command = host.start(&["demo"]);
        wait_until("the demo's gateways", || processes_below(host.0.path()).len() > 2);
        kill(&mut command, (signal, number));
        wait_until("the end of the demo's gateways", || processes_below(host.0.path()).is_empty());
    });
}

#[test]
fn the_monitor() {
    nothing_outlives(&["systemctl"], &["run", "--config", "CONFIG"]);
}

#[test]
fn pull_and_push() {
    nothing_outlives(&["systemctl", "git"], &["sync", "pull", "--config", "CONFIG"]);
    nothing_outlives(&["systemctl", "git"], &["sync", "push", "--config", "CONFIG"]);
    let primary = |host: &Host| {
        let config = format!(r#"{{ "workspace": {{ "path": "{}" }} }}"#, host.path("workspace").display());
        fs::write(host.path("config.json"), config).unwrap();
    };
    nothing_outlives_on(primary, &["systemctl", "git"], &["sync", "push", "--primary", "--config", "CONFIG"]);
}

#[test]
fn setup_and_uninstall() {
    nothing_outlives(&["systemctl", "getent"], &["setup", "standby", "--dry-run", "--config", "CONFIG"]);
    nothing_outlives(&["systemctl", "getent"], &["uninstall", "--dry-run"]);
}
