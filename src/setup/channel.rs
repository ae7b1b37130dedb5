//! OpenClaw's configuration on a standby, written where there is none, and the tokens for it.

use std::fs::File;
use std::io::Read;

use crate::os::atomic_file;
use crate::setup::error::SetupError;
use crate::setup::openclaw::find_installation;
use crate::setup::options::{ChannelOptions, ChannelToken, MissingInput, StandbyOptions};
use crate::setup::plan::StepState;
use crate::setup::target::{INSTALL_TIMEOUT, SetupTarget};
use crate::text::json::Value;

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

/// Returns the inputs that no option gave.
pub(super) fn missing_inputs(target: &SetupTarget, options: &StandbyOptions) -> Vec<MissingInput> {
    if !lacks_config(target) {
        return Vec::new();
    }
    let Some(ChannelOptions { channel, allowed_ids, token, .. }) = &options.channel else {
        return vec![MissingInput::Channel, MissingInput::AllowedIds, MissingInput::Token];
    };
    let there = read_token_file(target).unwrap_or_default();
    let has_token = token.is_some() || find_value(&there, channel.token_variable()).is_some();
    let mut missing = Vec::new();
    missing.extend(allowed_ids.is_empty().then_some(MissingInput::AllowedIds));
    missing.extend((!has_token).then_some(MissingInput::Token));
    missing
}

/// True if OpenClaw has no configuration yet.
fn lacks_config(target: &SetupTarget) -> bool {
    target.look_up_user().is_err() || !target.succeeds_as_agent(HAS_CONFIG_SCRIPT, &[])
}

/// Reads the state of the token file that the gateway's unit loads.
pub(super) fn read_token_state(target: &SetupTarget, options: &StandbyOptions) -> StepState {
    let found = read_token_file(target).and_then(|there| Ok((missing_variables(target, options, &there)?, there)));
    let (wanted, there) = match found {
        Ok(found) => found,
        Err(why) => return StepState::Refused(why),
    };
    if !wanted.is_empty() {
        let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        return StepState::Pending(format!("write {} to {TOKEN_FILE}, readable by root only", names.join(", ")));
    }
    if !there.is_empty() && !target.has_file(TOKEN_FILE, 0o600, there.as_bytes()) {
        return StepState::Pending(format!("make {TOKEN_FILE} readable by root only"));
    }
    match options.channel.as_ref().map(|options| options.channel.token_variable()) {
        Some(name) if find_value(&there, name).is_none() => StepState::Skipped(format!("add {name}=… to {TOKEN_FILE}")),
        _ => StepState::Done(format!("{TOKEN_FILE} is complete")),
    }
}

/// Writes the tokens and keeps the other lines of the file.
pub(super) fn write_tokens(target: &SetupTarget, options: &StandbyOptions) -> Result<(), SetupError> {
    let there = read_token_file(target)?;
    let wanted = missing_variables(target, options, &there)?;
    let is_kept = |line: &&str| !wanted.iter().any(|(name, _)| assigns_variable(line, name));
    let mut lines: Vec<String> = there.lines().filter(is_kept).map(str::to_owned).collect();
    for (name, token) in &wanted {
        lines.push(format!("{name}={}", token.clone().map_or_else(generate_token, Ok)?));
    }
    target.write_file(TOKEN_FILE, 0o600, format!("{}\n", lines.join("\n")).as_bytes())
}

/// Returns the variables to set. `None` as the value stands for a random token.
fn missing_variables(
    target: &SetupTarget,
    options: &StandbyOptions,
    there: &str,
) -> Result<Vec<(&'static str, Option<String>)>, SetupError> {
    let mut wanted = Vec::new();
    if find_value(there, GATEWAY_TOKEN_VARIABLE).is_none() && lacks_config(target) {
        wanted.push((GATEWAY_TOKEN_VARIABLE, None));
    }
    if let Some(ChannelOptions { channel, token: Some(token), .. }) = &options.channel {
        let (name, token) = (channel.token_variable(), read_channel_token(target, token)?);
        if find_value(there, name) != Some(&token) {
            wanted.push((name, Some(token)));
        }
    }
    Ok(wanted)
}

