//! Questions to the person at the terminal, asked before a setup begins. The setup itself asks nothing.

use std::io::{
    BufRead, Read, {self},
};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::cli::error::Error;
use crate::cli::output::{Output, printable};
use crate::cli::setup::{is_id, pending, refuse};
use crate::os::orphans::Watched;
use crate::setup::{CHANNELS, Plan, Want, offer};

/// Size limit of an answer, in bytes.
const LONGEST: u64 = 1000;

/// Asks for the inputs that the plan lacks. Returns the number of steps to apply.
pub(super) fn ask_all(plan: &mut Plan, out: &mut Output) -> Result<usize, Error> {
    choose_channel(plan)?;
    let strangers = plan.strangers();
    let mut keys = String::new();
    for host in &strangers {
        let offer = offer(&plan.site, host).map_err(Error::Failed)?;
        out.line(format_args!("{} presents these keys:", printable(host)))?;
        offer.prints.iter().try_for_each(|print| out.line(format_args!("  {print}")))?;
        out.flush()?;
        if !confirm("Do they match the published keys?") {
            return Err(Error::Failed(format!("nothing was changed; the keys of {host} were not confirmed")));
        }
        keys.push_str(&offer.keys);
    }
    plan.site.host_keys = (!keys.is_empty()).then_some(keys);
    plan.site.can_ask = false;
    // An answer may make a step impossible.
    let steps = plan.look();
    refuse(&steps)?;
    Ok(pending(&steps))
}

/// Asks for a channel if OpenClaw has no configuration yet.
fn choose_channel(plan: &mut Plan) -> Result<(), Error> {
    let wants = plan.wants();
    let Plan { site, .. } = plan;
    if wants.contains(&Want::Channel) {
        let channel = ask(&format!("Channel of the standby, {} (Enter to skip)", CHANNELS.join(" or ")))?;
        if channel.is_empty() {
            return Ok(());
        }
        if !CHANNELS.contains(&channel.as_str()) {
            let known = CHANNELS.join(" and ");
            return Err(Error::Usage(format!("nothing was changed; setup does not support '{channel}', only {known}")));
        }
        site.wishes.channel = Some(channel);
        let model = ask("Model, as provider/model (Enter for OpenClaw's default)")?;
        site.wishes.model = Some(model).filter(|model| !model.is_empty());
    }
    if wants.contains(&Want::Allow) {
        let allow = ask("Ids of the users who may write there, separated by spaces")?;
        for id in allow.split([' ', ',']).filter(|id| !id.is_empty()) {
            if !is_id(id) {
                return Err(Error::Usage(format!("nothing was changed; '{id}' is not a user id, which is a number")));
            }
            site.wishes.allow.push(id.to_owned());
        }
    }
    if wants.contains(&Want::Token) {
        let name = if site.wishes.channel.as_deref() == Some("discord") { "Discord" } else { "Telegram" };
        site.token = secret(&format!("{name} bot token (Enter to skip):"));
    }
    Ok(())
}

/// Asks a yes/no question.
pub(super) fn confirm(question: &str) -> bool {
    eprint!("{question} [y/N] ");
    line().is_some_and(|line| matches!(line.trim(), "y" | "Y" | "yes"))
}

fn ask(question: &str) -> Result<String, Error> {
    eprint!("{question}: ");
    let answer = line().ok_or_else(|| Error::Usage("nothing was changed; no answer on standard input".into()))?;
    Ok(answer.trim().to_owned())
}

fn line() -> Option<String> {
    let mut line = String::new();
    let length = io::stdin().lock().take(LONGEST).read_line(&mut line).ok()?;
    (length > 0).then_some(line)
}

/// Reads a secret without echo. systemd-ask-password restores the terminal however it ends. It stays in this process
/// group, so that Ctrl-C ends both.
fn secret(question: &str) -> Option<String> {
    let (ours, theirs) = UnixStream::pair().ok()?;
    let _watched = Watched::by_files(&[theirs.as_fd()]).ok()?;
    let mut command = Command::new("systemd-ask-password");
    command.args(["--timeout=0", "--", question]).stdin(Stdio::inherit()).stderr(Stdio::inherit());
    let mut child = command.stdout(OwnedFd::from(theirs)).spawn().ok()?;
    // The command keeps its end of the socket open, so the reader would never see the end of the output.
    drop(command);
    let mut token = String::new();
    let read = ours.take(LONGEST).read_to_string(&mut token);
    let is_given = child.wait().is_ok_and(|status| status.success()) && read.is_ok();
    let token = token.trim();
    (is_given && !token.is_empty()).then(|| token.to_owned())
}
