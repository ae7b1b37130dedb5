//! The switches that the hosts of a lab are plugged into, and their addresses.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::host::Host;
use crate::shell::must;

/// A switch: its name, what the hosts call their end of it, and how long the prefix of an address there is.
pub(crate) struct Switch {
    name: &'static str,
    interface: &'static str,
    prefix: u8,
}

/// Where everybody can reach a host.
pub(crate) const PUBLIC: Switch = Switch { name: "switch", interface: "eth0", prefix: 24 };

/// What stands in for a tailnet: an interface of that name, with addresses of the range that Tailscale gives out, which
/// is what firewall and OpenClaw go by.
pub(crate) const TAILNET: Switch = Switch { name: "tailnet", interface: "tailscale0", prefix: 10 };

/// Plugs the hosts of the lab in this folder into a switch, each with its address there.
pub(crate) fn connect(lab: &Path, switch: &Switch, hosts: &[(&Host, &str)]) {
    let Switch { name, interface, prefix } = switch;
    // A network that has a folder's name in the lab is removed with it.
    fs::create_dir(lab.join(name)).expect("a switch's folder can be made");
    let space = format!("{}-{name}", lab.file_name().expect("a lab has a name").to_string_lossy());
    ip(&["netns", "add", &space]);
    ip(&["-n", &space, "link", "add", "switch", "type", "bridge"]);
    ip(&["-n", &space, "link", "set", "switch", "up"]);
    for (number, (host, address)) in hosts.iter().enumerate() {
        let port = format!("port{number}");
        ip(&["link", "add", &port, "netns", &space, "type", "veth", "peer", "name", interface, "netns", &host.name]);
        ip(&["-n", &space, "link", "set", &port, "master", "switch", "up"]);
        ip(&["-n", &host.name, "address", "add", &format!("{address}/{prefix}"), "dev", interface]);
        ip(&["-n", &host.name, "link", "set", interface, "up"]);
        ip(&["-n", &host.name, "link", "set", "lo", "up"]);
    }
}

fn ip(args: &[&str]) {
    must(Command::new("ip").args(args));
}
