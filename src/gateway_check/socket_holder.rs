//! Processes that hold the sockets on the gateway's port.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::gateway_check::error::GatewayCheckError;
use crate::gateway_check::report::{GatewayCheckReport, GatewaySocket, SocketOwner};
use crate::os::systemd::{Systemctl, Unit};
use crate::os::{ListeningSocket, atomic_file, listening_sockets, own_uid};
use crate::text::to_printable;

/// Limits for the scan of `/proc`: processes, and descriptors of one process.
const PROCESS_LIMIT: usize = 100_000;
const DESCRIPTOR_LIMIT: usize = 65_536;

/// Size limit of a file in `/proc` or `/etc`, in bytes.
const FILE_SIZE_LIMIT: usize = 1 << 20;

/// Length limit of a quoted command, in characters.
const COMMAND_LENGTH_LIMIT: usize = 100;

/// Process names of root's programs that accept connections for a container.
const PORT_FORWARDERS: [&str; 4] = ["docker-proxy", "rootlessport", "slirp4netns", "pasta"];

/// Finds the holder of each socket that listens on `port`. `gateway` is the gateway's unit.
///
/// # Errors
/// If the kernel does not list the listening sockets, or systemd does not show the unit.
pub fn inspect_sockets(
    systemctl: &Systemctl,
    gateway: &str,
    port: u16,
    invocation: String,
) -> Result<GatewayCheckReport, GatewayCheckError> {
    let listening = listening_sockets(port).map_err(GatewayCheckError::Sockets)?;
    let unit = systemctl.show(gateway).map_err(GatewayCheckError::Systemd)?;
    let own_uid = own_uid().map_err(GatewayCheckError::Proc)?;
    let context = SocketContext { gateway, port, own_uid, unit: &unit };
    let mut sockets: Vec<_> = listening.iter().map(|listener| (listener, Vec::new())).collect();
    for process in process_ids() {
        let held = sockets_of(process);
        for (listener, holders) in &mut sockets {
            if held.contains(&listener.inode) {
                holders.push(process);
            }
        }
    }
    let sockets = sockets.iter().map(|(listener, holders)| GatewaySocket {
        inode: listener.inode,
        owner: context.classify_owner(listener, holders),
    });
    Ok(GatewayCheckReport { invocation, sockets: sockets.collect() })
}

/// Lists the process ids of this host.
fn process_ids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten().take(PROCESS_LIMIT);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Lists the inodes of the sockets that a process holds; empty if this user may not see them.
#[must_use]
pub fn sockets_of(process: u32) -> Vec<u64> {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let targets = entries.take(DESCRIPTOR_LIMIT).filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect()
}

/// Facts needed to classify a socket.
struct SocketContext<'a> {
    gateway: &'a str,
    port: u16,
    own_uid: u32,
    unit: &'a Unit,
}

impl SocketContext<'_> {
    /// Classifies a socket by the processes of this user that hold it.
    fn classify_owner(&self, listener: &ListeningSocket, holders: &[u32]) -> SocketOwner {
        if !holders.is_empty() {
            let stranger = holders.iter().find(|holder| !self.is_in_gateway_unit(**holder));
            return stranger.map_or(SocketOwner::GatewayUnit, |stranger| {
                SocketOwner::OtherProcess(self.describe_process(*stranger))
            });
        }
        let user = user_name(listener.uid);
        let main_uid = self.unit.main_pid.and_then(|pid| fs::metadata(format!("/proc/{pid}")).ok());
        let main_uid = main_uid.map(|found| found.uid());
        if listener.uid == self.own_uid {
            return SocketOwner::Unknown(format!("the socket belongs to user {user}, but its process is not visible"));
        }
        if self.unit.main_pid.is_some() && main_uid.is_none_or(|uid| uid == listener.uid && uid != 0) {
            return SocketOwner::Unknown(format!(
                "{0} and {1} run as different users; set the User= of {1} to that of {0} in a drop-in",
                self.gateway,
                crate::gateway_check::CHECK_UNIT
            ));
        }
        match find_port_forwarder(self.port) {
            Some(forwarder) if listener.uid == 0 => {
                SocketOwner::Unknown(format!("{forwarder} accepts the connections and passes them on"))
            }
            _ => SocketOwner::OtherProcess(format!("a process of user {user} (uid {})", listener.uid)),
        }
    }

    fn is_in_gateway_unit(&self, process: u32) -> bool {
        let Some(group) = &self.unit.control_group else { return false };
        control_groups_of(process).iter().any(|own| is_in_control_group(own, group))
    }

    fn describe_process(&self, process: u32) -> String {
        let command = read_text_or_empty(&format!("/proc/{process}/cmdline")).replace('\0', " ");
        let command = to_printable(command.trim(), COMMAND_LENGTH_LIMIT);
        let groups = control_groups_of(process);
        let place = groups.iter().find_map(|group| group.rsplit('/').find(|part| is_unit_name(part)));
        let place = place.map_or_else(String::new, |unit| format!(" in {unit}"));
        format!("process {process} ({command}) of user {}{place}", user_name(self.own_uid))
    }
}

