//! The check, run as a systemd unit by the monitor.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::paths::Paths;
use crate::gateway_check::error::{CHECK_UNIT, GatewayCheckError};
use crate::gateway_check::report::{self, GatewayCheckReport};
use crate::os::Cancel;
use crate::os::systemd::Systemctl;

/// Time limit of one run. A run takes a fraction of a second; starting or stopping the gateway waits for it.
const RUN_TIME_LIMIT: Duration = Duration::from_secs(5);

/// Returns the folder of the report, next to the monitor's state folder.
#[must_use]
pub fn report_folder(paths: &Paths) -> PathBuf {
    let mut name = paths.run_dir.file_name().unwrap_or_default().to_owned();
    name.push("-check");
    paths.run_dir.with_file_name(name)
}

/// Runs the unit to its end and reads its report.
///
/// # Errors
/// If systemd does not run the unit, or the unit leaves no report of this run.
pub fn run_check_unit(systemctl: &Systemctl, folder: &Path) -> Result<GatewayCheckReport, GatewayCheckError> {
    // A report with the previous run's id is stale. The clock may be set during a run, and systemd forgets the id of a
    // unit that has ended, so neither can tell.
    let before = report::read_report(folder).map(|report| report.invocation).ok();
    systemctl.start(CHECK_UNIT, RUN_TIME_LIMIT, &Cancel::new()).map_err(GatewayCheckError::Systemd)?;
    let report = report::read_report(folder).map_err(GatewayCheckError::Report)?;
    if before.as_ref() == Some(&report.invocation) { Err(GatewayCheckError::NoReport) } else { Ok(report) }
}
