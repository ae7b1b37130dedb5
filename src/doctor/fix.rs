//! What to do about it: commands for root, with names in braces that are filled in from the configuration.
//!
//! They are a closed list. The owner's half of the checks runs where an agent may meddle with it, and a person will type
//! as root what stands here: so it may choose one of these, and never brings its own.

use crate::config::endpoint::Endpoint;
use crate::config::{Config, Source};

macro_rules! fixes {
    ($($name:ident = $text:expr;)*) => {
        $(pub(super) const $name: &str = $text;)*
        /// All of them.
        pub(super) const ALL: &[&str] = &[$($name),*];
    };
}

/// Most of what can lack on a Debian or Ubuntu host.
const SETUP: &str = "openclaw-failover setup standby";

fixes! {
    NONE = "";
    CHECK_UPSTREAM = "openclaw-failover check";
    EDIT_CONFIG = "editor {config}";
    OWN_CONFIG = "chown root:root {config} && chmod 0644 {config}";
    CREDENTIALS = "install -d -m 0700 -o root -g root /etc/openclaw-failover/credentials";
    CREDENTIAL = "install -m 0600 FILE /etc/openclaw-failover/credentials/NAME && systemctl restart openclaw-failover.service";
    WAIT_ARMED = "openclaw-failover status  # armed once the monitor has seen it healthy; start the primary's gateway";
    RESUME = "openclaw-failover resume";
    SET_CLOCK = "timedatectl set-ntp true";
    RESOLVER = "resolvectl status; cat /etc/resolv.conf";
    TAILSCALE = "openclaw-failover setup standby --install-tailscale";
    TAILSCALE_UP = "systemctl enable --now tailscaled.service && tailscale up";
    TAILSCALE_KEY = "tailscale up --force-reauth  # or disable the key's expiry in Tailscale's admin console";
    INSTALL_UNITS = SETUP;
    UNMASK = "systemctl unmask {unit}";
    VERIFY_UNIT = "systemd-analyze verify {unit}";
    DAEMON_RELOAD = "systemctl daemon-reload";
    DISABLE_GATEWAY = "systemctl disable {unit}";
    GATEWAY_USER = "systemctl edit {unit}  # [Service] User={user}";
    FIND_PORT = "ss -ltnp 'sport = :{port}'";
    OTHER_GATEWAY = "systemctl list-unit-files 'openclaw-gateway*'  # then: systemctl disable --now UNIT";
    STRAY_GATEWAY = "ps -eo pid,user,unit,args | grep '[o]penclaw-gateway'  # stop it, and what starts it";
    USER_GATEWAY = SETUP;
    OLD_MONITOR = SETUP;
    UNMASK_SYNC = "systemctl unmask openclaw-sync-pull.service openclaw-sync-push.service \
         openclaw-failover-check.service";
    SYNC_TIMER = "systemctl disable --now openclaw-sync-push.timer";
    SYNC_PRIMARY = "rm /etc/systemd/system/openclaw-sync-push.service.d/primary.conf && systemctl daemon-reload";
    SYNC_PATHS = "systemctl edit openclaw-sync-pull.service openclaw-sync-push.service  # [Service] BindPaths=-FOLDER";
    PULL = "openclaw-failover sync pull; journalctl -u openclaw-sync-pull.service";
    PUSH = "openclaw-failover sync push; journalctl -u openclaw-sync-push.service";
    PROGRAMS = SETUP;
    POLKIT = SETUP;
    POLKIT_OTHER = "grep -rl openclaw /etc/polkit-1 /usr/share/polkit-1/rules.d  # a rule allows more than it should";
    POLKIT_UP = "apt-get install -y polkitd && systemctl restart polkit.service";
    DBUS = "systemctl restart dbus.socket dbus.service";
    FREE_DISK = "df -h / {workspace}; journalctl --vacuum-size=200M; apt-get clean";
    FREE_MEMORY = "ps -eo pid,user,rss,args --sort=-rss | head";
    START_MONITOR = "systemctl enable --now openclaw-failover.service";
    ENABLE_MONITOR = "systemctl enable openclaw-failover.service";
    RESTART_MONITOR = "systemctl restart openclaw-failover.service";
    FIREWALL = SETUP;
    FAIL2BAN = SETUP;
    UPGRADES = SETUP;
    BECOME = "install -m 0755 -o root openclaw-failover /usr/local/bin/";
    FETCH = "su - {user} -c 'git -C {workspace} fetch {remote} {branch}' && openclaw-failover sync pull";
    STATUS = "su - {user} -c 'git -C {workspace} status'";
    SECRETS = "openclaw-failover sync pull";
    EXEC = "openclaw-failover setup standby --install-openclaw  # finds it, or installs it, and tells {unit} where it is";
    NODE = "openclaw-failover setup standby  # once {user} has Node 24.16 or newer of 24, or 26.1 or newer";
    CONFIGURE = "openclaw-failover setup standby --channel NAME --allow ID";
    VALIDATE = "su - {user} -c 'openclaw config validate'";
    PLUGIN = "su - {user} -c 'openclaw doctor --fix'";
    ONE_CHANNEL = "su - {user} -c 'openclaw config get channels'";
    OWN_CHANNEL = "su - {user} -c 'openclaw configure --section channels'";
    CRONS_OFF = "su - {user} -c 'openclaw config set cron.enabled false'";
    SET_PORT = "su - {user} -c 'openclaw config set gateway.port {port}'";
    SET_SCHEME = "su - {user} -c 'openclaw config set gateway.tls.enabled false'  # or write https:// in gateway.url";
    SET_WORKSPACE = "su - {user} -c 'openclaw config set agents.defaults.workspace {workspace}'";
    SPLIT = "su - {user} -c 'openclaw configure --section channels'  # give the standby an account of its own";
    VERSIONS = "openclaw update  # on the older of the two hosts";
}

/// A fix with its names filled in. `user` is the agent's.
pub(super) fn fill(fix: &str, config: &Config, source: &Source, user: &str) -> String {
    let file = match source {
        Source::File(path) => path.display().to_string(),
        Source::Environment(_) => "/etc/openclaw-failover/environment".to_owned(),
    };
    let workspace = &config.workspace;
    let names: [(&str, &str); 7] = [
        ("{unit}", &config.gateway.unit),
        ("{user}", user),
        ("{port}", &port(config).to_string()),
        ("{config}", &file),
        ("{workspace}", &workspace.path.display().to_string()),
        ("{remote}", &workspace.remote),
        ("{branch}", &workspace.branch),
    ];
    names.iter().fold(fix.to_owned(), |filled, (name, value)| filled.replace(name, value))
}

/// The port at which this host's gateway should answer.
pub(super) fn port(config: &Config) -> u16 {
    Endpoint::from_url(&config.gateway.url).map_or(0, |endpoint| endpoint.address().port)
}
