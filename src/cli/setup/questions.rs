//! Questions to the person at the terminal, asked before a setup begins. The setup itself asks nothing.

use std::io::{self, BufRead, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::printable::to_printable;
use crate::cli::setup::{count_pending, is_user_id, reject_refused};
use crate::os::orphans::RegisteredChild;
use crate::setup::{MissingInput, Plan, SUPPORTED_CHANNELS, scan_host_keys};

/// Size limit of an answer, in bytes.
const ANSWER_SIZE_LIMIT: u64 = 1000;

/// Asks for the inputs that the plan lacks. Returns the number of steps to apply.
pub(super) fn ask_missing_inputs(plan: &mut Plan, out: &mut Output) -> Result<usize, CliError> {
    choose_channel(plan)?;
    let unknown_hosts = plan.unknown_hosts();
    let mut keys = String::new();
    for host in &unknown_hosts {
        let scanned = scan_host_keys(&plan.target, host).map_err(CliError::Failed)?;
        out.write_line(format_args!("{} presents these keys:", to_printable(host)))?;
        scanned.fingerprints.iter().try_for_each(|print| out.write_line(format_args!("  {print}")))?;
        out.flush()?;
        if !confirm("Do they match the published keys?") {
            return Err(CliError::Failed(format!("nothing was changed; the keys of {host} were not confirmed")));
        }
        keys.push_str(&scanned.keys);
    }
    plan.target.confirmed_host_keys = (!keys.is_empty()).then_some(keys);
    plan.target.is_interactive = false;
    // An answer may make a step impossible.
    let steps = plan.read_states();
    reject_refused(&steps)?;
    Ok(count_pending(&steps))
}

/// Asks for a channel if OpenClaw has no configuration yet.
fn choose_channel(plan: &mut Plan) -> Result<(), CliError> {
    let missing = plan.missing_inputs();
    let Plan { target, .. } = plan;
    if missing.contains(&MissingInput::Channel) {
        let channel =
            ask_text(&format!("Channel of the standby, {} (Enter to skip)", SUPPORTED_CHANNELS.join(" or ")))?;
        if channel.is_empty() {
            return Ok(());
        }
        if !SUPPORTED_CHANNELS.contains(&channel.as_str()) {
            let known = SUPPORTED_CHANNELS.join(" and ");
            return Err(CliError::Usage(format!(
                "nothing was changed; setup does not support '{channel}', only {known}"
            )));
        }
        target.options.channel = Some(channel);
        let model = ask_text("Model, as provider/model (Enter for OpenClaw's default)")?;
        target.options.model = Some(model).filter(|model| !model.is_empty());
    }
    if missing.contains(&MissingInput::AllowedIds) {
        let allow = ask_text("Ids of the users who may write there, separated by spaces")?;
        for id in allow.split([' ', ',']).filter(|id| !id.is_empty()) {
            if !is_user_id(id) {
                return Err(CliError::Usage(format!(
                    "nothing was changed; '{id}' is not a user id, which is a number"
                )));
            }
            target.options.allowed_ids.push(id.to_owned());
        }
    }
    if missing.contains(&MissingInput::Token) {
        let name = if target.options.channel.as_deref() == Some("discord") { "Discord" } else { "Telegram" };
        target.channel_token = ask_secret(&format!("{name} bot token (Enter to skip):"));
    }
    Ok(())
}

/// Asks a yes/no question.
pub(super) fn confirm(question: &str) -> bool {
    eprint!("{question} [y/N] ");
    read_line().is_some_and(|line| matches!(line.trim(), "y" | "Y" | "yes"))
}

fn ask_text(question: &str) -> Result<String, CliError> {
    eprint!("{question}: ");
    let answer =
        read_line().ok_or_else(|| CliError::Usage("nothing was changed; no answer on standard input".into()))?;
    Ok(answer.trim().to_owned())
}

fn read_line() -> Option<String> {
    let mut line = String::new();
    let length = io::stdin().lock().take(ANSWER_SIZE_LIMIT).read_line(&mut line).ok()?;
    (length > 0).then_some(line)
}

/// Reads a secret without echo. systemd-ask-password restores the terminal however it ends. It stays in this process
/// group, so that Ctrl-C ends both.
fn ask_secret(question: &str) -> Option<String> {
    let (ours, theirs) = UnixStream::pair().ok()?;
    let _watched = RegisteredChild::from_files(&[theirs.as_fd()]).ok()?;
    let mut command = Command::new("systemd-ask-password");
    command.args(["--timeout=0", "--", question]).stdin(Stdio::inherit()).stderr(Stdio::inherit());
    let mut child = command.stdout(OwnedFd::from(theirs)).spawn().ok()?;
    // The command keeps its end of the socket open, so the reader would never see the end of the output.
    drop(command);
    let mut token = String::new();
    let read = ours.take(ANSWER_SIZE_LIMIT).read_to_string(&mut token);
    let is_given = child.wait().is_ok_and(|status| status.success()) && read.is_ok();
    let token = token.trim();
    (is_given && !token.is_empty()).then(|| token.to_owned())
}
