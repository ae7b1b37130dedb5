//! Faults of a standby: for each the script that causes it, the expected results of `doctor`, and the repair.

use FaultScript::{AtThePrimary, Here, PrimarySays};

use crate::stub::StubAnswer;

/// Fault.
pub(super) struct Fault {
    pub(super) what: &'static str,
    pub(super) how: FaultScript,
    /// Expected checks that are not ok, by name, each with its level and a part of its fix.
    pub(super) found: &'static [(&'static str, &'static str, &'static str)],
}

/// Host of the fault, with the scripts that cause and repair it.
pub(super) enum FaultScript {
    Here(&'static str, &'static str),
    AtThePrimary(&'static str, &'static str),
    PrimarySays(StubAnswer),
}

/// Creates a fault that one check reports.
const fn single_check_fault(
    what: &'static str,
    how: FaultScript,
    found: &'static [(&'static str, &'static str, &'static str)],
) -> Fault {
    Fault { what, how, found }
}

/// Shell functions of the scripts.
pub(super) const SHELL_FUNCTIONS: &str = r#"
config=/etc/openclaw-failover/config.json
openclaw=/home/openclaw/.openclaw/openclaw.json
units=/etc/systemd/system
change() { cp -p "$1" /root/as-it-was; sed -i "$2" "$1"; ! cmp -s "$1" /root/as-it-was; }
restore() { cp -p /root/as-it-was "$1"; }
away() { mv "$1" "$1.away"; }
back() { rm -rf "$1"; mv "$1.away" "$1"; }
add() {
    mkdir -p "/run/systemd/system/$1.d"; printf '%s\n' "$2" > "/run/systemd/system/$1.d/added.conf"
    systemctl daemon-reload
}
take() { rm -r "/run/systemd/system/$1.d"; systemctl daemon-reload; }
until_it_watches() { until openclaw-failover status | grep -q 'primary: healthy'; do sleep 0.1; done; }
"#;

