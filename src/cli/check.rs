//! `check`: one probe of each target.

mod table;

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use lexopt::Parser;

use crate::cli::Answer;
use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::config::configuration;
use crate::cli::error::Error;
use crate::cli::output::Output;
use crate::config::Upstream;
use crate::config::endpoint::Endpoint;
use crate::probe::{
    Target, {self},
};
use crate::text::duration::show;

const HELP: &str = "\
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

const OPTIONS: &[&str] = &["--live", "--timeout", "--json", "--config"];

/// Number of targets, at most: each is probed in its own thread.
const MOST_TARGETS: usize = 64;

/// Limits of `--timeout`.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Arguments of `check`.
#[derive(Debug, PartialEq)]
pub(super) struct Check {
    gateways: Vec<Endpoint>,
    live: bool,
    timeout: Duration,
    json: bool,
    config: Option<PathBuf>,
}

/// Target with its configured name.
struct Named {
    name: Option<String>,
    target: Target,
}

/// Result of a probe.
struct Finding {
    name: Option<String>,
    answer: probe::Answer,
}

impl Check {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "check", HELP, OPTIONS);
        let mut check =
            Self { gateways: Vec::new(), live: false, timeout: Duration::from_secs(5), json: false, config: None };
        while let Some(item) = args.next()? {
            match item {
                Item::Option("--live") => check.live = true,
                Item::Option("--json") => check.json = true,
                Item::Option("--timeout") => check.timeout = timeout(&mut args)?,
                Item::Option(_) => check.config = Some(args.file()?),
                Item::Value(value) => {
                    let number = check.gateways.len() + 1;
                    let wrong = |what| args.usage(format!("URL {number} {what}"));
                    let endpoint = Endpoint::from_shorthand(&value.to_string_lossy());
                    check.gateways.push(endpoint.map_err(wrong)?);
                }
                Item::Help(help) => return Ok(help),
            }
        }
        if check.gateways.len() > MOST_TARGETS {
            return Err(args.usage(format!("at most {MOST_TARGETS} URLs can be checked at once")));
        }
        Ok(Command::Check(check))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        let targets = self.targets()?;
        let findings = probe_all(targets, self.timeout)?;
        if self.json {
            out.line(table::json(&findings))?;
        } else {
            table::print(&findings, out)?;
        }
        let all_healthy = findings.iter().all(|finding| finding.answer.verdict.is_healthy());
        Ok(if all_healthy { Answer::Yes } else { Answer::No })
    }

    fn targets(&self) -> Result<Vec<Named>, Error> {
        if self.gateways.is_empty() {
            let (_, config) = configuration(self.config.as_deref())?;
            return config.upstreams.iter().map(|upstream| self.upstream(upstream)).collect();
        }
        self.gateways.iter().map(|gateway| self.gateway(gateway)).collect()
    }

    fn upstream(&self, upstream: &Upstream) -> Result<Named, Error> {
        let target = if self.live {
            Target::upstream_live_only(upstream)
        } else {
            // Only the monitor can read the upstream's token, so this probe goes without.
            Target::upstream(upstream, None)
        };
        Ok(Named { name: Some(upstream.name.clone()), target: target.map_err(failed)? })
    }

    fn gateway(&self, gateway: &Endpoint) -> Result<Named, Error> {
        let url = gateway.to_string();
        let target = if self.live {
            Target::live_only(&[url], None)
        } else if gateway.is_here() {
            Target::local(&url, None)
        } else {
            Target::new(&[url], None, &probe::Readyz::Skip)
        };
        Ok(Named { name: None, target: target.map_err(failed)? })
    }
}

fn failed(error: probe::Error) -> Error {
    Error::Failed(error.to_string())
}

fn timeout(args: &mut Args) -> Result<Duration, Error> {
    let timeout = args.duration("--timeout")?;
    if (SHORTEST..=LONGEST).contains(&timeout) {
        return Ok(timeout);
    }
    let (shortest, longest) = (show(SHORTEST), show(LONGEST));
    Err(args.usage(format!("--timeout must be between {shortest} and {longest}")))
}

/// Probes all targets in parallel, so that several silent ones take no longer than one.
fn probe_all(targets: Vec<Named>, timeout: Duration) -> Result<Vec<Finding>, Error> {
    thread::scope(|scope| {
        let start = |named: Named| {
            let Named { name, mut target } = named;
            let probe = move || Finding { name, answer: target.probe(timeout) };
            thread::Builder::new().spawn_scoped(scope, probe)
        };
        let started: Result<Vec<_>, _> = targets.into_iter().map(start).collect();
        let started = started.map_err(|error| Error::Failed(format!("cannot start a probe: {error}")))?;
        let join = |thread: thread::ScopedJoinHandle<'_, Finding>| {
            thread.join().map_err(|_| Error::Failed("cannot finish a probe: its thread ended early".into()))
        };
        started.into_iter().map(join).collect()
    })
}
