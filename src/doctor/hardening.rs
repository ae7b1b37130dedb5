//! Checks of the host's hardening. They warn only: a gap does not prevent a failover.

use crate::doctor::context::World;
use crate::finding::{Said, remedy};

/// Units other than ufw that manage the packet filter.
pub(crate) const MANAGERS: [&str; 4] =
    ["firewalld.service", "nftables.service", "netfilter-persistent.service", "shorewall.service"];

/// Checks that a firewall denies incoming connections by default.
pub(super) fn firewall(world: &World) -> Said {
    let is_installed = match world.ask("ufw", &["status", "verbose"]) {
        Ok(said) if !said.contains("Status: active") => true,
        Ok(said) if !(said.contains("deny (incoming)") || said.contains("reject (incoming)")) => {
            return Said::warn(&"ufw allows incoming by default", remedy::FIREWALL);
        }
        Ok(_) => return Said::ok(&"ufw denies incoming by default"),
        Err(why) if why.is_missing_program() => false,
        Err(why) => return Said::warn(&why.reason(), remedy::FIREWALL),
    };
    let manager = MANAGERS.iter().copied().find(|unit| world.known(unit).is_ok_and(|unit| unit.is_up()));
    let rules = world.ask("nft", &["list", "ruleset"]).unwrap_or_default();
    let old = world.ask("iptables", &["-S", "INPUT"]).unwrap_or_default();
    let refuses = |rules: &str| ["drop", "reject", "DROP", "REJECT"].iter().any(|word| rules.contains(word));
    // fail2ban loads drop rules too. While ufw is installed but off, such rules count only if a known unit manages
    // them.
    if (manager.is_some() || !is_installed) && (refuses(&rules) || refuses(&old)) {
        let whose = manager.unwrap_or("a firewall other than ufw");
        return Said::ok(&format_args!("rules of {whose} are in place"));
    }
    Said::warn(&if is_installed { "ufw is installed but off" } else { "no firewall is active" }, remedy::FIREWALL)
}

/// Checks that addresses are banned after failed ssh logins.
pub(super) fn fail2ban(world: &World) -> Said {
    match world.ask("fail2ban-client", &["status", "sshd"]) {
        Ok(_) => Said::ok(&"watches sshd"),
        Err(why) if why.is_missing_program() => Said::warn(&"fail2ban is not installed", remedy::FAIL2BAN),
        Err(why) => Said::warn(&why.reason(), remedy::FAIL2BAN),
    }
}

/// Checks that security updates install automatically.
pub(super) fn upgrades(world: &World) -> Said {
    let config = match world.ask("apt-config", &["dump", "APT::Periodic"]) {
        Ok(config) => config,
        Err(_) => return Said::skipped(&"not a Debian or Ubuntu host"),
    };
    let is_on = config.lines().any(|line| {
        let value = line.strip_prefix("APT::Periodic::Unattended-Upgrade ").unwrap_or("\"0\";");
        value.trim_matches(['"', ';', ' ']) != "0"
    });
    let timer = world.known("apt-daily-upgrade.timer").is_ok_and(|unit| unit.value("ActiveState") == "active");
    match (is_on, timer) {
        (false, _) => Said::warn(&"automatic upgrades are off", remedy::UPGRADES),
        (true, false) => Said::warn(&"apt-daily-upgrade.timer is not running", remedy::UPGRADES),
        (true, true) => Said::ok(&"security updates install automatically"),
    }
}
