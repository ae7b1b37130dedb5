//! Checks of the host: files, programs, D-Bus, disk and memory.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::config::ConfigSource;
use crate::doctor::context::HostContext;
use crate::finding::{CheckResult, remedy};

/// Default folder of the credentials.
const DEFAULT_CREDENTIALS_FOLDER: &str = "/etc/openclaw-failover/credentials";

/// Memory for a gateway to start, in KiB: minimum and comfortable. Its three processes were measured at about 800 MiB.
const MEMORY_LIMITS_KIB: (u64, u64) = (700 * 1024, 1024 * 1024);

/// Disk space for a gateway, a pull and the journal, in KiB: minimum and comfortable.
const DISK_LIMITS_KIB: (u64, u64) = (256 * 1024, 1024 * 1024);

/// Inodes that a workspace and a gateway need at least.
const MINIMUM_FREE_INODES: u64 = 100;

/// First git release with `git merge-tree --write-tree`.
const MINIMUM_GIT_VERSION: (u32, u32) = (2, 38);

/// Name of the credential folder in LoadCredential=.
const CREDENTIAL_PREFIX: &str = "notify:";

/// Arguments of a call that the bus itself answers.
const BUS_GET_ID_ARGS: [&str; 7] = [
    "--system",
    "--timeout=5",
    "call",
    "org.freedesktop.DBus",
    "/org/freedesktop/DBus",
    "org.freedesktop.DBus",
    "GetId",
];

/// Checks that only root can change the configuration. An invalid one ends the command earlier.
pub(super) fn check_config(context: &HostContext) -> CheckResult {
    let path = match &context.source {
        ConfigSource::File(path) => path,
        ConfigSource::Environment(_) => {
            return CheckResult::ok(&"from PRIMARY_IP and the other variables of the shell monitor");
        }
    };
    match fs::metadata(path) {
        // Write access decides which port is probed and which secrets are copied.
        Ok(found) if found.mode() & 0o022 != 0 || found.uid() != 0 => {
            let (uid, mode) = (found.uid(), found.mode() & 0o7777);
            let evidence =
                format!("{} can be changed by users other than root: uid {uid}, mode {mode:04o}", path.display());
            CheckResult::fail(&evidence, remedy::OWN_CONFIG)
        }
        Ok(_) => CheckResult::ok(&format_args!("{} is valid", path.display())),
        Err(why) => CheckResult::skipped(&format_args!("{}: {why}", path.display())),
    }
}

/// Returns the folder that the monitor's unit loads its credentials from.
fn credentials_folder(context: &HostContext) -> String {
    let monitor = context.cached_unit("openclaw-failover.service").ok();
    let loaded = monitor.as_ref().and_then(|unit| unit.values("LoadCredential").last());
    loaded.and_then(|loaded| loaded.strip_prefix(CREDENTIAL_PREFIX)).unwrap_or(DEFAULT_CREDENTIALS_FOLDER).to_owned()
}

/// Checks that the configured credentials exist and that only root can read them.
pub(super) fn check_credentials(context: &HostContext) -> CheckResult {
    let shown = credentials_folder(context);
    let folder = context.system_path(&shown);
    match fs::symlink_metadata(&folder) {
        Ok(found) if !found.is_dir() => {
            return CheckResult::fail(&format_args!("{shown} is not a folder"), remedy::CREDENTIALS);
        }
        // A secrets manager may open its folder to others, but not its files.
        Ok(found) if found.mode() & 0o077 != 0 && shown == DEFAULT_CREDENTIALS_FOLDER => {
            let mode = found.mode() & 0o7777;
            return CheckResult::fail(&format_args!("{shown} is open to others: mode {mode:04o}"), remedy::CREDENTIALS);
        }
        Ok(_) => {}
        Err(why) => {
            return CheckResult::fail(&format_args!("{shown}: {why}; the monitor cannot start"), remedy::CREDENTIALS);
        }
    }
    let named = context.config.upstreams.iter().filter_map(|upstream| upstream.credential.as_deref());
    for name in named {
        match fs::symlink_metadata(folder.join(name)) {
            Ok(found) if !found.is_file() => {
                return CheckResult::fail(&format_args!("{shown}/{name} is not a regular file"), remedy::CREDENTIAL);
            }
            Ok(found) if found.mode() & 0o077 != 0 && shown != DEFAULT_CREDENTIALS_FOLDER => {
                let mode = found.mode() & 0o7777;
                return CheckResult::fail(
                    &format_args!("{shown}/{name} is open to others: mode {mode:04o}"),
                    remedy::CREDENTIAL,
                );
            }
            Ok(_) => {}
            Err(_) => return CheckResult::fail(&format_args!("{shown}/{name} does not exist"), remedy::CREDENTIAL),
        }
    }
    CheckResult::ok(&"complete, and readable by root only")
}

