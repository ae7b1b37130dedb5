//! OpenClaw on this host: where it is, and the standby's own configuration of it.

use std::fs::{self, File};
use std::io::Read;
use std::time::Duration;

use super::State;
use super::site::Site;
use crate::doctor::{Level, is_of, read};
use crate::json::Value;
use crate::report::durable;

/// Tells the unit where OpenClaw is.
pub(super) const DROP_IN: &str = "/etc/systemd/system/openclaw.service.d/openclaw.conf";

/// The gateway's tokens.
const TOKENS: &str = "/etc/openclaw/gateway.env";

/// How long an installer may take.
const INSTALL: Duration = Duration::from_secs(60 * 60);

/// OpenClaw's own installer into the home, Node included; it needs no root and is given none.
const INSTALLER: &str =
    "curl -fsSL --proto '=https' --tlsv1.2 https://openclaw.ai/install-cli.sh | bash -s -- --no-onboard";

/// Tailscale's own installer.
const TAILSCALE: &str = "curl -fsSL https://tailscale.com/install.sh";

/// Says where `openclaw` is, and the folder of the `node` beside it: what a login finds, if it comes to an end, then where
/// nvm, npm and the installers put it.
const FIND: &str = "seen=$(timeout -k 1 10 bash -lic 'for it in openclaw node; do echo \"$it at $(command -v $it)\"; done' \\\n\
        2>/dev/null) || :\n\
    login() { printf '%s\\n' \"$seen\" | sed -n \"s/^$1 at //p\" | tail -n 1; }\n\
    for file in \"$(login openclaw)\" $(ls -d .nvm/versions/node/*/bin/openclaw 2>/dev/null | sort -rV) \\\n\
        .npm-global/bin/openclaw .local/bin/openclaw .openclaw/bin/openclaw \\\n\
        /usr/local/bin/openclaw /usr/bin/openclaw; do\n\
        case $file in /*) ;; *) file=$HOME/$file ;; esac\n\
        [ -f \"$file\" ] && [ -x \"$file\" ] || continue\n\
        for node in \"${file%/*}/node\" \"$(login node)\" /usr/local/bin/node /usr/bin/node; do\n\
            [ -x \"$node\" ] && break\n\
        done\n\
        echo \"$file\"; echo \"${node%/*}\"; exit\n\
    done";

/// Puts `$1` in place once `$2`, with `$3` to find its Node, finds it valid. A plugin for `$4` that OpenClaw does not bring
/// itself is installed before: else the gateway would fetch it in the middle of a failover, or not start at all.
const CONFIGURE: &str = "mkdir -p .openclaw; new=$HOME/.openclaw/.openclaw.json.new; printf '%s\\n' \"$1\" >\"$new\"\n\
    export PATH=$3 OPENCLAW_CONFIG_PATH=$new; program=$2; log=\n\
    ask() { said=$(\"$program\" config validate --json 2>&1) || :; }\n\
    ask\n\
    case $said in *'not installed'*)\n\
        log=$(\"$program\" plugins install \"@openclaw/$4\" 2>&1 | tail -n 5) || :; ask ;;\n\
    esac\n\
    case $said in\n\
        *'not installed'* | *'cannot be checked'*) ;;\n\
        *'\"valid\":true'*) mv \"$new\" .openclaw/openclaw.json; exit ;;\n\
    esac\n\
    printf '%s\\n' \"$log\" \"$said\" >&2; exit 1";

/// How long OpenClaw may take to judge a configuration, which it compiles itself for, and to fetch a plugin.
const VALIDATE: Duration = Duration::from_secs(15 * 60);

/// OpenClaw, as this host has it.
struct Found {
    program: String,
    path: String,
}

