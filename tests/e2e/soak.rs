//! Soak test: random faults for `OCF_E2E_SOAK` seconds. Resource use must not grow, and all records must agree.
//!
//! The gateways are stubs that start at once, so that a soak has many failovers. The faults depend only on
//! `OCF_E2E_SOAK_SEED`, which is printed.

use std::collections::BTreeSet;
use std::{env, thread};

use crate::install::{NODE, suite_text};
use crate::lab::{CONFIG, GATEWAY, Lab, MONITOR};
use crate::observe::STATE;
use crate::operator::monitor_memory_kib;
use crate::shell::{print_measurement, secs, unix_now};
use crate::stub::{Stub, StubAnswer};
use crate::webhook::{NOTIFIED_EVENTS, STUB, Webhook, expected_events, history_events};

/// Default duration in the suite, in seconds. A real soak takes 1200 or more.
const DEFAULT_SECONDS: u64 = 90;
/// Allowed growth of memory, in KiB: free memory kept by the allocator, and pages that are first touched late. A leak
/// of some hundred bytes per probe exceeds it in a real soak.
const MAX_GROWTH_KIB: u64 = 256;
const METRICS: &str = "/run/openclaw-failover/metrics.prom";
/// Demotes the standby. Beside an unstable primary it would not demote by itself soon.
const DEMOTE_COMMAND: &str = "timeout 60 openclaw-failover demote; openclaw-failover resume";

#[test]
fn nothing_grows_and_all_accounts_agree() {
    let length = env_number("OCF_E2E_SOAK").unwrap_or(DEFAULT_SECONDS);
    let seed = env_number("OCF_E2E_SOAK_SEED").unwrap_or(unix_now().to_bits());
    print_measurement(&format!("{length} s with OCF_E2E_SOAK_SEED={seed}"));
    let (lab, stub) = Lab::with_stub();
    let webhook = prepare_lab(&lab);
    let began = unix_now();

    let mut dice = RandomFaults(seed | 1);
    let mut faults = 0;
    let mut first = None;
    while unix_now() < began + length as f64 {
        cause_fault(&mut dice, &lab, &stub, &webhook);
        faults += 1;
        if first.is_none() && unix_now() > began + length as f64 / 5.0 {
            first = Some(measure_at_rest(&lab, &stub, &webhook));
        }
    }
    let last = measure_at_rest(&lab, &stub, &webhook);
    let first = first.expect("it takes longer than a fault");
    print_measurement(&format!("{faults} faults; {first:?} at first, {last:?} at last"));
    assert!(last.memory <= first.memory + MAX_GROWTH_KIB, "memory");
    assert_eq!((last.threads, last.files), (first.threads, first.files), "threads and open files");
    check_records_agree(&lab, &webhook, began);
}

fn env_number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("it is a number"))
}

/// Creates the stubs, and a monitor with the times of a soak.
fn prepare_lab(lab: &Lab) -> Webhook<'_> {
    let host = &lab.standby;
    let webhook = Webhook::install(host);
    webhook.start();
    let stand_in = format!("/run/systemd/system/{GATEWAY}.d/stand-in.conf");
    host.run(&format!("mkdir -p /run/systemd/system/{GATEWAY}.d"));
    host.write(&stand_in, &format!("[Service]\nExecStart=\nExecStart={NODE} {STUB} 18789\n"));
    host.run("systemctl daemon-reload");
    host.write(CONFIG, &suite_text("files/soak/config.json"));
    // Earlier records were made with other times.
    host.run(&format!(
        "systemctl stop {MONITOR}; rm -f {STATE}/history.jsonl* {STATE}/trace.jsonl*; systemctl start {MONITOR}"
    ));
    lab.monitor().wait_sees_healthy();
    webhook
}

