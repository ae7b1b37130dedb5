//! Channels and accounts that an `openclaw.json` enables.

use std::fmt::Display;

use crate::doctor::context::HostContext;
use crate::doctor::openclaw;
use crate::doctor::untrusted_file::read_text_file;
use crate::finding::{CheckResult, remedy};
use crate::os::OwnerError;
use crate::text::json::{self, Node, Value};

/// Keys under `channels` that are not channels.
const NON_CHANNEL_KEYS: [&str; 2] = ["defaults", "modelByChannel"];

/// Number of accounts that are read, at most.
const ACCOUNT_LIMIT: usize = 64;

/// Name of the account of a channel that names none.
const DEFAULT_ACCOUNT: &str = "default";

/// Suffixes of the keys that hold secrets (docs/reference/secretref-credential-surface.md of OpenClaw).
const SECRET_KEY_SUFFIXES: [&str; 4] = ["token", "secret", "password", "key"];

/// Keys that identify an account without a secret.
const NAME_KEYS: [&str; 7] = ["account", "number", "phoneNumber", "userId", "username", "appId", "nick"];

/// Environment variables that OpenClaw uses for the default account if its configuration has no token.
const FALLBACK_VARIABLES: [(&str, &str, &str); 4] = [
    ("telegram", "botToken", "TELEGRAM_BOT_TOKEN"),
    ("discord", "token", "DISCORD_BOT_TOKEN"),
    ("slack", "botToken", "SLACK_BOT_TOKEN"),
    ("mattermost", "botToken", "MATTERMOST_BOT_TOKEN"),
];

/// Enabled account of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) channel: String,
    pub(super) name: String,
    pub(super) identifiers: Vec<Identifier>,
}

/// Key and value that identify an account. Never printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identifier {
    pub(super) key: String,
    /// Environment variable with the value, if any.
    pub(super) variable: Option<String>,
    /// The value, if it is readable here.
    pub(super) value: Option<String>,
}

impl Identifier {
    pub(super) fn is_secret(&self) -> bool {
        let key = self.key.to_ascii_lowercase();
        SECRET_KEY_SUFFIXES.iter().any(|end| key.ends_with(end))
    }
}

/// Reads the standby's `openclaw.json`. The error is the result to report if that is not possible.
pub(super) fn read_own_config(context: &HostContext) -> Result<Node, CheckResult> {
    let file = openclaw::config_file(context).ok_or_else(|| CheckResult::skipped(&OwnerError::Unknown))?;
    let skipped = |why: &dyn Display| CheckResult::skipped(&format_args!("{}{why}", file.display()));
    let text = read_text_file(&file).map_err(|why| skipped(&format_args!(": {why}")))?;
    let node = json::parse_json5(&text).map_err(|why| skipped(&format_args!(": {}", describe_syntax_error(&why))))?;
    let is_split = |node: &Value| node.get("$include").is_some();
    if is_split(&node) || node.get("channels").is_some_and(|channels| is_split(channels)) {
        return Err(skipped(&" uses $include, which this check does not follow"));
    }
    Ok(node)
}

