//! Commands of an operator in each role, and abuse of the control socket by many clients.

use std::thread;

use crate::host::Host;
use crate::install::NODE;
use crate::lab::{GATEWAY, Lab, MONITOR};
use crate::outage::{LOAD_TOLERANCE, Outage, PROBE_TIMEOUT, PROMOTE_AFTER};
use crate::repository::PULL_UNIT;
use crate::shell::{CommandResult, check_throughout, print_measurement, secs, unix_now, wait_until};
use crate::stub::StubAnswer;

/// Additional memory allowed to the monitor during a promotion with many clients, in KiB.
const MAX_EXTRA_KIB: u64 = 512;

/// Script with a thousand clients that reconnect whenever they are disconnected. Half of them send nothing, the others
/// too much, invalid or incomplete requests, or valid ones without reading the answer.
const CLIENTS_SCRIPT: &str = r#"
const net = require('net');
const says = ['x'.repeat(100000), 'promote\n', '{"command":"sta', '{"command":"status"}\n'];
const connect = (n) => {
  const client = net.connect('/run/openclaw-failover/control.sock');
  client.on('connect', () => {
    if (n % 2 === 0) return client.resume();
    client.write(says[(n >> 1) % 4]);
    setTimeout(() => client.destroy(), 500);
  });
  client.on('error', () => {});
  client.on('close', () => setTimeout(connect, 50, n));
};
for (let n = 0; n < 1000; n++) connect(n);
"#;

#[test]
fn a_pause_during_an_outage_puts_the_promotion_off_until_it_ends() {
    let (lab, stub) = Lab::with_stub();
    let monitor = lab.monitor();
    let began = unix_now();
    stub.set_answer(StubAnswer::Error);
    let paused = try_command(&lab.standby, "pause --for 60s");
    assert!(paused.ok && paused.text.contains("Automatic failover is OFF"), "{}", paused.text);
    let ends = unix_now() + 60.0;
    let held_back = monitor.wait_event("held_back", began, secs(30));
    assert!(held_back.at - began <= PROMOTE_AFTER + PROBE_TIMEOUT + LOAD_TOLERANCE, "the promotion was due in time");
    let nothing = || unix_now() >= ends - 1.0 || lab.standby.unit(GATEWAY).active == "inactive";
    check_throughout("nothing is started while the pause lasts", secs(60), nothing);

    let promoting = monitor.wait_event("promoting", began, secs(30));
    let late = promoting.at - ends;
    print_measurement(&format!("decided {late:.1} s after the pause had ended"));
    assert!((-LOAD_TOLERANCE..=PROBE_TIMEOUT + LOAD_TOLERANCE).contains(&late), "{late} s after the pause");
    monitor.wait_role("active", secs(60));
    stub.set_answer(StubAnswer::Started);
    monitor.wait_role("standby", secs(60));
    assert_eq!(lab.gateway_starts().len(), 1, "starts of the standby's gateway");
}

#[test]
fn forced_in_standby_and_while_active() {
    let (lab, _stub) = Lab::with_stub();
    let (host, began) = (&lab.standby, unix_now());
    let stays = run_command(host, "demote");
    assert!(stays.contains("this host is standby already"), "{stays}");
    // The primary serves, too.
    let promoted = run_command(host, "promote");
    assert!(promoted.contains("on an operator's request") && promoted.contains("this host is active: "), "{promoted}");
    let serving = host.unit(GATEWAY);
    assert!(host.sees_started(crate::lab::STANDBY));
    let stays = run_command(host, "promote");
    assert!(stays.contains("this host is active already"), "{stays}");
    check_throughout("the gateway stays up whatever the primary does", secs(20), || host.unit(GATEWAY) == serving);
    // The hold and the gateway survive a restart of the monitor.
    host.run(&format!("systemctl kill --kill-who=main --signal=KILL {MONITOR}"));
    let remembered = || try_command(host, "promote").text.contains("this host is active already").then_some(());
    wait_until("the restarted monitor listens", secs(20), remembered);
    let holds = lab.monitor().events().iter().filter(|event| event.name == "hold_ended").count();
    assert_eq!(holds, 0, "the hold survives a restart");

    run_command(host, "pause");
    assert_eq!(host.unit(GATEWAY), serving, "a pause freezes as is");
    let demoted = run_command(host, "demote --for 10s");
    assert!(demoted.contains("back in standby: "), "{demoted}");
    assert_eq!(host.unit(GATEWAY).active, "inactive");
    lab.monitor().wait_event("hold_ended", began, secs(20));
    assert!(run_command(host, "resume").contains("no hold is set"));
    assert_eq!(lab.gateway_starts().len(), 1, "starts of the standby's gateway");
}

