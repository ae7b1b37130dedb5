//! OpenClaw's configuration on a standby, written where there is none, and the tokens for it.

use std::fs::File;
use std::io::Read;

use crate::os::atomic_file;
use crate::setup::State;
use crate::setup::openclaw::find;
use crate::setup::target::{INSTALL, Site};
use crate::text::json::Value;

/// Channels that a setup can configure.
pub const CHANNELS: [&str; 2] = ["telegram", "discord"];

/// File with the gateway's tokens.
const TOKENS: &str = "/etc/openclaw/gateway.env";

/// Size limits of the token file and of one token, in bytes.
const LONGEST: (usize, usize) = (1 << 20, 500);

/// Variable with the token that clients present to the gateway.
const GATEWAY_TOKEN: &str = "OPENCLAW_GATEWAY_TOKEN";

const IS_THERE: &str = "[ -e .openclaw/openclaw.json ] || [ -L .openclaw/openclaw.json ]";

/// Installs `$1` as `openclaw.json` once OpenClaw (`$2`, with `$3` as its `PATH`) accepts it. Only Telegram is built
/// into OpenClaw. Other channels need the plugin `$4`; without it the gateway would start but answer on no channel.
const CONFIGURE: &str = "mkdir -p .openclaw; new=$HOME/.openclaw/.openclaw.json.new; printf '%s\\n' \"$1\" >\"$new\"\n\
    program=$2 plugin=$4; export PATH=\"$3\" OPENCLAW_CONFIG_PATH=\"$new\"\n\
    validate() { said=$(\"$program\" config validate --json 2>&1) || :; }; validate\n\
    lacks() { case $said in *'plugin not installed'* | *'cannot be checked until'*) ;; *) return 1 ;; esac; }\n\
    if lacks; then \"$program\" plugins install \"$plugin\" >&2 || :; validate; fi\n\
    if lacks; then echo \"cannot install $plugin\" >&2; exit 1; fi\n\
    case $said in *'\"valid\":true'*) ;; *) echo \"$said\" >&2; exit 1 ;; esac\n\
    ln \"$new\" .openclaw/openclaw.json; rm \"$new\"";

/// Input that a standby's channel needs and no option gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Name of the channel.
    Channel,
    /// Ids of the users who may write there.
    Allow,
    /// Token of the bot.
    Token,
}

/// Returns the inputs that no option gave.
pub(super) fn wants(site: &Site) -> Vec<Want> {
    let wishes = &site.wishes;
    let has_token = || {
        let there = read_tokens(site).unwrap_or_default();
        wishes.token_file.is_some()
            || wishes.channel.as_deref().is_some_and(|name| value(&there, variable(name)).is_some())
    };
    let mut wants = Vec::new();
    if is_missing(site) {
        wants.extend(wishes.channel.is_none().then_some(Want::Channel));
        wants.extend(wishes.allow.is_empty().then_some(Want::Allow));
        wants.extend((!has_token()).then_some(Want::Token));
    }
    wants
}

/// True if OpenClaw has no configuration yet.
fn is_missing(site: &Site) -> bool {
    site.owner().is_err() || !site.agent_sees(IS_THERE, &[])
}

/// Reads the state of the token file that the gateway's unit loads.
pub(super) fn tokens(site: &Site) -> State {
    let (there, wanted) = match read_tokens(site).and_then(|there| Ok((wanted(site, &there)?, there))) {
        Ok((wanted, there)) => (there, wanted),
        Err(why) => return State::Refused(why),
    };
    if !wanted.is_empty() {
        let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        return State::Todo(format!("write {} to {TOKENS}, readable by root only", names.join(", ")));
    }
    if !there.is_empty() && !site.has(TOKENS, 0o600, there.as_bytes()) {
        return State::Todo(format!("make {TOKENS} readable by root only"));
    }
    match site.wishes.channel.as_deref().map(variable) {
        Some(name) if value(&there, name).is_none() => State::Left(format!("add {name}=… to {TOKENS}")),
        _ => State::Done(format!("{TOKENS} is complete")),
    }
}

/// Writes the tokens and keeps the other lines of the file.
pub(super) fn write_tokens(site: &Site) -> Result<(), String> {
    let there = read_tokens(site)?;
    let wanted = wanted(site, &there)?;
    let is_kept = |line: &&str| !wanted.iter().any(|(name, _)| is_of(line, name));
    let mut lines: Vec<String> = there.lines().filter(is_kept).map(str::to_owned).collect();
    for (name, token) in &wanted {
        lines.push(format!("{name}={}", token.clone().map_or_else(random, Ok)?));
    }
    site.put(TOKENS, 0o600, format!("{}\n", lines.join("\n")).as_bytes())
}

