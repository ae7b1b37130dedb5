//! Switches of the lab's hosts, and their addresses.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::host::Host;
use crate::shell::run_checked;

/// Switch: its name, the interface's name on the hosts, and the prefix length of its addresses.
pub(crate) struct Switch {
    name: &'static str,
    interface: &'static str,
    prefix: u8,
}

/// Network of all hosts.
pub(crate) const PUBLIC: Switch = Switch { name: "switch", interface: "eth0", prefix: 24 };

/// Simulated tailnet: an interface with Tailscale's name and addresses of its range, by which the firewall and OpenClaw
/// recognise it.
pub(crate) const TAILNET: Switch = Switch { name: "tailnet", interface: "tailscale0", prefix: 10 };

/// Connects the hosts of the lab in this directory to a switch, each with its address.
pub(crate) fn connect(lab: &Path, switch: &Switch, hosts: &[(&Host, &str)]) {
    let Switch { name, interface, prefix } = switch;
    // Networks named after a directory of the lab are removed with the lab.
    fs::create_dir(lab.join(name)).expect("a switch's folder can be made");
    let space = format!("{}-{name}", lab.file_name().expect("a lab has a name").to_string_lossy());
    run_ip(&["netns", "add", &space]);
    run_ip(&["-n", &space, "link", "add", "switch", "type", "bridge"]);
    run_ip(&["-n", &space, "link", "set", "switch", "up"]);
    for (number, (host, address)) in hosts.iter().enumerate() {
        let port = format!("port{number}");
        run_ip(&[
            "link", "add", &port, "netns", &space, "type", "veth", "peer", "name", interface, "netns", &host.name,
        ]);
        run_ip(&["-n", &space, "link", "set", &port, "master", "switch", "up"]);
        run_ip(&["-n", &host.name, "address", "add", &format!("{address}/{prefix}"), "dev", interface]);
        run_ip(&["-n", &host.name, "link", "set", interface, "up"]);
        run_ip(&["-n", &host.name, "link", "set", "lo", "up"]);
    }
}

fn run_ip(args: &[&str]) {
    run_checked(Command::new("ip").args(args));
}