/// Returns all enabled accounts.
pub(super) fn enabled_accounts(config: &Value) -> Vec<Account> {
    // `openclaw config get channels --json` prints the content of `channels` only.
    let is_whole = ["channels", "gateway", "agents"].iter().any(|key| config.get(key).is_some());
    let channels: &Value = match config.get("channels") {
        Some(channels) => channels,
        None if is_whole => return Vec::new(),
        None => config,
    };
    let mut found = Vec::new();
    for entry in channels.as_object().unwrap_or_default() {
        let (channel, settings): (_, &Value) = (entry.key.as_str(), &entry.node);
        let is_channel = settings.as_object().is_some() && !NON_CHANNEL_KEYS.contains(&channel);
        let plugin =
            ["plugins", "entries", channel].iter().try_fold(config, |at, key| at.get(key).map(|node| &node.value));
        if !is_channel || !is_enabled(settings) || plugin.is_some_and(|plugin| !is_enabled(plugin)) {
            continue;
        }
        let accounts = settings.get("accounts").and_then(|accounts| accounts.as_object()).unwrap_or_default();
        let own = read_identifiers(channel, DEFAULT_ACCOUNT, settings, config);
        let is_named = accounts.iter().any(|account| account.key == DEFAULT_ACCOUNT);
        if accounts.is_empty() || (!is_named && own.iter().any(|mark| mark.is_secret() && mark.value.is_some())) {
            found.push(Account { channel: channel.to_owned(), name: DEFAULT_ACCOUNT.to_owned(), identifiers: own });
        }
        for account in accounts.iter().filter(|account| is_enabled(&account.node)) {
            let marks = read_identifiers(channel, &account.key, &account.node, config);
            found.push(Account { channel: channel.to_owned(), name: account.key.clone(), identifiers: marks });
        }
    }
    found.truncate(ACCOUNT_LIMIT);
    found
}

fn is_enabled(settings: &Value) -> bool {
    settings.get("enabled").and_then(|enabled| enabled.as_bool()) != Some(false)
}

fn read_identifiers(channel: &str, account: &str, settings: &Value, config: &Value) -> Vec<Identifier> {
    let mut found = Vec::new();
    for entry in settings.as_object().unwrap_or_default() {
        let mut mark = Identifier { key: entry.key.clone(), ..Identifier::default() };
        if !mark.is_secret() && !NAME_KEYS.contains(&entry.key.as_str()) {
            continue;
        }
        let is_reference = entry.node.get("source").and_then(|source| source.as_str()) == Some("env");
        match entry.node.as_str() {
            Some(text) => match parse_variable_reference(text) {
                Some(name) => mark.variable = Some(name.to_owned()),
                None => mark.value = Some(text.to_owned()),
            },
            None if is_reference => {
                mark.variable = entry.node.get("id").and_then(|id| Some(id.as_str()?.to_owned()));
            }
            None if entry.node.as_object().is_none() => continue,
            // A reference to a file, a program or a store.
            None => {}
        }
        found.push(mark);
    }
    let fallback = FALLBACK_VARIABLES.iter().find(|(of, key, _)| {
        *of == channel && account == DEFAULT_ACCOUNT && !found.iter().any(|mark| mark.key == *key)
    });
    if let Some((_, key, variable)) = fallback {
        found.push(Identifier { key: (*key).to_owned(), variable: Some((*variable).to_owned()), value: None });
    }
    for mark in &mut found {
        if let (Some(variable), None) = (&mark.variable, &mark.value) {
            mark.value = configured_variable(config, variable);
        }
        // OpenClaw prints `__OPENCLAW_REDACTED__` in place of a secret.
        mark.value = mark.value.take().filter(|text| !text.is_empty() && !text.contains("REDACTED"));
    }
    found
}

/// Returns the name in `$NAME` or `${NAME}`.
fn parse_variable_reference(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    is_name.then_some(name)
}

/// Returns the value of a variable that the configuration itself sets.
fn configured_variable(config: &Value, variable: &str) -> Option<String> {
    let env = config.get("env")?;
    let value = env.get("vars").and_then(|vars| vars.get(variable)).or_else(|| env.get(variable))?;
    value.as_str().map(str::to_owned)
}