fn find(site: &Site) -> Option<Found> {
    let said = site.agent(FIND, &[]).ok()?;
    let mut lines = said.lines().filter(|line| is_plain(line));
    let (program, node) = (lines.next()?, lines.next().unwrap_or("/usr/local/bin"));
    let own = program.rsplit_once('/').map_or("/", |(folder, _)| folder);
    let path = format!("{own}:{node}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    Some(Found { program: program.to_owned(), path })
}

/// Whether a path can stand in a unit as it is; the agent's user has named it.
fn is_plain(path: &str) -> bool {
    path.starts_with('/') && path.len() < 500 && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._+@-".contains(c))
}

fn drop_in(found: &Found) -> String {
    format!(
        "# Where OpenClaw is on this host, as `openclaw-failover setup` has found it.\n[Service]\n\
         Environment=PATH={}\nExecStart=\nExecStart={} gateway run\n",
        found.path, found.program
    )
}

/// OpenClaw is there, and the unit knows where.
pub(super) fn program(site: &Site) -> State {
    match find(site) {
        Some(found) if site.has(DROP_IN, 0o644, drop_in(&found).as_bytes()) => State::Done(found.program),
        Some(found) => State::Todo(format!("{} starts {}", super::service::GATEWAY, found.program)),
        None if site.wishes.install_openclaw => State::Todo("install it, with the installer of openclaw.ai".into()),
        None => State::Todo("it is not installed for openclaw; see --install-openclaw".into()),
    }
}

/// Installs it where that was asked for, and tells the unit.
pub(super) fn install(site: &Site) -> Result<(), String> {
    if site.wishes.install_openclaw && find(site).is_none() {
        site.agent_within(INSTALL, INSTALLER, &[])?;
    }
    let Some(found) = find(site) else {
        return Err(format!(
            "OpenClaw is not installed where {0} could find it; as {0}: npm install -g openclaw, or --install-openclaw",
            site.user()
        ));
    };
    site.put(DROP_IN, 0o644, drop_in(&found).as_bytes())?;
    site.run("systemctl", &["daemon-reload"])
}

/// OpenClaw has a configuration; one that is there is left as it is.
pub(super) fn configuration(site: &Site) -> State {
    let is_its = |channel: &&String| Some(channel.as_str()) == site.wishes.channel.as_deref();
    for upstream in &site.world.config.upstreams {
        if let Some(channel) = upstream.channels.iter().find(is_its) {
            return State::Refused(format!(
                "{channel} is {}'s, and both hosts would answer there; give the standby a channel of its own",
                upstream.name
            ));
        }
    }
    if site.agent_sees("[ -e .openclaw/openclaw.json ]", &[]) {
        return State::Done("there is an openclaw.json".into());
    }
    let channel = site.wishes.channel.as_deref().unwrap_or("no channel yet (--channel)");
    State::Todo(format!("write a standby's openclaw.json: {channel}, no crons; tokens into {TOKENS}"))
}

/// Writes a standby's.
pub(super) fn configure(site: &Site) -> Result<(), String> {
    tokens(site)?;
    let found = find(site).ok_or("OpenClaw is not installed")?;
    let text = standby(site);
    let channel = site.wishes.channel.as_deref().unwrap_or_default();
    site.agent_within(VALIDATE, CONFIGURE, &[&text, &found.program, &found.path, channel]).map(drop)
}

/// Its variables for tokens: nothing that is there is changed.
fn tokens(site: &Site) -> Result<(), String> {
    let file = site.world.path(TOKENS);
    let there = durable::read(&file, 1 << 20).map_err(|why| why.to_string())?.unwrap_or_default();
    let mut text = String::from_utf8(there).map_err(|_| format!("{TOKENS} is not text"))?;
    let mut add = |name: &str, value: String| {
        if !text.lines().any(|line| line.starts_with(&format!("{name}="))) {
            text = format!("{}\n{name}={value}\n", text.trim_end()).trim_start().to_owned();
        }
    };
    add("OPENCLAW_GATEWAY_TOKEN", random()?);
    if let (Some(file), Some(channel)) = (&site.wishes.token, &site.wishes.channel) {
        let failed = |why: &str| format!("cannot read {}: {why}", file.display());
        if site.owner().is_ok_and(|owner| is_of(file, &owner)) {
            return Err(failed("it is the agent's; give root a copy"));
        }
        add(variable(channel), read(file).map_err(|why| failed(&why))?.trim().to_owned());
    }
    site.put(TOKENS, 0o600, text.as_bytes())
}

/// What holds a channel's token.
fn variable(channel: &str) -> &'static str {
    if channel == "discord" { "DISCORD_BOT_TOKEN" } else { "TELEGRAM_BOT_TOKEN" }
}

