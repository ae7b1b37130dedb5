//! `doctor` on a standby made by `setup`: first everything is ok. Then each fault is reported with its fix, and nothing
//! else.

mod faults;

use std::collections::BTreeMap;
use std::time::Instant;

use faults::{Fault, FaultScript, OPENCLAW_FAULTS, OTHER_FAULTS, SHELL_FUNCTIONS};
use openclaw_failover::text::json;

use crate::host::Host;
use crate::install;
use crate::lab::Lab;
use crate::setup::SETUP_COMMAND;
use crate::shell::print_measurement;
use crate::stub::{Stub, StubAnswer};

/// Path of the primary's configuration.
const PRIMARY_CONFIG: &str = "/root/primary.json5";

/// Result of one check.
#[derive(Clone, Debug)]
pub(crate) struct CheckLine {
    pub(crate) level: String,
    pub(crate) evidence: String,
    pub(crate) fix: String,
}

/// Runs `doctor` on a host and returns the results by check.
pub(crate) fn run_doctor(host: &Host, options: &str) -> BTreeMap<String, CheckLine> {
    let said = host.run_unchecked(&format!("timeout 120 openclaw-failover doctor --json {options}"));
    let answer = json::parse(&said.text).unwrap_or_else(|why| panic!("doctor: {why:?}: {}", said.text));
    let checks = answer.get("checks").and_then(|checks| checks.as_array()).unwrap_or_default();
    let lines: BTreeMap<_, _> = checks
        .iter()
        .map(|check| {
            let text = |key: &str| check.get(key).and_then(|text| text.as_str()).unwrap_or_default().to_owned();
            (text("id"), CheckLine { level: text("level"), evidence: text("evidence"), fix: text("fix") })
        })
        .collect();
    assert!(lines.len() > 40, "every check has a line: {}", said.text);
    assert_eq!(
        said.ok,
        lines.values().all(|line| line.level != "fail"),
        "the exit code is 0 exactly if no check fails"
    );
    lines
}

/// Lists the checks that are neither ok nor skipped.
pub(crate) fn failed_checks(lines: &BTreeMap<String, CheckLine>) -> Vec<(&str, &CheckLine)> {
    let wrong = lines.iter().filter(|(_, line)| ["warn", "fail"].contains(&line.level.as_str()));
    wrong.map(|(id, line)| (id.as_str(), line)).collect()
}

/// Creates the standby that [`OTHER_FAULTS`] needs. The workspace's remote and the secrets belong to two users of the
/// primary, so that access to each can be blocked separately.
fn set_up_standby(lab: &Lab) {
    let host = &lab.standby;
    host.write("/root/config.json", &install::suite_text("files/doctor/config.json"));
    host.write(PRIMARY_CONFIG, &install::suite_text("files/doctor/primary.json5"));
    let setup = format!("{SETUP_COMMAND} --yes");
    let first = host.run_unchecked(&setup);
    assert!(!first.ok && first.text.contains("workspace, failed: cannot fetch"), "{}", first.text);
    let key = host.run("cat /home/openclaw/.ssh/id_ed25519.pub");
    lab.primary.run(&format!(
        "useradd --create-home git; cp -a /home/openclaw/workspace.git /home/git; mkdir /home/git/.ssh; \
         echo '{0}' | tee --append /home/openclaw/.ssh/authorized_keys > /home/git/.ssh/authorized_keys; \
         echo A=1 > /home/openclaw/standby.env; chown -R git: /home/git; chown openclaw: /home/openclaw/standby.env",
        key.trim()
    ));
    let second = host.run_unchecked(&setup);
    assert!(second.ok, "{}", second.text);
    lab.monitor().wait_sees_healthy();
}

#[test]
fn whatever_is_broken_is_found_and_nothing_else() {
    let (lab, stub) = Lab::with_bare_standby_and_stub();
    let host = &lab.standby;
    set_up_standby(&lab);
    let primary = format!("--primary-config {PRIMARY_CONFIG}");

    let start = Instant::now();
    let well = run_doctor(host, &primary);
    print_measurement(&format!("doctor took {:.1} s", start.elapsed().as_secs_f64()));
    for (id, line) in &well {
        assert_eq!(line.level, "ok", "{id}: {line:?}");
    }

    let mut missed = Vec::new();
    let mut each = |breaks: &[Fault]| {
        for one in breaks {
            missed.extend(check_fault(&lab, &stub, one, &primary));
        }
    };
    each(&OPENCLAW_FAULTS);
    // Node needs seconds to start OpenClaw. A quick stand-in reports that it is well, except in tests of OpenClaw
    // itself.
    host.run(
        "mv /usr/local/bin/openclaw /root/; install -m 755 /dev/stdin /usr/local/bin/openclaw <<'END'\n\
        #!/usr/bin/env node\n\
        console.log(process.argv[2] === \"--version\" ? \"OpenClaw 2026.9.6\" : \
        '{\"valid\":true,\"warnings\":[]}');\nEND",
    );
    each(&OTHER_FAULTS);
    host.run("mv /root/openclaw /usr/local/bin/");
    print_measurement(&format!(
        "{} breaks in {:.0} s",
        OPENCLAW_FAULTS.len() + OTHER_FAULTS.len(),
        start.elapsed().as_secs_f64()
    ));
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    host.run_in_workspace("echo note > note.md");
    let last = run_doctor(host, &primary);
    assert!(failed_checks(&last).is_empty(), "a fault remains after its repair: {:?}", failed_checks(&last));
    assert_eq!(last["workspace"].evidence, "1 files are not committed; the next pull commits them");

    // An invalid configuration ends doctor before its checks.
    host.run("sed -i s/probe/prob/ /etc/openclaw-failover/config.json");
    let refused = host.run_unchecked("openclaw-failover doctor || echo code $?");
    assert!(refused.text.contains("did you mean \"probe\"") && refused.text.contains("code 2\n"), "{}", refused.text);
}

/// Breaks one thing, runs doctor, and repairs it. Returns the differences from the expected results. The next run shows
/// that the repair worked.
fn check_fault(lab: &Lab, stub: &Stub, one: &Fault, options: &str) -> Option<String> {
    let run = |script: &str| lab.standby.run(&format!("{SHELL_FUNCTIONS}\n{script}"));
    match one.how {
        FaultScript::Here(script, _) => drop(run(script)),
        FaultScript::AtThePrimary(script, _) => drop(lab.primary.run(script)),
        FaultScript::PrimarySays(page) => stub.set_answer(page),
    }
    let found = run_doctor(&lab.standby, options);
    match one.how {
        FaultScript::Here(_, mend) => drop(run(mend)),
        FaultScript::AtThePrimary(_, mend) => drop(lab.primary.run(mend)),
        FaultScript::PrimarySays(_) => stub.set_answer(StubAnswer::Started),
    }
    let wrong = failed_checks(&found);
    let is_it = |((id, line), (expected, level, fix)): (&(&str, &CheckLine), &(&str, &str, &str))| {
        id == expected && line.level == *level && line.fix.contains(fix) && !line.evidence.is_empty()
    };
    let is_found = wrong.len() == one.found.len() && wrong.iter().zip(one.found).all(is_it);
    (!is_found).then(|| format!("{}: {:?} is expected, and there is {wrong:#?}", one.what, one.found))
}
