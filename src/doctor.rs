//! `doctor`: checks that this standby could take over right now, each with a remedy.
//!
//! Each check inspects one thing and returns one line: a level, the evidence, and a command that fixes it. Checks
//! change nothing. `registry` lists them in the order in which they are printed.
//!
//! The checks come in two halves. The host's half runs as root, or as any user with what that user can see. The owner's
//! half reads what belongs to the agent, so it runs as the agent's user only; root starts a child that runs as that
//! user (`owner`). A check that cannot run is `skipped`, never `ok`.
//!
//! Cheap checks also run unattended: the host's half in a child of the monitor (`subprocess`), the owner's half in each
//! pull (`background`). A failure there becomes a condition of the monitor.
//!
//! - `gateway`, `monitor`, `network`, `host`, `polkit`, `sync_units`, `hardening`: the host's half.
//! - `workspace_checks`, `openclaw`, `channels`: the owner's half.
//! - `channel_overlap`: comparison of both hosts' channels, if the primary's configuration is given.
//! - `agent_user`: the user that owns the workspace.
//! - `untrusted_file`: the rules for files that the agent can change.
//! - `sandbox`: the checks that only the sandbox of a sync unit can answer.

mod agent_user;
mod background;
mod channel_overlap;
mod channels;
mod context;
mod environment;
mod gateway;
mod hardening;
mod host;
mod monitor;
mod network;
mod openclaw;
mod owner;
mod polkit;
mod registry;
mod sandbox;
pub mod subprocess;
mod sync_units;
mod untrusted_file;
mod workspace_checks;

pub use crate::doctor::agent_user::DEFAULT_USER;
pub use crate::doctor::background::BackgroundChecks;
use crate::doctor::channel_overlap::StandbyAccounts;
pub use crate::doctor::context::{HostContext, Identity};
pub(crate) use crate::doctor::hardening::FIREWALL_UNITS;
pub use crate::doctor::registry::Depth;
use crate::doctor::registry::{COMPARISONS, Check, checks_of, run_checks};
pub(crate) use crate::doctor::registry::{CheckHalf, validate_reported};
pub use crate::doctor::untrusted_file::{GivenFileError, refuse_agents_file};
pub(crate) use crate::doctor::untrusted_file::{belongs_to, read_text_file, refuse_owned_file};
pub use crate::finding::{CheckOutcome, Finding, Level};
use crate::finding::{CheckResult, ReportedCheck, remedy};
use crate::text::json;

/// Runs all checks that this process can run.
pub fn run_all_checks(context: &HostContext) -> Vec<Finding> {
    let mut found = run_host_half(context, Depth::Full);
    let mut standby = None;
    match context.identity {
        Identity::Root => {
            let wants_accounts = context.primary_config.is_some();
            match owner::run_owner_half(context, wants_accounts) {
                Ok(mut answer) => {
                    sandbox::replace_outcomes(context, &mut answer.outcomes);
                    found.push(context.new_finding("owner", CheckResult::ok(&"the checks of the owner's half ran")));
                    found.extend(answer.outcomes.iter().map(|checked| context.to_finding(checked)));
                    standby = answer.standby;
                }
                Err(result) => {
                    found.push(context.new_finding("owner", result));
                    found.extend(skip_owner_half(context, "see owner"));
                }
            }
        }
        Identity::Owner => {
            let outcomes = run_checks(context, Depth::Full, CheckHalf::Owner);
            if context.primary_config.is_some() {
                standby = Some(describe_standby(context, &outcomes));
            }
            found.extend(outcomes.iter().map(|checked| context.to_finding(checked)));
        }
        Identity::Other => {
            found.extend(skip_owner_half(context, "only root and the workspace's owner can check it"));
        }
    }
    found.extend(compare_hosts(context, standby));
    found
}

fn skip_owner_half(context: &HostContext, reason: &str) -> impl Iterator<Item = Finding> {
    checks_of(CheckHalf::Owner).map(move |check| context.new_finding(check.id, CheckResult::skipped(&reason)))
}

