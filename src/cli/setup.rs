//! `setup` and `uninstall`: the plan, the questions, and the steps.

mod questions;

use std::env;
use std::io::{
    IsTerminal, {self},
};

use lexopt::Parser;

use crate::cli::Answer;
use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::config::{configuration_or, refuse_agents};
use crate::cli::error::Error;
use crate::cli::output::{Output, Tone, printable};
use crate::config::paths::Paths;
use crate::config::{
    Config, DEFAULT_FILE, Source, Workspace, {self},
};
use crate::doctor::World;
use crate::os::{Cancel, journal};
use crate::setup::{
    CHANNELS, Plan, Role, Site, State, Step, Wishes, {self},
};
use crate::text::suggestion::nearest;

const HELP: &str = "\
Make this Debian or Ubuntu host a standby or a primary. Shows the plan, asks
once, and applies the steps in order. After a failure run the same command
again: it continues with the first step that is not done.

Usage: openclaw-failover setup standby [OPTIONS]
       openclaw-failover setup primary [OPTIONS]

Options:
  --dry-run             show the plan only
  --yes                 do not ask
  --config FILE         this host's configuration, installed as
                        /etc/openclaw-failover/config.json

For a standby:
  --known-hosts FILE    host keys of git host and primary; without it they are
                        shown for you to confirm
  --sudo                allow openclaw to become root
  --install-tailscale   run Tailscale's installer
  --install-openclaw    run OpenClaw's installer, as openclaw
  --channel NAME        the standby's channel: telegram or discord; asked for
                        if OpenClaw has no configuration yet
  --allow ID            id of a user who may write there; may be repeated
  --token-file FILE     file with the token of the bot
  --model MODEL         the agent's model, as provider/model

For a primary:
  --user USER           the user that runs OpenClaw, if not openclaw
  --standby-key KEY     the standby's public key: may read ~/.openclaw/standby
  --channel NAME        the standby's channel

  -h, --help            show this text
";

const UNINSTALL: &str = "\
Remove what setup has installed: units, polkit rule, program. Data, users,
packages, firewall, bans and upgrades stay.

Usage: openclaw-failover uninstall [OPTIONS]

Options:
  --dry-run   show the plan only
  --yes       do not ask
  -h, --help  show this text
";

const OPTIONS: &[&str] = &[
    "--dry-run",
    "--yes",
    "--config",
    "--known-hosts",
    "--sudo",
    "--install-tailscale",
    "--install-openclaw",
    "--channel",
    "--allow",
    "--token-file",
    "--model",
    "--user",
    "--standby-key",
];

/// Options that a primary does not have; the last three refine a channel.
const STANDBYS: &[&str] =
    &["--known-hosts", "--sudo", "--install-tailscale", "--install-openclaw", "--allow", "--token-file", "--model"];

const ROLES: [(&str, Role); 2] = [("standby", Role::Standby), ("primary", Role::Primary)];

/// Arguments of `setup` and `uninstall`.
#[derive(Debug, PartialEq)]
pub(super) struct Setup {
    role: Role,
    is_dry: bool,
    is_sure: bool,
    wishes: Wishes,
}

