//! Standby made of files and shell scripts, on which all checks pass until a test breaks something.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, thread};

use openclaw_failover::config::paths::Paths;
use openclaw_failover::config::{self, ConfigSource, LegacyVariables};
use openclaw_failover::doctor::{HostContext, Identity};
use openclaw_failover::failover::RoleKind;
use openclaw_failover::os::clock::read_wall_clock;
use openclaw_failover::status::{RoleStatus, Status, UpstreamStatus};
use openclaw_failover::text::utc::format_rfc3339;
use tempfile::TempDir;

use crate::{needs, script};

/// Answers of systemd about the units of a healthy standby.
const UNITS: [(&str, &str); 7] = [
    (
        "openclaw.service",
        "LoadState=loaded\nActiveState=inactive\nUnitFileState=static\nNeedDaemonReload=no\nUser=openclaw\n\
         ExecStart={ path=/usr/bin/env ; argv[]=/usr/bin/env openclaw gateway run ; ignore_errors=no }\n\
         EnvironmentFiles=/etc/openclaw/gateway.env (ignore_errors=yes)\n",
    ),
    (
        "openclaw-failover.service",
        "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nType=notify\nWatchdogUSec=30s\nMainPID=77\n",
    ),
    (
        "openclaw-sync-pull.service",
        "LoadState=loaded\nActiveState=inactive\nUser=openclaw\nBindPaths=@WORKSPACE@:@WORKSPACE@:rbind\n\
         ExecStart={ path=/bin/failover ; argv[]=/bin/failover sync pull ; ignore_errors=no }\n",
    ),
    (
        "openclaw-sync-push.service",
        "LoadState=loaded\nActiveState=inactive\nUser=openclaw\nBindPaths=@WORKSPACE@:@WORKSPACE@:rbind\n\
         ExecStart={ path=/bin/failover ; argv[]=/bin/failover sync push ; ignore_errors=no }\n",
    ),
    (
        "openclaw-failover-check.service",
        "LoadState=loaded\nActiveState=inactive\nUser=openclaw\n\
         ExecStart={ path=/bin/failover ; argv[]=/bin/failover inspect ; ignore_errors=no }\n",
    ),
    (
        "openclaw-health-monitor.service",
        "LoadState=loaded\nUnitFileState=enabled\nFragmentPath=/x/openclaw-failover.service\n",
    ),
    ("apt-daily-upgrade.timer", "LoadState=loaded\nActiveState=active\n"),
];

/// Output of each program, as a shell script. `$0.d` is a folder for its answers.
const PROGRAMS: [(&str, &str); 18] = [
    (
        "systemctl",
        "for unit; do :; done\ncase \"$*\" in *list-unit-files*) unit=list;; esac\n\
         [ -e \"$0.d/$unit\" ] && exec cat \"$0.d/$unit\"\n[ $unit = list ] || echo LoadState=not-found",
    ),
    (
        "getent",
        "case $1 in passwd) echo \"openclaw:x:4711:4711::$(cat \"$0.d/home\"):/bin/sh\";; *) echo 192.0.2.1 $3;; esac",
    ),
    ("busctl", "echo 's \"1\"'"),
    ("timedatectl", "echo yes"),
    (
        "pkcheck",
        "case \"$*\" in *manage-unit-files*|*ssh.service*|*verb\\ kill*)\n\
             case \"$*\" in *openclaw.service*kill*) exit 0;; esac; exit 1;; esac",
    ),
    ("ufw", "echo 'Status: active'; echo 'Default: deny (incoming), allow (outgoing)'"),
    ("fail2ban-client", "echo 'Status for the jail: sshd'"),
    ("apt-config", "echo 'APT::Periodic::Unattended-Upgrade \"1\";'"),
    ("tailscale", "echo '{\"BackendState\":\"Running\",\"Self\":{}}'"),
    ("git", "echo git version 2.39.5"),
    ("ssh", "echo OpenSSH >&2"),
    ("sqlite3", "echo 3"),
    ("rsync", "echo 3"),
    ("stat", "echo 2000000 4096 1000000 900000"),
    ("nft", "exit 0"),
    ("iptables", "exit 0"),
    (
        "node",
        "case \"$1\" in --version) echo v24.16.0;;\n\
             *) case \"$2\" in --version) echo 'OpenClaw 2026.9.6 (eb377ac)';;\n\
                 *) echo '{\"valid\":true}';; esac;; esac",
    ),
    ("openclaw", ""),
];

/// OpenClaw's configuration on the standby.
const OPENCLAW: &str = "{ // mine\n channels: { discord: { token: '$DISCORD_BOT_TOKEN' } }, cron: { enabled: false },\n\
    gateway: { port: 18789 }, agents: { defaults: { workspace: '@WORKSPACE@' } } }";

pub(crate) struct Host {
    dir: TempDir,
    pub(crate) status: Status,
    /// The text of the configuration.
    pub(crate) config: String,
}

