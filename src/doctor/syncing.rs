//! The workspace's way in and back out, as far as it can be seen from outside: its units, and what they last reported.

use std::path::Path;
use std::time::Duration;

use super::finding::Said;
use super::fix;
use super::systemd::Unit;
use super::world::World;
use crate::check::CHECK;
use crate::failover::Time;
use crate::report::clock::{ago_by, span};
use crate::sync::unit::{PULL, PUSH, last_report};

/// The timer of a primary.
const TIMER: &str = "openclaw-sync-push.timer";

/// A workspace that has not been fresh for so many of its intervals is old.
const OLD: u32 = 3;

/// The units are there, and those of a standby.
pub(super) fn units(world: &World) -> Said {
    for name in [PULL, PUSH, CHECK] {
        let unit = match world.known(name) {
            Ok(unit) => unit,
            Err(why) => return Said::skipped(&why),
        };
        if unit.is_masked() {
            return Said::fail(&format_args!("{name} is masked"), fix::UNMASK_SYNC);
        }
        if !unit.is_loaded() {
            return Said::fail(&format_args!("{name} is {}", unit.value("LoadState")), fix::INSTALL_UNITS);
        }
        if unit.command().contains(&"--primary") {
            return Said::fail(&format_args!("{name} would write the primary's branch"), fix::SYNC_PRIMARY);
        }
        if let Some(program) = unit.command().first().filter(|program| !world.path(program).is_file()) {
            return Said::fail(&format_args!("{name} starts {program}, which is not there"), fix::INSTALL_UNITS);
        }
        if let Some(path) = hidden(world, &unit, name) {
            return Said::fail(&format_args!("{name} does not see {}", path.display()), fix::SYNC_PATHS);
        }
    }
    match world.known(TIMER) {
        Ok(unit) if unit.is_enabled() || unit.is_up() => {
            Said::warn(&format_args!("{TIMER} runs, which is for primaries"), fix::SYNC_TIMER)
        }
        _ => Said::ok(&"they pull and push as a standby does"),
    }
}

/// A folder below a home that a unit needs, and that its sandbox does not show it.
fn hidden<'a>(world: &'a World, unit: &Unit, name: &str) -> Option<&'a Path> {
    let bound = unit.value("BindPaths");
    // A unit without any is not the shipped one, and may have another sandbox.
    if bound.is_empty() {
        return None;
    }
    let secrets = world.config.secrets.iter().filter(|_| name == PULL).map(|secret| secret.target.as_path());
    let mut needed = [world.config.workspace.path.as_path()].into_iter().chain(secrets);
    needed.find(|path| {
        let sources = bound.split_whitespace().filter_map(|bind| bind.trim_start_matches('-').split(':').next());
        world.is_in_home(path) && !sources.into_iter().any(|source| path.starts_with(source))
    })
}

/// The last pull went well, and not too long ago.
pub(super) fn pull(world: &World) -> Said {
    let report = match last_report(&world.sync_paths()) {
        Ok(Some(report)) => report,
        Ok(None) => return Said::warn(&"there has been none", fix::PULL),
        Err(why) => return Said::fail(&why.to_string(), fix::PULL),
    };
    let outcome = report.workspace.outcome.name();
    let Some(fresh) = report.fresh else {
        return Said::fail(&format_args!("{outcome}: {}; it has never gone well", report.workspace.said), fix::PULL);
    };
    let age = age_of_pull(world, fresh);
    let when = ago_by(age);
    let patience = world.config.workspace.refresh.saturating_mul(OLD);
    // While this host serves, a pull only fetches.
    if age > patience && !world.serves() {
        let said = format!("{outcome}: {}; the workspace was last fresh {when}", report.workspace.said);
        return Said::fail(&said, fix::PULL);
    }
    if let Some(secret) = report.secrets.iter().find(|secret| !secret.ok) {
        return Said::warn(&format_args!("secrets: {}", secret.said), fix::PULL);
    }
    let every = span(world.config.workspace.refresh);
    Said::ok(&format_args!("{outcome}, fresh {when}; it is pulled every {every}"))
}

/// Time since the workspace was fresh. The report has only the wall clock's label of that, and the clock may have been
/// set since; a monitor that runs moves the label along with it.
fn age_of_pull(world: &World, fresh: Time) -> Duration {
    let by_label = (fresh <= world.now).then(|| world.now.since(fresh));
    let status = world.status().filter(|status| status.is_fresh(world.now));
    let by_monitor = status.and_then(|status| {
        let fresh = status.workspace.as_ref()?.fresh?;
        Some(status.updated_at.since(fresh).saturating_add(status.age(world.now)))
    });
    // The latest pull may be one that the monitor has not started.
    by_label.into_iter().chain(by_monitor).min().unwrap_or_default()
}

/// What this host has written is back at the remote.
pub(super) fn unreturned(world: &World) -> Said {
    let Ok(Some(report)) = last_report(&world.sync_paths()) else { return Said::skipped(&"there is no report") };
    let kept = &report.workspace.kept;
    let is_owed = world.status().is_some_and(|status| status.unreturned) || report.workspace.unreturned;
    match (kept.is_empty(), is_owed) {
        (false, _) => {
            let report = world.sync_paths().pull_report().display().to_string();
            Said::warn(&format_args!("kept, and not pushed yet: {}", kept.words_with_source(&report)), fix::PUSH)
        }
        (true, true) if world.serves() => Said::ok(&"this host serves; what it writes goes home when it steps aside"),
        (true, true) => Said::warn(&"the remote does not have everything from here", fix::PUSH),
        (true, false) if report.fresh.is_none() => Said::skipped(&"no pull has gone well"),
        (true, false) => Said::ok(&"the remote has everything"),
    }
}
