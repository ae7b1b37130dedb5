//! `setup` and `uninstall`: the plan, the questions, and the steps.

mod questions;

use std::io::{self, IsTerminal};

use lexopt::Parser;

use crate::cli::args::{Args, Argument, Parsed};
use crate::cli::config::{load_config_or, refuse_agents_config};
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::{Output, TextColour};
use crate::cli::printable::to_printable;
use crate::config::paths::Paths;
use crate::config::{self, Config, ConfigSource, DEFAULT_CONFIG_FILE, WorkspaceConfig};
use crate::doctor::HostContext;
use crate::os::{Cancel, journal};
use crate::setup::{self, Plan, SUPPORTED_CHANNELS, SetupOptions, SetupRole, SetupTarget, Step, StepState};
use crate::text::suggestion::suggest_name;

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

const UNINSTALL_HELP: &str = "\
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
const STANDBY_ONLY_OPTIONS: &[&str] =
    &["--known-hosts", "--sudo", "--install-tailscale", "--install-openclaw", "--allow", "--token-file", "--model"];

const ROLE_NAMES: [(&str, SetupRole); 2] = [("standby", SetupRole::Standby), ("primary", SetupRole::Primary)];

/// Arguments of `setup` and `uninstall`.
#[derive(Debug, PartialEq)]
pub(super) struct SetupCommand {
    role: SetupRole,
    dry_run: bool,
    assume_yes: bool,
    options: SetupOptions,
}

impl SetupCommand {
    pub(super) fn parse(parser: Parser) -> Result<Parsed<Self>, CliError> {
        let mut args = Args::new(parser, "setup", HELP, OPTIONS);
        let (mut role, mut used) = (None, Vec::new());
        let mut setup =
            Self { role: SetupRole::Standby, dry_run: false, assume_yes: false, options: SetupOptions::default() };
        while let Some(item) = args.next()? {
            match item {
                Argument::Option(option) => {
                    used.push(option);
                    setup.apply_option(option, &mut args)?;
                }
                Argument::Value(value) if role.is_none() => {
                    let typed = value.to_string_lossy().into_owned();
                    let known = ROLE_NAMES.iter().find(|(name, _)| *name == typed).map(|(_, role)| *role);
                    role = Some(known.ok_or_else(|| {
                        let near =
                            suggest_name(&typed, ROLE_NAMES.map(|(name, _)| name)).unwrap_or("standby' or 'primary");
                        args.usage_error(format!("setup has no '{typed}', did you mean '{near}'?"))
                    })?);
                }
                Argument::Value(value) => return Err(args.unexpected_argument(&value)),
                Argument::Help(help) => return Ok(Parsed::Help(help)),
            }
        }
        let Some(role) = role else {
            return Err(args.usage_error("missing role: `setup standby` or `setup primary`"));
        };
        let wrong = used.iter().find(|option| match role {
            SetupRole::Standby => ["--user", "--standby-key"].contains(option),
            _ => STANDBY_ONLY_OPTIONS.contains(option),
        });
        if let Some(wrong) = wrong {
            let other = if role == SetupRole::Standby { "primary" } else { "standby" };
            return Err(args.usage_error(format!("{wrong} goes with setup {other}")));
        }
        if let Some(more) = used.iter().find(|option| ["--allow", "--token-file", "--model"].contains(option))
            && setup.options.channel.is_none()
        {
            return Err(args.usage_error(format!("{more} goes with --channel")));
        }
        Ok(Parsed::Command(Self { role, ..setup }))
    }

    pub(super) fn parse_uninstall(parser: Parser) -> Result<Parsed<Self>, CliError> {
        let mut args = Args::new(parser, "uninstall", UNINSTALL_HELP, &["--dry-run", "--yes"]);
        let mut setup =
            Self { role: SetupRole::Uninstalled, dry_run: false, assume_yes: false, options: SetupOptions::default() };
        while let Some(item) = args.next()? {
            match item {
                Argument::Option(option) => setup.apply_option(option, &mut args)?,
                Argument::Value(value) => return Err(args.unexpected_argument(&value)),
                Argument::Help(help) => return Ok(Parsed::Help(help)),
            }
        }
        Ok(Parsed::Command(setup))
    }

