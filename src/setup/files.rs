//! Installation of the program and of the files that it ships.

use std::fs;

use crate::gateway_check::CHECK_UNIT;
use crate::os::atomic_file;
use crate::setup::error::SetupError;
use crate::setup::plan::StepState;
use crate::setup::target::SetupTarget;
use crate::setup::units::{GATEWAY_UNIT_NAME, MONITOR_UNIT, PRIMARY_FILES, STANDBY_FILES, ShippedFile};
use crate::workspace::unit::{PULL_SERVICE, PUSH_SERVICE};

/// Path of the installed program.
pub(super) const PROGRAM_PATH: &str = "/usr/local/bin/openclaw-failover";

/// Folders of the configuration and of the monitor's credentials (one file each), with their modes.
const FOLDERS: [(&str, u32); 2] = [("/etc/openclaw-failover", 0o755), ("/etc/openclaw-failover/credentials", 0o700)];

/// Size limit of an installed file whose first line is compared, in bytes.
const SHIPPED_FILE_LIMIT: usize = 1 << 20;

/// True if a file is the shipped one or an earlier version of it: its first line is the same. Links do not count.
pub(super) fn is_shipped_file(target: &SetupTarget, file: &ShippedFile) -> bool {
    let there = atomic_file::read(&target.context.system_path(file.path), SHIPPED_FILE_LIMIT)
        .ok()
        .flatten()
        .unwrap_or_default();
    let first = |text: &[u8]| text.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
    first(&there) == first(file.text.as_bytes())
}

/// Reads the state of the program at the path that the units name.
pub(super) fn read_program_state(target: &SetupTarget) -> StepState {
    match read_own_program(target) {
        Ok(own) if target.has_file(PROGRAM_PATH, 0o755, &own) => StepState::Done(PROGRAM_PATH.into()),
        Ok(_) => match find_newer_version(target) {
            Some(version) => StepState::refused(
                format_args!("{PROGRAM_PATH} is version {version}, but this program is {}", env!("CARGO_PKG_VERSION")),
                "use the newer one",
            ),
            None => StepState::Pending(format!("copy this program to {PROGRAM_PATH}")),
        },
        Err(why) => StepState::Refused(why),
    }
}

fn read_own_program(target: &SetupTarget) -> Result<Vec<u8>, SetupError> {
    fs::read(&target.program).map_err(|why| SetupError::new(format_args!("cannot read this program: {why}")))
}

/// Returns the installed version if it is newer than this program.
fn find_newer_version(target: &SetupTarget) -> Option<String> {
    let output =
        target.context.run_program(&target.context.system_path(PROGRAM_PATH).to_string_lossy(), &["--version"]).ok()?;
    let version = output.trim().strip_prefix("openclaw-failover ")?;
    let numbers = |version: &str| version.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>();
    (numbers(version) > numbers(env!("CARGO_PKG_VERSION"))).then(|| version.to_owned())
}

/// Copies this program to the path that the units name.
pub(super) fn install_program(target: &SetupTarget) -> Result<(), SetupError> {
    let own = read_own_program(target)?;
    target.mark_monitor_stale()?;
    target.write_file(PROGRAM_PATH, 0o755, &own)
}

/// Reads the state of a standby's files and of the folders and the user that they need.
pub(super) fn read_standby_state(target: &SetupTarget) -> StepState {
    let mut missing = missing_files(target, &STANDBY_FILES);
    let folders = FOLDERS.iter().filter(|(path, mode)| !target.has_folder(path, *mode));
    missing.extend(folders.map(|(path, _)| *path));
    missing.extend(target.query_unit(GATEWAY_UNIT_NAME).is_enabled().then_some("openclaw.service disabled"));
    if target.context.run_program("getent", &["passwd", MONITOR_USER]).is_err() {
        missing.push("the monitor's user");
    }
    files_state(target, &[GATEWAY_UNIT_NAME, MONITOR_UNIT, CHECK_UNIT, PULL_SERVICE, PUSH_SERVICE], &missing)
}

/// Installs a standby's files.
pub(super) fn install_standby(target: &SetupTarget) -> Result<(), SetupError> {
    target.mark_monitor_stale()?;
    install_files(target, &STANDBY_FILES)?;
    FOLDERS.iter().try_for_each(|(path, mode)| target.create_folder(path, *mode))?;
    target.run_program("systemd-sysusers", &["openclaw-failover.conf"])?;
    target.run_program("systemctl", &["daemon-reload"])?;
    if target.query_unit(GATEWAY_UNIT_NAME).is_enabled() {
        target.run_program("systemctl", &["disable", GATEWAY_UNIT_NAME])?;
    }
    Ok(())
}

/// Reads the state of a primary's files.
pub(super) fn read_primary_state(target: &SetupTarget) -> StepState {
    files_state(target, &[PUSH_SERVICE], &missing_files(target, &PRIMARY_FILES))
}

/// Installs a primary's files.
pub(super) fn install_primary(target: &SetupTarget) -> Result<(), SetupError> {
    install_files(target, &PRIMARY_FILES)?;
    target.run_program("systemctl", &["daemon-reload"])
}

const MONITOR_USER: &str = "openclaw-failover";

fn missing_files(target: &SetupTarget, files: &[ShippedFile]) -> Vec<&'static str> {
    let is_there = |file: &&ShippedFile| target.has_file(file.path, 0o644, file.text.as_bytes());
    files.iter().filter(|file| !is_there(file)).map(|file| file.path).collect()
}

fn files_state(target: &SetupTarget, units: &[&str], missing: &[&str]) -> StepState {
    let is_stale = |unit: &&str| target.query_unit(unit).value("NeedDaemonReload") == "yes";
    match (missing.is_empty(), units.iter().find(|unit| is_stale(unit))) {
        (false, _) => {
            // File names are enough: a dozen full paths would be unreadable.
            let names: Vec<&str> = missing.iter().map(|path| path.rsplit('/').next().unwrap_or(path)).collect();
            StepState::Pending(names.join(", "))
        }
        (true, Some(stale)) => StepState::Pending(format!("systemctl daemon-reload: {stale} has changed")),
        (true, None) => StepState::Done("all files are up to date".into()),
    }
}

fn install_files(target: &SetupTarget, files: &[ShippedFile]) -> Result<(), SetupError> {
    for file in files {
        if !target.has_file(file.path, 0o644, file.text.as_bytes()) {
            target.write_file(file.path, 0o644, file.text.as_bytes())?;
        }
    }
    Ok(())
}