/// Checks that the programs of the syncs are installed.
pub(super) fn check_programs(context: &HostContext) -> CheckResult {
    let version = match context.run_program("git", &["--version"]) {
        Ok(output) => output.trim().trim_start_matches("git version ").to_owned(),
        Err(why) => return CheckResult::fail(&why.to_string(), remedy::PROGRAMS),
    };
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < MINIMUM_GIT_VERSION {
        return CheckResult::fail(&format_args!("git is {version}, but 2.38 is required"), remedy::PROGRAMS);
    }
    let config = &context.config;
    let wanted = [
        ("ssh", "-V", true),
        ("rsync", "--version", !config.secrets.is_empty()),
        ("sqlite3", "--version", !config.gateway.keep_queue),
    ];
    for (program, option, is_needed) in wanted {
        let asked = context.run_program(program, &[option]);
        if is_needed && asked.is_err_and(|why| why.is_missing_program()) {
            return CheckResult::fail(&format_args!("{program} is not installed"), remedy::PROGRAMS);
        }
    }
    CheckResult::ok(&format_args!("git {version}"))
}

/// Checks that the system bus answers: the monitor reaches systemd through it.
pub(super) fn check_dbus(context: &HostContext) -> CheckResult {
    match context.run_program("busctl", &BUS_GET_ID_ARGS) {
        Ok(_) => CheckResult::ok(&"answers"),
        Err(why) if why.is_missing_program() => CheckResult::skipped(&"busctl is not installed"),
        Err(why) => CheckResult::fail(&why.reason(), remedy::DBUS),
    }
}

/// Checks the disk space for the monitor's files.
pub(super) fn check_disk(context: &HostContext) -> CheckResult {
    let folder = &context.paths.state_dir;
    check_free_space(context, if folder.is_dir() { folder } else { Path::new("/") })
}

/// Checks the disk space below a folder with `stat`; the standard library has no call for it.
pub(super) fn check_free_space(context: &HostContext, folder: &Path) -> CheckResult {
    // Free blocks for ordinary users, block size in bytes, inodes in total, free inodes.
    let output = match context.new_command("stat").args(["-f", "-c", "%a %S %c %d", "--"]).arg(folder).run() {
        Ok(output) => output.stdout,
        Err(why) => return CheckResult::skipped(&why.reason()),
    };
    let mut numbers = output.split_whitespace().map(|number| number.parse::<u64>().unwrap_or(0));
    let mut number = || numbers.next().unwrap_or(0);
    let (blocks, size, files, free_files) = (number(), number(), number(), number());
    if size == 0 {
        return CheckResult::skipped(&"cannot parse the output of `stat`");
    }
    // File systems without a fixed number of inodes report 0 in total.
    if files > 0 && free_files <= MINIMUM_FREE_INODES {
        return CheckResult::fail(&format_args!("no inodes left in {}", folder.display()), remedy::FREE_DISK);
    }
    let free = blocks.saturating_mul(size) / 1024;
    grade_free_kib(free, DISK_LIMITS_KIB, &format!("free in {}", folder.display()), remedy::FREE_DISK)
}

/// Checks that there is enough memory for a gateway.
pub(super) fn check_memory(context: &HostContext) -> CheckResult {
    if context.gateway_unit().is_ok_and(|unit| unit.is_up()) {
        return CheckResult::ok(&"the gateway is running already");
    }
    let Some(table) = context.read_system_file("/proc/meminfo") else {
        return CheckResult::skipped(&"/proc/meminfo cannot be read");
    };
    let kib = |name: &str| {
        let value = table.lines().find_map(|line| line.strip_prefix(name))?;
        value.split_whitespace().next()?.parse::<u64>().ok()
    };
    let Some(available) = kib("MemAvailable:") else { return CheckResult::skipped(&"cannot parse /proc/meminfo") };
    let free = available.saturating_add(kib("SwapFree:").unwrap_or(0));
    grade_free_kib(free, MEMORY_LIMITS_KIB, "available, swap included", remedy::FREE_MEMORY)
}

fn grade_free_kib(kib: u64, (least, enough): (u64, u64), what: &str, fix: &'static str) -> CheckResult {
    let evidence = format!("{} MiB {what}", kib / 1024);
    match kib {
        kib if kib < least => CheckResult::fail(&evidence, fix),
        kib if kib < enough => CheckResult::warn(&evidence, fix),
        _ => CheckResult::ok(&evidence),
    }
}