/// Causes one fault for a while.
fn cause_fault(dice: &mut RandomFaults, lab: &Lab, stub: &Stub, webhook: &Webhook) {
    let host = &lab.standby;
    match dice.roll(10) {
        0..=2 => {
            stub.set_answer(if dice.roll(2) == 0 { StubAnswer::Error } else { StubAnswer::Page });
            dice.sleep_random(1, 25);
        }
        3 => {
            lab.primary.add_filter_rule("tcp dport 18789 drop");
            dice.sleep_random(1, 20);
            lab.primary.remove_filter_rules();
        }
        4 => drop(host.run_unchecked(&format!("systemctl kill --kill-who=main --signal=KILL {GATEWAY}"))),
        5 => drop(host.run(&format!("systemctl reload {MONITOR}"))),
        6 => {
            webhook.stop();
            stub.set_answer(StubAnswer::Error);
            dice.sleep_random(1, 10);
            webhook.start();
        }
        7 => {
            // Pulls and pushes fail meanwhile.
            lab.git().run("mv /home/openclaw/workspace.git /home/openclaw/away");
            dice.sleep_random(1, 10);
            lab.git().run("mv /home/openclaw/away /home/openclaw/workspace.git");
        }
        _ => {
            let words = ["promote", "demote --for 5s", "pause --for 5s --reason why", "resume", "drill --force"];
            let word = words[dice.roll(words.len() as u64) as usize];
            drop(host.run_unchecked(&format!("timeout 60 openclaw-failover {word}")));
        }
    }
    if dice.roll(3) > 0 {
        stub.set_answer(StubAnswer::Started);
        dice.sleep_random(0, 12);
        if dice.roll(2) == 0 {
            drop(host.run_unchecked(DEMOTE_COMMAND));
        }
    }
}

/// Resources of the monitor at a quiet moment.
#[derive(Debug)]
struct MonitorResources {
    memory: u64,
    threads: usize,
    files: usize,
}

/// Repairs everything, waits until the system is quiet, and measures.
fn measure_at_rest(lab: &Lab, stub: &Stub, webhook: &Webhook) -> MonitorResources {
    let host = &lab.standby;
    stub.set_answer(StubAnswer::Started);
    host.run(DEMOTE_COMMAND);
    lab.monitor().wait_role("standby", secs(120));
    webhook.wait_all_received();
    // A pull, a push or a connection may be about to end.
    thread::sleep(secs(8));
    let process = host.unit(MONITOR).main_pid;
    let ask = |script: &str| host.run(script).trim().parse::<u64>().expect("it is a number");
    MonitorResources {
        memory: monitor_memory_kib(host),
        threads: ask(&format!("ls /proc/{process}/task | wc -l")) as usize,
        files: ask(&format!("ls /proc/{process}/fd | wc -l")) as usize,
    }
}

/// Checks that the history, the webhook, systemd, the metrics and the replayed trace agree.
fn check_records_agree(lab: &Lab, webhook: &Webhook, began: f64) {
    let host = &lab.standby;
    let history = history_events(host);
    let count = |name: &str| history.iter().filter(|(_, known)| known == name).count();
    print_measurement(&format!("{} promotions, {} demotions", count("promoted"), count("demoted")));
    assert!(count("promoted") > 0 && count("demoted") > 0, "no failover happened");

    let told = webhook.received_events();
    let once: BTreeSet<_> = told.iter().collect();
    assert_eq!(once.len(), expected_events(host).len(), "events in the webhook and in the history");
    // Delivery is at least once: a webhook stopped while it answered gets the event again.
    assert!(told.len() <= once.len() + 3, "{} events were sent twice", told.len() - once.len());

    let starts = lab.gateway_starts().into_iter().filter(|at| *at >= began).count();
    assert!(starts >= count("promoted"), "systemd knows of {starts} starts");

    let metrics = host.read(METRICS).unwrap_or_default();
    for (metric, name) in [("promotions_total{", "promoted"), ("demotions_total{", "demoted")] {
        let samples = metrics.lines().filter(|line| line.contains(metric));
        let sum: usize = samples.filter_map(|line| line.split_whitespace().next_back()?.parse::<usize>().ok()).sum();
        assert_eq!(sum, count(name), "{name}: count in the metrics and in the history");
    }

    let replayed = host.run("openclaw-failover replay");
    let last = replayed.lines().next_back().unwrap_or_default();
    print_measurement(last);
    assert!(last.ends_with("all as recorded"), "{last}");
    for name in NOTIFIED_EVENTS {
        let again = replayed.lines().filter(|line| line.split_whitespace().nth(2) == Some(name)).count();
        assert_eq!(again, count(name), "{name}: count in the replayed trace and in the history");
    }
}

/// Xorshift generator (Marsaglia): the same faults for the same seed.
struct RandomFaults(u64);

impl RandomFaults {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn sleep_random(&mut self, least: u64, most: u64) {
        thread::sleep(secs(least + self.roll(most - least + 1)));
    }
}
