//! Parser of the arguments into a typed command.

use std::ffi::OsString;

use lexopt::{Arg, Parser};

use crate::cli::args::Parsed;
use crate::cli::check::CheckCommand;
use crate::cli::config::ConfigCommand;
use crate::cli::demo::DemoCommand;
use crate::cli::docgen::DocFormat;
use crate::cli::doctor::DoctorCommand;
use crate::cli::drill::DrillCommand;
use crate::cli::error::CliError;
use crate::cli::history::HistoryCommand;
use crate::cli::inspect::InspectCommand;
use crate::cli::notify::NotifyCommand;
use crate::cli::operator::OperatorArgs;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::cli::replay::ReplayCommand;
use crate::cli::run::RunCommand;
use crate::cli::setup::SetupCommand;
use crate::cli::status::StatusCommand;
use crate::cli::sync::SyncCommand;
use crate::cli::uninstall::UninstallCommand;
use crate::text::suggestion::suggest_name;

/// Parsed command.
#[derive(Debug, PartialEq)]
pub(super) enum CliCommand {
    Check(CheckCommand),
    Run(RunCommand),
    Status(StatusCommand),
    History(HistoryCommand),
    Replay(ReplayCommand),
    Config(ConfigCommand),
    Doctor(DoctorCommand),
    Inspect(InspectCommand),
    Demo(DemoCommand),
    Notify(NotifyCommand),
    Operator(OperatorArgs),
    Drill(DrillCommand),
    Sync(SyncCommand),
    Setup(Box<SetupCommand>),
    Uninstall(UninstallCommand),
    Manual(DocFormat),
    Help(&'static str),
    Version,
}

type ParseCommand = fn(Parser) -> Result<CliCommand, CliError>;

/// Wraps the arguments of a command.
fn wrap<T>(parsed: Result<Parsed<T>, CliError>, command: impl FnOnce(T) -> CliCommand) -> Result<CliCommand, CliError> {
    Ok(match parsed? {
        Parsed::Command(args) => command(args),
        Parsed::Help(text) => CliCommand::Help(text),
    })
}

/// All commands and their parsers.
const PUBLIC_COMMANDS: [(&str, ParseCommand); 19] = [
    ("check", |parser| wrap(CheckCommand::parse(parser), CliCommand::Check)),
    ("run", |parser| wrap(RunCommand::parse(parser), CliCommand::Run)),
    ("status", |parser| wrap(StatusCommand::parse(parser), CliCommand::Status)),
    ("history", |parser| wrap(HistoryCommand::parse(parser), CliCommand::History)),
    ("replay", |parser| wrap(ReplayCommand::parse(parser), CliCommand::Replay)),
    ("promote", |parser| wrap(OperatorArgs::parse_promote(parser), CliCommand::Operator)),
    ("demote", |parser| wrap(OperatorArgs::parse_demote(parser), CliCommand::Operator)),
    ("pause", |parser| wrap(OperatorArgs::parse_pause(parser), CliCommand::Operator)),
    ("resume", |parser| wrap(OperatorArgs::parse_resume(parser), CliCommand::Operator)),
    ("drill", |parser| wrap(DrillCommand::parse(parser), CliCommand::Drill)),
    ("notify", |parser| wrap(NotifyCommand::parse(parser), CliCommand::Notify)),
    ("config", |parser| wrap(ConfigCommand::parse(parser), CliCommand::Config)),
    ("doctor", |parser| wrap(DoctorCommand::parse(parser), CliCommand::Doctor)),
    ("demo", |parser| wrap(DemoCommand::parse(parser), CliCommand::Demo)),
    ("sync", |parser| wrap(SyncCommand::parse(parser), CliCommand::Sync)),
    ("setup", |parser| wrap(SetupCommand::parse(parser), |setup| CliCommand::Setup(Box::new(setup)))),
    ("uninstall", |parser| wrap(UninstallCommand::parse(parser), CliCommand::Uninstall)),
    ("completions", |parser| wrap(DocFormat::parse_completions(parser), CliCommand::Manual)),
    ("man", |parser| wrap(DocFormat::parse_man(parser), CliCommand::Manual)),
];

/// Commands that only this program's units run; no help lists them.
const INTERNAL_COMMANDS: [(&str, ParseCommand); 1] =
    [("inspect", |parser| wrap(InspectCommand::parse(parser), CliCommand::Inspect))];

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

impl CliCommand {
    /// Parses the arguments, without the program's name.
    pub(super) fn parse(args: Vec<OsString>) -> Result<Self, CliError> {
        let mut parser = Parser::from_args(args);
        let name = match parser.next()? {
            None => return Err(usage_error("no command given")),
            Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Self::Help(HELP)),
            Some(Arg::Short('V') | Arg::Long("version")) => return Ok(Self::Version),
            Some(Arg::Value(name)) => name.to_string_lossy().into_owned(),
            Some(Arg::Long(name)) => {
                return Err(unknown_name("option", &format!("--{name}"), &["--help", "--version"]));
            }
            Some(Arg::Short(letter)) => {
                return Err(unknown_name("option", &format!("-{letter}"), &["-h", "-V"]));
            }
        };
        match PUBLIC_COMMANDS.iter().chain(&INTERNAL_COMMANDS).find(|(known, _)| *known == name) {
            Some((_, parse)) => parse(parser),
            None => Err(unknown_name("command", &name, &PUBLIC_COMMANDS.map(|(known, _)| known))),
        }
    }

