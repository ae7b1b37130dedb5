//! Foreign monitors and gateways are stopped and renamed; no file is lost, and no user is left without an agent.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::{fs, thread};

use openclaw_failover::setup::{Plan, Role, State};

use crate::host::Host;

const UNITS: &str = "etc/systemd/system";
const ASIDE: &str = ".replaced-by-openclaw-failover";

/// Returns an agent's host whose primary answers or does not.
fn host(primary_answers: bool) -> Host {
    let mut host = Host::with_agent();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    if primary_answers {
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(stream));
            }
        });
    }
    host.config = format!(r#"{{ "upstreams": [{{ "name": "p", "urls": ["http://127.0.0.1:{port}"] }}] }}"#);
    host
}

fn answer(mut stream: std::net::TcpStream) {
    use std::io::{Read, Write};
    let _ = stream.read(&mut [0; 1000]);
    let body = r#"{"ok":true,"status":"started"}"#;
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

fn todo(host: &Host) -> String {
    match host.step("predecessor") {
        State::Todo(said) => said,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_somebody_wrote_by_hand_is_named_and_what_is_ours_is_not() {
    let host = host(true);
    for name in ["openclaw.service", "openclaw-health-monitor.service", "openclaw-gateway-work.service"] {
        host.write(&format!("{UNITS}/{name}"), "[Service]\nExecStart=/usr/bin/openclaw\n");
    }
    for name in ["openclaw-gateway-work.service", "openclaw-health-monitor.service", "openclaw.service"] {
        assert!(todo(&host).contains(name), "{}", todo(&host));
    }
    let ours = include_str!("../../src/setup/openclaw.service");
    host.write(&format!("{UNITS}/openclaw.service"), &format!("{ours}# of another version\n"));
    assert!(!todo(&host).contains(" openclaw.service"), "{}", todo(&host));
    // The alias of our own unit is no predecessor.
    fs::remove_file(host.path(&format!("{UNITS}/openclaw-health-monitor.service"))).unwrap();
    fs::remove_file(host.path(&format!("{UNITS}/openclaw-gateway-work.service"))).unwrap();
    symlink(
        "/etc/systemd/system/openclaw-failover.service",
        host.path(&format!("{UNITS}/openclaw-health-monitor.service")),
    )
    .unwrap();
    assert_eq!(host.step("predecessor"), State::Done("no other monitor or gateway found".into()));
}

#[test]
fn it_is_set_aside_with_all_that_belongs_to_it() {
    let host = host(true);
    host.runs("openclaw-health-monitor.service");
    host.write(
        &format!("{UNITS}/openclaw-health-monitor.service.d/override.conf"),
        "[Service]\nExecStart=/bin/false\n",
    );
    host.write(&format!("{UNITS}/openclaw-health-monitor.service{ASIDE}"), "an older one");
    host.write(
        &format!("{UNITS}/openclaw.service"),
        "[Service]\nUser=openclaw\nEnvironment=A=1 \\\n  B=2\nEnvironmentFile=/etc/keys.env\n\
         EnvironmentFile=-/home/openclaw/.env\nEnvironmentFile=%h/.env\n",
    );
    host.write(&format!("{UNITS}/openclaw.service.d/override.conf"), "[Service]\nExecStart=\nEnvironment=C=3\n");
    host.write("home/openclaw/.config/systemd/user/openclaw-gateway.service", "[Service]\n");
    host.write("home/openclaw/.config/systemd/user/openclaw-gateway.service.d/x.conf", "[Service]\n");
    host.take("predecessor").unwrap();

    for (path, text) in [
        (format!("{UNITS}/openclaw-health-monitor.service{ASIDE}"), "an older one"),
        (format!("{UNITS}/openclaw-health-monitor.service{ASIDE}+"), "sleep"),
        (format!("{UNITS}/openclaw-health-monitor.service.d{ASIDE}/override.conf"), "ExecStart=/bin/false"),
        (format!("{UNITS}/openclaw.service{ASIDE}"), "User=openclaw"),
        (format!("{UNITS}/openclaw.service.d/override.conf{ASIDE}"), "C=3"),
        (format!("home/openclaw/.config/systemd/user/openclaw-gateway.service{ASIDE}"), "[Service]"),
        (format!("home/openclaw/.config/systemd/user/openclaw-gateway.service.d{ASIDE}/x.conf"), "[Service]"),
    ] {
        assert!(host.read(&path).contains(text), "{path}");
    }
    let kept = host.read(&format!("{UNITS}/openclaw.service.d/10-from-replaced.conf"));
    for line in ["Environment=A=1    B=2\n", "EnvironmentFile=/etc/keys.env\n", "Environment=C=3\n"] {
        assert!(kept.contains(line), "{kept}");
    }
    assert!(!kept.contains(".env\n") || kept.matches(".env\n").count() == 1, "nothing below a home: {kept}");
    let log = host.read("log");
    assert!(log.contains("stop openclaw-health-monitor.service\n") && log.contains("daemon-reload"), "{log}");
}

#[test]
fn nothing_that_leads_to_the_agent_is_read() {
    let host = host(true);
    let agents = host.path("home/openclaw/gateway.service");
    host.write("home/openclaw/gateway.service", "[Service]\nEnvironmentFile=/etc/shadow\n");
    host.program("getent", &format!("echo openclaw:x:4242:4242::{}:/bin/sh", host.path("home/openclaw").display()));
    symlink(&agents, host.path(&format!("{UNITS}/openclaw.service"))).unwrap();
    host.take("predecessor").unwrap();
    assert!(!host.path(&format!("{UNITS}/openclaw.service.d/10-from-replaced.conf")).exists());
    assert_eq!(fs::read_link(host.path(&format!("{UNITS}/openclaw.service{ASIDE}"))).unwrap(), agents);
    assert!(agents.exists());
}

#[test]
fn a_gateway_that_is_all_its_user_has_goes_on() {
    let host = host(false);
    host.runs("openclaw.service");
    assert!(todo(&host).contains("keeps running"), "{}", todo(&host));
    host.take("predecessor").unwrap();
    let log = host.read("log");
    assert!(!log.contains("stop") && log.contains("disable openclaw.service"), "{log}");

    host.runs("openclaw-gateway.service");
    let State::Refused(why) = host.step("predecessor") else { panic!("{:?}", host.step("predecessor")) };
    assert!(why.contains("without an agent"), "{why}");
}

#[test]
fn a_gateway_is_stopped_while_the_primary_serves() {
    let host = host(true);
    host.runs("openclaw.service");
    host.runs("openclaw-gateway.service");
    host.take("predecessor").unwrap();
    let log = host.read("log");
    assert!(log.contains("stop openclaw.service") && log.contains("stop openclaw-gateway.service"), "{log}");
}

#[test]
fn a_removal_leaves_a_primarys_own_gateway_alone() {
    let host = Host::with_agent();
    host.runs("openclaw.service");
    host.write(&format!("{UNITS}/openclaw.service.d/openclaw.conf"), "[Service]\nNice=5\n");
    assert!(
        host.look(Role::Nobody).iter().all(|(_, state)| matches!(state, State::Done(_))),
        "{:?}",
        host.look(Role::Nobody)
    );
    host.write(&format!("{UNITS}/openclaw.service"), include_str!("../../src/setup/openclaw.service"));
    let plan = host.look(Role::Nobody);
    assert!(
        plan.contains(&("stop", State::Todo("stop and disable openclaw.service; it is serving now".into()))),
        "{plan:?}"
    );
}

#[test]
fn a_removal_ends_the_drills() {
    let host = Host::with_agent();
    host.runs("openclaw-failover-drill.timer");
    host.write(&format!("{UNITS}/openclaw-failover-drill.timer"), "");
    let plan = host.look(Role::Nobody);
    let stop = State::Todo("stop and disable openclaw-failover-drill.timer".into());
    let remove = State::Todo(format!("remove /{UNITS}/openclaw-failover-drill.timer"));
    assert!(plan.contains(&("stop", stop)) && plan.contains(&("units", remove)), "{plan:?}");
}

#[test]
fn a_removal_leaves_the_systems_folders_and_tells_how_to_have_back_what_was() {
    let host = Host::with_agent();
    host.write("etc/polkit-1/rules.d/50-openclaw-failover.rules", "");
    host.write(&format!("{UNITS}/openclaw-sync-push.service.d/user.conf"), "");
    host.write(&format!("{UNITS}/openclaw.service{ASIDE}"), "");
    host.write(&format!("{UNITS}/openclaw.service.d/override.conf{ASIDE}"), "");
    let plan = Plan::new(host.site(), Role::Nobody);
    plan.apply(&mut |_| ()).unwrap();
    assert!(host.path("etc/polkit-1/rules.d").is_dir(), "polkit watches it");
    assert!(!host.path(&format!("{UNITS}/openclaw-sync-push.service.d")).exists());
    let notes = plan.notes(true).join("\n");
    for way in ["mv openclaw.service.replaced", "mv openclaw.service.d/override.conf.replaced"] {
        assert!(notes.contains(way), "{notes}");
    }
}