/// Returns the variables to set. `None` as the value stands for a random token.
fn wanted(site: &Site, there: &str) -> Result<Vec<(&'static str, Option<String>)>, String> {
    let mut wanted = Vec::new();
    if value(there, GATEWAY_TOKEN).is_none() && is_missing(site) {
        wanted.push((GATEWAY_TOKEN, None));
    }
    let name = site.wishes.channel.as_deref().map(variable);
    if let (Some(name), Some(token)) = (name, token(site)?)
        && value(there, name) != Some(&token)
    {
        wanted.push((name, Some(token)));
    }
    Ok(wanted)
}

/// Returns the channel's token, as it was typed or from its file.
fn token(site: &Site) -> Result<Option<String>, String> {
    let (token, place) = match (&site.token, &site.wishes.token_file) {
        (Some(token), _) => (token.clone(), "what was typed".to_owned()),
        (None, Some(file)) => (site.given(file)?.trim().to_owned(), file.display().to_string()),
        (None, None) => return Ok(None),
    };
    let is_token = (1..=LONGEST.1).contains(&token.len())
        && token.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c));
    if is_token {
        Ok(Some(token))
    } else {
        Err(format!("{place} is not a Telegram or Discord token; it must contain the token and nothing else"))
    }
}

fn read_tokens(site: &Site) -> Result<String, String> {
    let there = atomic_file::read(&site.world.path(TOKENS), LONGEST.0).map_err(|why| why.to_string())?;
    String::from_utf8(there.unwrap_or_default()).map_err(|_| format!("{TOKENS} is not text"))
}

fn is_of(line: &str, name: &str) -> bool {
    line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| is_of(line, name))?;
    line.split_once('=').map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

/// Returns the variable that holds a channel's token.
fn variable(channel: &str) -> &'static str {
    if channel == "discord" { "DISCORD_BOT_TOKEN" } else { "TELEGRAM_BOT_TOKEN" }
}

fn random() -> Result<String, String> {
    let mut bytes = [0; 32];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|why| format!("cannot read /dev/urandom: {why}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads the state of OpenClaw's configuration. An existing one stays as it is.
pub(super) fn configuration(site: &Site) -> State {
    if !is_missing(site) {
        return State::Done("openclaw.json exists and stays as it is".into());
    }
    let Some(channel) = &site.wishes.channel else {
        let whose = if site.can_ask { "you will be asked for the channel" } else { "no channel yet: give --channel" };
        return State::Todo(format!("write a standby's openclaw.json without crons; {whose}"));
    };
    if let Some(owner) = site.world.config.upstreams.iter().find(|upstream| upstream.channels.contains(channel)) {
        return State::Refused(format!(
            "{channel} is a channel of {}; two gateways on one channel conflict",
            owner.name
        ));
    }
    if site.wishes.allow.is_empty() && !site.can_ask {
        return State::Refused(format!("no user may write to it on {channel}; add --allow ID"));
    }
    State::Todo(format!("write a standby's openclaw.json: {channel}, no crons"))
}

/// Writes the standby's configuration of OpenClaw.
pub(super) fn configure(site: &Site) -> Result<(), String> {
    let found = find(site).ok_or("OpenClaw is not installed")?;
    let plugin = format!("@openclaw/{}", site.wishes.channel.as_deref().unwrap_or_default());
    site.agent_within(INSTALL, CONFIGURE, &[&standby(site), &found.program, &found.path, &plugin]).map(drop)
}

/// Returns a standby's configuration of OpenClaw: one channel, no crons, no secrets.
fn standby(site: &Site) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let secret = |name: &str| format!(r#"{{ "source": "env", "provider": "default", "id": "{name}" }}"#);
    let model = site.wishes.model.as_deref().map(|model| format!(r#""model": {{ "primary": {} }}, "#, quoted(model)));
    let channel = site.wishes.channel.as_deref().map(|channel| {
        let key = if channel == "discord" { "token" } else { "botToken" };
        let allow: Vec<String> = site.wishes.allow.iter().map(|id| quoted(id)).collect();
        let policy = format!(r#""dmPolicy": "allowlist", "allowFrom": [{}]"#, allow.join(", "));
        format!(
            r#""channels": {{ "{channel}": {{ "enabled": true, "{key}": {}, {policy} }} }},
  "plugins": {{ "entries": {{ "{channel}": {{ "enabled": true }} }} }},
  "#,
            secret(variable(channel))
        )
    });
    format!(
        r#"{{
  "agents": {{ "defaults": {{ {}"workspace": {} }}, "entries": {{ "main": {{}} }} }},
  {}"cron": {{ "enabled": false }},
  "gateway": {{ "port": {}, "mode": "local", "bind": "{}", "auth": {{ "mode": "token", "token": {} }} }}
}}"#,
        model.unwrap_or_default(),
        quoted(&site.world.config.workspace.path.display().to_string()),
        channel.unwrap_or_default(),
        site.world.port(),
        // With Tailscale the gateway binds to the tailnet only; without it the firewall restricts access.
        if site.is_well("tailscale") { "tailnet" } else { "lan" },
        secret(GATEWAY_TOKEN),
    )
}
