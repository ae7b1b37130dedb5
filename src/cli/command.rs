//! Parser of the arguments into a command that is ready to run.

use std::ffi::OsString;

use lexopt::{Arg, Parser};

use crate::cli::args::Args;
use crate::cli::check::{self, CheckCommand};
use crate::cli::config::{self, ConfigCommand};
use crate::cli::demo::{self, DemoCommand};
use crate::cli::docgen::{self, DocFormat};
use crate::cli::doctor::{self, DoctorCommand};
use crate::cli::drill::{self, DrillCommand};
use crate::cli::error::CliError;
use crate::cli::help_page::HelpPage;
use crate::cli::history::{self, HistoryCommand};
use crate::cli::inspect::{self, InspectCommand};
use crate::cli::notify::{self, NotifyCommand};
use crate::cli::operator::{self, OperatorArgs};
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::cli::replay::{self, ReplayCommand};
use crate::cli::run::{self, RunCommand};
use crate::cli::setup::{self, SetupCommand};
use crate::cli::status::{self, StatusCommand};
use crate::cli::sync::{self, SyncCommand};
use crate::cli::uninstall::{self, UninstallCommand};
use crate::text::suggestion::suggest_name;

/// Parsed command, ready to run.
type PreparedCommand = Box<dyn FnOnce(&mut Output) -> Result<CommandOutcome, CliError>>;

/// Command: its name, its help, which declares its options, and its parser.
type CommandEntry = (&'static str, &'static str, fn(Args) -> Result<PreparedCommand, CliError>);

/// Commands in the order of the program's help, which has their summaries.
const PUBLIC_COMMANDS: [CommandEntry; 19] = [
    ("check", check::HELP, |args| prepare(CheckCommand::parse(args), CheckCommand::run)),
    ("run", run::HELP, |args| prepare(RunCommand::parse(args), RunCommand::run)),
    ("status", status::HELP, |args| prepare(StatusCommand::parse(args), StatusCommand::run)),
    ("history", history::HELP, |args| prepare(HistoryCommand::parse(args), HistoryCommand::run)),
    ("replay", replay::HELP, |args| prepare(ReplayCommand::parse(args), ReplayCommand::run)),
    ("promote", operator::PROMOTE_HELP, |args| prepare(OperatorArgs::parse_promote(args), OperatorArgs::run)),
    ("demote", operator::DEMOTE_HELP, |args| prepare(OperatorArgs::parse_demote(args), OperatorArgs::run)),
    ("pause", operator::PAUSE_HELP, |args| prepare(OperatorArgs::parse_pause(args), OperatorArgs::run)),
    ("resume", operator::RESUME_HELP, |args| prepare(OperatorArgs::parse_resume(args), OperatorArgs::run)),
    ("drill", drill::HELP, |args| prepare(DrillCommand::parse(args), DrillCommand::run)),
    ("notify", notify::HELP, |args| prepare(NotifyCommand::parse(args), NotifyCommand::run)),
    ("config", config::HELP, |args| prepare(ConfigCommand::parse(args), ConfigCommand::run)),
    ("doctor", doctor::HELP, |args| prepare(DoctorCommand::parse(args), DoctorCommand::run)),
    ("demo", demo::HELP, |args| prepare(DemoCommand::parse(args), DemoCommand::run)),
    ("sync", sync::HELP, |args| prepare(SyncCommand::parse(args), SyncCommand::run)),
    ("setup", setup::HELP, |args| prepare(SetupCommand::parse(args), SetupCommand::run)),
    ("uninstall", uninstall::HELP, |args| prepare(UninstallCommand::parse(args), UninstallCommand::run)),
    ("completions", docgen::COMPLETIONS_HELP, |args| prepare(DocFormat::parse_completions(args), print_document)),
    ("man", docgen::MAN_HELP, |args| prepare(DocFormat::parse_man(args), print_document)),
];

/// Command that only this program's units run; no help lists it.
const INTERNAL_COMMAND: CommandEntry =
    ("inspect", inspect::HELP, |args| prepare(InspectCommand::parse(args), InspectCommand::run));

const HELP: &str = "\
Keeps an OpenClaw user reachable: watches the primary's gateway, starts this
host's gateway when the primary is down, and stops it when the primary is back.