/// Checks that the standby has exactly one channel, and none of the primary's.
pub(super) fn check_channels(context: &HostContext) -> CheckResult {
    let accounts = match read_own_config(context) {
        Ok(config) => enabled_accounts(&config),
        Err(result) => {
            let missing =
                openclaw::config_file(context).filter(|file| file.try_exists().is_ok_and(|is_there| !is_there));
            return match missing.filter(|file| !context.is_hidden(file)) {
                Some(file) => CheckResult::fail(&format_args!("{} does not exist", file.display()), remedy::CONFIGURE),
                None => result,
            };
        }
    };
    let mut channels: Vec<&str> = Vec::new();
    for account in &accounts {
        if !channels.contains(&account.channel.as_str()) {
            channels.push(&account.channel);
        }
    }
    for upstream in &context.config.upstreams {
        if let Some(channel) = upstream.channels.iter().find(|channel| channels.contains(&channel.as_str())) {
            return CheckResult::fail(
                &format_args!("{channel} is enabled here, but belongs to {}", upstream.name),
                remedy::SPLIT,
            );
        }
    }
    match channels[..] {
        [] => CheckResult::fail(&"no channel is enabled: users could not reach this host's agent", remedy::OWN_CHANNEL),
        [channel] => CheckResult::ok(&channel),
        _ => CheckResult::warn(
            &format_args!("{} are enabled; a standby needs one only", channels.join(", ")),
            remedy::ONE_CHANNEL,
        ),
    }
}

/// Checks that crons are disabled: they belong to the primary.
pub(super) fn check_crons(context: &HostContext) -> CheckResult {
    let off_by_unit =
        context.gateway_unit().is_ok_and(|unit| unit.environment_variable("OPENCLAW_SKIP_CRON") == Some("1"));
    match read_own_config(context) {
        Err(result) => result,
        Ok(_) if off_by_unit => CheckResult::ok(&"off"),
        Ok(config) => match config.get("cron").is_some_and(|cron| cron.get("enabled").is_some() && !is_enabled(cron)) {
            true => CheckResult::ok(&"off"),
            false => CheckResult::fail(&"enabled; each would run on both hosts", remedy::CRONS_OFF),
        },
    }
}

/// Checks that OpenClaw listens where the monitor probes, and works in the pulled workspace.
pub(super) fn check_settings(context: &HostContext) -> CheckResult {
    let config = match read_own_config(context) {
        Ok(config) => config,
        Err(result) => return result,
    };
    let at =
        |keys: &[&str]| keys.iter().try_fold(&config.value, |at, key| at.get(key).map(|node| &node.value)).cloned();
    let port = at(&["gateway", "port"]).and_then(|port| port.as_u64()).unwrap_or(18789);
    if port != u64::from(context.gateway_port()) {
        let evidence =
            format!("the gateway would listen on port {port}, but the monitor probes {}", context.config.gateway.url);
        return CheckResult::fail(&evidence, remedy::SET_PORT);
    }
    let speaks_tls = at(&["gateway", "tls", "enabled"]).and_then(|on| on.as_bool()) == Some(true);
    let url = &context.config.gateway.url;
    if speaks_tls != url.starts_with("https:") {
        let how = if speaks_tls { "over TLS" } else { "without TLS" };
        let evidence = format!("the gateway would answer {how} (gateway.tls), but the monitor probes {url}");
        return CheckResult::fail(&evidence, remedy::SET_SCHEME);
    }
    let home = context.owner.as_ref().map(|owner| owner.home.clone()).unwrap_or_default();
    let workspace = match at(&["agents", "defaults", "workspace"]).and_then(|path| Some(path.as_str()?.to_owned())) {
        Some(path) => path.strip_prefix("~/").map_or_else(|| path.clone().into(), |rest| home.join(rest)),
        None => home.join(".openclaw/workspace"),
    };
    if workspace != context.config.workspace.path {
        let pulled = context.config.workspace.path.display();
        let evidence = format!("the agent works in {}, but {pulled} is pulled", workspace.display());
        return CheckResult::fail(&evidence, remedy::SET_WORKSPACE);
    }
    CheckResult::ok(&format_args!("port {port}, {}", workspace.display()))
}

/// Describes a syntax error in a configuration of OpenClaw. Its text is not quoted: it may be a token.
pub(super) fn describe_syntax_error(why: &json::JsonError) -> String {
    format!("invalid JSON5 at line {}", why.position.line)
}