/// Returns the control groups of a process as systemd sets them: `0::/system.slice/openclaw.service` with cgroup v2,
/// `1:name=systemd:/…` with v1.
fn control_groups_of(process: u32) -> Vec<String> {
    let text = read_text_or_empty(&format!("/proc/{process}/cgroup"));
    let group = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let controllers = fields.next()?;
        let path = fields.next()?;
        (controllers.is_empty() || controllers == "name=systemd").then(|| path.to_owned())
    };
    text.lines().filter_map(group).collect()
}

/// True if a control group is `unit` or below it.
fn is_in_control_group(group: &str, unit: &str) -> bool {
    let rest = if unit.is_empty() || unit == "/" { None } else { group.strip_prefix(unit) };
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_unit_name(part: &str) -> bool {
    part.ends_with(".service") || part.ends_with(".scope")
}

/// Finds a program of root's that forwards this port into a container.
fn find_port_forwarder(port: u16) -> Option<&'static str> {
    process_ids().find_map(|process| {
        let name = read_text_or_empty(&format!("/proc/{process}/comm"));
        let known = PORT_FORWARDERS.into_iter().find(|known| name.trim() == *known)?;
        let command = read_text_or_empty(&format!("/proc/{process}/cmdline"));
        let is_root = fs::metadata(format!("/proc/{process}")).is_ok_and(|found| found.uid() == 0);
        (is_root && command.split('\0').any(|word| word == port.to_string())).then_some(known)
    })
}

/// Returns the user's name from `/etc/passwd`, or the number if it is not listed there.
fn user_name(uid: u32) -> String {
    let users = read_text_or_empty("/etc/passwd");
    let number = uid.to_string();
    let is_it = |line: &&str| line.split(':').nth(2) == Some(&number);
    let name = users.lines().find(is_it).and_then(|line| line.split(':').next());
    name.map_or(number.clone(), str::to_owned)
}

fn read_text_or_empty(path: &str) -> String {
    let content = atomic_file::read(Path::new(path), FILE_SIZE_LIMIT).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&content).into_owned()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_process_is_of_the_unit_by_its_control_group_alone() {
        let unit = "/system.slice/openclaw.service";
        assert!(is_in_control_group(unit, unit) && is_in_control_group("/system.slice/openclaw.service/app", unit));
        for other in [
            "/",
            "/system.slice/openclaw.service.d",
            "/user.slice/user-1001.slice/user@1001.service/app.slice/openclaw.service",
            "/user.slice/user-1001.slice/session-4.scope",
        ] {
            assert!(!is_in_control_group(other, unit), "{other}");
        }
        assert!(!is_in_control_group("/anything", "") && !is_in_control_group("/anything", "/"));
    }

    #[test]
    fn the_sockets_of_this_process_are_its_own() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let found = listening_sockets(socket.local_addr().unwrap().port()).unwrap();
        assert!(sockets_of(std::process::id()).contains(&found[0].inode));
        assert!(sockets_of(u32::MAX).is_empty());
    }
}
