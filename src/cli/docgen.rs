//! `completions` and `man`: the help texts as shell completions and as a manual page.
//!
//! Both are generated from the help texts at run time, so each option is described in one place.

mod completions;
mod page;
mod roff;

use lexopt::Parser;

use crate::cli::args::{Args, Argument, Parsed};
use crate::cli::docgen::page::HelpPage;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;

const COMPLETIONS_HELP: &str = "\
Print the completion script for a shell.

Usage: openclaw-failover completions bash|zsh|fish

Where each shell looks for it:
  bash  /usr/share/bash-completion/completions/openclaw-failover
  zsh   /usr/local/share/zsh/site-functions/_openclaw-failover
  fish  /usr/share/fish/vendor_completions.d/openclaw-failover.fish

Options:
  -h, --help  show this text
";

const MAN_HELP: &str = "\
Print the manual page, for man(1): openclaw-failover man | man -l -

Usage: openclaw-failover man

Options:
  -h, --help  show this text
";

/// Output format of the help texts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum DocFormat {
    Bash,
    Zsh,
    Fish,
    Man,
}

const SHELLS: [(&str, DocFormat); 3] = [("bash", DocFormat::Bash), ("zsh", DocFormat::Zsh), ("fish", DocFormat::Fish)];

impl DocFormat {
    pub(super) fn parse_completions(parser: Parser) -> Result<Parsed<Self>, CliError> {
        let mut args = Args::new(parser, "completions", COMPLETIONS_HELP, &[]);
        let mut shell = None;
        while let Some(item) = args.next()? {
            match item {
                Argument::Value(value) if shell.is_none() => {
                    let known = SHELLS.iter().find(|(name, _)| value == *name);
                    shell = Some(known.ok_or_else(|| args.unexpected_argument(&value))?.1);
                }
                Argument::Value(value) => return Err(args.unexpected_argument(&value)),
                Argument::Help(help) => return Ok(Parsed::Help(help)),
                Argument::Option(_) => {}
            }
        }
        let unsaid = || args.usage_error("missing shell: bash, zsh or fish");
        shell.map(Parsed::Command).ok_or_else(unsaid)
    }

    pub(super) fn parse_man(parser: Parser) -> Result<Parsed<Self>, CliError> {
        let mut args = Args::new(parser, "man", MAN_HELP, &[]);
        match args.next()? {
            None => Ok(Parsed::Command(Self::Man)),
            Some(Argument::Help(help)) => Ok(Parsed::Help(help)),
            Some(Argument::Value(value)) => Err(args.unexpected_argument(&value)),
            Some(Argument::Option(option)) => Err(args.unexpected_argument(&option.into())),
        }
    }

    pub(super) fn run(
        self,
        texts: &[(&'static str, &'static str)],
        out: &mut Output,
    ) -> Result<CommandOutcome, CliError> {
        let pages: Vec<_> = texts.iter().map(|(name, help)| HelpPage::parse(name, help)).collect();
        let text = match self {
            Self::Bash => completions::render_bash(&pages),
            Self::Zsh => completions::render_zsh(&pages),
            Self::Fish => completions::render_fish(&pages),
            Self::Man => roff::render_man_page(&pages),
        };
        out.write_text(&text).map(|()| CommandOutcome::Success)
    }
}
