//! Ports at which this host accepts ssh and other connections.

use crate::os::systemd::UnitProperties;
use crate::os::{atomic_file, parse_listening_address};
use crate::setup::error::SetupError;
use crate::setup::target::SetupTarget;

/// Number of ancestor processes that are searched for the ssh session, at most.
const ANCESTOR_LIMIT: usize = 32;

/// Size limit of a file in `/proc`, in bytes.
const PROC_FILE_LIMIT: usize = 1 << 20;

/// Socket units that listen in place of sshd, as on Ubuntu 24.04. sshd's configuration does not name their ports.
const SSH_SOCKET_UNITS: [&str; 2] = ["ssh.socket", "sshd.socket"];

/// ssh session of the operator.
pub(super) struct SshSession {
    pub(super) port: u16,
    pub(super) is_ipv6: bool,
}

/// Returns the ssh ports: of this session, of systemd's sockets, of running sshd processes, and of sshd's
/// configuration.
pub(super) fn find_ssh_ports(target: &SetupTarget) -> Result<Vec<u16>, SetupError> {
    let mut ports = Vec::new();
    let mut extend = |found: &mut dyn Iterator<Item = u16>| found.for_each(|port| insert_port(&mut ports, port));
    extend(&mut find_ssh_session(target).map(|session| session.port).into_iter());
    extend(&mut SSH_SOCKET_UNITS.iter().flat_map(|unit| socket_unit_ports(target, unit)));
    // Example: `LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))`
    let listeners = target.context.run_program("ss", &["-Hltnp"]).unwrap_or_default();
    let sshd = listeners.lines().filter(|line| line.contains("\"sshd\""));
    extend(&mut sshd.filter_map(|line| parse_port(line.split_whitespace().nth(3)?)));
    match target.context.run_program("sshd", &["-T"]) {
        Ok(output) => extend(&mut output.lines().filter_map(|line| line.strip_prefix("port ")?.trim().parse().ok())),
        Err(why) if ports.is_empty() && !why.is_missing_program() => {
            return Err(SetupError::new(format_args!("cannot read the ports of sshd: {}", why.reason())));
        }
        Err(_) => {}
    }
    if ports.is_empty() {
        ports.push(22);
    }
    Ok(ports)
}

/// Adds a port in order, without duplicates.
fn insert_port(ports: &mut Vec<u16>, port: u16) {
    if let Err(place) = ports.binary_search(&port) {
        ports.insert(place, port);
    }
}

/// Returns the ports of an active socket unit, from lines such as `Listen=[::]:22 (Stream)`.
fn socket_unit_ports(target: &SetupTarget, unit: &str) -> Vec<u16> {
    let unit = UnitProperties::query_named(target.context.new_command("systemctl"), unit, "ActiveState,Listen");
    let unit = unit.ok().filter(|unit| unit.value("ActiveState") == "active").unwrap_or_default();
    let addresses = unit.values("Listen").filter_map(|address| address.strip_suffix(" (Stream)"));
    addresses.filter_map(parse_port).collect()
}

fn parse_port(address: &str) -> Option<u16> {
    address.rsplit(':').next()?.parse().ok()
}

/// Returns the ssh session that this process was started from. `sudo` removes `SSH_CONNECTION` from this process, so
/// the ancestors are searched too.
pub(super) fn find_ssh_session(target: &SetupTarget) -> Option<SshSession> {
    let mut process = "self".to_owned();
    for _ in 0..ANCESTOR_LIMIT {
        let file = |name: &str| {
            atomic_file::read(&target.context.system_path(&format!("/proc/{process}/{name}")), PROC_FILE_LIMIT)
                .ok()
                .flatten()
        };
        let environment = file("environ").unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0).filter_map(|pair| std::str::from_utf8(pair).ok());
        // Client address, client port, server address, server port (ssh(1)).
        if let Some(connection) = variables.find_map(|pair| pair.strip_prefix("SSH_CONNECTION=")) {
            let port = connection.split(' ').nth(3)?.parse().ok()?;
            return Some(SshSession { port, is_ipv6: connection.split(' ').next()?.contains(':') });
        }
        let status = String::from_utf8(file("status")?).ok()?;
        process = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().to_owned();
        if process == "0" {
            return None;
        }
    }
    None
}

/// Returns the TCP ports that listen on other addresses than loopback.
pub(super) fn open_ports(target: &SetupTarget) -> Vec<u16> {
    let files = ["/proc/self/net/tcp", "/proc/self/net/tcp6"]
        .map(|file| target.context.read_system_file(file).unwrap_or_default());
    let listens = |line: &str| {
        let address = parse_listening_address(line)?;
        (!address.ip().is_loopback()).then(|| address.port())
    };
    let mut ports = Vec::new();
    files.iter().flat_map(|file| file.lines()).filter_map(listens).for_each(|port| insert_port(&mut ports, port));
    ports
}
