//! Remedies: commands for root, or settings for a NixOS host, with placeholders in braces for values of the
//! configuration.
//!
//! The list is closed. The owner's half of the checks runs where an agent may interfere, and a person types a remedy as
//! root. So that half can only choose one of these.

use std::path::Path;

use crate::config::endpoint::Endpoint;
use crate::config::{Config, ConfigSource};

/// Texts of a remedy.
struct Text {
    name: &'static str,
    command: &'static str,
    /// Setting of the NixOS module, for hosts whose files and units come from the system's configuration.
    nixos: Option<&'static str>,
}

macro_rules! fixes {
    ($($name:ident = $command:expr $(, nixos $nixos:expr)?;)*) => {
        $(pub(crate) const $name: &str = stringify!($name);)*
        const TEXTS: &[Text] = &[$(Text { name: $name, command: $command, nixos: fixes!(@ $($nixos)?) }),*];
    };
    (@) => { None };
    (@ $nixos:expr) => { Some($nixos) };
}

/// Name of no remedy.
pub(crate) const NONE: &str = "";

/// Remedy for most of what can be missing on a Debian or Ubuntu host.
const SETUP: &str = "openclaw-failover setup standby";

fixes! {
    CHECK_UPSTREAM = "openclaw-failover check";
    EDIT_CONFIG = "editor {config}", nixos "services.openclaw-failover.settings";
    OWN_CONFIG = "chown root:root {config} && chmod 0644 {config}", nixos "services.openclaw-failover.settings";
    CREDENTIALS = "install -d -m 0700 -o root -g root /etc/openclaw-failover/credentials",
        nixos "services.openclaw-failover.credentialsDirectory = \"/run/secrets/openclaw-failover\";";
    CREDENTIAL = "install -m 0600 FILE /etc/openclaw-failover/credentials/NAME && \
         systemctl restart openclaw-failover.service",
        nixos "services.openclaw-failover.credentialsDirectory = \"/run/secrets/openclaw-failover\";";
    WAIT_ARMED = "openclaw-failover status  # start the primary's gateway; failover arms once it was healthy";
    RESUME = "openclaw-failover resume";
    SET_CLOCK = "timedatectl set-ntp true", nixos "services.timesyncd.enable = true;";
    RESOLVER = "resolvectl status; cat /etc/resolv.conf";
    TAILSCALE = "openclaw-failover setup standby --install-tailscale",
        nixos "services.openclaw-failover.tailscale.enable = true;";
    TAILSCALE_UP = "systemctl enable --now tailscaled.service && tailscale up",
        nixos "services.openclaw-failover.tailscale = { enable = true; authKeyFile = \"/run/secrets/tailscale\"; };";
    TAILSCALE_KEY = "tailscale up --force-reauth  # or disable the key's expiry in Tailscale's admin console";
    INSTALL_UNITS = SETUP, nixos "services.openclaw-failover.enable = true;";
    UNMASK = "systemctl unmask {unit}";
    VERIFY_UNIT = "systemd-analyze verify {unit}";
    DAEMON_RELOAD = "systemctl daemon-reload";
    DISABLE_GATEWAY = "systemctl disable {unit}", nixos "systemd.services.openclaw.wantedBy = lib.mkForce [ ];";
    GATEWAY_USER = "systemctl edit {unit}  # [Service] User={user}",
        nixos "services.openclaw-failover.user.name = \"{user}\";";
    FIND_PORT = "ss -ltnp 'sport = :{port}'";
    OTHER_GATEWAY = "systemctl list-unit-files 'openclaw-gateway*'  # then run: systemctl disable --now UNIT",
        nixos "services.openclaw-gateway.enable = false;";
    STRAY_GATEWAY = "ps -eo pid,user,unit,args | grep '[o]penclaw-gateway'  # stop it and the service that starts it";
    USER_GATEWAY = SETUP, nixos "home-manager.users.{user}.programs.openclaw.enable = false;";
    OLD_MONITOR = SETUP, nixos "systemd.services.openclaw-health-monitor.enable = false;";
    UNMASK_SYNC = "systemctl unmask openclaw-sync-pull.service openclaw-sync-push.service \
         openclaw-failover-check.service";
    SYNC_TIMER = "systemctl disable --now openclaw-sync-push.timer",
        nixos "services.openclaw-failover.role = \"standby\";";
    SYNC_PRIMARY = "rm /etc/systemd/system/openclaw-sync-push.service.d/primary.conf && systemctl daemon-reload",
        nixos "services.openclaw-failover.role = \"standby\";";
    SYNC_PATHS = "systemctl edit openclaw-sync-pull.service openclaw-sync-push.service  # [Service] BindPaths=-FOLDER",
        nixos "services.openclaw-failover.settings.workspace.path = \"{workspace}\";";
    PULL = "openclaw-failover sync pull; journalctl -u openclaw-sync-pull.service";
    PUSH = "openclaw-failover sync push; journalctl -u openclaw-sync-push.service";
    PROGRAMS = SETUP, nixos "systemd.services.openclaw-failover.path";
    POLKIT = SETUP, nixos "security.polkit.enable = true;";
    POLKIT_OTHER = "grep -rl openclaw /etc/polkit-1 /usr/share/polkit-1/rules.d  # a rule allows too much";
    POLKIT_UP = "apt-get install -y polkitd && systemctl restart polkit.service",
        nixos "security.polkit.enable = true;";
    DBUS = "systemctl restart dbus.socket dbus.service";
    FREE_DISK = "df -h / {workspace}; journalctl --vacuum-size=200M; apt-get clean",
        nixos "nix.gc.automatic = true;";
    FREE_MEMORY = "ps -eo pid,user,rss,args --sort=-rss | head";
    START_MONITOR = "systemctl enable --now openclaw-failover.service",
        nixos "services.openclaw-failover.enable = true;";
    ENABLE_MONITOR = "systemctl enable openclaw-failover.service", nixos "services.openclaw-failover.enable = true;";
    RESTART_MONITOR = "systemctl restart openclaw-failover.service";
    FIREWALL = SETUP, nixos "services.openclaw-failover.firewall.enable = true;";
    FAIL2BAN = SETUP, nixos "services.openclaw-failover.fail2ban.enable = true;";
    UPGRADES = SETUP, nixos "services.openclaw-failover.autoUpgrade.enable = true;";
    BECOME = "install -m 0755 -o root openclaw-failover /usr/local/bin/",
        nixos "services.openclaw-failover.enable = true;";
    FETCH = "su - {user} -c 'git -C {workspace} fetch {remote} {branch}' && openclaw-failover sync pull";
    STATUS = "su - {user} -c 'git -C {workspace} status'";
    SECRETS = "openclaw-failover sync pull";
    EXEC = "openclaw-failover setup standby --install-openclaw  # finds or installs it, and sets its path in {unit}",
        nixos "services.openclaw-failover.gateway.package";
    NODE = "openclaw-failover setup standby  # after {user} has installed Node 24.16+ or 26.1+",
        nixos "services.openclaw-failover.gateway.package";
    CONFIGURE = "openclaw-failover setup standby --channel NAME --allow ID",
        nixos "services.openclaw-failover.gateway.settings.channels";
    VALIDATE = "su - {user} -c 'openclaw config validate'";
    PLUGIN = "su - {user} -c 'openclaw doctor --fix'";
    ONE_CHANNEL = "su - {user} -c 'openclaw config get channels'",
        nixos "services.openclaw-failover.gateway.settings.channels";
    OWN_CHANNEL = "su - {user} -c 'openclaw configure --section channels'",
        nixos "services.openclaw-failover.gateway.settings.channels";
    CRONS_OFF = "su - {user} -c 'openclaw config set cron.enabled false'",
        nixos "services.openclaw-failover.gateway.settings.cron.enabled = false;";
    SET_PORT = "su - {user} -c 'openclaw config set gateway.port {port}'",
        nixos "services.openclaw-failover.gateway.settings.gateway.port = {port};";
    SET_SCHEME = "su - {user} -c 'openclaw config set gateway.tls.enabled false'  # or write https:// in gateway.url",
        nixos "services.openclaw-failover.gateway.settings.gateway.tls.enabled = false;";
    SET_WORKSPACE = "su - {user} -c 'openclaw config set agents.defaults.workspace {workspace}'",
        nixos "services.openclaw-failover.settings.workspace.path = \"{workspace}\";";
    SPLIT = "su - {user} -c 'openclaw configure --section channels'  # give the standby its own account",
        nixos "services.openclaw-failover.gateway.settings.channels";
    VERSIONS = "openclaw update  # on the older of the two hosts", nixos "services.openclaw-failover.gateway.package";
}