#[test]
fn forced_while_promoting_and_while_demoting() {
    let (lab, _stub) = Lab::with_stub();
    let (host, monitor) = (&lab.standby, lab.monitor());
    // A promotion would join the monitor's first pull, which is not slow.
    monitor.wait_event("pulled", 0.0, secs(30));
    // Slow enough for a command to arrive during the start.
    lab.change_config(r#""sync_wait": "1s""#, r#""sync_wait": "30s""#);
    host.add_to_unit(GATEWAY, "[Service]\nExecStop=/bin/sleep 8\n");
    host.add_to_unit(PULL_UNIT, "[Service]\nExecStartPre=/bin/sleep 15\n");

    command_during(&lab, "promote", "(sync)", |first| {
        assert!(run_command(host, "demote").contains("promotion cancelled"));
        let first = first();
        assert!(!first.ok && first.text.contains("ended or replaced"), "{}", first.text);
    });
    assert_eq!(lab.gateway_starts(), [0.0; 0], "nothing was started");
    host.add_to_unit(PULL_UNIT, "[Service]\n");
    wait_until("the slow pull has ended", secs(30), || (host.unit(PULL_UNIT).active == "inactive").then_some(()));

    command_during(&lab, "promote", "(verify)", |first| {
        let again = run_command(host, "promote");
        assert!(again.contains("this host is active: ") && first().ok, "{again}");
    });
    command_during(&lab, "demote", "demoting", |first| {
        let again = run_command(host, "promote");
        assert!(again.contains("a failover is due again") && again.contains("this host is active: "), "{again}");
        assert!(!first().ok);
    });
    assert_eq!(lab.gateway_starts().len(), 2, "starts of the standby's gateway");
    command_during(&lab, "demote", "demoting", |first| {
        run_command(host, "demote");
        assert!(first().ok);
    });

    run_command(host, "resume");
    command_during(&lab, "promote", "(verify)", |first| {
        run_command(host, "demote");
        assert!(!first().ok);
    });
    monitor.wait_role("standby", secs(5));
    assert_eq!(lab.gateway_starts().len(), 3, "starts of the standby's gateway");
}

#[test]
fn a_crowd_at_the_socket_delays_no_failover() {
    let (lab, stub) = Lab::with_stub();
    let host = &lab.standby;
    let before = monitor_memory_kib(host);
    host.write("/root/crowd.js", CLIENTS_SCRIPT);
    host.run(&format!(
        "ulimit -n 4096; systemd-run --quiet --unit=crowd --property=LimitNOFILE=4096 {NODE} /root/crowd.js"
    ));
    wait_until("the clients are connected", secs(20), || (count_connections(host) > 500).then_some(()));
    let asked = unix_now();
    run_command(host, "resume");
    print_measurement(&format!("an operator is answered after {:.1} s", unix_now() - asked));
    assert!(unix_now() - asked < 5.0);

    let mut outage = Outage::begin(&lab, || stub.set_answer(StubAnswer::Error));
    outage.last_life = Some(stub.last_healthy_at());
    outage.check_failover();
    assert!(count_connections(host) > 500, "the clients are still connected");
    let grown = monitor_memory_kib(host).saturating_sub(before);
    print_measurement(&format!("with the crowd the monitor uses {grown} KiB more, of {before} KiB"));
    assert!(grown <= MAX_EXTRA_KIB);
    outage.check_failback(|| stub.set_answer(StubAnswer::Started));
    host.run("systemctl stop crowd");
}

#[test]
fn the_socket_is_for_root_and_the_group_alone() {
    let (lab, _stub) = Lab::with_stub();
    let host = &lab.standby;
    host.run("useradd --groups openclaw-failover friend; useradd stranger");
    let as_user =
        |user: &str, command: &str| host.run_unchecked(&format!("runuser -u {user} -- openclaw-failover {command}"));
    for user in ["openclaw", "stranger", "nobody"] {
        let refused = as_user(user, "pause");
        assert!(!refused.ok && refused.text.contains("root and the members of its group"), "{user}: {}", refused.text);
        assert!(as_user(user, "status").ok, "{user} may look");
    }
    let obeyed = as_user("friend", "pause --for 1m");
    assert!(obeyed.ok, "{}", obeyed.text);
    run_command(host, "resume");
}

/// Gives a command, and does something else once the status shows `role`; `first` waits for the command to end.
pub(crate) fn command_during(lab: &Lab, order: &str, role: &str, then: impl FnOnce(&dyn Fn() -> CommandResult)) {
    let host = &lab.standby;
    let script = format!("{{ openclaw-failover {order} && echo exit 0 || echo exit 1; }} >/root/first 2>&1");
    host.run("rm -f /root/first");
    thread::scope(|scope| {
        scope.spawn(|| host.run_unchecked(&script));
        let shown = || run_command(host, "status").lines().any(|line| line.starts_with("role") && line.contains(role));
        wait_until(&format!("{order} leads to {role}"), secs(40), || shown().then_some(()));
        then(&|| {
            let ended = || host.read("/root/first").filter(|text| text.contains("\nexit "));
            let text = wait_until(&format!("the first {order} ends"), secs(60), ended);
            CommandResult { ok: text.ends_with("exit 0\n"), text }
        });
    });
}

/// Gives a command that must succeed.
pub(crate) fn run_command(host: &Host, command: &str) -> String {
    let answer = try_command(host, command);
    assert!(answer.ok, "{command}: {}", answer.text);
    answer.text
}

pub(crate) fn try_command(host: &Host, command: &str) -> CommandResult {
    host.run_unchecked(&format!("openclaw-failover {command}"))
}

/// Returns the monitor's own memory, in KiB, without its mapped program file.
pub(crate) fn monitor_memory_kib(host: &Host) -> u64 {
    let status = host.read(&format!("/proc/{}/status", host.unit(MONITOR).main_pid)).unwrap_or_default();
    let line =
        status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    line.expect("a process has memory")
}

/// Counts the connections of the clients.
fn count_connections(host: &Host) -> usize {
    let process = host.unit("crowd").main_pid;
    host.run(&format!("ls -l /proc/{process}/fd 2>/dev/null | grep --count socket: || true"))
        .trim()
        .parse()
        .unwrap_or(0)
}
