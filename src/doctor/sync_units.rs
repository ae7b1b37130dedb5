//! Checks of the workspace sync from outside: its units, and their last reports.

use std::path::Path;
use std::time::Duration;

use crate::doctor::context::World;
use crate::doctor::systemd::Unit;
use crate::finding::{Said, remedy};
use crate::gateway_check::CHECK;
use crate::text::Time;
use crate::text::utc::{ago_by, span};
use crate::workspace::unit::{PULL, PUSH, last_report};

/// Timer of a primary's push.
const TIMER: &str = "openclaw-sync-push.timer";

/// Age of the workspace, in refresh intervals, above which it counts as stale.
const OLD: u32 = 3;

/// Checks that the sync units exist and are those of a standby.
pub(super) fn units(world: &World) -> Said {
    for name in [PULL, PUSH, CHECK] {
        let unit = match world.known(name) {
            Ok(unit) => unit,
            Err(why) => return Said::skipped(&why),
        };
        if unit.is_masked() {
            return Said::fail(&format_args!("{name} is masked"), remedy::UNMASK_SYNC);
        }
        if !unit.is_loaded() {
            return Said::fail(&format_args!("{name} is {}", unit.value("LoadState")), remedy::INSTALL_UNITS);
        }
        if unit.command().contains(&"--primary") {
            return Said::fail(&format_args!("{name} would push to the primary's branch"), remedy::SYNC_PRIMARY);
        }
        if let Some(program) = unit.command().first().filter(|program| !world.path(program).is_file()) {
            return Said::fail(&format_args!("{name} starts {program}, which does not exist"), remedy::INSTALL_UNITS);
        }
        if let Some(path) = hidden(world, &unit, name) {
            return Said::fail(&format_args!("the sandbox of {name} hides {}", path.display()), remedy::SYNC_PATHS);
        }
    }
    match world.known(TIMER) {
        Ok(unit) if unit.is_enabled() || unit.is_up() => {
            Said::warn(&format_args!("{TIMER} is enabled, but it is for primaries"), remedy::SYNC_TIMER)
        }
        _ => Said::ok(&"the units are those of a standby"),
    }
}

/// Returns a folder below a home that a unit needs but its sandbox hides.
fn hidden<'a>(world: &'a World, unit: &Unit, name: &str) -> Option<&'a Path> {
    let bound = unit.value("BindPaths");
    // A unit without BindPaths= is not the shipped one, and may have another sandbox.
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

/// Checks that the last pull succeeded recently.
pub(super) fn pull(world: &World) -> Said {
    let report = match last_report(&world.sync_paths()) {
        Ok(Some(report)) => report,
        Ok(None) => return Said::warn(&"no pull has run yet", remedy::PULL),
        Err(why) => return Said::fail(&why.to_string(), remedy::PULL),
    };
    let outcome = report.workspace.outcome.name();
    let Some(fresh) = report.fresh else {
        return Said::fail(
            &format_args!("{outcome}: {}; no pull has succeeded yet", report.workspace.said),
            remedy::PULL,
        );
    };
    let age = age_of_pull(world, fresh);
    let when = ago_by(age);
    let patience = world.config.workspace.refresh.saturating_mul(OLD);
    // While this host serves, pulls only fetch.
    if age > patience && !world.serves() {
        let said = format!("{outcome}: {}; last up to date {when}", report.workspace.said);
        return Said::fail(&said, remedy::PULL);
    }
    if let Some(secret) = report.secrets.iter().find(|secret| !secret.ok) {
        return Said::warn(&format_args!("secrets: {}", secret.said), remedy::PULL);
    }
    let every = span(world.config.workspace.refresh);
    Said::ok(&format_args!("{outcome}, fresh {when}; pulled every {every}"))
}

/// Returns the time since the workspace was fresh. The report has only a wall clock time, and the clock may have been set
/// since; a running monitor corrects the time by that.
fn age_of_pull(world: &World, fresh: Time) -> Duration {
    let by_label = (fresh <= world.now).then(|| world.now.since(fresh));
    let status = world.status().filter(|status| status.is_fresh(world.now));
    let by_monitor = status.and_then(|status| {
        let fresh = status.workspace.as_ref()?.fresh?;
        Some(status.updated_at.since(fresh).saturating_add(status.age(world.now)))
    });
    // The latest pull may have been started by hand.
    by_label.into_iter().chain(by_monitor).min().unwrap_or_default()
}

/// Checks that everything is pushed that this host has written.
pub(super) fn unreturned(world: &World) -> Said {
    let Ok(Some(report)) = last_report(&world.sync_paths()) else { return Said::skipped(&"no report of a pull") };
    let kept = &report.workspace.kept;
    let is_owed = world.status().is_some_and(|status| status.unreturned) || report.workspace.unreturned;
    match (kept.is_empty(), is_owed) {
        (false, _) => {
            let report = world.sync_paths().pull_report().display().to_string();
            Said::warn(&format_args!("not pushed yet: {}", kept.words_with_source(&report)), remedy::PUSH)
        }
        (true, true) if world.serves() => Said::ok(&"this host is serving; its changes are pushed after failback"),
        (true, true) => Said::warn(&"local changes not pushed yet", remedy::PUSH),
        (true, false) if report.fresh.is_none() => Said::skipped(&"no pull has succeeded yet"),
        (true, false) => Said::ok(&"everything is pushed"),
    }
}