/// Runs the host's half, as far as this process can see it.
pub fn run_host_half(context: &HostContext, depth: Depth) -> Vec<Finding> {
    run_checks(context, depth, CheckHalf::Host).iter().map(|checked| context.to_finding(checked)).collect()
}

/// Runs one check of the host's half by its id, for a setup step.
pub(crate) fn run_host_check(context: &HostContext, id: &str) -> Finding {
    context.clear_unit_cache();
    checks_of(CheckHalf::Host).find(|check| check.id == id).map_or_else(
        || context.new_finding("unknown", CheckResult::skipped(&id)),
        |check| context.new_finding(check.id, (check.run)(context)),
    )
}

/// Runs the owner's half; other users see none of it.
pub fn run_owner_half(context: &HostContext, depth: Depth) -> Vec<Finding> {
    run_checks(context, depth, CheckHalf::Owner).iter().map(|checked| context.to_finding(checked)).collect()
}

/// Returns the owner's half for root to read, as one JSON object. `with_accounts` adds the channels and their tokens.
pub fn owner_half_to_json(context: &HostContext, with_accounts: bool) -> String {
    let outcomes = run_checks(context, Depth::Full, CheckHalf::Owner);
    let standby = with_accounts.then(|| describe_standby(context, &outcomes));
    owner::to_json(&outcomes, standby.as_ref()).to_string()
}

/// Returns the checks of a sync unit's sandbox for root to read. This process must run in one; it ends when root does.
pub fn sandbox_checks_to_json(context: &mut HostContext) -> String {
    sandbox::end_with_root();
    context.is_sandboxed = true;
    let run = |check: &Check| CheckOutcome { id: check.id, result: (check.run)(context) };
    let found: Vec<CheckOutcome> = sandbox::sandbox_checks().map(run).collect();
    ReportedCheck::list_to_json(&found).to_string()
}

/// True if no check has failed.
pub fn all_passed(found: &[Finding]) -> bool {
    found.iter().all(|finding| finding.level != Level::Fail)
}

fn describe_standby(context: &HostContext, outcomes: &[CheckOutcome]) -> StandbyAccounts {
    let program = outcomes.iter().find(|checked| checked.id == "openclaw" && checked.result.level == Level::Ok);
    let version = program.and_then(|checked| openclaw::parse_version(&checked.result.evidence));
    let accounts =
        channels::read_own_config(context).map(|config| channels::enabled_accounts(&config)).unwrap_or_default();
    StandbyAccounts { version, accounts }
}

/// Compares the accounts and versions of both hosts.
fn compare_hosts(context: &HostContext, standby: Option<StandbyAccounts>) -> Vec<Finding> {
    let none = |result: CheckResult| COMPARISONS.map(|id| context.new_finding(id, result.clone())).into();
    let Some(primary) = &context.primary_config else {
        return none(CheckResult::skipped(&"give --primary-config FILE to compare both hosts' channels"));
    };
    let primary = match json::parse_json5(primary) {
        Ok(primary) => primary,
        Err(why) => {
            return none(CheckResult::fail(
                &format_args!("the primary's configuration: {}", channels::describe_syntax_error(&why)),
                remedy::NONE,
            ));
        }
    };
    let Some(mut standby) = standby else { return none(CheckResult::skipped(&"this host's channels are unknown")) };
    if context.identity == Identity::Root {
        let values = environment::read_gateway_environment(context);
        let value = |name: &str| values.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.clone());
        channel_overlap::resolve_variables(&mut standby.accounts, value);
    }
    let there = channels::enabled_accounts(&primary);
    let results = [
        channel_overlap::check_accounts(&standby.accounts, &there),
        channel_overlap::check_tokens(&standby.accounts, &there),
        channel_overlap::check_versions(standby.version.as_deref(), &primary),
    ];
    COMPARISONS.into_iter().zip(results).map(|(id, result)| context.new_finding(id, result)).collect()
}

impl HostContext {
    fn new_finding(&self, id: &'static str, result: CheckResult) -> Finding {
        self.to_finding(&CheckOutcome { id, result })
    }
}
