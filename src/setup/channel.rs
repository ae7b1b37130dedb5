//! OpenClaw's configuration on a standby, written where there is none, and the tokens for it.

use std::fs::File;
use std::io::Read;

use crate::os::atomic_file;
use crate::setup::StepState;
use crate::setup::openclaw::find_installation;
use crate::setup::target::{INSTALL_TIMEOUT, SetupTarget};
use crate::text::json::Value;

/// Channels that a setup can configure.
pub const SUPPORTED_CHANNELS: [&str; 2] = ["telegram", "discord"];

/// File with the gateway's tokens.
const TOKEN_FILE: &str = "/etc/openclaw/gateway.env";

/// Size limits of the token file and of one token, in bytes.
const TOKEN_SIZE_LIMITS: (usize, usize) = (1 << 20, 500);

/// Variable with the token that clients present to the gateway.
const GATEWAY_TOKEN_VARIABLE: &str = "OPENCLAW_GATEWAY_TOKEN";

const HAS_CONFIG_SCRIPT: &str = "[ -e .openclaw/openclaw.json ] || [ -L .openclaw/openclaw.json ]";

/// Installs `$1` as `openclaw.json` once OpenClaw (`$2`, with `$3` as its `PATH`) accepts it. Only Telegram is built
/// into OpenClaw. Other channels need the plugin `$4`; without it the gateway would start but answer on no channel.
const INSTALL_CONFIG_SCRIPT: &str = "\
    mkdir -p .openclaw; new=$HOME/.openclaw/.openclaw.json.new; printf '%s\\n' \"$1\" >\"$new\"\n\
    program=$2 plugin=$4; export PATH=\"$3\" OPENCLAW_CONFIG_PATH=\"$new\"\n\
    validate() { said=$(\"$program\" config validate --json 2>&1) || :; }; validate\n\
    lacks() { case $said in *'plugin not installed'* | *'cannot be checked until'*) ;; *) return 1 ;; esac; }\n\
    if lacks; then \"$program\" plugins install \"$plugin\" >&2 || :; validate; fi\n\
    if lacks; then echo \"cannot install $plugin\" >&2; exit 1; fi\n\
    case $said in *'\"valid\":true'*) ;; *) echo \"$said\" >&2; exit 1 ;; esac\n\
    ln \"$new\" .openclaw/openclaw.json; rm \"$new\"";

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

/// Returns the inputs that no option gave.
pub(super) fn missing_inputs(target: &SetupTarget) -> Vec<MissingInput> {
    let options = &target.options;
    let has_token = || {
        let there = read_token_file(target).unwrap_or_default();
        options.token_file.is_some()
            || options.channel.as_deref().is_some_and(|name| find_value(&there, token_variable(name)).is_some())
    };
    let mut wants = Vec::new();
    if lacks_config(target) {
        wants.extend(options.channel.is_none().then_some(MissingInput::Channel));
        wants.extend(options.allowed_ids.is_empty().then_some(MissingInput::AllowedIds));
        wants.extend((!has_token()).then_some(MissingInput::Token));
    }
    wants
}

/// True if OpenClaw has no configuration yet.
fn lacks_config(target: &SetupTarget) -> bool {
    target.look_up_user().is_err() || !target.succeeds_as_agent(HAS_CONFIG_SCRIPT, &[])
}

/// Reads the state of the token file that the gateway's unit loads.
pub(super) fn read_token_state(target: &SetupTarget) -> StepState {
    let (there, wanted) =
        match read_token_file(target).and_then(|there| Ok((missing_variables(target, &there)?, there))) {
            Ok((wanted, there)) => (there, wanted),
            Err(why) => return StepState::Refused(why),
        };
    if !wanted.is_empty() {
        let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        return StepState::Pending(format!("write {} to {TOKEN_FILE}, readable by root only", names.join(", ")));
    }
    if !there.is_empty() && !target.has_file(TOKEN_FILE, 0o600, there.as_bytes()) {
        return StepState::Pending(format!("make {TOKEN_FILE} readable by root only"));
    }
    match target.options.channel.as_deref().map(token_variable) {
        Some(name) if find_value(&there, name).is_none() => StepState::Manual(format!("add {name}=… to {TOKEN_FILE}")),
        _ => StepState::Done(format!("{TOKEN_FILE} is complete")),
    }
}

/// Writes the tokens and keeps the other lines of the file.
pub(super) fn write_tokens(target: &SetupTarget) -> Result<(), String> {
    let there = read_token_file(target)?;
    let wanted = missing_variables(target, &there)?;
    let is_kept = |line: &&str| !wanted.iter().any(|(name, _)| assigns_variable(line, name));
    let mut lines: Vec<String> = there.lines().filter(is_kept).map(str::to_owned).collect();
    for (name, token) in &wanted {
        lines.push(format!("{name}={}", token.clone().map_or_else(generate_token, Ok)?));
    }
    target.write_file(TOKEN_FILE, 0o600, format!("{}\n", lines.join("\n")).as_bytes())
}

