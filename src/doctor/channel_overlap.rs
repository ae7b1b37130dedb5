//! Overlap of the channels of two hosts. Two hosts on one account answer twice or lock each other out, so the accounts
//! that are enabled here are compared with the primary's. Tokens are compared in memory; only whether they match is
//! reported.

use crate::doctor::channels::{Account, Identifier};
use crate::finding::{CheckResult, remedy};
use crate::text::json::{Node, Value};

/// Accounts and version of this host's OpenClaw, as its owner reports them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StandbyAccounts {
    pub(super) version: Option<String>,
    pub(super) accounts: Vec<Account>,
}

/// Overlap of two accounts of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Overlap {
    /// Different accounts.
    None,
    /// Cannot be determined from the configurations.
    Unknown,
    /// The same account of the chat service.
    Same,
}

/// Checks that no account is enabled on both hosts.
pub(super) fn check_accounts(here: &[Account], there: &[Account]) -> CheckResult {
    let mut doubtful = None;
    for (ours, theirs) in pair_accounts(here, there) {
        let both = format!("{}/{} here and {}/{} there", ours.channel, ours.name, theirs.channel, theirs.name);
        match compare_accounts(ours, theirs) {
            Overlap::Same => return CheckResult::fail(&format_args!("{both} are the same account"), remedy::SPLIT),
            Overlap::Unknown => doubtful = doubtful.or(Some(both)),
            Overlap::None => {}
        }
    }
    match doubtful {
        Some(both) => {
            CheckResult::warn(&format_args!("cannot tell whether {both} are the same account"), remedy::SPLIT)
        }
        None => CheckResult::ok(&format_args!("{} here, {} there, none shared", here.len(), there.len())),
    }
}

/// Checks that no token is used by both hosts.
pub(super) fn check_tokens(here: &[Account], there: &[Account]) -> CheckResult {
    let (mut compared, mut hidden) = (0, None);
    for (ours, theirs) in pair_accounts(here, there) {
        for mark in ours.identifiers.iter().filter(|mark| mark.is_secret()) {
            let theirs_seen = theirs.identifiers.iter().filter(|mark| mark.is_secret());
            for other in theirs_seen {
                match (&mark.value, &other.value) {
                    (Some(one), Some(another)) if one == another => {
                        let evidence = format!("{}/{} uses the primary's {}", ours.channel, ours.name, other.key);
                        return CheckResult::fail(&evidence, remedy::SPLIT);
                    }
                    (Some(_), Some(_)) => compared += 1,
                    _ if mark.key == other.key => hidden = Some(format!("{}/{}", ours.channel, ours.name)),
                    _ => {}
                }
            }
        }
    }
    match hidden {
        Some(account) => CheckResult::skipped(&format_args!("the token of {account} is not readable in both files")),
        None if compared == 0 => CheckResult::ok(&"no channel is enabled on both hosts"),
        None => CheckResult::ok(&"no token is shared"),
    }
}

/// Checks that both hosts run the same version, if the primary's configuration names the version that wrote it.
pub(super) fn check_versions(here: Option<&str>, primary: &Value) -> CheckResult {
    let there = primary.get("meta").and_then(|meta| meta.get("lastTouchedVersion")?.as_str());
    match (here, there) {
        (Some(here), Some(there)) if here == there => CheckResult::ok(&here),
        (Some(here), Some(there)) => CheckResult::warn(&format_args!("{here} here, {there} there"), remedy::VERSIONS),
        (None, _) => CheckResult::skipped(&"this host's version is unknown"),
        (_, None) => CheckResult::skipped(&"the primary's configuration does not name its version"),
    }
}

/// Fills in the values of environment variables.
pub(super) fn resolve_variables(accounts: &mut [Account], value: impl Fn(&str) -> Option<String>) {
    for mark in accounts.iter_mut().flat_map(|account| &mut account.identifiers) {
        // The service's environment takes precedence over OpenClaw's files.
        if let Some(text) = mark.variable.as_deref().and_then(&value) {
            mark.value = Some(text);
        }
    }
}

