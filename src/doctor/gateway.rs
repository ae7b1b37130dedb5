//! Checks of this host's gateway: systemd can start it, and it is the only one.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;

use crate::config::endpoint::Endpoint;
use crate::doctor::context::HostContext;
use crate::finding::{CheckResult, remedy};
use crate::os::systemd::UnitProperties;
use crate::os::{is_own_address, parse_listening_address};

/// Process title of a gateway.
const GATEWAY_PROCESS_TITLE: &str = "openclaw-gateway";

/// Number of `/proc` entries that are read, at most.
const PROC_ENTRY_LIMIT: usize = 100_000;

/// Folder in which systemd lists the users whose units run without a login.
const LINGER_FOLDER: &str = "/var/lib/systemd/linger";

/// Checks that the unit exists and that systemd can start it.
pub(super) fn check_unit(context: &HostContext) -> CheckResult {
    let name = &context.config.gateway.unit;
    let unit = match context.gateway_unit() {
        Ok(unit) => unit,
        // The check `dbus` reports this.
        Err(why) => return CheckResult::skipped(&why),
    };
    match load_failure(&unit, name) {
        Some(result) => result,
        None if unit.value("NeedDaemonReload") == "yes" => {
            CheckResult::warn(&format_args!("{name} has changed on disk since systemd read it"), remedy::DAEMON_RELOAD)
        }
        None => CheckResult::ok(&format_args!("{name} is {}", unit.value("ActiveState"))),
    }
}

/// Returns the result to report if the unit cannot be started at all.
fn load_failure(unit: &UnitProperties, name: &str) -> Option<CheckResult> {
    match unit.value("LoadState") {
        "loaded" | "merged" => None,
        "masked" => Some(CheckResult::fail(&format_args!("{name} is masked"), remedy::UNMASK)),
        "not-found" => Some(CheckResult::fail(&format_args!("unit {name} does not exist"), remedy::INSTALL_UNITS)),
        state => Some(CheckResult::fail(&format_args!("{name} cannot be loaded: {state}"), remedy::VERIFY_UNIT)),
    }
}

/// Checks that the unit is not enabled: only the monitor starts it.
pub(super) fn check_disabled(context: &HostContext) -> CheckResult {
    check_loaded_unit(context, &|unit| match unit.is_enabled() {
        true => CheckResult::fail(
            &"enabled: the gateway starts at boot even while the primary is up",
            remedy::DISABLE_GATEWAY,
        ),
        false => CheckResult::ok(&"not enabled: only the monitor starts it"),
    })
}

/// Checks that it runs as the owner of the workspace.
pub(super) fn check_user(context: &HostContext) -> CheckResult {
    check_loaded_unit(context, &|unit| match (unit.value("User"), &context.owner) {
        ("" | "root" | "0", _) => {
            CheckResult::fail(&"the gateway would run as root, and so would the agent", remedy::GATEWAY_USER)
        }
        (user, Ok(owner)) if user == owner.name || user == owner.uid.to_string() => CheckResult::ok(&user),
        (user, Ok(owner)) => {
            let evidence = format!("the gateway runs as {user}, but the workspace is pulled as {}", owner.name);
            CheckResult::fail(&evidence, remedy::GATEWAY_USER)
        }
        (_, Err(why)) => CheckResult::skipped(&why),
    })
}

/// Checks that its port is free while it is down.
pub(super) fn check_port(context: &HostContext) -> CheckResult {
    if let Some(ip) = foreign_address(&context.config.gateway.url) {
        let evidence = format!("gateway.url names {ip}, which is not an address of this host");
        return CheckResult::fail(&evidence, remedy::EDIT_CONFIG);
    }
    let port = context.gateway_port();
    let held = match is_port_listening(context, port) {
        Some(held) => held,
        None => return CheckResult::skipped(&"/proc/net/tcp cannot be read"),
    };
    let is_up = context.gateway_unit().is_ok_and(|unit| unit.is_up());
    match (held, is_up) {
        (false, false) => CheckResult::ok(&format_args!("port {port} is free")),
        (_, true) => CheckResult::ok(&format_args!("port {port} is used by the running gateway")),
        (true, false) => {
            let evidence =
                format!("port {port} is used by another process while {} is down", context.config.gateway.unit);
            CheckResult::fail(&evidence, remedy::FIND_PORT)
        }
    }
}

