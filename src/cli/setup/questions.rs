//! Questions to the person at the terminal, asked before a setup begins. The setup itself asks nothing.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::cli::apply_plan::{ANSWER_SIZE_LIMIT, confirm, read_line};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::printable::to_printable;
use crate::os::orphans::RegisteredChild;
use crate::setup::{
    Channel, ChannelOptions, ChannelToken, HostKeys, MissingInput, Plan, StandbyOptions, scan_host_keys,
};

/// Asks for the inputs that the plan lacks.
pub(super) fn ask_missing_inputs(plan: &mut Plan<StandbyOptions>, out: &mut Output) -> Result<(), CliError> {
    choose_channel(plan)?;
    let mut keys = String::new();
    for host in plan.unknown_hosts() {
        let scanned = scan_host_keys(&plan.target, &host).map_err(CliError::failed)?;
        out.write_line(format_args!("{} presents these keys:", to_printable(&host)))?;
        scanned.fingerprints.iter().try_for_each(|print| out.write_line(format_args!("  {print}")))?;
        out.flush()?;
        if !confirm("Do they match the published keys?") {
            return Err(CliError::Failed(format!("nothing was changed; the keys of {host} were not confirmed")));
        }
        keys.push_str(&scanned.keys);
    }
    if !keys.is_empty() {
        plan.options.host_keys = Some(HostKeys::Confirmed(keys));
    }
    plan.options.is_interactive = false;
    Ok(())
}

/// Asks for a channel if OpenClaw has no configuration yet, and for what the channel lacks.
fn choose_channel(plan: &mut Plan<StandbyOptions>) -> Result<(), CliError> {
    let missing = plan.missing_inputs();
    if missing.contains(&MissingInput::Channel) {
        let known = Channel::ALL.map(Channel::name);
        let typed = ask_text(&format!("Channel of the standby, {} (Enter to skip)", known.join(" or ")))?;
        if typed.is_empty() {
            return Ok(());
        }
        let Some(channel) = Channel::from_name(&typed) else {
            let known = known.join(" and ");
            return Err(CliError::Usage(format!(
                "nothing was changed; setup does not support '{typed}', only {known}"
            )));
        };
        let model = ask_text("Model, as provider/model (Enter for OpenClaw's default)")?;
        let model = Some(model).filter(|model| !model.is_empty());
        plan.options.channel = Some(ChannelOptions { channel, allowed_ids: Vec::new(), token: None, model });
    }
    let Some(options) = &mut plan.options.channel else { return Ok(()) };
    if missing.contains(&MissingInput::AllowedIds) {
        let allow = ask_text("Ids of the users who may write there, separated by spaces")?;
        for id in allow.split([' ', ',']).filter(|id| !id.is_empty()) {
            if !ChannelOptions::is_user_id(id) {
                return Err(CliError::Usage(format!(
                    "nothing was changed; '{id}' is not a user id, which is a number"
                )));
            }
            options.allowed_ids.push(id.to_owned());
        }
    }
    if missing.contains(&MissingInput::Token) {
        let token = ask_secret(&format!("{} bot token (Enter to skip):", options.channel.title()));
        options.token = token.map(ChannelToken::Typed);
    }
    Ok(())
}

fn ask_text(question: &str) -> Result<String, CliError> {
    eprint!("{question}: ");
    let answer =
        read_line().ok_or_else(|| CliError::Usage("nothing was changed; no answer on standard input".into()))?;
    Ok(answer.trim().to_owned())
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
