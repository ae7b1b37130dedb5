//! Options of the two setups. Each has its own, so that a primary cannot be given a standby's.

use std::path::PathBuf;

use crate::text::named_enum::named_enum;

/// Options of a standby's setup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StandbyOptions {
    /// Keys of the hosts that are reached by ssh.
    pub host_keys: Option<HostKeys>,
    /// True to let the agent's user become root.
    pub grant_sudo: bool,
    /// True to run Tailscale's installer.
    pub install_tailscale: bool,
    /// True to run OpenClaw's installer.
    pub install_openclaw: bool,
    /// Channel of the standby.
    pub channel: Option<ChannelOptions>,
    /// True if missing inputs can be asked for at a terminal.
    pub is_interactive: bool,
}

/// Trusted host keys, in ssh's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKeys {
    /// File with the keys.
    File(PathBuf),
    /// Keys that were confirmed at the terminal.
    Confirmed(String),
}

/// Channel of a standby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelOptions {
    /// Channel.
    pub channel: Channel,
    /// Ids of the users who may write there.
    pub allowed_ids: Vec<String>,
    /// Token of the bot.
    pub token: Option<ChannelToken>,
    /// Model of the agent.
    pub model: Option<String>,
}

impl ChannelOptions {
    /// True if this text can be the id of a user.
    pub fn is_user_id(id: &str) -> bool {
        (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())
    }
}

/// Source of a channel's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelToken {
    /// File with the token.
    File(PathBuf),
    /// Token that was typed at the terminal.
    Typed(String),
}

/// Input that a standby's channel needs and no option gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingInput {
    /// Name of the channel.
    Channel,
    /// Ids of the users who may write there.
    AllowedIds,
    /// Token of the bot.
    Token,
}

named_enum! {
    /// Channel that a setup can configure, by its name in OpenClaw's configuration.
    pub enum Channel {
        /// Telegram.
        Telegram = "telegram",
        /// Discord.
        Discord = "discord",
    }
}

impl Channel {
    /// Returns the name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Telegram => "Telegram",
            Self::Discord => "Discord",
        }
    }

    /// Returns the variable that holds the token.
    pub(super) fn token_variable(self) -> &'static str {
        match self {
            Self::Telegram => "TELEGRAM_BOT_TOKEN",
            Self::Discord => "DISCORD_BOT_TOKEN",
        }
    }

    /// Returns the key of the token in OpenClaw's configuration.
    pub(super) fn token_key(self) -> &'static str {
        match self {
            Self::Telegram => "botToken",
            Self::Discord => "token",
        }
    }
}

/// Options of a primary's setup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrimaryOptions {
    /// Configuration file to install.
    pub config_file: Option<PathBuf>,
    /// User that runs OpenClaw, if not openclaw.
    pub user: Option<String>,
    /// The standby's public key.
    pub standby_key: Option<String>,
    /// The standby's channel.
    pub channel: Option<Channel>,
}
