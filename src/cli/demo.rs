//! `demo`: a complete failover on loopback.

use std::net::SocketAddr;

use crate::cli::args::Args;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::demo;

pub(super) const HELP: &str = "\
A complete failover and failback on loopback in under a minute, without root and
without systemd. It leaves nothing behind.

Usage: openclaw-failover demo

Options:
  -h, --help  show this text
";

/// Hidden option: the demo starts this program as its gateways.
const STUB_GATEWAY_OPTION: &str = "--stub-gateway";

/// Arguments of `demo`.
#[derive(Debug, PartialEq)]
pub(super) struct DemoCommand {
    gateway: Option<SocketAddr>,
}

impl DemoCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        args.add_internal_options(&[STUB_GATEWAY_OPTION]);
        let mut demo = Self { gateway: None };
        while args.next_option()?.is_some() {
            demo.gateway = Some(args.address_value()?);
        }
        Ok(demo)
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        match self.gateway {
            Some(address) => serve_stub_gateway(address),
            None => run_demo(out),
        }
    }
}

/// Runs a failover on loopback.
fn run_demo(out: &mut Output) -> Result<CommandOutcome, CliError> {
    demo::run(|line| out.write_line(line).and_then(|()| out.flush()).is_ok())
        .map_err(|why| CliError::Failed(why.to_string()))?;
    Ok(CommandOutcome::Success)
}

/// Runs one of the demo's gateways.
fn serve_stub_gateway(address: SocketAddr) -> Result<CommandOutcome, CliError> {
    demo::stub_gateway::serve(address).map_err(|why| CliError::Failed(format!("cannot serve on {address}: {why}")))?;
    Ok(CommandOutcome::Success)
}