fn random() -> Result<String, String> {
    let mut bytes = [0; 32];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|why| format!("cannot read /dev/urandom: {why}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A standby's configuration of OpenClaw: one channel of its own, no crons, and no secret.
fn standby(site: &Site) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let secret = |name: &str| format!(r#"{{ "source": "env", "provider": "default", "id": "{name}" }}"#);
    let model = site.wishes.model.as_deref().map(|model| format!(r#""model": {{ "primary": {} }}, "#, quoted(model)));
    let channel = site.wishes.channel.as_deref().map(|channel| {
        let key = if channel == "discord" { "token" } else { "botToken" };
        let allow: Vec<String> = site.wishes.allow.iter().map(|id| quoted(id)).collect();
        format!(
            r#""channels": {{ "{channel}": {{ "enabled": true, "{key}": {}, "dmPolicy": "allowlist", "allowFrom": [{}] }} }},
  "plugins": {{ "entries": {{ "{channel}": {{ "enabled": true }} }} }},
  "#,
            secret(variable(channel)),
            allow.join(", ")
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
        // Where Tailscale is, nobody but the tailnet has a way to it; elsewhere the firewall sees to that.
        if site.is_well("tailscale") { "tailnet" } else { "lan" },
        secret("OPENCLAW_GATEWAY_TOKEN"),
    )
}

/// The tailnet, where an upstream lies on one.
pub(super) fn tailscale(site: &Site) -> State {
    let found = site.judge("tailscale");
    match found.level {
        Level::Ok => State::Done(found.evidence),
        Level::Warn | Level::Skipped => State::Left(found.evidence),
        Level::Fail => State::Todo(found.evidence),
    }
}

/// Brings it here, as far as that goes without a person.
pub(super) fn join(site: &Site) -> Result<(), String> {
    let is_missing = || site.world.ask("tailscale", &["version"]).is_err_and(|why| why.is_missing_program());
    if is_missing() {
        if !site.wishes.install_tailscale {
            return Err(format!(
                "Tailscale is not here: `{TAILSCALE} | sh`, then `tailscale up`; or --install-tailscale"
            ));
        }
        let command = site.world.command("sh").args(["-euc", &format!("script=$({TAILSCALE}); sh -c \"$script\"")]);
        command.deadline(INSTALL).run().map_err(|why| why.to_string())?;
    }
    match tailscale(site) {
        State::Todo(why) => Err(format!("{why}; run `tailscale up`, and answer it")),
        _ => Ok(()),
    }
}

/// Whether a channel still has to be given its token.
pub(super) fn lacks_token(site: &Site) -> Option<String> {
    let name = variable(site.wishes.channel.as_deref()?);
    let text = fs::read_to_string(site.world.path(TOKENS)).unwrap_or_default();
    let has = text.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.len() > 1));
    (!has).then(|| format!("put {name}=… into {TOKENS}"))
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn what_goes_into_a_unit_is_a_path_and_nothing_else() {
        assert!(is_plain("/home/openclaw/.nvm/versions/node/v24.21.0/bin/openclaw"));
        for wrong in ["", "openclaw", "/a b", "/a\nExecStartPre=+/bin/sh", "/a%h", "/a\"", "/a;b", "/a$b"] {
            assert!(!is_plain(wrong), "{wrong}");
        }
    }
}
