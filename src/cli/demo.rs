//! `demo`: a complete failover on loopback.

use std::net::SocketAddr;

use lexopt::Parser;

use crate::cli::args::{Args, Argument};
use crate::cli::command::CliCommand;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::{CommandOutcome, actions};

const HELP: &str = "\
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
    pub(super) fn parse(parser: Parser) -> Result<CliCommand, CliError> {
        let mut args = Args::new(parser, "demo", HELP, &[STUB_GATEWAY_OPTION]);
        let mut demo = Self { gateway: None };
        while let Some(item) = args.next()? {
            match item {
                Argument::Option(_) => demo.gateway = Some(args.address_value()?),
                Argument::Value(value) => return Err(args.unexpected_argument(&value)),
                Argument::Help(help) => return Ok(help),
            }
        }
        Ok(CliCommand::Demo(demo))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        match self.gateway {
            Some(address) => actions::serve_stub_gateway(address),
            None => actions::run_demo(out),
        }
    }
}