    fn apply_option(&mut self, option: &'static str, args: &mut Args) -> Result<(), CliError> {
        let options = &mut self.options;
        match option {
            "--dry-run" => self.dry_run = true,
            "--yes" => self.assume_yes = true,
            "--config" => options.config_file = Some(args.file_value()?),
            "--known-hosts" => options.known_hosts_file = Some(args.file_value()?),
            "--sudo" => options.grant_sudo = true,
            "--install-tailscale" => options.install_tailscale = true,
            "--install-openclaw" => options.install_openclaw = true,
            "--channel" => {
                let channel = args.text_value()?;
                if !SUPPORTED_CHANNELS.contains(&channel.as_str()) {
                    return Err(args.usage_error(format!(
                        "--channel: setup supports telegram and discord, but not '{channel}'; configure others in \
                         OpenClaw"
                    )));
                }
                options.channel = Some(channel);
            }
            "--allow" => {
                let id = args.text_value()?;
                if !is_user_id(&id) {
                    return Err(args.usage_error(format!("--allow: '{id}' is not a user id, which is a number")));
                }
                options.allowed_ids.push(id);
            }
            "--token-file" => options.token_file = Some(args.file_value()?),
            "--model" => options.model = Some(args.text_value()?),
            "--user" => options.user = Some(args.text_value()?),
            _ => options.standby_key = Some(args.text_value()?),
        }
        Ok(())
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        journal::start_logging();
        let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        if !(is_terminal || self.assume_yes || self.dry_run) {
            return Err(CliError::Usage(
                "no terminal to ask at; give --yes to apply the plan, or --dry-run to show it".into(),
            ));
        }
        let context = host_context(self.role, &self.options)?;
        let target = SetupTarget::for_this_host(context, self.options, !self.assume_yes);
        target.check_requirements().map_err(CliError::Usage)?;
        let mut plan = Plan::new(target, self.role);
        let is_done = print_plan(&plan, out)?;
        if self.dry_run {
            return Ok(CommandOutcome::Success);
        }
        if !is_done && !self.assume_yes {
            let pending = questions::ask_missing_inputs(&mut plan, out)?;
            let question = match pending {
                1 => "Apply this change?".to_owned(),
                count => format!("Apply these {count} changes?"),
            };
            if !questions::confirm(&question) {
                out.write_line("nothing was changed")?;
                return Ok(CommandOutcome::Failure);
            }
        }
        let done = apply_plan(&mut plan, out);
        for note in plan.follow_up_notes(done.is_ok()) {
            out.write_line(to_printable(&note))?;
        }
        out.flush()?;
        done.map(|()| CommandOutcome::Success)
    }
}

/// Prints the plan. Returns true if nothing is to be done.
fn print_plan(plan: &Plan, out: &mut Output) -> Result<bool, CliError> {
    let steps = plan.read_states();
    print_steps(&steps, out)?;
    reject_refused(&steps)?;
    Ok(count_pending(&steps) == 0)
}

/// Counts the steps that are to be applied.
fn count_pending(steps: &[(&'static Step, StepState)]) -> usize {
    steps.iter().filter(|(_, state)| matches!(state, StepState::Pending(_))).count()
}

fn reject_refused(steps: &[(&'static Step, StepState)]) -> Result<(), CliError> {
    let refused = steps.iter().find_map(|(step, state)| match state {
        StepState::Refused(why) => Some(CliError::Usage(format!("nothing was changed; {}: {why}", step.name))),
        _ => None,
    });
    refused.map_or(Ok(()), Err)
}

/// Applies the steps. A signal interrupts between two steps; the next run continues.
fn apply_plan(plan: &mut Plan, out: &mut Output) -> Result<(), CliError> {
    plan.target.cancel =
        Cancel::on_signals().map_err(|why| CliError::Failed(format!("cannot catch signals: {why}")))?;
    // A closed terminal is no reason to stop halfway.
    let mut say = |name: &'static str| drop(out.write_line(format_args!("{name} …")).and_then(|()| out.flush()));
    plan.apply(&mut say).map_err(CliError::Failed)
}

fn is_user_id(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())
}

/// Returns this host's context, with the configuration that it will have.
fn host_context(role: SetupRole, options: &SetupOptions) -> Result<HostContext, CliError> {
    let file = options.config_file.clone();
    let (config, source) = match role {
        // Without a configuration file the shell monitor's variables may configure the standby.
        SetupRole::Standby => {
            let (source, config) = load_config_or(file.as_deref(), setup::find_variable)?;
            (config, source)
        }
        SetupRole::Primary | SetupRole::Uninstalled => {
            refuse_agents_config(file.as_deref(), options.user.as_deref())?;
            let workspace = if role == SetupRole::Primary {
                config::load_primary(file.as_deref())?
            } else {
                WorkspaceConfig::default()
            };
            (Config::for_primary(workspace), ConfigSource::File(file.unwrap_or_else(|| DEFAULT_CONFIG_FILE.into())))
        }
    };
    Ok(HostContext::for_this_host(config, source, Paths::from_environment()))
}

/// Prints a line per step, and the reason for each that is to be done.
fn print_steps(steps: &[(&'static Step, StepState)], out: &mut Output) -> Result<(), CliError> {
    for (step, state) in steps {
        let (word, text) = match state {
            StepState::Done(text) => (out.paint(TextColour::Good, "done   ").into_owned(), text),
            StepState::Pending(text) => ("to do  ".to_owned(), text),
            StepState::Manual(text) => ("left   ".to_owned(), text),
            StepState::Refused(text) => (out.paint(TextColour::Bad, "refused").into_owned(), text),
        };
        out.write_line(format_args!("{word}  {:15}  {}", step.name, to_printable(text)))?;
        if matches!(state, StepState::Pending(_)) {
            out.write_line(format_args!("{:24}  ({})", "", step.reason))?;
        }
    }
    out.flush()
}
