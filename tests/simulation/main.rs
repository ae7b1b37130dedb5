//! Random worlds against the real machine: outages, flaps, partitions, slow and lying probes, failing and hanging
//! syncs, starts and stops, crashes and restarts of the monitor at any step, stalls, holds, drills, two upstreams.
//!
//! A failing world prints its seed; `SIMULATION_SEED=… cargo test --test simulation` replays it alone, and
//! `SIMULATION_WORLDS=…` sets how many worlds there are.

#![expect(clippy::panic, reason = "a broken rule ends its world with a report of what led to it")]

mod gateway;
mod plan;
mod referee;
mod rng;
mod world;

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use plan::DAY;
use world::World;

const MONTH: u64 = 30 * DAY;

/// Intervals of the progress line, and of the check that the simulation has ended.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Prints the progress to the real standard error, which libtest does not capture.
fn report(begun: u64, worlds: u64) {
    let line = format!("simulation: {begun} of {worlds} worlds begun\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn ten_thousand_months_break_no_invariant() {
    if let Some(seed) = from_env("SIMULATION_SEED") {
        World::new(seed, MONTH, true).run();
        return;
    }
    let worlds = from_env("SIMULATION_WORLDS").unwrap_or(10_000);
    let (next, orders, began) = (AtomicU64::new(0), AtomicU64::new(0), Instant::now());
    let run_worlds = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= worlds {
                break;
            }
            let mut world = World::new(seed, MONTH, true);
            world.run();
            orders.fetch_add(world.log.len() as u64, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run_worlds)).collect();
        let mut reported = began;
        while running.iter().any(|thread| !thread.is_finished()) {
            std::thread::sleep(POLL_INTERVAL);
            if reported.elapsed() > REPORT_INTERVAL {
                reported = Instant::now();
                report(next.load(Ordering::Relaxed).min(worlds), worlds);
            }
        }
    });
    println!(
        "{worlds} worlds of 30 days, {} orders to the gateway, {:.1} s",
        orders.into_inner(),
        began.elapsed().as_secs_f64()
    );
}

#[test]
fn leaving_out_quiet_stretches_changes_no_order() {
    for seed in 1_000_000..1_000_012 {
        let (mut whole, mut skipping) = (World::new(seed, 7 * DAY, false), World::new(seed, 7 * DAY, true));
        whole.run();
        skipping.run();
        assert_eq!(whole.log, skipping.log, "seed {seed}");
    }
}