impl Setup {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "setup", HELP, OPTIONS);
        let (mut role, mut used) = (None, Vec::new());
        let mut setup = Self { role: Role::Standby, is_dry: false, is_sure: false, wishes: Wishes::default() };
        while let Some(item) = args.next()? {
            match item {
                Item::Option(option) => {
                    used.push(option);
                    setup.take(option, &mut args)?;
                }
                Item::Value(value) if role.is_none() => {
                    let typed = value.to_string_lossy().into_owned();
                    let known = ROLES.iter().find(|(name, _)| *name == typed).map(|(_, role)| *role);
                    role = Some(known.ok_or_else(|| {
                        let near = nearest(&typed, ROLES.map(|(name, _)| name)).unwrap_or("standby' or 'primary");
                        args.usage(format!("setup has no '{typed}', did you mean '{near}'?"))
                    })?);
                }
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        let Some(role) = role else {
            return Err(args.usage("missing role: `setup standby` or `setup primary`"));
        };
        let wrong = used.iter().find(|option| match role {
            Role::Standby => ["--user", "--standby-key"].contains(option),
            _ => STANDBYS.contains(option),
        });
        if let Some(wrong) = wrong {
            let other = if role == Role::Standby { "primary" } else { "standby" };
            return Err(args.usage(format!("{wrong} goes with setup {other}")));
        }
        if let Some(more) = used.iter().find(|option| ["--allow", "--token-file", "--model"].contains(option))
            && setup.wishes.channel.is_none()
        {
            return Err(args.usage(format!("{more} goes with --channel")));
        }
        Ok(Command::Setup(Box::new(Self { role, ..setup })))
    }

    pub(super) fn parse_uninstall(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "uninstall", UNINSTALL, &["--dry-run", "--yes"]);
        let mut setup = Self { role: Role::Nobody, is_dry: false, is_sure: false, wishes: Wishes::default() };
        while let Some(item) = args.next()? {
            match item {
                Item::Option(option) => setup.take(option, &mut args)?,
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        Ok(Command::Setup(Box::new(setup)))
    }

    fn take(&mut self, option: &'static str, args: &mut Args) -> Result<(), Error> {
        let wishes = &mut self.wishes;
        match option {
            "--dry-run" => self.is_dry = true,
            "--yes" => self.is_sure = true,
            "--config" => wishes.config = Some(args.file()?),
            "--known-hosts" => wishes.known_hosts = Some(args.file()?),
            "--sudo" => wishes.sudo = true,
            "--install-tailscale" => wishes.install_tailscale = true,
            "--install-openclaw" => wishes.install_openclaw = true,
            "--channel" => {
                let channel = args.text()?;
                if !CHANNELS.contains(&channel.as_str()) {
                    return Err(args.usage(format!(
                        "--channel: setup supports telegram and discord, but not '{channel}'; configure others in \
                         OpenClaw"
                    )));
                }
                wishes.channel = Some(channel);
            }
            "--allow" => {
                let id = args.text()?;
                if !is_id(&id) {
                    return Err(args.usage(format!("--allow: '{id}' is not a user id, which is a number")));
                }
                wishes.allow.push(id);
            }
            "--token-file" => wishes.token_file = Some(args.file()?),
            "--model" => wishes.model = Some(args.text()?),
            "--user" => wishes.user = Some(args.text()?),
            _ => wishes.standby_key = Some(args.text()?),
        }
        Ok(())
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        journal::init();
        let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        if !(is_terminal || self.is_sure || self.is_dry) {
            return Err(Error::Usage(
                "no terminal to ask at; give --yes to apply the plan, or --dry-run to show it".into(),
            ));
        }
        let world = world(self.role, &self.wishes)?;
        let site = Site::here(world, self.wishes, !self.is_sure);
        site.require().map_err(Error::Usage)?;
        let mut plan = Plan::new(site, self.role);
        let is_done = show(&plan, out)?;
        if self.is_dry {
            return Ok(Answer::Yes);
        }
        if !is_done && !self.is_sure {
            let pending = questions::ask_all(&mut plan, out)?;
            let question = match pending {
                1 => "Apply this change?".to_owned(),
                count => format!("Apply these {count} changes?"),
            };
            if !questions::confirm(&question) {
                out.line("nothing was changed")?;
                return Ok(Answer::No);
            }
        }
        let done = apply(&mut plan, out);
        for note in plan.notes(done.is_ok()) {
            out.line(printable(&note))?;
        }
        out.flush()?;
        done.map(|()| Answer::Yes)
    }
}

/// Prints the plan. Returns true if nothing is to be done.
fn show(plan: &Plan, out: &mut Output) -> Result<bool, Error> {
    let steps = plan.look();
    print(&steps, out)?;
    refuse(&steps)?;
    Ok(pending(&steps) == 0)
}

/// Counts the steps that are to be applied.
fn pending(steps: &[(&'static Step, State)]) -> usize {
    steps.iter().filter(|(_, state)| matches!(state, State::Todo(_))).count()
}

fn refuse(steps: &[(&'static Step, State)]) -> Result<(), Error> {
    let refused = steps.iter().find_map(|(step, state)| match state {
        State::Refused(why) => Some(Error::Usage(format!("nothing was changed; {}: {why}", step.name))),
        _ => None,
    });
    refused.map_or(Ok(()), Err)
}

/// Applies the steps. A signal interrupts between two steps; the next run continues.
fn apply(plan: &mut Plan, out: &mut Output) -> Result<(), Error> {
    plan.site.cancel = Cancel::on_signals().map_err(|why| Error::Failed(format!("cannot catch signals: {why}")))?;
    // A closed terminal is no reason to stop halfway.
    let mut say = |name: &'static str| drop(out.line(format_args!("{name} …")).and_then(|()| out.flush()));
    plan.apply(&mut say).map_err(Error::Failed)
}

fn is_id(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())
}

/// Returns this host's context, with the configuration that it will have.
fn world(role: Role, wishes: &Wishes) -> Result<World, Error> {
    let file = wishes.config.clone();
    let (config, source) = match role {
        // Without a configuration file the shell monitor's variables may configure the standby.
        Role::Standby => {
            let (source, config) = configuration_or(file.as_deref(), setup::variable)?;
            (config, source)
        }
        Role::Primary | Role::Nobody => {
            refuse_agents(file.as_deref(), wishes.user.as_deref())?;
            let workspace =
                if role == Role::Primary { config::load_primary(file.as_deref())? } else { Workspace::default() };
            (Config::of_primary(workspace), Source::File(file.unwrap_or_else(|| DEFAULT_FILE.into())))
        }
    };
    Ok(World::here(config, source, Paths::new(|name| env::var_os(name))))
}

/// Prints a line per step, and the reason for each that is to be done.
fn print(steps: &[(&'static Step, State)], out: &mut Output) -> Result<(), Error> {
    for (step, state) in steps {
        let (word, text) = match state {
            State::Done(text) => (out.paint(Tone::Good, "done   ").into_owned(), text),
            State::Todo(text) => ("to do  ".to_owned(), text),
            State::Left(text) => ("left   ".to_owned(), text),
            State::Refused(text) => (out.paint(Tone::Bad, "refused").into_owned(), text),
        };
        out.line(format_args!("{word}  {:15}  {}", step.name, printable(text)))?;
        if matches!(state, State::Todo(_)) {
            out.line(format_args!("{:24}  ({})", "", step.why))?;
        }
    }
    out.flush()
}