/// Faults for which the real OpenClaw is needed.
pub(super) static OPENCLAW_FAULTS: [Fault; 5] = [
    single_check_fault(
        "Node is too old",
        Here(
            "away /usr/local/bin/node; printf '#!/bin/sh\necho v22.12.0\n' > /usr/local/bin/node; \
             chmod +x /usr/local/bin/node",
            "back /usr/local/bin/node",
        ),
        &[("node", "fail", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "what the gateway's unit starts is gone",
        Here("away /usr/local/bin/openclaw", "back /usr/local/bin/openclaw"),
        &[("gateway-program", "fail", "openclaw-failover setup standby --install-openclaw")],
    ),
    single_check_fault(
        "openclaw.json has a key that OpenClaw does not know",
        Here(r#"change $openclaw 's/"cron"/"nonsense": 1, "cron"/'"#, "restore $openclaw"),
        &[("openclaw-config", "fail", "openclaw config validate")],
    ),
    single_check_fault(
        "openclaw.json is none",
        Here("change $openclaw 's/\"cron\"/cron = /'", "restore $openclaw"),
        &[("openclaw-config", "fail", "openclaw config validate")],
    ),
    single_check_fault(
        "a plugin is not installed",
        Here(
            r#"change $openclaw 's/"entries": { "telegram"/"entries": { "discord": { "enabled": true }, "telegram"/'"#,
            "restore $openclaw",
        ),
        &[("openclaw-config", "fail", "openclaw doctor --fix")],
    ),
];

/// All other faults.
pub(super) static OTHER_FAULTS: [Fault; 59] = [
    single_check_fault(
        "the configuration is world-writable",
        Here("chmod 666 $config", "chmod 644 $config"),
        &[("config", "fail", "chown root:root /etc/openclaw-failover/config.json")],
    ),
    single_check_fault(
        "the credentials' folder is gone",
        Here("rmdir /etc/openclaw-failover/credentials", "mkdir -m 700 /etc/openclaw-failover/credentials"),
        &[("credentials", "fail", "install -d -m 0700")],
    ),
    single_check_fault(
        "the credentials are world-readable",
        Here("chmod 755 /etc/openclaw-failover/credentials", "chmod 700 /etc/openclaw-failover/credentials"),
        &[("credentials", "fail", "install -d -m 0700")],
    ),
    single_check_fault(
        "a program that a sync needs is gone",
        Here("away /usr/bin/sqlite3", "back /usr/bin/sqlite3"),
        &[("programs", "fail", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "the bus is gone, and with it the way to polkit",
        Here("away /run/dbus/system_bus_socket", "back /run/dbus/system_bus_socket"),
        &[("dbus", "fail", "systemctl restart dbus"), ("polkit", "fail", "polkit.service")],
    ),
    single_check_fault(
        "the monitor is stopped",
        Here("systemctl stop openclaw-failover", "systemctl start openclaw-failover; until_it_watches"),
        &[("monitor", "fail", "systemctl enable --now openclaw-failover.service")],
    ),
    single_check_fault(
        "the monitor does not start with the host",
        Here("systemctl disable --quiet openclaw-failover", "systemctl enable --quiet openclaw-failover"),
        &[("monitor-enabled", "fail", "systemctl enable openclaw-failover.service")],
    ),
    single_check_fault(
        "an older monitor still runs",
        Here(
            "LC_ALL=C sed 's/0\\.1\\.0/0.0.9/g' /usr/local/bin/openclaw-failover > /usr/local/bin/older; \
             chmod +x /usr/local/bin/older; add openclaw-failover.service \
             '[Service]\nExecStart=\nExecStart=/usr/local/bin/older run'; \
             systemctl restart openclaw-failover; until_it_watches",
            "take openclaw-failover.service; rm /usr/local/bin/older; systemctl restart openclaw-failover; \
             until_it_watches",
        ),
        &[("monitor-version", "warn", "systemctl restart openclaw-failover.service")],
    ),
    single_check_fault(
        "the monitor has no watchdog",
        Here(
            "add openclaw-failover.service '[Service]\nWatchdogSec=0'; systemctl restart openclaw-failover; \
             until_it_watches",
            "take openclaw-failover.service; systemctl restart openclaw-failover; until_it_watches",
        ),
        &[("watchdog", "fail", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "the shell monitor runs, too",
        Here(
            "rm $units/openclaw-health-monitor.service; \
             printf '[Service]\nExecStart=/bin/sleep 1000\n' > $units/openclaw-health-monitor.service; \
             systemctl daemon-reload; systemctl start openclaw-health-monitor.service",
            "systemctl stop openclaw-health-monitor.service; rm $units/openclaw-health-monitor.service; \
             systemctl daemon-reload; systemctl enable --quiet openclaw-failover",
        ),
        &[("old-monitor", "fail", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "polkit has no rule for the monitor",
        Here(
            "away /etc/polkit-1/rules.d/50-openclaw-failover.rules; systemctl restart polkit",
            "back /etc/polkit-1/rules.d/50-openclaw-failover.rules; systemctl restart polkit",
        ),
        &[("polkit", "fail", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "polkit lets the monitor do anything",
        Here(
            "echo 'polkit.addRule(function (action, subject) { return polkit.Result.YES; });' \
             > /etc/polkit-1/rules.d/10-generous.rules; systemctl restart polkit",
            "rm /etc/polkit-1/rules.d/10-generous.rules; systemctl restart polkit",
        ),
        &[("polkit", "fail", "grep -rl openclaw /etc/polkit-1")],
    ),
    single_check_fault(
        "polkit is gone",
        Here(
            "systemctl mask --quiet --runtime --now polkit.service",
            "systemctl unmask --quiet --runtime polkit.service; systemctl start polkit.service",
        ),
        &[("polkit", "fail", "systemctl restart polkit.service")],
    ),
    single_check_fault(
        "the primary is down",
        AtThePrimary("systemctl stop stub.socket stub.service", "systemctl start stub.socket"),
        &[("upstream", "fail", "openclaw-failover check")],
    ),
    single_check_fault(
        "what answers at the primary is not OpenClaw",
        PrimarySays(StubAnswer::Page),
        &[("upstream", "fail", "editor /etc/openclaw-failover/config.json")],
    ),
    single_check_fault(
        "the monitor has never seen the primary healthy",
        Here(
            "iptables -I OUTPUT -m owner --uid-owner openclaw-failover -p tcp --dport 18789 -j REJECT; \
             systemctl stop openclaw-failover; \
             rm /var/lib/openclaw-failover/seen-healthy.json /var/lib/openclaw-failover/history.jsonl; \
             systemctl start openclaw-failover; until [ -s /run/openclaw-failover/status.json ]; do sleep 0.1; done",
            "iptables -D OUTPUT 1; until_it_watches",
        ),
        &[("armed", "fail", "openclaw-failover status")],
    ),
    single_check_fault(
        "a name in the configuration has no address",
        Here("change $config 's/100.64.0.1:18789/nowhere.invalid:18789/'", "restore $config"),
        &[("dns", "fail", "resolvectl status"), ("upstream", "fail", "openclaw-failover check")],
    ),
    single_check_fault(
        "no name server is configured",
        Here("change /etc/resolv.conf /nameserver/d", "restore /etc/resolv.conf"),
        &[("dns", "warn", "cat /etc/resolv.conf")],
    ),
    single_check_fault(
        "tailscale is down",
        Here("change /etc/tailnet.json s/Running/Stopped/", "restore /etc/tailnet.json"),
        &[("tailscale", "fail", "tailscale up")],
    ),
    single_check_fault(
        "the tailnet's key has expired",
        Here("change /etc/tailnet.json 's/\"Online\"/\"Expired\":true,\"Online\"/'", "restore /etc/tailnet.json"),
        &[("tailscale", "fail", "tailscale up --force-reauth")],
    ),
    single_check_fault(
        "the tailnet's key expires in three days",
        Here(
            "change /etc/tailnet.json \"s/\\\"Online\\\"/\\\"KeyExpiry\\\":\\\"\
             $(date -u -d '3 days' +%FT%TZ)\\\",\\\"Online\\\"/\"",
            "restore /etc/tailnet.json",
        ),
        &[("tailscale", "warn", "tailscale up --force-reauth")],
    ),
    single_check_fault(
        "tailscale is not installed",
        Here("away /usr/local/bin/tailscale", "back /usr/local/bin/tailscale"),
        &[("tailscale", "fail", "--install-tailscale")],
    ),
    single_check_fault(
        "the clock is not synchronised",
        Here("echo no > /etc/clock-synchronized", "echo yes > /etc/clock-synchronized"),
        &[("clock", "warn", "timedatectl set-ntp true")],
    ),
    single_check_fault(
        "the gateway's unit is gone",
        Here(
            "away $units/openclaw.service; systemctl daemon-reload",
            "back $units/openclaw.service; systemctl daemon-reload",
        ),
        &[("gateway-unit", "fail", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "the gateway's unit is masked",
        Here(
            "away $units/openclaw.service; systemctl mask --quiet openclaw.service",
            "back $units/openclaw.service; systemctl daemon-reload",
        ),
        &[("gateway-unit", "fail", "systemctl unmask openclaw.service")],
    ),
    single_check_fault(
        "systemd has not read the gateway's unit again",
        Here(
            "change $units/openclaw.service '$a # changed'; touch -d tomorrow $units/openclaw.service",
            "restore $units/openclaw.service; systemctl daemon-reload",
        ),
        &[("gateway-unit", "warn", "systemctl daemon-reload")],
    ),
    single_check_fault(
        "the gateway starts with the host",
        Here(
            "systemctl --quiet add-wants multi-user.target openclaw.service",
            "rm $units/multi-user.target.wants/openclaw.service; systemctl daemon-reload",
        ),
        &[("gateway-disabled", "fail", "systemctl disable openclaw.service")],
    ),
    single_check_fault(
        "the gateway runs as root",
        Here("add openclaw.service '[Service]\nUser=root'", "take openclaw.service"),
        &[("gateway-user", "fail", "User=openclaw")],
    ),
    single_check_fault(
        "another process holds the gateway's port",
        Here(
            "systemd-run --quiet --uid=65534 --unit=squatter python3 -m http.server 18789; \
             until ss -ltn | grep -q :18789; do sleep 0.1; done",
            "systemctl stop squatter",
        ),
        &[("gateway-port", "fail", "ss -ltnp 'sport = :18789'")],
    ),
    single_check_fault(
        "another gateway starts with the host",
        Here(
            "printf '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n' \
             > $units/openclaw-gateway-work.service; \
             systemctl enable --quiet openclaw-gateway-work.service",
            "systemctl disable --quiet openclaw-gateway-work.service; rm $units/openclaw-gateway-work.service; \
             systemctl daemon-reload",
        ),
        &[("other-gateway", "fail", "systemctl disable --now")],
    ),
    single_check_fault(
        "another user's gateway runs",
        Here(
            "systemd-run --quiet --uid=65534 --unit=foreign bash -c 'exec -a openclaw-gateway sleep 1000'; \
             until grep -sqa ^openclaw-gateway /proc/[0-9]*/cmdline; do sleep 0.1; done",
            "systemctl stop foreign",
        ),
        &[("other-gateway", "fail", "ps -eo pid,user,unit,args")],
    ),
    single_check_fault(
        "openclaw has a gateway of its own",
        Here(
            "install -d -o openclaw /home/openclaw/.config/systemd/user; \
             touch /home/openclaw/.config/systemd/user/openclaw-gateway.service",
            "rm -r /home/openclaw/.config/systemd",
        ),
        &[("user-gateway", "fail", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "the pull's unit is gone",
        Here(
            "away $units/openclaw-sync-pull.service; systemctl daemon-reload",
            "back $units/openclaw-sync-pull.service; systemctl daemon-reload",
        ),
        &[("sync-units", "fail", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "the standby pushes as a primary does",
        Here(
            "add openclaw-sync-push.service '[Service]\nExecStart=\nExecStart=/usr/local/bin/openclaw-failover sync \
             push --primary'",
            "take openclaw-sync-push.service",
        ),
        &[("sync-units", "fail", "primary.conf")],
    ),
    single_check_fault(
        "the last pull that went well is long past",
        Here(
            concat!(
                // The monitor knows the pull too, and doctor believes the younger time.
                "systemctl kill --signal=STOP openclaw-failover.service; ",
                r#"sed -i 's/"fresh_at": *"[^"]*"/"fresh_at": "2026-01-01T00:00:00.000Z"/' "#,
                "/run/openclaw-failover/status.json; change /var/lib/openclaw-sync/pull.json ",
                r#"'s/"last_complete_at":"[0-9]*-/"last_complete_at":"2026-01-01T00:00:00.000Z","was":"/'"#
            ),
            "restore /var/lib/openclaw-sync/pull.json; systemctl kill --signal=CONT openclaw-failover.service",
        ),
        &[("pull", "fail", "openclaw-failover sync pull")],
    ),
    single_check_fault(
        "what was written here is not at the remote",
        Here(
            r#"change /var/lib/openclaw-sync/pull.json 's/"has_unpushed":false/"has_unpushed":true/'"#,
            "restore /var/lib/openclaw-sync/pull.json",
        ),
        &[("unpushed", "warn", "openclaw-failover sync push")],
    ),
    single_check_fault(
        "a merge is half done",
        Here(
            "git -C /home/openclaw/.openclaw/workspace rev-parse HEAD 2>/dev/null || :; \
             touch /home/openclaw/.openclaw/workspace/.git/MERGE_HEAD",
            "rm /home/openclaw/.openclaw/workspace/.git/MERGE_HEAD",
        ),
        &[("workspace", "warn", "git -C /home/openclaw/.openclaw/workspace status")],
    ),
    single_check_fault(
        "the workspace is no checkout",
        Here("away /home/openclaw/.openclaw/workspace/.git", "back /home/openclaw/.openclaw/workspace/.git"),
        &[("git-fetch", "fail", "fetch origin main"), ("workspace", "fail", "openclaw-failover sync pull")],
    ),
    single_check_fault(
        "the git host does not know this host's key",
        AtThePrimary("mv /home/git/.ssh /home/git/away", "mv /home/git/away /home/git/.ssh"),
        &[("git-fetch", "fail", "fetch origin main")],
    ),
    single_check_fault(
        "the host of secrets does not know it",
        AtThePrimary(
            "mv /home/openclaw/.ssh/authorized_keys /home/openclaw/.ssh/away",
            "mv /home/openclaw/.ssh/away /home/openclaw/.ssh/authorized_keys",
        ),
        &[("secrets", "fail", "openclaw-failover sync pull")],
    ),
    single_check_fault(
        "this host does not know theirs",
        Here("away /home/openclaw/.ssh/known_hosts", "back /home/openclaw/.ssh/known_hosts"),
        &[("git-fetch", "fail", "fetch origin main"), ("secrets", "fail", "openclaw-failover sync pull")],
    ),
    single_check_fault(
        "there is no memory for a gateway",
        Here(
            "sed 's/^\\(MemAvailable\\|SwapFree\\):.*/\\1: 300000 kB/' /proc/meminfo > /root/meminfo; \
             mount --bind /root/meminfo /proc/meminfo",
            "umount /proc/meminfo",
        ),
        &[("memory", "fail", "ps -eo pid,user,rss,args")],
    ),
    single_check_fault(
        "the monitor's disk is full",
        Here("mount -t tmpfs -o size=100M tmpfs /var/lib/openclaw-failover", "umount /var/lib/openclaw-failover"),
        &[("disk", "fail", "df -h /")],
    ),
    single_check_fault(
        "the workspace's disk is full",
        Here(
            "cd /home/openclaw/.openclaw; cp -a workspace /root/; mount -t tmpfs -o size=100M tmpfs workspace; \
             cp -a /root/workspace/. workspace/",
            "umount /home/openclaw/.openclaw/workspace; rm -r /root/workspace",
        ),
        &[("workspace-disk", "fail", "df -h / /home/openclaw/.openclaw/workspace")],
    ),
    single_check_fault(
        "the firewall is off",
        Here("ufw disable", "ufw --force enable"),
        &[("firewall", "warn", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "the firewall allows all incoming connections",
        Here("ufw default allow incoming", "ufw default deny incoming"),
        &[("firewall", "warn", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "fail2ban is stopped",
        Here(
            "systemctl stop fail2ban",
            "systemctl start fail2ban; until fail2ban-client status sshd > /dev/null 2>&1; do sleep 0.1; done",
        ),
        &[("fail2ban", "warn", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "security updates are off",
        Here(
            "echo 'APT::Periodic::Unattended-Upgrade \"0\";' > /etc/apt/apt.conf.d/99off",
            "rm /etc/apt/apt.conf.d/99off",
        ),
        &[("upgrades", "warn", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "nothing starts security updates",
        Here("systemctl stop apt-daily-upgrade.timer", "systemctl start apt-daily-upgrade.timer"),
        &[("upgrades", "warn", "openclaw-failover setup standby")],
    ),
    single_check_fault(
        "openclaw may not run this program",
        Here("chmod 700 /usr/local/bin/openclaw-failover", "chmod 755 /usr/local/bin/openclaw-failover"),
        &[("owner", "fail", "install -m 0755")],
    ),
    single_check_fault(
        "OpenClaw listens elsewhere",
        Here("change $openclaw s/18789/18790/", "restore $openclaw"),
        &[("openclaw-settings", "fail", "openclaw config set gateway.port 18789")],
    ),
    single_check_fault(
        "the agent works elsewhere",
        Here("change $openclaw s,.openclaw/workspace,elsewhere,", "restore $openclaw"),
        &[("openclaw-settings", "fail", "config set agents.defaults.workspace")],
    ),
    single_check_fault(
        "no channel is on",
        Here(
            r#"change $openclaw 's/"telegram": { "enabled": true/"telegram": { "enabled": false/'"#,
            "restore $openclaw",
        ),
        &[("channels", "fail", "openclaw configure --section channels")],
    ),
    single_check_fault(
        "two channels are on",
        Here(r#"change $openclaw 's/"channels": {/"channels": { "signal": {},/'"#, "restore $openclaw"),
        &[("channels", "warn", "openclaw config get channels")],
    ),
    single_check_fault(
        "the primary's channel is on",
        Here("change $config 's/\"discord\"/\"telegram\"/'", "restore $config"),
        &[("channels", "fail", "openclaw configure --section channels")],
    ),
    single_check_fault(
        "crons are on",
        Here(r#"change $openclaw 's/"cron": { "enabled": false/"cron": { "enabled": true/'"#, "restore $openclaw"),
        &[("crons", "fail", "openclaw config set cron.enabled false")],
    ),
    single_check_fault(
        "the primary uses the same account, with another token",
        Here(
            "change /root/primary.json5 \"s/discord.*/telegram: { botToken: '223456789:another' } },/\"",
            "restore /root/primary.json5",
        ),
        &[("same-account", "fail", "openclaw configure --section channels")],
    ),
    single_check_fault(
        "the primary uses the same token",
        Here(
            "change /root/primary.json5 \"s/discord.*/telegram: { botToken: '$(cat /root/token)' } },/\"",
            "restore /root/primary.json5",
        ),
        &[
            ("same-account", "fail", "configure --section channels"),
            ("same-token", "fail", "configure --section channels"),
        ],
    ),
    single_check_fault(
        "the primary has an older OpenClaw",
        Here("change /root/primary.json5 s/2026.9.6/2026.8.1/", "restore /root/primary.json5"),
        &[("versions", "warn", "openclaw update")],
    ),
];
