//! `completions` and `man`: what the help texts say, for shells and for man(1).
//!
//! Both are made of the help texts each time they are asked for. So there is one place in which an option is described,
//! and nothing can say otherwise.

mod page;
mod roff;
mod shells;

use lexopt::Parser;

use super::Answer;
use super::args::{Args, Item};
use super::command::Command;
use super::error::Error;
use super::output::Output;
use page::Page;

const COMPLETIONS: &str = "\
Print what completes this program's command line in a shell.

Usage: openclaw-failover completions bash|zsh|fish

Where each shell looks for it:
  bash  /usr/share/bash-completion/completions/openclaw-failover
  zsh   /usr/local/share/zsh/site-functions/_openclaw-failover
  fish  /usr/share/fish/vendor_completions.d/openclaw-failover.fish

Options:
  -h, --help  this text
";

const MAN: &str = "\
Print the manual page, for man(1): openclaw-failover man | man -l -

Usage: openclaw-failover man

Options:
  -h, --help  this text
";

type Write = fn(&[Page]) -> String;

const SHELLS: [(&str, Write); 3] = [("bash", shells::bash), ("zsh", shells::zsh), ("fish", shells::fish)];

/// Print the help texts in another form.
#[derive(Debug)]
pub(super) struct Manual(Write);

/// Which form it is, nobody has to know.
impl PartialEq for Manual {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Manual {
    pub(super) fn parse_completions(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "completions", COMPLETIONS, &[]);
        let mut write = None;
        while let Some(item) = args.next()? {
            match item {
                Item::Value(value) if write.is_none() => {
                    let known = SHELLS.iter().find(|(name, _)| value == *name);
                    write = Some(known.ok_or_else(|| args.unexpected(&value))?.1);
                }
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
                Item::Option(_) => {}
            }
        }
        match write {
            Some(write) => Ok(Command::Manual(Self(write))),
            None => Err(args.usage("completions wants to be told for which shell: bash, zsh or fish")),
        }
    }

    pub(super) fn parse_man(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "man", MAN, &[]);
        match args.next()? {
            None => Ok(Command::Manual(Self(roff::man))),
            Some(Item::Help(help)) => Ok(help),
            Some(Item::Value(value)) => Err(args.unexpected(&value)),
            Some(Item::Option(option)) => Err(args.unexpected(&option.into())),
        }
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        let pages: Vec<_> = Command::helps().into_iter().map(|(name, help)| Page::read(name, help)).collect();
        out.text(&(self.0)(&pages)).map(|()| Answer::Yes)
    }
}