/// Returns the channel's token, as it was typed or from its file.
fn read_channel_token(target: &SetupTarget, token: &ChannelToken) -> Result<String, SetupError> {
    let (token, place) = match token {
        ChannelToken::Typed(token) => (token.clone(), "what was typed".to_owned()),
        ChannelToken::File(file) => (target.read_given_file(file)?.trim().to_owned(), file.display().to_string()),
    };
    let is_token = (1..=TOKEN_SIZE_LIMITS.1).contains(&token.len())
        && token.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c));
    if is_token {
        return Ok(token);
    }
    Err(SetupError::with_remedy(
        format_args!("{place} is not a Telegram or Discord token"),
        "it must contain the token and nothing else",
    ))
}

fn read_token_file(target: &SetupTarget) -> Result<String, SetupError> {
    let there = atomic_file::read(&target.context.system_path(TOKEN_FILE), TOKEN_SIZE_LIMITS.0)?;
    String::from_utf8(there.unwrap_or_default()).map_err(|_| SetupError::new(format_args!("{TOKEN_FILE} is not text")))
}

fn assigns_variable(line: &str, name: &str) -> bool {
    line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
}

fn find_value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| assigns_variable(line, name))?;
    line.split_once('=').map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

fn generate_token() -> Result<String, SetupError> {
    let mut bytes = [0; 32];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|why| SetupError::new(format_args!("cannot read /dev/urandom: {why}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads the state of OpenClaw's configuration. An existing one stays as it is.
pub(super) fn read_config_state(target: &SetupTarget, options: &StandbyOptions) -> StepState {
    if !lacks_config(target) {
        return StepState::Done("openclaw.json exists and stays as it is".into());
    }
    let Some(ChannelOptions { channel, allowed_ids, .. }) = &options.channel else {
        let whose =
            if options.is_interactive { "you will be asked for the channel" } else { "no channel yet: give --channel" };
        return StepState::Pending(format!("write a standby's openclaw.json without crons; {whose}"));
    };
    let (channel, upstreams) = (channel.name(), &target.context.config.upstreams);
    if let Some(owner) = upstreams.iter().find(|upstream| upstream.channels.iter().any(|owned| owned == channel)) {
        return StepState::refused(
            format_args!("{channel} is a channel of {}", owner.name),
            "two gateways on one channel conflict",
        );
    }
    if allowed_ids.is_empty() && !options.is_interactive {
        return StepState::refused(format_args!("no user may write to it on {channel}"), "add --allow ID");
    }
    StepState::Pending(format!("write a standby's openclaw.json: {channel}, no crons"))
}

/// Writes the standby's configuration of OpenClaw.
pub(super) fn write_config(target: &SetupTarget, options: &StandbyOptions) -> Result<(), SetupError> {
    let found = find_installation(target).ok_or_else(|| SetupError::new("OpenClaw is not installed"))?;
    let plugin = format!("@openclaw/{}", options.channel.as_ref().map_or("", |options| options.channel.name()));
    let config = render_standby_config(target, options.channel.as_ref());
    let args = [config.as_str(), &found.program, &found.path, &plugin];
    target.run_as_agent_within(INSTALL_TIMEOUT, INSTALL_CONFIG_SCRIPT, &args).map(drop)
}

/// Returns a standby's configuration of OpenClaw: one channel, no crons, no secrets.
fn render_standby_config(target: &SetupTarget, options: Option<&ChannelOptions>) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let secret = |name: &str| format!(r#"{{ "source": "env", "provider": "default", "id": "{name}" }}"#);
    let model = options.and_then(|options| options.model.as_deref());
    let model = model.map(|model| format!(r#""model": {{ "primary": {} }}, "#, quoted(model)));
    let channel = options.map(|ChannelOptions { channel, allowed_ids, .. }| {
        let (name, key) = (channel.name(), channel.token_key());
        let allow: Vec<String> = allowed_ids.iter().map(|id| quoted(id)).collect();
        let policy = format!(r#""dmPolicy": "allowlist", "allowFrom": [{}]"#, allow.join(", "));
        format!(
            r#""channels": {{ "{name}": {{ "enabled": true, "{key}": {}, {policy} }} }},
  "plugins": {{ "entries": {{ "{name}": {{ "enabled": true }} }} }},
  "#,
            secret(channel.token_variable())
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
