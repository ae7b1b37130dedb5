//! Foreign monitors and gateways are stopped and renamed; no file is lost, and no user is left without an agent.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::{fs, thread};

use openclaw_failover::setup::StepState;

use crate::host::{Host, read_states, refusal_text};

const UNIT_FOLDER: &str = "etc/systemd/system";
const RENAMED_SUFFIX: &str = ".replaced-by-openclaw-failover";

/// Returns an agent's host whose primary answers or does not.
fn host_with_primary(primary_answers: bool) -> Host {
    let mut host = Host::with_agent();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    if primary_answers {
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer_probe(stream));
            }
        });
    }
    host.config = format!(r#"{{ "upstreams": [{{ "name": "p", "urls": ["http://127.0.0.1:{port}"] }}] }}"#);
    host
}

fn answer_probe(mut stream: std::net::TcpStream) {
    use std::io::{Read, Write};
    let _ = stream.read(&mut [0; 1000]);
    let body = r#"{"ok":true,"status":"started"}"#;
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

fn pending_text(host: &Host) -> String {
    match host.standby_step_state("migration") {
        StepState::Pending(said) => said,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_somebody_wrote_by_hand_is_named_and_what_is_ours_is_not() {
    let host = host_with_primary(true);
    for name in ["openclaw.service", "openclaw-health-monitor.service", "openclaw-gateway-work.service"] {
        host.write(&format!("{UNIT_FOLDER}/{name}"), "[Service]\nExecStart=/usr/bin/openclaw\n");
    }
    for name in ["openclaw-gateway-work.service", "openclaw-health-monitor.service", "openclaw.service"] {
        assert!(pending_text(&host).contains(name), "{}", pending_text(&host));
    }
    let ours = include_str!("../../src/setup/units/openclaw.service");
    host.write(&format!("{UNIT_FOLDER}/openclaw.service"), &format!("{ours}# of another version\n"));
    assert!(!pending_text(&host).contains(" openclaw.service"), "{}", pending_text(&host));
    // The alias of our own unit is no other monitor.
    fs::remove_file(host.path(&format!("{UNIT_FOLDER}/openclaw-health-monitor.service"))).unwrap();
    fs::remove_file(host.path(&format!("{UNIT_FOLDER}/openclaw-gateway-work.service"))).unwrap();
    symlink(
        "/etc/systemd/system/openclaw-failover.service",
        host.path(&format!("{UNIT_FOLDER}/openclaw-health-monitor.service")),
    )
    .unwrap();
    assert_eq!(host.standby_step_state("migration"), StepState::Done("no other monitor or gateway found".into()));
}

#[test]
fn it_is_set_aside_with_all_that_belongs_to_it() {
    let host = host_with_primary(true);
    host.add_running_unit("openclaw-health-monitor.service");
    host.write(
        &format!("{UNIT_FOLDER}/openclaw-health-monitor.service.d/override.conf"),
        "[Service]\nExecStart=/bin/false\n",
    );
    host.write(&format!("{UNIT_FOLDER}/openclaw-health-monitor.service{RENAMED_SUFFIX}"), "an older one");
    host.write(
        &format!("{UNIT_FOLDER}/openclaw.service"),
        "[Service]\nUser=openclaw\nEnvironment=A=1 \\\n  B=2\nEnvironmentFile=/etc/keys.env\n\
         EnvironmentFile=-/home/openclaw/.env\nEnvironmentFile=%h/.env\n",
    );
    host.write(&format!("{UNIT_FOLDER}/openclaw.service.d/override.conf"), "[Service]\nExecStart=\nEnvironment=C=3\n");
    host.write("home/openclaw/.config/systemd/user/openclaw-gateway.service", "[Service]\n");
    host.write("home/openclaw/.config/systemd/user/openclaw-gateway.service.d/x.conf", "[Service]\n");
    host.apply_step("migration").unwrap();

    for (path, text) in [
        (format!("{UNIT_FOLDER}/openclaw-health-monitor.service{RENAMED_SUFFIX}"), "an older one"),
        (format!("{UNIT_FOLDER}/openclaw-health-monitor.service{RENAMED_SUFFIX}+"), "sleep"),
        (
            format!("{UNIT_FOLDER}/openclaw-health-monitor.service.d{RENAMED_SUFFIX}/override.conf"),
            "ExecStart=/bin/false",
        ),
        (format!("{UNIT_FOLDER}/openclaw.service{RENAMED_SUFFIX}"), "User=openclaw"),
        (format!("{UNIT_FOLDER}/openclaw.service.d/override.conf{RENAMED_SUFFIX}"), "C=3"),
        (format!("home/openclaw/.config/systemd/user/openclaw-gateway.service{RENAMED_SUFFIX}"), "[Service]"),
        (format!("home/openclaw/.config/systemd/user/openclaw-gateway.service.d{RENAMED_SUFFIX}/x.conf"), "[Service]"),
    ] {
        assert!(host.read(&path).contains(text), "{path}");
    }
    let kept = host.read(&format!("{UNIT_FOLDER}/openclaw.service.d/10-from-replaced.conf"));
    for line in ["Environment=A=1    B=2\n", "EnvironmentFile=/etc/keys.env\n", "Environment=C=3\n"] {
        assert!(kept.contains(line), "{kept}");
    }
    assert!(!kept.contains(".env\n") || kept.matches(".env\n").count() == 1, "nothing below a home: {kept}");
    let log = host.read("log");
    assert!(log.contains("stop openclaw-health-monitor.service\n") && log.contains("daemon-reload"), "{log}");
}

#[test]
fn nothing_that_leads_to_the_agent_is_read() {
    let host = host_with_primary(true);
    let agents = host.path("home/openclaw/gateway.service");
    host.write("home/openclaw/gateway.service", "[Service]\nEnvironmentFile=/etc/shadow\n");
    host.write_program(
        "getent",
        &format!("echo openclaw:x:4242:4242::{}:/bin/sh", host.path("home/openclaw").display()),
    );
    symlink(&agents, host.path(&format!("{UNIT_FOLDER}/openclaw.service"))).unwrap();
    host.apply_step("migration").unwrap();
    assert!(!host.path(&format!("{UNIT_FOLDER}/openclaw.service.d/10-from-replaced.conf")).exists());
    assert_eq!(fs::read_link(host.path(&format!("{UNIT_FOLDER}/openclaw.service{RENAMED_SUFFIX}"))).unwrap(), agents);
    assert!(agents.exists());
}

#[test]
fn a_gateway_that_is_all_its_user_has_goes_on() {
    let host = host_with_primary(false);
    host.add_running_unit("openclaw.service");
    assert!(pending_text(&host).contains("keeps running"), "{}", pending_text(&host));
    host.apply_step("migration").unwrap();
    let log = host.read("log");
    assert!(!log.contains("stop") && log.contains("disable openclaw.service"), "{log}");

    host.add_running_unit("openclaw-gateway.service");
    let why = refusal_text(host.standby_step_state("migration"));
    assert!(why.contains("without an agent"), "{why}");
}

#[test]
fn a_gateway_is_stopped_while_the_primary_serves() {
    let host = host_with_primary(true);
    host.add_running_unit("openclaw.service");
    host.add_running_unit("openclaw-gateway.service");
    host.apply_step("migration").unwrap();
    let log = host.read("log");
    assert!(log.contains("stop openclaw.service") && log.contains("stop openclaw-gateway.service"), "{log}");
}

#[test]
fn a_removal_leaves_a_primarys_own_gateway_alone() {
    let host = Host::with_agent();
    host.add_running_unit("openclaw.service");
    host.write(&format!("{UNIT_FOLDER}/openclaw.service.d/openclaw.conf"), "[Service]\nNice=5\n");
    assert!(
        read_states(&host.uninstall_plan()).iter().all(|(_, state)| matches!(state, StepState::Done(_))),
        "{:?}",
        read_states(&host.uninstall_plan())
    );
    host.write(&format!("{UNIT_FOLDER}/openclaw.service"), include_str!("../../src/setup/units/openclaw.service"));
    let plan = read_states(&host.uninstall_plan());
    assert!(
        plan.contains(&("stop", StepState::Pending("stop and disable openclaw.service; it is serving now".into()))),
        "{plan:?}"
    );
}

#[test]
fn a_removal_ends_the_drills() {
    let host = Host::with_agent();
    host.add_running_unit("openclaw-failover-drill.timer");
    host.write(&format!("{UNIT_FOLDER}/openclaw-failover-drill.timer"), "");
    let plan = read_states(&host.uninstall_plan());
    let stop = StepState::Pending("stop and disable openclaw-failover-drill.timer".into());
    let remove = StepState::Pending(format!("remove /{UNIT_FOLDER}/openclaw-failover-drill.timer"));
    assert!(plan.contains(&("stop", stop)) && plan.contains(&("units", remove)), "{plan:?}");
}

#[test]
fn a_removal_leaves_the_systems_folders_and_tells_how_to_have_back_what_was() {
    let host = Host::with_agent();
    host.write("etc/polkit-1/rules.d/50-openclaw-failover.rules", "");
    host.write(&format!("{UNIT_FOLDER}/openclaw-sync-push.service.d/user.conf"), "");
    host.write(&format!("{UNIT_FOLDER}/openclaw.service{RENAMED_SUFFIX}"), "");
    host.write(&format!("{UNIT_FOLDER}/openclaw.service.d/override.conf{RENAMED_SUFFIX}"), "");
    let plan = host.uninstall_plan();
    plan.apply(&mut |_| ()).unwrap();
    assert!(host.path("etc/polkit-1/rules.d").is_dir(), "polkit watches it");
    assert!(!host.path(&format!("{UNIT_FOLDER}/openclaw-sync-push.service.d")).exists());
    let notes = plan.follow_up_notes(true).join("\n");
    for way in ["mv openclaw.service.replaced", "mv openclaw.service.d/override.conf.replaced"] {
        assert!(notes.contains(way), "{notes}");
    }
}
