//! What to do about it: commands, with names in braces that are filled in from the configuration.
//!
//! They are a closed list. The owner's half of the checks runs where an agent may meddle with it, and a person will type
//! as root what stands here: so it may choose one of these, and never brings its own.

macro_rules! fixes {
    ($($name:ident = $text:expr;)*) => {
        $(pub(super) const $name: &str = $text;)*
        /// All of them.
        pub(super) const ALL: &[&str] = &[$($name),*];
    };
}

fixes! {
    NONE = "";
    CHECK_UPSTREAM = "openclaw-failover check";
    EDIT_CONFIG = "editor {config}";
    OWN_CONFIG = "chown root:root {config} && chmod 0644 {config}";
    CREDENTIALS = "openclaw-failover setup standby";
    WAIT_ARMED = "openclaw-failover status  # armed once the monitor has seen it healthy; start the primary's gateway";
    RESUME = "openclaw-failover resume";
    SET_CLOCK = "timedatectl set-ntp true";
    RESOLVER = "resolvectl status; cat /etc/resolv.conf";
    TAILSCALE_UP = "tailscale up";
    TAILSCALE_KEY = "tailscale up --force-reauth  # or disable the key's expiry in Tailscale's admin console";
    INSTALL_UNITS = "openclaw-failover setup standby";
    UNMASK = "systemctl unmask {unit}";
    VERIFY_UNIT = "systemd-analyze verify {unit}";
    DAEMON_RELOAD = "systemctl daemon-reload";
    DISABLE_GATEWAY = "systemctl disable {unit}";
    GATEWAY_USER = "systemctl edit {unit}  # [Service] User={user}";
    FIND_PORT = "ss -ltnp 'sport = :{port}'";
    OTHER_GATEWAY = "systemctl list-unit-files 'openclaw-gateway*'  # then: systemctl disable --now UNIT";
    STRAY_GATEWAY = "ps -eo pid,user,unit,args | grep '[o]penclaw-gateway'  # stop it, and what starts it";
    USER_GATEWAY = "openclaw-failover setup standby";
    OLD_MONITOR = "openclaw-failover setup standby";
    SYNC_UNIT = "systemctl cat openclaw-sync-pull.service openclaw-sync-push.service";
    SYNC_TIMER = "systemctl disable --now openclaw-sync-push.timer";
    SYNC_PRIMARY = "rm /etc/systemd/system/openclaw-sync-push.service.d/primary.conf && systemctl daemon-reload";
    SYNC_PATHS = "systemctl edit openclaw-sync-pull.service openclaw-sync-push.service  # [Service] BindPaths={workspace}";
    PULL = "openclaw-failover sync pull; journalctl -u openclaw-sync-pull.service";
    PUSH = "openclaw-failover sync push; journalctl -u openclaw-sync-push.service";
    PROGRAMS = "openclaw-failover setup standby";
    POLKIT = "openclaw-failover setup standby";
    POLKIT_OTHER = "grep -rl openclaw /etc/polkit-1 /usr/share/polkit-1/rules.d  # a rule allows more than it should";
    POLKIT_UP = "apt-get install -y polkitd && systemctl restart polkit.service";
    DBUS = "systemctl restart dbus.socket dbus.service";
    FREE_DISK = "df -h / {workspace}; journalctl --vacuum-size=200M; apt-get clean";
    FREE_MEMORY = "ps -eo pid,user,rss,args --sort=-rss | head";
    START_MONITOR = "systemctl enable --now openclaw-failover.service";
    ENABLE_MONITOR = "systemctl enable openclaw-failover.service";
    RESTART_MONITOR = "systemctl restart openclaw-failover.service";
    FIREWALL = "openclaw-failover setup standby";
    FAIL2BAN = "openclaw-failover setup standby";
    UPGRADES = "openclaw-failover setup standby";
    BECOME = "install -m 0755 -o root openclaw-failover /usr/local/bin/";
    FETCH = "sudo -iu {user} git -C {workspace} fetch {remote} {branch}";
    STATUS = "sudo -iu {user} git -C {workspace} status";
    SECRETS = "sudo -iu {user} openclaw-failover sync pull";
    EXEC = "systemctl edit {unit}  # [Service] ExecStart= and ExecStart=/path/to/openclaw gateway run";
    NODE = "npm install -g node@24  # OpenClaw needs Node 24.16 or newer of 24, or 26.1 or newer";
    VALIDATE = "sudo -iu {user} openclaw config validate";
    PLUGIN = "sudo -iu {user} openclaw doctor --fix";
    ONE_CHANNEL = "sudo -iu {user} openclaw config get channels";
    OWN_CHANNEL = "sudo -iu {user} openclaw configure --section channels";
    CRONS_OFF = "sudo -iu {user} openclaw config set cron.enabled false";
    SET_PORT = "sudo -iu {user} openclaw config set gateway.port {port}";
    SET_WORKSPACE = "sudo -iu {user} openclaw config set agents.defaults.workspace {workspace}";
    SPLIT = "sudo -iu {user} openclaw configure --section channels  # give the standby an account of its own";
    VERSIONS = "openclaw update  # on the older of the two hosts";
}