fn pair_accounts<'a>(here: &'a [Account], there: &'a [Account]) -> Vec<(&'a Account, &'a Account)> {
    let mut found = Vec::new();
    for ours in here {
        for theirs in there.iter().filter(|theirs| theirs.channel == ours.channel) {
            found.push((ours, theirs));
        }
    }
    found
}

fn compare_accounts(ours: &Account, theirs: &Account) -> Overlap {
    let mut found = Overlap::Unknown;
    for mark in &ours.identifiers {
        let Some(other) = theirs.identifiers.iter().find(|other| other.key == mark.key) else { continue };
        let (Some(one), Some(another)) = (&mark.value, &other.value) else { continue };
        let is_same = one == another || (bot_id(mark).is_some() && bot_id(mark) == bot_id(other));
        found = if is_same { Overlap::Same } else { Overlap::None };
        if is_same {
            break;
        }
    }
    // WhatsApp, Signal and others keep their sessions elsewhere. Without credentials to compare, the name decides.
    let has_none = |account: &Account| account.identifiers.is_empty();
    if found == Overlap::Unknown && has_none(ours) && has_none(theirs) && ours.name == theirs.name {
        return Overlap::Same;
    }
    found
}

/// Returns the part of a bot's token that survives a token change: `123456:…` at Telegram, the bot's id at Discord.
fn bot_id(mark: &Identifier) -> Option<&str> {
    let text = mark.value.as_deref().filter(|_| mark.is_secret())?;
    let (telegram, discord) = (text.split_once(':'), text.split_once('.'));
    match (telegram, discord) {
        (Some((id, _)), _) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => Some(id),
        (_, Some((id, _))) if id.len() >= 18 => Some(id),
        _ => None,
    }
}

impl StandbyAccounts {
    /// Encodes each account as a list of texts: its channel, its name, and three per identifier.
    pub(super) fn to_json(&self) -> Value {
        let account = |account: &Account| {
            let mut texts = vec![Value::from(account.channel.as_str()), account.name.as_str().into()];
            for mark in &account.identifiers {
                texts.extend([mark.key.as_str().into(), mark.variable.clone().into(), mark.value.clone().into()]);
            }
            Value::from_items(texts)
        };
        let accounts = Value::from_items(self.accounts.iter().map(account));
        Value::from_entries([("version", self.version.clone().into()), ("accounts", accounts)])
    }

