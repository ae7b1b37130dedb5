//! Another process answers on the gateway's port while its unit runs, once as another user and once as the gateway's
//! user. The host is promoted only when the unit's own process answers.

use crate::host::Host;
use crate::lab::Lab;
use crate::shell::{check_throughout, secs, unix_now, wait_until};
use crate::stub::StubAnswer;

/// Gateway of the standby: it binds after three seconds, and stays alive if it cannot.
const SLOW_GATEWAY: &str = "setTimeout(() => require('http').createServer((request, response) => { \
    response.setHeader('Content-Type', 'application/json'); \
    response.end(request.url === '/readyz' ? '{\"ready\":true}' : '{\"ok\":true,\"status\":\"started\"}'); \
    }).on('error', () => {}).listen(18789, '127.0.0.1'), 3000); setInterval(() => {}, 1000);";

/// Process that takes the port as soon as the gateway's unit is active, and answers as a gateway does.
const SQUATTER: &str = "const { execFileSync } = require('child_process'); \
    const is_active = () => execFileSync('systemctl', ['show', '-p', 'ActiveState', 'openclaw.service']) \
        .includes('=active'); \
    const look = () => is_active() ? require('http').createServer((request, response) => { \
    response.setHeader('Content-Type', 'application/json'); \
    response.end('{\"ok\":true,\"status\":\"started\",\"uptimeMs\":1}'); }) \
    .listen(18789, '127.0.0.1') : setTimeout(look, 20); look();";

/// Path of Node, in the hosts' shared directory.
const NODE: &str = "/opt/openclaw/node_modules/node-binary/bin/node";

#[test]
fn a_foreign_answer_promotes_nothing_and_the_gateway_s_own_does() {
    let (lab, stub) = Lab::with_stub();
    let host = &lab.standby;
    host.run("mkdir -p /opt/test");
    host.write("/opt/test/squatter.js", SQUATTER);
    replace_gateway(host);
    for (user, holder) in [("daemon", "a process of user daemon"), ("openclaw", "of user openclaw in squatter.service")]
    {
        start_squatter(host, user);
        let began = unix_now();
        stub.set_answer(StubAnswer::Error);
        let failed = lab.monitor().wait_event("start_failed", began, secs(60));
        assert!(failed.text().contains("port 18789 is held by"), "{}", failed.text());
        assert!(failed.text().contains(holder), "{}", failed.text());
        assert!(failed.text().contains("not by openclaw.service"), "{}", failed.text());
        check_throughout("nothing is promoted", secs(8), || lab.monitor().role() == "promoting");
        assert_eq!(lab.monitor().count_events("promoted", began), 0, "an answer of another process promoted this host");
        assert!(lab.monitor().degraded_conditions().contains("port_held"), "{}", lab.monitor().degraded_conditions());

        host.run("systemctl stop squatter.service");
        lab.monitor().wait_role("active", secs(60));
        let settled = || (!lab.monitor().degraded_conditions().contains("port_held")).then_some(());
        wait_until("the status reports no problem any more", secs(10), settled);
        assert!(
            !lab.monitor().degraded_conditions().contains("answer_unverified"),
            "{}",
            lab.monitor().degraded_conditions()
        );
        // The primary failed twice within minutes, so the hold-down is longer this time.
        if user == "daemon" {
            stub.set_answer(StubAnswer::Started);
            lab.monitor().wait_role("standby", secs(90));
        }
    }
    // The check of the port runs nothing while the standby is healthy.
    let checks =
        host.run_unchecked("journalctl --no-pager --unit=openclaw-failover-check.service --grep=Starting").text;
    assert!(checks.lines().count() < 60, "{checks}");
}

#[test]
fn without_the_check_the_host_is_promoted_and_says_what_it_could_not_check() {
    let (lab, stub) = Lab::with_stub();
    let host = &lab.standby;
    host.run("systemctl mask --quiet --runtime openclaw-failover-check.service");
    replace_gateway(host);
    stub.set_answer(StubAnswer::Error);
    lab.monitor().wait_role("active", secs(60));
    lab.monitor().wait_degraded("answer_unverified: Could not check whose process answers", secs(10));
    assert!(lab.monitor().degraded_conditions().contains("masked"), "{}", lab.monitor().degraded_conditions());
    host.run("systemctl unmask --quiet --runtime openclaw-failover-check.service");
    let settled = || (!lab.monitor().degraded_conditions().contains("answer_unverified")).then_some(());
    wait_until("a new check finds the unit's process", secs(90), settled);
}

/// Replaces OpenClaw by the slow gateway, with a drop-in after the host's others.
fn replace_gateway(host: &Host) {
    host.run("mkdir -p /opt/test");
    host.write("/opt/test/gateway.js", SLOW_GATEWAY);
    let drop_in = "/etc/systemd/system/openclaw.service.d/zz-test.conf";
    host.write(drop_in, &format!("[Service]\nExecStart=\nExecStart={NODE} /opt/test/gateway.js\n"));
    host.run("systemctl daemon-reload");
}

fn start_squatter(host: &Host, user: &str) {
    host.run(&format!(
        "systemctl reset-failed squatter.service 2> /dev/null || true; \
         systemd-run --quiet --unit=squatter.service --uid={user} {NODE} /opt/test/squatter.js"
    ));
}
