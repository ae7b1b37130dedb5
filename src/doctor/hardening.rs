//! Checks of the host's hardening. They warn only: a gap does not prevent a failover.

use crate::doctor::context::HostContext;
use crate::finding::{CheckResult, remedy};

/// Units other than ufw that manage the packet filter.
pub(crate) const FIREWALL_UNITS: [&str; 4] =
    ["firewalld.service", "nftables.service", "netfilter-persistent.service", "shorewall.service"];

/// Checks that a firewall denies incoming connections by default.
pub(super) fn check_firewall(context: &HostContext) -> CheckResult {
    let is_installed = match context.run_program("ufw", &["status", "verbose"]) {
        Ok(output) if !output.contains("Status: active") => true,
        Ok(output) if !(output.contains("deny (incoming)") || output.contains("reject (incoming)")) => {
            return CheckResult::warn(&"ufw allows incoming by default", remedy::FIREWALL);
        }
        Ok(_) => return CheckResult::ok(&"ufw denies incoming by default"),
        Err(why) if why.is_missing_program() => false,
        Err(why) => return CheckResult::warn(&why.reason(), remedy::FIREWALL),
    };
    let manager = FIREWALL_UNITS.iter().copied().find(|unit| context.cached_unit(unit).is_ok_and(|unit| unit.is_up()));
    let rules = context.run_program("nft", &["list", "ruleset"]).unwrap_or_default();
    let old = context.run_program("iptables", &["-S", "INPUT"]).unwrap_or_default();
    let refuses = |rules: &str| ["drop", "reject", "DROP", "REJECT"].iter().any(|word| rules.contains(word));
    // fail2ban loads drop rules too. While ufw is installed but off, such rules count only if a known unit manages
    // them.
    if (manager.is_some() || !is_installed) && (refuses(&rules) || refuses(&old)) {
        let whose = manager.unwrap_or("a firewall other than ufw");
        return CheckResult::ok(&format_args!("rules of {whose} are in place"));
    }
    CheckResult::warn(
        &if is_installed { "ufw is installed but off" } else { "no firewall is active" },
        remedy::FIREWALL,
    )
}

/// Checks that addresses are banned after failed ssh logins.
pub(super) fn check_fail2ban(context: &HostContext) -> CheckResult {
    match context.run_program("fail2ban-client", &["status", "sshd"]) {
        Ok(_) => CheckResult::ok(&"watches sshd"),
        Err(why) if why.is_missing_program() => CheckResult::warn(&"fail2ban is not installed", remedy::FAIL2BAN),
        Err(why) => CheckResult::warn(&why.reason(), remedy::FAIL2BAN),
    }
}

/// Checks that security updates install automatically.
pub(super) fn check_upgrades(context: &HostContext) -> CheckResult {
    let config = match context.run_program("apt-config", &["dump", "APT::Periodic"]) {
        Ok(config) => config,
        Err(_) => return CheckResult::skipped(&"not a Debian or Ubuntu host"),
    };
    let is_on = config.lines().any(|line| {
        let value = line.strip_prefix("APT::Periodic::Unattended-Upgrade ").unwrap_or("\"0\";");
        value.trim_matches(['"', ';', ' ']) != "0"
    });
    let timer = context.cached_unit("apt-daily-upgrade.timer").is_ok_and(|unit| unit.value("ActiveState") == "active");
    match (is_on, timer) {
        (false, _) => CheckResult::warn(&"automatic upgrades are off", remedy::UPGRADES),
        (true, false) => CheckResult::warn(&"apt-daily-upgrade.timer is not running", remedy::UPGRADES),
        (true, true) => CheckResult::ok(&"security updates install automatically"),
    }
}
