//! `doctor`: the checks of this standby.

use std::path::PathBuf;

use crate::cli::args::Args;
use crate::cli::config::load_config;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::{Output, TextColour};
use crate::config::paths::Paths;
use crate::doctor::{self, HostContext, Identity};
use crate::finding::{Finding, Level};
use crate::text::json::Value;

pub(super) const HELP: &str = "\
Could this standby take over right now? Prints a line per check: ok, warn, fail
or skipped, the evidence, and a command that fixes it. Changes nothing. Run it
as root: otherwise the checks that need root are skipped.

Usage: openclaw-failover doctor [OPTIONS]

Options:
  --primary-config FILE  also compare this host's channels with those in FILE,
                         the primary's openclaw.json; - is standard input:
                         ssh PRIMARY cat .openclaw/openclaw.json |
                           openclaw-failover doctor --primary-config -
  --json                 print one object
  --config FILE          read FILE instead of
                         /etc/openclaw-failover/config.json
  -h, --help             show this text

Exit codes: 0 no check failed, 1 a check failed, 2 usage or configuration
error.
";

/// Options for the child processes of `doctor` and of the monitor.
const INTERNAL_OPTIONS: [&str; 4] = ["--as-owner", "--accounts", "--in-sandbox", "--cheap"];

/// Arguments of `doctor`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct DoctorCommand {
    primary_config: Option<PathBuf>,
    json: bool,
    config: Option<PathBuf>,
    as_owner: bool,
    accounts: bool,
    in_sandbox: bool,
    cheap: bool,
}

impl DoctorCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        args.add_internal_options(&INTERNAL_OPTIONS);
        let mut doctor = Self::default();
        while let Some(option) = args.next_option()? {
            match option {
                "--json" => doctor.json = true,
                "--as-owner" => doctor.as_owner = true,
                "--accounts" => doctor.accounts = true,
                "--in-sandbox" => doctor.in_sandbox = true,
                "--cheap" => doctor.cheap = true,
                "--primary-config" => doctor.primary_config = Some(args.file_value()?),
                _ => doctor.config = Some(args.file_value()?),
            }
        }
        Ok(doctor)
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        let (source, config) = load_config(self.config.as_deref())?;
        let mut context = HostContext::for_this_host(config, source, Paths::from_environment());
        if self.cheap {
            // The monitor never sees what only root can see, so its child does not either, even as root.
            context.identity = Identity::Other;
            out.write_line(doctor::subprocess::child_report(&context))?;
            return Ok(CommandOutcome::Success);
        }
        if self.as_owner {
            if context.identity != Identity::Owner {
                return Err(CliError::Usage("--as-owner is for the workspace's owner; leave it out".into()));
            }
            out.write_line(if self.in_sandbox {
                doctor::sandbox_checks_to_json(&mut context)
            } else {
                doctor::owner_half_to_json(&context, self.accounts)
            })?;
            return Ok(CommandOutcome::Success);
        }
        if let Some(file) = &self.primary_config {
            context.read_primary_config(file).map_err(CliError::failed)?;
        }
        let found = doctor::run_all_checks(&context);
        let is_well = doctor::all_passed(&found);
        if self.json {
            let checks = Value::from_items(found.iter().map(Finding::to_json));
            out.write_line(Value::from_entries([("ok", is_well.into()), ("checks", checks)]).to_pretty())?;
        } else {
            print_findings(&found, out)?;
        }
        Ok(if is_well { CommandOutcome::Success } else { CommandOutcome::Failure })
    }
}

/// Prints a line per check, and the remedy below it.
fn print_findings(found: &[Finding], out: &mut Output) -> Result<(), CliError> {
    let width = found.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
    for finding in found {
        let level = format!("{:7}", finding.level.name());
        let level = match finding.level {
            Level::Ok => out.paint(TextColour::Good, &level).into_owned(),
            Level::Fail => out.paint(TextColour::Bad, &level).into_owned(),
            Level::Warn | Level::Skipped => level,
        };
        out.write_line(format!("{level}  {:width$}  {}", finding.id, finding.evidence).trim_end())?;
        if !finding.fix.is_empty() {
            out.write_line(format_args!("{:7}  {:width$}  → {}", "", "", finding.fix))?;
        }
    }
    let count = |level| found.iter().filter(|finding| finding.level == level).count();
    let (ok, warn, fail) = (count(Level::Ok), count(Level::Warn), count(Level::Fail));
    out.write_line(format_args!("{ok} ok, {warn} warn, {fail} failed, {} skipped", count(Level::Skipped)))
}