    /// Parses the untrusted output of [`to_json`](Self::to_json). Values of the wrong type count as absent.
    pub(super) fn from_json(node: &Node) -> Self {
        let version = node.get("version").and_then(|result| crate::doctor::openclaw::parse_version(result.as_str()?));
        let mut standby = Self { version, accounts: Vec::new() };
        let text = |node: &Node| Some(node.as_str()?.to_owned());
        for account in node.get("accounts").and_then(|accounts| accounts.as_array()).unwrap_or_default() {
            let [channel, name, marks @ ..] = account.as_array().unwrap_or_default() else { continue };
            let mut found = Account { channel: text(channel).unwrap_or_default(), ..Account::default() };
            found.name = text(name).unwrap_or_default();
            for mark in marks.chunks_exact(3) {
                let [key, variable, value] = mark else { continue };
                let key = text(key).unwrap_or_default();
                found.identifiers.push(Identifier { key, variable: text(variable), value: text(value) });
            }
            standby.accounts.push(found);
        }
        standby
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::channels;
    use crate::finding::Level;
    use crate::text::json;

    fn of(config: &str) -> Vec<Account> {
        channels::enabled_accounts(&json::parse_json5(config).unwrap())
    }

    fn levels(here: &str, there: &str) -> (Level, Level) {
        let (here, there) = (of(here), of(there));
        let (accounts, tokens) = (check_accounts(&here, &there), check_tokens(&here, &there));
        for result in [&accounts, &tokens] {
            assert!(!result.evidence.contains("SECRET"), "{}", result.evidence);
        }
        (accounts.level, tokens.level)
    }

    #[test]
    fn what_two_hosts_share_is_found() {
        use Level::{Fail, Ok, Skipped, Warn};
        let telegram = |token: &str| format!("{{channels:{{telegram:{{botToken:'{token}'}}}}}}");
        let reference = "{channels:{telegram:{botToken:{source:'env',provider:'default',id:'TG'}}}}";
        let with_value = "{env:{TG:'1:SECRETa'},channels:{telegram:{botToken:'${TG}'}}}";
        let whatsapp = "{channels:{whatsapp:{enabled:true}}}";
        let off = "{channels:{telegram:{enabled:false,botToken:'1:SECRETa'},whatsapp:{enabled:false}}}";
        let plugin = "{channels:{discord:{token:'x'}},plugins:{entries:{discord:{enabled:false}}}}";
        let accounts =
            "{channels:{telegram:{accounts:{a:{botToken:'2:SECRETb'},b:{enabled:false,botToken:'1:SECRETa'}}}}}";
        let mine = &telegram("1:SECRETa");
        for (here, there, expected) in [
            (mine.as_str(), telegram("1:SECRETa").as_str(), (Fail, Fail)),
            (mine, &telegram("1:SECRETc"), (Fail, Ok)),
            (mine, &telegram("2:SECRETc"), (Ok, Ok)),
            (mine, with_value, (Fail, Fail)),
            (mine, reference, (Warn, Skipped)),
            (mine, "{channels:{telegram:{botToken:'__OPENCLAW_REDACTED__'}}}", (Warn, Skipped)),
            (mine, "{telegram:{botToken:'1:SECRETa'}}", (Fail, Fail)),
            (mine, accounts, (Ok, Ok)),
            (mine, off, (Ok, Ok)),
            (mine, whatsapp, (Ok, Ok)),
            (whatsapp, whatsapp, (Fail, Ok)),
            (plugin, "{channels:{discord:{token:'x'}}}", (Ok, Ok)),
            ("{channels:{signal:{account:'+1'}}}", "{channels:{signal:{account:'+1'}}}", (Fail, Ok)),
            ("{channels:{signal:{account:'+1'}}}", "{channels:{signal:{account:'+2'}}}", (Ok, Ok)),
            ("{gateway:{port:1}}", mine, (Ok, Ok)),
        ] {
            assert_eq!(levels(here, there), expected, "{here} and {there}");
        }
    }

    #[test]
    fn a_variable_that_only_root_can_see_is_compared_too() {
        let mut here = of("{channels:{telegram:{botToken:'$TG'}}}");
        let there = of("{channels:{telegram:{botToken:'1:SECRETa'}}}");
        resolve_variables(&mut here, |name| (name == "TG").then(|| "1:SECRETa".to_owned()));
        assert_eq!(check_tokens(&here, &there).level, Level::Fail);
    }

    #[test]
    fn the_owners_word_reads_back_and_what_is_odd_is_left_out() {
        let standby = StandbyAccounts {
            version: Some("2026.9.6".into()),
            accounts: of("{channels:{telegram:{botToken:'$TG'},irc:{nick:'n'}}}"),
        };
        let read = StandbyAccounts::from_json(&json::parse(&standby.to_json().to_string()).unwrap());
        assert_eq!(read, standby);
        let odd = json::parse(r#"{"version":7,"accounts":[1,["a"],["b","c"],["d",5,6,7,8,9]]}"#).unwrap();
        let read = StandbyAccounts::from_json(&odd).accounts;
        assert_eq!(read.iter().map(|account| account.channel.as_str()).collect::<Vec<_>>(), ["b", "d"]);
    }

    #[test]
    fn versions_are_compared_where_they_are_known() {
        let primary = json::parse(r#"{"meta":{"lastTouchedVersion":"2026.9.6"}}"#).unwrap();
        assert_eq!(check_versions(Some("2026.9.6"), &primary).level, Level::Ok);
        assert_eq!(check_versions(Some("2026.8.1"), &primary).level, Level::Warn);
        assert_eq!(check_versions(None, &primary).level, Level::Skipped);
    }
}
