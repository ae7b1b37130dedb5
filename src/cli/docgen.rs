//! `completions` and `man`: the help texts as shell completions and as a manual page.
//!
//! Both are generated from the help texts at run time, so each option is described in one place.

mod page;
mod roff;
mod shells;

use lexopt::Parser;

use crate::cli::Answer;
use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::docgen::page::Page;
use crate::cli::error::Error;
use crate::cli::output::Output;

const COMPLETIONS: &str = "\
Print the completion script for a shell.

Usage: openclaw-failover completions bash|zsh|fish

Where each shell looks for it:
  bash  /usr/share/bash-completion/completions/openclaw-failover
  zsh   /usr/local/share/zsh/site-functions/_openclaw-failover
  fish  /usr/share/fish/vendor_completions.d/openclaw-failover.fish

Options:
  -h, --help  show this text
";

const MAN: &str = "\
Print the manual page, for man(1): openclaw-failover man | man -l -

Usage: openclaw-failover man

Options:
  -h, --help  show this text
";

/// Output format of the help texts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Manual {
    Bash,
    Zsh,
    Fish,
    Man,
}

const SHELLS: [(&str, Manual); 3] = [("bash", Manual::Bash), ("zsh", Manual::Zsh), ("fish", Manual::Fish)];

impl Manual {
    pub(super) fn parse_completions(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "completions", COMPLETIONS, &[]);
        let mut shell = None;
        while let Some(item) = args.next()? {
            match item {
                Item::Value(value) if shell.is_none() => {
                    let known = SHELLS.iter().find(|(name, _)| value == *name);
                    shell = Some(known.ok_or_else(|| args.unexpected(&value))?.1);
                }
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
                Item::Option(_) => {}
            }
        }
        let unsaid = || args.usage("missing shell: bash, zsh or fish");
        shell.map(Command::Manual).ok_or_else(unsaid)
    }

    pub(super) fn parse_man(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "man", MAN, &[]);
        match args.next()? {
            None => Ok(Command::Manual(Self::Man)),
            Some(Item::Help(help)) => Ok(help),
            Some(Item::Value(value)) => Err(args.unexpected(&value)),
            Some(Item::Option(option)) => Err(args.unexpected(&option.into())),
        }
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        let pages: Vec<_> = Command::helps().into_iter().map(|(name, help)| Page::read(name, help)).collect();
        let text = match self {
            Self::Bash => shells::bash(&pages),
            Self::Zsh => shells::zsh(&pages),
            Self::Fish => shells::fish(&pages),
            Self::Man => roff::man(&pages),
        };
        out.text(&text).map(|()| Answer::Yes)
    }
}