/// Finds a remedy by its name, or by its command, which reports of earlier versions contain; [`NONE`] if there is no
/// such remedy.
pub(crate) fn find_remedy(text: &str) -> &'static str {
    let by_name = TEXTS.iter().find(|known| known.name == text);
    by_name.or_else(|| TEXTS.iter().find(|known| known.command == text)).map_or(NONE, |known| known.name)
}

/// Platform that a remedy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Debian,
    NixOs,
}

impl Platform {
    /// Detects the platform of the host whose files are below `root`.
    pub(crate) fn detect(root: &Path) -> Self {
        if root.join("etc/NIXOS").exists() { Self::NixOs } else { Self::Debian }
    }
}

/// Returns the text of a remedy with its placeholders filled in. `user` is the agent's.
pub(crate) fn fill_placeholders(
    fix: &str,
    platform: Platform,
    config: &Config,
    source: &ConfigSource,
    user: &str,
) -> String {
    let Some(text) = TEXTS.iter().find(|text| text.name == fix) else { return String::new() };
    let text = match (platform, text.nixos) {
        (Platform::NixOs, Some(option)) => format!("{option}  # in the NixOS configuration, then nixos-rebuild switch"),
        _ => text.command.to_owned(),
    };
    let file = match source {
        ConfigSource::File(path) => path.display().to_string(),
        ConfigSource::Environment(_) => "/etc/openclaw-failover/environment".to_owned(),
    };
    let workspace = &config.workspace;
    let names: [(&str, &str); 7] = [
        ("{unit}", &config.gateway.unit),
        ("{user}", user),
        ("{port}", &gateway_port(config).to_string()),
        ("{config}", &file),
        ("{workspace}", &workspace.path.display().to_string()),
        ("{remote}", &workspace.remote),
        ("{branch}", &workspace.branch),
    ];
    names.iter().fold(text, |filled, (name, value)| filled.replace(name, value))
}

/// Returns the configured port of this host's gateway.
pub(crate) fn gateway_port(config: &Config) -> u16 {
    Endpoint::from_url(&config.gateway.url).map_or(0, |endpoint| endpoint.address().port)
}

#[cfg(test)]
mod tests {
    use super::{TEXTS, Text};

    #[test]
    fn no_remedy_for_nixos_changes_what_its_configuration_owns() {
        let foreign =
            ["setup ", "apt", "systemctl enable", "systemctl disable", "systemctl edit", "install ", "/etc/s"];
        for Text { name, command, nixos } in TEXTS {
            let shown = nixos.unwrap_or(command);
            assert!(!foreign.iter().any(|word| shown.contains(word)), "{name}: `{shown}` does not work on NixOS");
        }
    }
}