impl Host {
    /// Returns a host on which all checks pass.
    pub(crate) fn healthy() -> Self {
        let url = serve_answer(r#"{"ok":true,"status":"started"}"#);
        let dir = tempfile::tempdir().unwrap();
        let workspace = dir.path().join("home/workspace");
        let config = format!(
            r#"{{ "upstreams": [{{ "name": "primary", "urls": ["{url}"], "channels": ["telegram"] }}],
                 "workspace": {{ "path": "{}" }} }}"#,
            workspace.display()
        );
        let host = Self { dir, status: fresh_status(), config };
        for (name, script) in PROGRAMS {
            host.write_program(name, script);
        }
        let env = needs::find_program("env").unwrap();
        host.write("bin/openclaw", &format!("#!{} node\n", env.display()));
        host.write("bin/getent.d/home", &host.path("home").display().to_string());
        for (name, shown) in UNITS {
            host.set_unit(name, shown);
        }
        host.write("etc/resolv.conf", "nameserver 192.0.2.53\n");
        host.write("etc/openclaw/gateway.env", "DISCORD_BOT_TOKEN=standby.token\n");
        host.write("bin/failover", "");
        host.write("proc/self/net/tcp", "  sl  local_address rem_address   st\n   0: 0100007F:0016 00000000:0000 0A\n");
        host.write("proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\nSwapFree: 0 kB\n");
        host.set_mode("etc/openclaw-failover/credentials", 0o700);
        host.write("home/.openclaw/openclaw.json", &OPENCLAW.replace("@WORKSPACE@", &workspace.display().to_string()));
        host.write_pull_report("up_to_date", false);
        host
    }

    /// Returns such a host with a workspace whose remote is beside it.
    pub(crate) fn with_workspace() -> Self {
        let host = Self::healthy();
        host.create_checkout(&host.path("home/workspace"));
        host
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    /// Creates a folder with this mode.
    pub(crate) fn set_mode(&self, path: &str, mode: u32) {
        fs::create_dir_all(self.path(path)).unwrap();
        fs::set_permissions(self.path(path), Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn write_program(&self, name: &str, script: &str) {
        // Programs that the scripts call come from this machine.
        let path = env::var("PATH").unwrap();
        fs::create_dir_all(self.path("bin")).unwrap();
        script::write_script(&self.path(&format!("bin/{name}")), &format!("#!/bin/sh\nPATH='{path}'\n{script}\n"));
    }

    /// Replaces systemd's answer about a unit.
    pub(crate) fn set_unit(&self, name: &str, shown: &str) {
        let workspace = self.path("home/workspace").display().to_string();
        self.write(&format!("bin/systemctl.d/{name}"), &shown.replace("@WORKSPACE@", &workspace));
    }

    /// Changes parts of systemd's answer about a unit.
    pub(crate) fn change_unit(&self, name: &str, from: &str, to: &str) {
        self.edit_file(&format!("bin/systemctl.d/{name}"), from, to);
    }

    pub(crate) fn edit_file(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{path}: {text}");
        self.write(path, &text.replace(from, to));
    }

    /// Writes the report of the last pull.
    pub(crate) fn write_pull_report(&self, outcome: &str, unpushed: bool) {
        let now = format_rfc3339(read_wall_clock());
        let names = r#"{"count":0,"listed":[]}"#;
        let fresh = if outcome == "up_to_date" { format!("\"{now}\"") } else { "null".into() };
        let text = format!(
            r#"{{"started_at":"{now}","ended_at":"{now}","last_complete_at":{fresh},"secrets":[],"workspace":{{
                "outcome":"{outcome}","commit_before":null,"commit_after":null,"remote_commit":null,
                "committed_at":null,"has_unpushed":{unpushed},"unpushed_conflict_branches":{names},
                "conflicts":{names},"withheld":{names},"moved_aside":{names},"details":"no words"}}}}"#
        );
        self.write("sync/pull.json", &text);
    }

    fn create_checkout(&self, workspace: &Path) {
        let remote = self.path("remote.git");
        let git = |dir: &Path, args: &[&str]| {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
            let done = Command::new("git").current_dir(dir).args(identity).args(args).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        fs::create_dir_all(workspace).unwrap();
        git(self.dir.path(), &["init", "--quiet", "--bare", "remote.git"]);
        git(workspace, &["init", "--quiet"]);
        git(workspace, &["commit", "--quiet", "--allow-empty", "--message", "Begin"]);
        git(workspace, &["remote", "add", "origin", &remote.display().to_string()]);
        git(workspace, &["push", "--quiet", "origin", "HEAD:main"]);
    }

    /// Returns the host's context as seen by a user.
    pub(crate) fn context_for(&self, identity: Identity) -> HostContext {
        let run = self.path("run");
        fs::create_dir_all(&run).unwrap();
        if self.status.pid != 0 {
            self.status.save(&run.join("status.json")).unwrap();
        }
        let paths = Paths { state_dir: self.path("state"), run_dir: run, sync_dir: self.path("sync") };
        let config = config::parse(&self.config, "config.json").unwrap();
        let programs = Some(self.path("bin").into_os_string());
        let source = ConfigSource::Environment(LegacyVariables::default());
        HostContext::with_root(config, source, paths, identity, self.dir.path().to_owned(), programs)
    }
}

fn fresh_status() -> Status {
    let now = read_wall_clock();
    Status {
        pid: 77,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: now,
        updated_at: now,
        interval: std::time::Duration::from_secs(10),
        role: RoleStatus { kind: RoleKind::Standby.into(), ..RoleStatus::default() },
        upstreams: vec![UpstreamStatus { name: "primary".into(), seen_healthy: true, ..UpstreamStatus::default() }],
        ..Status::default()
    }
}

/// Starts a server on a free port that gives this answer to every request.
pub(crate) fn serve_answer(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 2048];
            // A prober that has disconnected is no concern of a gateway's.
            let _ = stream.read(&mut request);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
            let _ = stream.write_all(format!("{head}{answer}").as_bytes());
        }
    });
    url
}
