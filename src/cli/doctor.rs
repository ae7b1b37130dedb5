//! `doctor`: the checks of this standby.

use std::env;
use std::path::PathBuf;

use lexopt::Parser;

use crate::cli::Answer;
use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::config::configuration;
use crate::cli::error::Error;
use crate::cli::output::{Output, Tone};
use crate::config::paths::Paths;
use crate::doctor::{
    Identity, World, {self},
};
use crate::finding::{Finding, Level};
use crate::text::json::Value;

const HELP: &str = "\
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

/// The last four are internal: root starts a child as the workspace's owner, and the monitor starts one for itself.
const OPTIONS: &[&str] =
    &["--primary-config", "--json", "--config", "--as-owner", "--accounts", "--in-sandbox", "--cheap"];

/// Arguments of `doctor`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Doctor {
    primary: Option<PathBuf>,
    json: bool,
    config: Option<PathBuf>,
    as_owner: bool,
    accounts: bool,
    in_sandbox: bool,
    cheap: bool,
}

impl Doctor {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "doctor", HELP, OPTIONS);
        let mut doctor = Self::default();
        while let Some(item) = args.next()? {
            match item {
                Item::Option("--json") => doctor.json = true,
                Item::Option("--as-owner") => doctor.as_owner = true,
                Item::Option("--accounts") => doctor.accounts = true,
                Item::Option("--in-sandbox") => doctor.in_sandbox = true,
                Item::Option("--cheap") => doctor.cheap = true,
                Item::Option("--primary-config") => doctor.primary = Some(args.file()?),
                Item::Option(_) => doctor.config = Some(args.file()?),
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        Ok(Command::Doctor(doctor))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        let (source, config) = configuration(self.config.as_deref())?;
        let mut world = World::here(config, source, Paths::new(|name| env::var_os(name)));
        if self.cheap {
            // The monitor never sees what only root can see, so its child does not either, even as root.
            world.identity = Identity::Other;
            out.line(doctor::subprocess::answer(&world))?;
            return Ok(Answer::Yes);
        }
        if self.as_owner {
            if world.identity != Identity::Owner {
                return Err(Error::Usage("--as-owner is for the workspace's owner; leave it out".into()));
            }
            out.line(if self.in_sandbox {
                doctor::answer_from_sandbox(&mut world)
            } else {
                doctor::answer(&world, self.accounts)
            })?;
            return Ok(Answer::Yes);
        }
        if let Some(file) = &self.primary {
            world.read_primary(file).map_err(Error::Failed)?;
        }
        let found = doctor::examine(&world);
        let is_well = doctor::is_well(&found);
        if self.json {
            let checks = Value::array(found.iter().map(Finding::to_json));
            out.line(Value::object([("ok", is_well.into()), ("checks", checks)]).pretty())?;
        } else {
            print(&found, out)?;
        }
        Ok(if is_well { Answer::Yes } else { Answer::No })
    }
}

/// Prints a line per check, and the remedy below it.
fn print(found: &[Finding], out: &mut Output) -> Result<(), Error> {
    let width = found.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
    for finding in found {
        let level = format!("{:7}", finding.level.name());
        let level = match finding.level {
            Level::Ok => out.paint(Tone::Good, &level).into_owned(),
            Level::Fail => out.paint(Tone::Bad, &level).into_owned(),
            Level::Warn | Level::Skipped => level,
        };
        out.line(format!("{level}  {:width$}  {}", finding.id, finding.evidence).trim_end())?;
        if !finding.fix.is_empty() {
            out.line(format_args!("{:7}  {:width$}  → {}", "", "", finding.fix))?;
        }
    }
    let count = |level| found.iter().filter(|finding| finding.level == level).count();
    let (ok, warn, fail) = (count(Level::Ok), count(Level::Warn), count(Level::Fail));
    out.line(format_args!("{ok} ok, {warn} warn, {fail} failed, {} skipped", count(Level::Skipped)))
}
