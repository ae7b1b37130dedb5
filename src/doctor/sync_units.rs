//! Checks of the workspace sync from outside: its units, and their last reports.

use std::path::Path;
use std::time::Duration;

use crate::doctor::context::HostContext;
use crate::finding::{CheckResult, remedy};
use crate::gateway_check::CHECK_UNIT;
use crate::os::systemd::UnitProperties;
use crate::text::Time;
use crate::text::utc::{format_age, format_span};
use crate::workspace::unit::{PULL_SERVICE, PUSH_SERVICE, read_last_pull};

/// Timer of a primary's push.
const PUSH_TIMER: &str = "openclaw-sync-push.timer";

/// Age of the workspace, in refresh intervals, above which it counts as stale.
const STALE_INTERVALS: u32 = 3;

/// Checks that the sync units exist and are those of a standby.
pub(super) fn check_units(context: &HostContext) -> CheckResult {
    for name in [PULL_SERVICE, PUSH_SERVICE, CHECK_UNIT] {
        let unit = match context.cached_unit(name) {
            Ok(unit) => unit,
            Err(why) => return CheckResult::skipped(&why),
        };
        if unit.is_masked() {
            return CheckResult::fail(&format_args!("{name} is masked"), remedy::UNMASK_SYNC);
        }
        if !unit.is_loaded() {
            return CheckResult::fail(&format_args!("{name} is {}", unit.value("LoadState")), remedy::INSTALL_UNITS);
        }
        if unit.start_command().contains(&"--primary") {
            return CheckResult::fail(&format_args!("{name} would push to the primary's branch"), remedy::SYNC_PRIMARY);
        }
        if let Some(program) = unit.start_command().first().filter(|program| !context.system_path(program).is_file()) {
            return CheckResult::fail(
                &format_args!("{name} starts {program}, which does not exist"),
                remedy::INSTALL_UNITS,
            );
        }
        if let Some(path) = find_hidden_folder(context, &unit, name) {
            return CheckResult::fail(
                &format_args!("the sandbox of {name} hides {}", path.display()),
                remedy::SYNC_PATHS,
            );
        }
    }
    match context.cached_unit(PUSH_TIMER) {
        Ok(unit) if unit.is_enabled() || unit.is_up() => {
            CheckResult::warn(&format_args!("{PUSH_TIMER} is enabled, but it is for primaries"), remedy::SYNC_TIMER)
        }
        _ => CheckResult::ok(&"the units are those of a standby"),
    }
}

/// Returns a folder below a home that a unit needs but its sandbox hides.
fn find_hidden_folder<'a>(context: &'a HostContext, unit: &UnitProperties, name: &str) -> Option<&'a Path> {
    let bound = unit.value("BindPaths");
    // A unit without BindPaths= is not the shipped one, and may have another sandbox.
    if bound.is_empty() {
        return None;
    }
    let secrets = context.config.secrets.iter().filter(|_| name == PULL_SERVICE).map(|secret| secret.target.as_path());
    let mut needed = [context.config.workspace.path.as_path()].into_iter().chain(secrets);
    needed.find(|path| {
        let sources = bound.split_whitespace().filter_map(|bind| bind.trim_start_matches('-').split(':').next());
        context.is_in_home(path) && !sources.into_iter().any(|source| path.starts_with(source))
    })
}

/// Checks that the last pull succeeded recently.
pub(super) fn check_pull(context: &HostContext) -> CheckResult {
    let report = match read_last_pull(&context.sync_paths()) {
        Ok(Some(report)) => report,
        Ok(None) => return CheckResult::warn(&"no pull has run yet", remedy::PULL),
        Err(why) => return CheckResult::fail(&why.to_string(), remedy::PULL),
    };
    let outcome = report.workspace.outcome.name();
    let Some(fresh) = report.last_complete_at else {
        return CheckResult::fail(
            &format_args!("{outcome}: {}; no pull has succeeded yet", report.workspace.details),
            remedy::PULL,
        );
    };
    let age = age_of_pull(context, fresh);
    let when = format_age(age);
    let max_age = context.config.workspace.refresh.saturating_mul(STALE_INTERVALS);
    // While this host serves, pulls only fetch.
    if age > max_age && !context.is_serving() {
        let result = format!("{outcome}: {}; last up to date {when}", report.workspace.details);
        return CheckResult::fail(&result, remedy::PULL);
    }
    if let Some(secret) = report.secrets.iter().find(|secret| !secret.is_copied) {
        return CheckResult::warn(&format_args!("secrets: {}", secret.error), remedy::PULL);
    }
    let every = format_span(context.config.workspace.refresh);
    CheckResult::ok(&format_args!("{outcome}; last complete pull {when}, one every {every}"))
}

/// Returns the time since the workspace was fresh. The report has only a wall clock time, and the clock may have been
/// set since; a running monitor corrects the time by that.
fn age_of_pull(context: &HostContext, fresh: Time) -> Duration {
    let by_label = (fresh <= context.now).then(|| context.now.since(fresh));
    let status = context.read_status().filter(|status| status.is_fresh(context.now));
    let by_monitor = status.and_then(|status| {
        let fresh = status.last_pull.as_ref()?.last_complete_at?;
        Some(status.updated_at.since(fresh).saturating_add(status.age(context.now)))
    });
    // The latest pull may have been started by hand.
    by_label.into_iter().chain(by_monitor).min().unwrap_or_default()
}

/// Checks that everything is pushed that this host has written.
pub(super) fn check_unpushed(context: &HostContext) -> CheckResult {
    let Ok(Some(report)) = read_last_pull(&context.sync_paths()) else {
        return CheckResult::skipped(&"no report of a pull");
    };
    let kept = &report.workspace.unpushed_conflict_branches;
    let is_owed =
        context.read_status().is_some_and(|status| status.has_unpushed_changes) || report.workspace.has_unpushed;
    match (kept.is_empty(), is_owed) {
        (false, _) => {
            let report = context.sync_paths().pull_report_file().display().to_string();
            CheckResult::warn(&format_args!("not pushed yet: {}", kept.to_sentence_with_source(&report)), remedy::PUSH)
        }
        (true, true) if context.is_serving() => {
            CheckResult::ok(&"this host is serving; its changes are pushed after failback")
        }
        (true, true) => CheckResult::warn(&"local changes not pushed yet", remedy::PUSH),
        (true, false) if report.last_complete_at.is_none() => CheckResult::skipped(&"no pull has succeeded yet"),
        (true, false) => CheckResult::ok(&"everything is pushed"),
    }
}