/// Returns the variables to set. `None` as the value stands for a random token.
fn missing_variables(target: &SetupTarget, there: &str) -> Result<Vec<(&'static str, Option<String>)>, String> {
    let mut wanted = Vec::new();
    if find_value(there, GATEWAY_TOKEN_VARIABLE).is_none() && lacks_config(target) {
        wanted.push((GATEWAY_TOKEN_VARIABLE, None));
    }
    let name = target.options.channel.as_deref().map(token_variable);
    if let (Some(name), Some(token)) = (name, read_channel_token(target)?)
        && find_value(there, name) != Some(&token)
    {
        wanted.push((name, Some(token)));
    }
    Ok(wanted)
}

/// Returns the channel's token, as it was typed or from its file.
fn read_channel_token(target: &SetupTarget) -> Result<Option<String>, String> {
    let (token, place) = match (&target.channel_token, &target.options.token_file) {
        (Some(token), _) => (token.clone(), "what was typed".to_owned()),
        (None, Some(file)) => (target.read_given_file(file)?.trim().to_owned(), file.display().to_string()),
        (None, None) => return Ok(None),
    };
    let is_token = (1..=TOKEN_SIZE_LIMITS.1).contains(&token.len())
        && token.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c));
    if is_token {
        Ok(Some(token))
    } else {
        Err(format!("{place} is not a Telegram or Discord token; it must contain the token and nothing else"))
    }
}

fn read_token_file(target: &SetupTarget) -> Result<String, String> {
    let there = atomic_file::read(&target.context.system_path(TOKEN_FILE), TOKEN_SIZE_LIMITS.0)
        .map_err(|why| why.to_string())?;
    String::from_utf8(there.unwrap_or_default()).map_err(|_| format!("{TOKEN_FILE} is not text"))
}

fn assigns_variable(line: &str, name: &str) -> bool {
    line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
}

fn find_value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| assigns_variable(line, name))?;
    line.split_once('=').map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

/// Returns the variable that holds a channel's token.
fn token_variable(channel: &str) -> &'static str {
    if channel == "discord" { "DISCORD_BOT_TOKEN" } else { "TELEGRAM_BOT_TOKEN" }
}

fn generate_token() -> Result<String, String> {
    let mut bytes = [0; 32];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|why| format!("cannot read /dev/urandom: {why}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads the state of OpenClaw's configuration. An existing one stays as it is.
pub(super) fn read_config_state(target: &SetupTarget) -> StepState {
    if !lacks_config(target) {
        return StepState::Done("openclaw.json exists and stays as it is".into());
    }
    let Some(channel) = &target.options.channel else {
        let whose =
            if target.is_interactive { "you will be asked for the channel" } else { "no channel yet: give --channel" };
        return StepState::Pending(format!("write a standby's openclaw.json without crons; {whose}"));
    };
    if let Some(owner) = target.context.config.upstreams.iter().find(|upstream| upstream.channels.contains(channel)) {
        return StepState::Refused(format!(
            "{channel} is a channel of {}; two gateways on one channel conflict",
            owner.name
        ));
    }
    if target.options.allowed_ids.is_empty() && !target.is_interactive {
        return StepState::Refused(format!("no user may write to it on {channel}; add --allow ID"));
    }
    StepState::Pending(format!("write a standby's openclaw.json: {channel}, no crons"))
}

/// Writes the standby's configuration of OpenClaw.
pub(super) fn write_config(target: &SetupTarget) -> Result<(), String> {
    let found = find_installation(target).ok_or("OpenClaw is not installed")?;
    let plugin = format!("@openclaw/{}", target.options.channel.as_deref().unwrap_or_default());
    target
        .run_as_agent_within(
            INSTALL_TIMEOUT,
            INSTALL_CONFIG_SCRIPT,
            &[&render_standby_config(target), &found.program, &found.path, &plugin],
        )
        .map(drop)
}

/// Returns a standby's configuration of OpenClaw: one channel, no crons, no secrets.
fn render_standby_config(target: &SetupTarget) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let secret = |name: &str| format!(r#"{{ "source": "env", "provider": "default", "id": "{name}" }}"#);
    let model =
        target.options.model.as_deref().map(|model| format!(r#""model": {{ "primary": {} }}, "#, quoted(model)));
    let channel = target.options.channel.as_deref().map(|channel| {
        let key = if channel == "discord" { "token" } else { "botToken" };
        let allow: Vec<String> = target.options.allowed_ids.iter().map(|id| quoted(id)).collect();
        let policy = format!(r#""dmPolicy": "allowlist", "allowFrom": [{}]"#, allow.join(", "));
        format!(
            r#""channels": {{ "{channel}": {{ "enabled": true, "{key}": {}, {policy} }} }},
  "plugins": {{ "entries": {{ "{channel}": {{ "enabled": true }} }} }},
  "#,
            secret(token_variable(channel))
        )
    });
    format!(
        r#"{{
  "agents": {{ "defaults": {{ {}"workspace": {} }}, "entries": {{ "main": {{}} }} }},
  {}"cron": {{ "enabled": false }},
  "gateway": {{ "port": {}, "mode": "local", "bind": "{}", "auth": {{ "mode": "token", "token": {} }} }}
}}"#,
        model.unwrap_or_default(),
        quoted(&target.context.config.workspace.path.display().to_string()),
        channel.unwrap_or_default(),
        target.context.gateway_port(),
        // With Tailscale the gateway binds to the tailnet only; without it the firewall restricts access.
        if target.passes_check("tailscale") { "tailnet" } else { "lan" },
        secret(GATEWAY_TOKEN_VARIABLE),
    )
}
