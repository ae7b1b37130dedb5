//! `completions` and `man`: the help texts as shell completions and as a manual page.
//!
//! Both are generated from the help texts at run time, so each option is described in one place.

mod completions;
mod roff;

use crate::cli::args::Args;
use crate::cli::error::CliError;
use crate::cli::help_page::HelpPage;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;

pub(super) const COMPLETIONS_HELP: &str = "\
Print the completion script for a shell.

Usage: openclaw-failover completions bash|zsh|fish

Where each shell looks for it:
  bash  /usr/share/bash-completion/completions/openclaw-failover
  zsh   /usr/local/share/zsh/site-functions/_openclaw-failover
  fish  /usr/share/fish/vendor_completions.d/openclaw-failover.fish

Options:
  -h, --help  show this text
";

pub(super) const MAN_HELP: &str = "\
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
    pub(super) fn parse_completions(mut args: Args) -> Result<Self, CliError> {
        let shell = args.next_value()?.ok_or_else(|| args.usage_error("missing shell: bash, zsh or fish"))?;
        let known = SHELLS.iter().find(|(name, _)| shell == *name);
        let format = known.ok_or_else(|| args.unexpected_argument(&shell))?.1;
        args.finish().map(|()| format)
    }

    pub(super) fn parse_man(args: Args) -> Result<Self, CliError> {
        args.finish().map(|()| Self::Man)
    }

    pub(super) fn run(self, pages: &[HelpPage], out: &mut Output) -> Result<CommandOutcome, CliError> {
        let text = match self {
            Self::Bash => completions::render_bash(pages),
            Self::Zsh => completions::render_zsh(pages),
            Self::Fish => completions::render_fish(pages),
            Self::Man => roff::render_man_page(pages),
        };
        out.write_text(&text).map(|()| CommandOutcome::Success)
    }
}
