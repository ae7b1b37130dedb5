//! `setup`: the options of a standby and of a primary.

mod questions;

use std::path::{Path, PathBuf};

use crate::cli::apply_plan::{ApplyMode, run_plan};
use crate::cli::args::{Args, Argument};
use crate::cli::config::{load_config_or, refuse_agents_config};
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::config::paths::Paths;
use crate::config::{self, Config, ConfigSource, DEFAULT_CONFIG_FILE};
use crate::doctor::HostContext;
use crate::setup::{self, Channel, ChannelOptions, ChannelToken, HostKeys, Plan, PrimaryOptions, StandbyOptions};
use crate::text::suggestion::suggest_name;

pub(super) const HELP: &str = "\
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

const STANDBY_ONLY_OPTIONS: &[&str] =
    &["--known-hosts", "--sudo", "--install-tailscale", "--install-openclaw", "--allow", "--token-file", "--model"];

const PRIMARY_ONLY_OPTIONS: &[&str] = &["--user", "--standby-key"];

/// Options that refine a standby's channel.
const CHANNEL_ONLY_OPTIONS: [&str; 3] = ["--allow", "--token-file", "--model"];

const ROLES: [&str; 2] = ["standby", "primary"];

/// Arguments of `setup`.
#[derive(Debug, PartialEq)]
pub(super) struct SetupCommand {
    role: SetupRole,
    config_file: Option<PathBuf>,
    mode: ApplyMode,
}

/// Role that a setup gives to the host.
#[derive(Debug, PartialEq)]
enum SetupRole {
    Standby(StandbyOptions),
    Primary(PrimaryOptions),
}

/// Options of both roles, until the role is known.
#[derive(Default)]
struct Draft {
    config_file: Option<PathBuf>,
    mode: ApplyMode,
    channel: Option<Channel>,
    allowed_ids: Vec<String>,
    token: Option<ChannelToken>,
    model: Option<String>,
    standby: StandbyOptions,
    primary: PrimaryOptions,
}

impl SetupCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let (mut role, mut used, mut draft) = (None, Vec::new(), Draft::default());
        while let Some(item) = args.next()? {
            match item {
                Argument::Option(option) => {
                    used.push(option);
                    draft.apply_option(option, &mut args)?;
                }
                Argument::Value(value) if role.is_none() => {
                    let typed = value.to_string_lossy();
                    role = Some(ROLES.into_iter().find(|name| *name == typed).ok_or_else(|| {
                        let near = suggest_name(&typed, ROLES).unwrap_or("standby' or 'primary");
                        args.usage_error(format!("setup has no '{typed}', did you mean '{near}'?"))
                    })?);
                }
                Argument::Value(value) => return Err(args.unexpected_argument(&value)),
            }
        }
        let Some(role) = role else {
            return Err(args.usage_error("missing role: `setup standby` or `setup primary`"));
        };
        let (foreign, other) =
            if role == "standby" { (PRIMARY_ONLY_OPTIONS, "primary") } else { (STANDBY_ONLY_OPTIONS, "standby") };
        if let Some(wrong) = used.iter().find(|option| foreign.contains(option)) {
            return Err(args.usage_error(format!("{wrong} goes with setup {other}")));
        }
        if let Some(more) = used.iter().find(|option| CHANNEL_ONLY_OPTIONS.contains(option))
            && draft.channel.is_none()
        {
            return Err(args.usage_error(format!("{more} goes with --channel")));
        }
        Ok(draft.into_command(role == "standby"))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        let Self { role, config_file, mode } = self;
        mode.check_preconditions()?;
        match role {
            SetupRole::Standby(options) => {
                // Without a configuration file the shell monitor's variables may configure the standby.
                let (source, config) = load_config_or(config_file.as_deref(), setup::find_variable)?;
                let context = HostContext::for_this_host(config, source, Paths::from_environment());
                let options = StandbyOptions { is_interactive: !mode.assume_yes, ..options };
                run_plan(&mut Plan::for_standby(context, options), mode, questions::ask_missing_inputs, out)
            }
            SetupRole::Primary(options) => {
                let options = PrimaryOptions { config_file, ..options };
                let file = options.config_file.as_deref();
                refuse_agents_config(file, options.user.as_deref())?;
                let config = Config::for_primary(config::load_primary(file)?);
                let source = ConfigSource::File(file.unwrap_or(Path::new(DEFAULT_CONFIG_FILE)).to_owned());
                let context = HostContext::for_this_host(config, source, Paths::from_environment());
                run_plan(&mut Plan::for_primary(context, options), mode, |_, _| Ok(()), out)
            }
        }
    }
}

impl Draft {
    fn apply_option(&mut self, option: &'static str, args: &mut Args) -> Result<(), CliError> {
        match option {
            "--dry-run" => self.mode.dry_run = true,
            "--yes" => self.mode.assume_yes = true,
            "--config" => self.config_file = Some(args.file_value()?),
            "--known-hosts" => self.standby.host_keys = Some(HostKeys::File(args.file_value()?)),
            "--sudo" => self.standby.grant_sudo = true,
            "--install-tailscale" => self.standby.install_tailscale = true,
            "--install-openclaw" => self.standby.install_openclaw = true,
            "--channel" => {
                let typed = args.text_value()?;
                self.channel = Some(Channel::from_name(&typed).ok_or_else(|| {
                    args.usage_error(format!(
                        "--channel: setup supports telegram and discord, but not '{typed}'; configure others in \
                         OpenClaw"
                    ))
                })?);
            }
            "--allow" => {
                let id = args.text_value()?;
                if !ChannelOptions::is_user_id(&id) {
                    return Err(args.usage_error(format!("--allow: '{id}' is not a user id, which is a number")));
                }
                self.allowed_ids.push(id);
            }
            "--token-file" => self.token = Some(ChannelToken::File(args.file_value()?)),
            "--model" => self.model = Some(args.text_value()?),
            "--user" => self.primary.user = Some(args.text_value()?),
            _ => self.primary.standby_key = Some(args.text_value()?),
        }
        Ok(())
    }

    fn into_command(self, is_standby: bool) -> SetupCommand {
        let Self { config_file, mode, channel, allowed_ids, token, model, standby, primary } = self;
        let role = if is_standby {
            let channel = channel.map(|channel| ChannelOptions { channel, allowed_ids, token, model });
            SetupRole::Standby(StandbyOptions { channel, ..standby })
        } else {
            SetupRole::Primary(PrimaryOptions { channel, ..primary })
        };
        SetupCommand { role, config_file, mode }
    }
}
