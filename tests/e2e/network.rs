//! The switch that the hosts of a lab are plugged into, and their addresses.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::host::Host;
use crate::shell::must;

/// Plugs the hosts of the lab in this folder into one switch.
pub(crate) fn connect(lab: &Path, hosts: &[&Host]) {
    // A network that has a folder's name in the lab is removed with it.
    fs::create_dir(lab.join("switch")).expect("a switch's folder can be made");
    let switch = format!("{}-switch", lab.file_name().expect("a lab has a name").to_string_lossy());
    ip(&["netns", "add", &switch]);
    ip(&["-n", &switch, "link", "add", "switch", "type", "bridge"]);
    ip(&["-n", &switch, "link", "set", "switch", "up"]);
    for (number, host) in hosts.iter().enumerate() {
        let port = format!("port{number}");
        ip(&["link", "add", &port, "netns", &switch, "type", "veth", "peer", "name", "eth0", "netns", &host.name]);
        ip(&["-n", &switch, "link", "set", &port, "master", "switch", "up"]);
        ip(&["-n", &host.name, "address", "add", &format!("{}/24", host.address), "dev", "eth0"]);
        ip(&["-n", &host.name, "link", "set", "lo", "up"]);
    }
}

fn ip(args: &[&str]) {
    must(Command::new("ip").args(args));
}
