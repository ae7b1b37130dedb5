//! `check`: one probe of each target.

mod table;

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::cli::args::{Args, Argument};
use crate::cli::check::table::ProbedTarget;
use crate::cli::config::load_config;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::config::UpstreamConfig;
use crate::config::endpoint::Endpoint;
use crate::probe::{self, ProbeTarget};
use crate::text::duration::format_duration;

pub(super) const HELP: &str = "\
Probe once now: does a gateway answer, and what?

Usage: openclaw-failover check [OPTIONS] [URL…]

  URL               http://host:port, https://host, host:port, or host alone
                    (port 18789); without any, the configured upstreams

Options:
  --live            probe /healthz only: is it up at all?
  --timeout TIME    give up after this long (default 5s)
  --json            print an array of one object per target
  --config FILE     read the upstreams from FILE
  -h, --help        show this text

Exit codes: 0 every target is healthy, 1 one is not, 2 usage or configuration
error.
";

/// Number of targets, at most: each is probed in its own thread.
const TARGET_LIMIT: usize = 64;

/// Limits of `--timeout`.
const MINIMUM_TIMEOUT: Duration = Duration::from_millis(1);
const MAXIMUM_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Arguments of `check`.
#[derive(Debug, PartialEq)]
pub(super) struct CheckCommand {
    gateways: Vec<Endpoint>,
    live: bool,
    timeout: Duration,
    json: bool,
    config: Option<PathBuf>,
}

/// Target with its configured name.
struct NamedTarget {
    name: Option<String>,
    target: ProbeTarget,
}

impl CheckCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let mut check =
            Self { gateways: Vec::new(), live: false, timeout: Duration::from_secs(5), json: false, config: None };
        while let Some(item) = args.next()? {
            match item {
                Argument::Option("--live") => check.live = true,
                Argument::Option("--json") => check.json = true,
                Argument::Option("--timeout") => check.timeout = parse_timeout(&mut args)?,
                Argument::Option(_) => check.config = Some(args.file_value()?),
                Argument::Value(value) => {
                    let number = check.gateways.len() + 1;
                    let wrong = |what| args.usage_error(format!("URL {number} {what}"));
                    let endpoint = Endpoint::from_shorthand(&value.to_string_lossy());
                    check.gateways.push(endpoint.map_err(wrong)?);
                }
            }
        }
        if check.gateways.len() > TARGET_LIMIT {
            return Err(args.usage_error(format!("at most {TARGET_LIMIT} URLs can be checked at once")));
        }
        Ok(check)
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        let targets = self.targets()?;
        let findings = probe_all(targets, self.timeout)?;
        if self.json {
            out.write_line(table::table_to_json(&findings))?;
        } else {
            table::print_table(&findings, out)?;
        }
        let all_healthy = findings.iter().all(|finding| finding.result.verdict.is_healthy());
        Ok(if all_healthy { CommandOutcome::Success } else { CommandOutcome::Failure })
    }

    fn targets(&self) -> Result<Vec<NamedTarget>, CliError> {
        if self.gateways.is_empty() {
            let (_, config) = load_config(self.config.as_deref())?;
            return config.upstreams.iter().map(|upstream| self.upstream_target(upstream)).collect();
        }
        self.gateways.iter().map(|gateway| self.gateway_target(gateway)).collect()
    }

    fn upstream_target(&self, upstream: &UpstreamConfig) -> Result<NamedTarget, CliError> {
        let target = if self.live {
            ProbeTarget::for_upstream_healthz(upstream)
        } else {
            // Only the monitor can read the upstream's token, so this probe goes without.
            ProbeTarget::for_upstream(upstream, None)
        };
        Ok(NamedTarget { name: Some(upstream.name.clone()), target: target.map_err(CliError::failed)? })
    }

    fn gateway_target(&self, gateway: &Endpoint) -> Result<NamedTarget, CliError> {
        let url = gateway.to_string();
        let target = if self.live {
            ProbeTarget::healthz_only(&[url], None)
        } else if gateway.is_this_host() {
            ProbeTarget::for_local_gateway(&url, None)
        } else {
            ProbeTarget::new(&[url], None, &probe::ReadyzRequest::Skip)
        };
        Ok(NamedTarget { name: None, target: target.map_err(CliError::failed)? })
    }
}

fn parse_timeout(args: &mut Args) -> Result<Duration, CliError> {
    let timeout = args.duration_value("--timeout")?;
    if (MINIMUM_TIMEOUT..=MAXIMUM_TIMEOUT).contains(&timeout) {
        return Ok(timeout);
    }
    let (shortest, longest) = (format_duration(MINIMUM_TIMEOUT), format_duration(MAXIMUM_TIMEOUT));
    Err(args.usage_error(format!("--timeout must be between {shortest} and {longest}")))
}

/// Probes all targets in parallel, so that several silent ones take no longer than one.
fn probe_all(targets: Vec<NamedTarget>, timeout: Duration) -> Result<Vec<ProbedTarget>, CliError> {
    thread::scope(|scope| {
        let start = |named: NamedTarget| {
            let NamedTarget { name, mut target } = named;
            let probe = move || ProbedTarget { name, result: target.probe(timeout) };
            thread::Builder::new().spawn_scoped(scope, probe)
        };
        let started: Result<Vec<_>, _> = targets.into_iter().map(start).collect();
        let started = started.map_err(|error| CliError::Failed(format!("cannot start a probe: {error}")))?;
        let join = |thread: thread::ScopedJoinHandle<'_, ProbedTarget>| {
            thread.join().map_err(|_| CliError::Failed("cannot finish a probe: its thread ended early".into()))
        };
        started.into_iter().map(join).collect()
    })
}