Usage: openclaw-failover COMMAND

Commands:
  check [URL…]  probe once now: does a gateway answer?
  run           the monitor: watch, promote, demote
  status        show the state of the monitor
  history       list every promotion and demotion, with its reason
  replay        replay recorded events and print each decision
  promote       start this host's gateway and keep it running
  demote        stop it and keep it down, for a while
  pause         turn automatic failover off, for a while
  resume        end a promote, demote or pause
  drill         rehearse a failover while the primary is up
  notify        send a test message to the webhooks
  config        print the effective configuration, or validate a file
  doctor        could this standby take over right now? what to do if not
  demo          a complete failover on loopback in under a minute
  sync pull     fetch the workspace and the secrets
  sync push     push what this host has written
  setup         make this Debian or Ubuntu host a standby or a primary
  uninstall     undo setup
  completions   print the completion script for bash, zsh or fish
  man           print the manual page

Options:
  -h, --help     show this text; after a command, that command's help
  -V, --version  show the version

Exit codes: 0 yes or done, 1 no or failed, 2 usage or configuration error.
";

/// Parses the arguments, without the program's name.
pub(super) fn parse_command(args: Vec<OsString>) -> Result<PreparedCommand, CliError> {
    let mut parser = Parser::from_args(args);
    let name = match parser.next()? {
        None => return Err(usage_error("no command given")),
        Some(Arg::Short('h') | Arg::Long("help")) => return Ok(print_text(HELP)),
        Some(Arg::Short('V') | Arg::Long("version")) => {
            return Ok(print_text(concat!("openclaw-failover ", env!("CARGO_PKG_VERSION"))));
        }
        Some(Arg::Value(name)) => name.to_string_lossy().into_owned(),
        Some(Arg::Long(name)) => return Err(unknown_name("option", &format!("--{name}"), &["--help", "--version"])),
        Some(Arg::Short(letter)) => return Err(unknown_name("option", &format!("-{letter}"), &["-h", "-V"])),
    };
    let Some((name, help, parse)) = PUBLIC_COMMANDS.iter().chain([&INTERNAL_COMMAND]).find(|entry| entry.0 == name)
    else {
        return Err(unknown_name("command", &name, &PUBLIC_COMMANDS.map(|(known, ..)| known)));
    };
    match parse(Args::new(parser, name, help)) {
        Err(CliError::Help(text)) => Ok(print_text(text)),
        parsed => parsed,
    }
}

/// Combines the arguments of a command with its function.
fn prepare<T: 'static>(
    parsed: Result<T, CliError>,
    run: fn(T, &mut Output) -> Result<CommandOutcome, CliError>,
) -> Result<PreparedCommand, CliError> {
    let command = parsed?;
    Ok(Box::new(move |out| run(command, out)))
}

fn print_text(text: &'static str) -> PreparedCommand {
    Box::new(|out| out.write_line(text.trim_end()).map(|()| CommandOutcome::Success))
}

/// Prints completions or the manual page, made from the help of the program, under an empty name, and of each command.
fn print_document(format: DocFormat, out: &mut Output) -> Result<CommandOutcome, CliError> {
    let texts = [("", HELP)].into_iter().chain(PUBLIC_COMMANDS.map(|(name, help, _)| (name, help)));
    let pages: Vec<_> = texts.map(|(name, help)| HelpPage::parse(name, help)).collect();
    format.run(&pages, out)
}

fn unknown_name(kind: &str, typed: &str, known: &[&str]) -> CliError {
    let hint = suggest_name(typed, known.iter().copied());
    let hint = hint.map_or_else(String::new, |near| format!(", did you mean '{near}'?"));
    usage_error(&format!("unknown {kind} '{typed}'{hint}"))
}