/// Returns the address in a URL if this host does not have it.
fn foreign_address(url: &str) -> Option<IpAddr> {
    let endpoint = Endpoint::from_url(url).ok()?;
    endpoint.address().socket_address().filter(|socket| !is_own_address(*socket)).map(|socket| socket.ip())
}

/// Checks that no other gateway is enabled or running.
pub(super) fn check_other_gateways(context: &HostContext) -> CheckResult {
    if let Some((pid, uid)) = find_stray_gateway(context) {
        let evidence = format!("process {pid} of uid {uid} is a gateway outside of {}", context.config.gateway.unit);
        return CheckResult::fail(&evidence, remedy::STRAY_GATEWAY);
    }
    let args = ["--no-pager", "--no-legend", "--plain", "list-unit-files", "openclaw-gateway*.service"];
    let listed = match context.run_program("systemctl", &args) {
        Ok(listed) => listed,
        // With no such unit, some versions of systemctl end with exit code 1 and print nothing.
        Err(why) if why.exit_code() == Some(1) && why.last_output().is_empty() => String::new(),
        Err(why) => return CheckResult::skipped(&why.reason()),
    };
    let is_other = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next() != Some(&context.config.gateway.unit) && words.next() == Some("enabled")
    };
    match listed.lines().find(is_other) {
        None => CheckResult::ok(&"no other gateway is enabled or running"),
        Some(other) => CheckResult::fail(&other, remedy::OTHER_GATEWAY),
    }
}

/// Returns pid and uid of a gateway process outside of the unit.
fn find_stray_gateway(context: &HostContext) -> Option<(String, u32)> {
    let own = format!("/{}", context.config.gateway.unit);
    let entries = fs::read_dir(context.system_path("/proc")).ok()?.take(PROC_ENTRY_LIMIT).flatten();
    let is_stray = |pid: &String| {
        let file = |name: &str| context.read_system_file(&format!("/proc/{pid}/{name}"));
        let title = file("cmdline").unwrap_or_default();
        title.split('\0').next() == Some(GATEWAY_PROCESS_TITLE)
            && file("cgroup").is_some_and(|group| !group.contains(&own))
    };
    let pids = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let pid = pids.filter(|name| name.starts_with(|first: char| first.is_ascii_digit())).find(is_stray)?;
    let uid = fs::metadata(context.system_path("/proc").join(&pid)).ok()?.uid();
    Some((pid, uid))
}

/// True if the user's units run without a login.
pub(super) fn is_lingering(context: &HostContext, user: &str) -> bool {
    context.system_path(LINGER_FOLDER).join(user).exists()
}

/// Runs a check on the gateway's unit if it is loaded; `gateway-unit` reports one that is not.
fn check_loaded_unit(context: &HostContext, check: &dyn Fn(&UnitProperties) -> CheckResult) -> CheckResult {
    match context.gateway_unit() {
        Ok(unit) if unit.is_loaded() => check(&unit),
        _ => CheckResult::skipped(&format_args!("{} is not loaded", context.config.gateway.unit)),
    }
}

/// True if any process listens on a TCP port; `None` if the kernel's table cannot be read.
fn is_port_listening(context: &HostContext, port: u16) -> Option<bool> {
    let (old, new) = (
        context.read_system_file("/proc/self/net/tcp")?,
        context.read_system_file("/proc/self/net/tcp6").unwrap_or_default(),
    );
    Some((old + &new).lines().filter_map(parse_listening_address).any(|address| address.port() == port))
}
