//! The check by way of its unit, for the monitor.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::paths::Paths;
use crate::gateway_check::report::{
    Report, {self},
};
use crate::os::Cancel;
use crate::os::systemd::Systemctl;

/// The unit that runs the check.
pub const CHECK: &str = "openclaw-failover-check.service";

/// The time limit of one run. It takes a fraction of a second; orders to the gateway wait for it.
const LIMIT: Duration = Duration::from_secs(5);

/// The folder of the report, beside the monitor's own.
#[must_use]
pub fn folder(paths: &Paths) -> PathBuf {
    let mut name = paths.run_dir.file_name().unwrap_or_default().to_owned();
    name.push("-check");
    paths.run_dir.with_file_name(name)
}

/// Runs the unit to its end and reads its report.
///
/// # Errors
/// When systemd does not run it, or it leaves no report of this run.
pub fn run(systemctl: &Systemctl, folder: &Path) -> Result<Report, String> {
    // Each run has its own id, so a report with the id of the run before is no answer. No clock is asked for that: it
    // may have been set in between. Nor is systemd: it forgets the id of a unit that has ended.
    let before = report::read(folder).map(|report| report.invocation).ok();
    systemctl.start(CHECK, LIMIT, &Cancel::new()).map_err(|why| why.to_string())?;
    let report = report::read(folder)
        .map_err(|why| format!("cannot read the report of {CHECK}: {why}; `journalctl -u {CHECK}` says more"))?;
    if before.as_ref() == Some(&report.invocation) {
        return Err(format!("{CHECK} left no report of this run; `journalctl -u {CHECK}` says more"));
    }
    Ok(report)
}
