//! `demo`: a complete failover on loopback.

use std::net::SocketAddr;

use lexopt::Parser;

use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::error::Error;
use crate::cli::output::Output;
use crate::cli::{Answer, rooms};

const HELP: &str = "\
A complete failover and failback on loopback in under a minute, without root and
without systemd. It leaves nothing behind.

Usage: openclaw-failover demo

Options:
  -h, --help  show this text
";

/// Hidden option: the demo starts this program as its gateways.
const GATEWAY: &str = "--stub-gateway";

/// Arguments of `demo`.
#[derive(Debug, PartialEq)]
pub(super) struct Demo {
    gateway: Option<SocketAddr>,
}

impl Demo {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "demo", HELP, &[GATEWAY]);
        let mut demo = Self { gateway: None };
        while let Some(item) = args.next()? {
            match item {
                Item::Option(_) => demo.gateway = Some(args.address()?),
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        Ok(Command::Demo(demo))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        match self.gateway {
            Some(address) => rooms::stub_gateway(address),
            None => rooms::demo(out),
        }
    }
}