fn usage_error(what: &str) -> CliError {
    CliError::Usage(format!("{what}; see openclaw-failover --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the error of a command line, if it has one.
    fn parse_error(line: &str) -> Option<String> {
        let error = parse_command(line.split_whitespace().map(OsString::from).collect()).err()?;
        assert_eq!(error.exit_code(), 2, "{error}");
        Some(error.to_string())
    }

    #[test]
    fn every_command_has_help_and_a_summary() {
        for (name, help, _) in PUBLIC_COMMANDS {
            assert!(HELP.contains(&format!("\n  {name}")), "{name}");
            assert!(help.contains(&format!("Usage: openclaw-failover {name}")), "{help}");
            for flag in ["--help", "-h"] {
                assert_eq!(parse_error(&format!("{name} {flag}")), None);
            }
        }
    }

    #[test]
    fn every_option_that_a_help_names_is_one() {
        for (name, help, _) in PUBLIC_COMMANDS {
            for option in HelpPage::parse(name, help).flags().iter().flat_map(|flag| &flag.names) {
                if let Some(problem) = parse_error(&format!("{name} {option}")) {
                    assert!(!problem.contains("no option") && !problem.contains("unknown"), "{problem}");
                }
            }
        }
    }

    #[test]
    fn mistakes_are_answered_with_the_nearest_name() {
        let cases = [
            ("", "no command given"),
            ("chekc", "unknown command 'chekc', did you mean 'check'?"),
            ("frobnicate", "unknown command 'frobnicate'; see"),
            ("--verison", "did you mean '--version'?"),
            ("-x", "unknown option '-x'"),
            (
                "check --jsno",
                "check has no option '--jsno', did you mean '--json'?; see openclaw-failover check --help",
            ),
            ("check --timeout", "missing argument"),
            ("check --timeout 5", "--timeout: '5' has no unit"),
            ("check --timeout 0s", "--timeout"),
            ("check --json=yes", "unexpected argument"),
            ("run now", "unexpected argument 'now'"),
            ("status -j", "no option '-j'"),
            ("history --since yesterday", "is not a duration"),
            ("promote --for 1h", "promote has no option '--for'"),
            ("promote now", "unexpected argument 'now'"),
            ("demote --for", "missing argument"),
            ("demote --for 90", "--for: '90' has no unit"),
            ("demote --for tomorrow", "or `ever`; see openclaw-failover demote --help"),
            ("pause --for 10ms", "is too short; write at least 1s"),
            ("pause --fro 1h", "pause has no option '--fro', did you mean '--for'?"),
            ("pause --reason", "missing argument"),
            ("demote --reason x", "demote has no option '--reason'"),
            ("pause ever", "unexpected argument 'ever'"),
            ("notify", "write notify --test"),
            ("notify --tset", "did you mean '--test'?"),
            ("resume 1h", "unexpected argument '1h'"),
            ("resume --now", "resume has no option '--now'"),
            ("drill --hold", "missing argument"),
            ("drill --hold 5", "--hold: '5' has no unit"),
            ("drill --hold 2d", "is too long; write at most 1d"),
            ("drill --for 5m", "drill has no option '--for'"),
            ("drill now", "unexpected argument 'now'"),
            ("resmue", "unknown command 'resmue', did you mean 'resume'?"),
            ("config --chekc x", "did you mean '--check'?"),
            ("config --check a --config b", "--check"),
            ("sync", "missing verb: `sync pull` or `sync push`"),
            ("sync pul", "did you mean 'pull'?"),
            ("sync psuh", "did you mean 'push'?"),
            ("sync fetch", "use 'pull' or 'push'"),
            ("sync pull --primary", "--primary goes with push"),
            ("sync pull extra", "unexpected argument 'extra'"),
            ("setup", "missing role: `setup standby` or `setup primary`"),
            ("setup standbye", "did you mean 'standby'?"),
            ("setup standby --user me", "--user goes with setup primary"),
            ("setup standby --channel smoke", "supports telegram and discord"),
            ("setup standby --allow 1", "--allow goes with --channel"),
            ("setup standby --channel discord --allow me", "is not a user id, which is a number"),
            ("completions", "bash, zsh or fish"),
            ("completions tcsh", "unexpected argument 'tcsh'"),
            ("completions bash zsh", "unexpected argument 'zsh'"),
            ("man page", "unexpected argument 'page'"),
            ("uninstall --sudo", "uninstall has no option '--sudo'"),
        ];
        for (line, hint) in cases {
            let problem = parse_error(line).unwrap_or_default();
            assert!(problem.contains(hint), "{line}: {problem}");
            assert!(!problem.contains('\n'), "{line}: {problem}");
        }
    }
}
