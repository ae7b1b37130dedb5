//! Resource use of the monitor while it watches, measured in the real unit, printed, and checked against the budget.

use std::process::{Command, Stdio};
use std::{fs, thread};

use crate::host::Host;
use crate::lab::{CONFIG, Lab, MONITOR};
use crate::parts::{is_static, parts};
use crate::shell::{print_measurement, run_checked, secs};

/// Program under test, on the standby.
const PROGRAM: &str = "/usr/local/bin/openclaw-failover";
/// Duration of the measurement.
const MEASURE_SECONDS: u64 = 60;
/// Maximum size of a static binary, in bytes.
const MAX_BINARY_BYTES: u64 = 7 << 19;
/// Maximum memory of a static build, in KiB.
const MAX_PSS_KIB: u64 = 3 << 10;
/// Maximum CPU time per probe, in microseconds.
const MAX_PROBE_MICROS: u64 = 1000;

#[test]
fn watching_costs_next_to_nothing() {
    let lab = Lab::new();
    let host = &lab.standby;
    let config = host.read(CONFIG).unwrap_or_default();
    host.install(CONFIG, config.replace(r#""interval": "2s""#, r#""interval": "1s""#));
    // Drop the page cache, as after a boot: the kernel maps more of a file that was just written.
    host.run(&format!(
        "systemctl stop {MONITOR}; sync {PROGRAM}; dd if={PROGRAM} iflag=nocache count=0 status=none; \
         systemctl start {MONITOR}"
    ));
    // The first seconds include the start of the monitor.
    thread::sleep(secs(5));
    lab.monitor().wait_sees_healthy();

    let binary = &parts().binary;
    let size = fs::metadata(binary).map_or(0, |found| found.len());
    // Other load on the machine only makes the figures larger, so take the best run.
    let third = |_| {
        let before = cpu_micros(host);
        thread::sleep(secs(MEASURE_SECONDS / 3));
        (cpu_micros(host) - before) / (MEASURE_SECONDS / 3)
    };
    let per_probe = (0..3).map(third).min().unwrap_or(u64::MAX);
    let pss = pss_kib(host);
    let forks = count_forks(host);
    print_measurement(&format!("binary: {size} bytes, {}", if is_static(binary) { "static" } else { "dynamic" }));
    print_measurement(&format!(
        "watching at 1 s intervals for {MEASURE_SECONDS} s: PSS {pss} KiB, CPU {per_probe} us a probe, \
         {forks} processes forked"
    ));

    assert_eq!(forks, 0, "a healthy probe forks nothing");
    if is_static(binary) {
        assert!(size <= MAX_BINARY_BYTES, "the binary has {size} bytes");
        assert!(pss <= MAX_PSS_KIB, "the monitor uses {pss} KiB");
        assert!(per_probe <= MAX_PROBE_MICROS, "a probe takes {per_probe} us of CPU time");
    }
}

/// Returns the CPU time of the unit since its start, children included.
fn cpu_micros(host: &Host) -> u64 {
    let group = host.run(&format!("systemctl show {MONITOR} --property=ControlGroup --value"));
    let stat = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .iter()
        .find_map(|tree| host.read(&format!("{tree}{}/cpu.stat", group.trim())));
    let stat = stat.expect("the kernel accounts CPU time to the unit");
    stat.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse().ok()).expect("cpu.stat has usage_usec")
}

/// Returns the memory of the monitor's process, in KiB.
fn pss_kib(host: &Host) -> u64 {
    let rollup = host.read(&format!("/proc/{}/smaps_rollup", host.unit(MONITOR).main_pid)).unwrap_or_default();
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    pss.expect("smaps_rollup has Pss")
}

/// Counts the processes, without threads, that the monitor starts within a minute, with strace.
fn count_forks(host: &Host) -> usize {
    let process = host.outer_pid(host.unit(MONITOR).main_pid);
    let log = host.disk_path().with_file_name("strace.log");
    let tracer = Command::new("strace")
        .args([
            "--follow-forks",
            "--quiet=all",
            "--trace=fork,vfork,clone,clone3,execve",
            "--attach",
            &process.to_string(),
        ])
        .arg("--output")
        .arg(&log)
        .stdin(Stdio::null())
        .spawn();
    let mut tracer = tracer.expect("strace can be run");
    thread::sleep(secs(MEASURE_SECONDS));
    // INT makes strace detach from the monitor. A strace that ended by itself traced nothing.
    assert!(matches!(tracer.try_wait(), Ok(None)), "strace has ended early");
    run_checked(Command::new("kill").args(["-INT", &tracer.id().to_string()]));
    tracer.wait().expect("strace can be waited for");
    let log = fs::read_to_string(log).expect("strace has written a log");
    log.lines().filter(|line| !line.contains("CLONE_THREAD")).filter(|line| line.contains('(')).count()
}
