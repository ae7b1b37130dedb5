//! NixOS: remedies are settings of its configuration, and credentials come from a secrets manager.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use openclaw_failover::doctor::{self, Depth, Identity};
use openclaw_failover::finding::{Finding, Level};

use crate::host::Host;

const MONITOR: &str = "openclaw-failover.service";

fn run_host_check(host: &Host, id: &str) -> Finding {
    let found = doctor::run_host_half(&host.context_for(Identity::Root), Depth::Full);
    found.into_iter().find(|finding| finding.id == id).unwrap_or_else(|| panic!("no check is named {id}"))
}

#[test]
fn remedies_are_settings_of_the_configuration() {
    let host = Host::healthy();
    host.write("etc/NIXOS", "");
    host.remove("bin/fail2ban-client");
    assert_eq!(
        run_host_check(&host, "fail2ban").fix,
        "services.openclaw-failover.fail2ban.enable = true;  # in the NixOS configuration, then nixos-rebuild switch"
    );
}

#[test]
fn credentials_are_looked_for_where_the_unit_loads_them() {
    let mut host = Host::healthy();
    host.config = host.config.replace("\"urls\"", "\"credential\": \"primary\", \"urls\"");
    host.change_unit(MONITOR, "Type=notify\n", "Type=notify\nLoadCredential=notify:/run/secrets/openclaw-failover\n");
    let missing = run_host_check(&host, "credentials");
    assert_eq!(missing.level, Level::Fail);
    assert!(missing.evidence.starts_with("/run/secrets/openclaw-failover: "), "{missing:?}");

    // sops-nix makes its folders readable to others.
    host.set_mode("run/secrets/openclaw-failover", 0o751);
    host.write("run/secrets/openclaw-failover/primary", "token");
    let credential = host.path("run/secrets/openclaw-failover/primary");
    let chmod = |mode| fs::set_permissions(&credential, fs::Permissions::from_mode(mode)).unwrap();
    chmod(0o400);
    assert_eq!(run_host_check(&host, "credentials").level, Level::Ok);
    chmod(0o440);
    assert_eq!(run_host_check(&host, "credentials").level, Level::Fail);
}