    /// Returns the help of the program, under an empty name, and of each command.
    pub(super) fn help_texts() -> Vec<(&'static str, &'static str)> {
        let of_command = |(name, parse): &(&'static str, ParseCommand)| match parse(Parser::from_args(["--help"])) {
            Ok(Self::Help(help)) => Some((*name, help)),
            _ => None,
        };
        [("", HELP)].into_iter().chain(PUBLIC_COMMANDS.iter().filter_map(of_command)).collect()
    }

    /// Runs the command.
    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        match self {
            Self::Check(check) => check.run(out),
            Self::Run(run) => run.run(),
            Self::Status(status) => status.run(out),
            Self::History(history) => history.run(out),
            Self::Replay(replay) => replay.run(out),
            Self::Config(config) => config.run(out),
            Self::Doctor(doctor) => doctor.run(out),
            Self::Inspect(inspect) => inspect.run(),
            Self::Demo(demo) => demo.run(out),
            Self::Notify(notify) => notify.run(out),
            Self::Operator(command) => command.run(out),
            Self::Drill(drill) => drill.run(out),
            Self::Sync(sync) => sync.run(out),
            Self::Setup(setup) => setup.run(out),
            Self::Uninstall(uninstall) => uninstall.run(out),
            Self::Manual(manual) => manual.run(&Self::help_texts(), out),
            Self::Help(text) => out.write_line(text.trim_end()).map(|()| CommandOutcome::Success),
            Self::Version => {
                let version = concat!("openclaw-failover ", env!("CARGO_PKG_VERSION"));
                out.write_line(version).map(|()| CommandOutcome::Success)
            }
        }
    }
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

    fn parse(line: &str) -> Result<CliCommand, String> {
        let args = line.split_whitespace().map(OsString::from).collect();
        CliCommand::parse(args).map_err(|error| {
            assert_eq!(error.exit_code(), 2, "{error}");
            error.to_string()
        })
    }

    #[test]
    fn every_command_has_help_that_names_its_options() {
        for (name, _) in PUBLIC_COMMANDS {
            assert!(HELP.contains(&format!("\n  {name}")), "{name}");
            for flag in ["--help", "-h"] {
                let Ok(CliCommand::Help(help)) = parse(&format!("{name} {flag}")) else {
                    panic!("{name} {flag}");
                };
                assert!(help.contains(&format!("Usage: openclaw-failover {name}")), "{help}");
            }
        }
    }

    #[test]
    fn every_option_that_a_help_names_is_one() {
        assert_eq!(CliCommand::help_texts().len(), PUBLIC_COMMANDS.len() + 1);
        for (name, help) in CliCommand::help_texts() {
            let options = help.lines().filter_map(|line| line.strip_prefix("  -")?.split([' ', ',']).next());
            for option in options {
                if let Err(problem) = parse(&format!("{name} -{option}")) {
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
            let problem = parse(line).unwrap_err();
            assert!(problem.contains(hint), "{line}: {problem}");
            assert!(!problem.contains('\n'), "{line}: {problem}");
        }
    }
}
