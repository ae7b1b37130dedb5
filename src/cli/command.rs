//! Parser of the arguments into a typed command.

use std::ffi::OsString;

use lexopt::{Arg, Parser};

use crate::cli::Answer;
use crate::cli::check::Check;
use crate::cli::config::Config;
use crate::cli::demo::Demo;
use crate::cli::docgen::Manual;
use crate::cli::doctor::Doctor;
use crate::cli::drill::Drill;
use crate::cli::error::Error;
use crate::cli::history::History;
use crate::cli::inspect::Inspect;
use crate::cli::notify::Notify;
use crate::cli::operator::Operator;
use crate::cli::output::Output;
use crate::cli::replay::Replay;
use crate::cli::run::Run;
use crate::cli::setup::Setup;
use crate::cli::status::Status;
use crate::cli::sync::Sync;
use crate::text::suggestion::nearest;

/// Parsed command.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Check(Check),
    Run(Run),
    Status(Status),
    History(History),
    Replay(Replay),
    Config(Config),
    Doctor(Doctor),
    Inspect(Inspect),
    Demo(Demo),
    Notify(Notify),
    Operator(Operator),
    Drill(Drill),
    Sync(Sync),
    Setup(Box<Setup>),
    Manual(Manual),
    Help(&'static str),
    Version,
}

type Parse = fn(Parser) -> Result<Command, Error>;

/// All commands and their parsers.
const COMMANDS: [(&str, Parse); 19] = [
    ("check", Check::parse),
    ("run", Run::parse),
    ("status", Status::parse),
    ("history", History::parse),
    ("replay", Replay::parse),
    ("promote", Operator::parse_promote),
    ("demote", Operator::parse_demote),
    ("pause", Operator::parse_pause),
    ("resume", Operator::parse_resume),
    ("drill", Drill::parse),
    ("notify", Notify::parse),
    ("config", Config::parse),
    ("doctor", Doctor::parse),
    ("demo", Demo::parse),
    ("sync", Sync::parse),
    ("setup", Setup::parse),
    ("uninstall", Setup::parse_uninstall),
    ("completions", Manual::parse_completions),
    ("man", Manual::parse_man),
];

/// Commands that only this program's units run; no help lists them.
const INTERNAL: [(&str, Parse); 1] = [("inspect", Inspect::parse)];

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

impl Command {
    /// Understands the arguments, the program's name left out.
    pub(super) fn parse(args: Vec<OsString>) -> Result<Self, Error> {
        let mut parser = Parser::from_args(args);
        let name = match parser.next()? {
            None => return Err(usage("no command given")),
            Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Self::Help(HELP)),
            Some(Arg::Short('V') | Arg::Long("version")) => return Ok(Self::Version),
            Some(Arg::Value(name)) => name.to_string_lossy().into_owned(),
            Some(Arg::Long(name)) => {
                return Err(unknown("option", &format!("--{name}"), &["--help", "--version"]));
            }
            Some(Arg::Short(letter)) => {
                return Err(unknown("option", &format!("-{letter}"), &["-h", "-V"]));
            }
        };
        match COMMANDS.iter().chain(&INTERNAL).find(|(known, _)| *known == name) {
            Some((_, parse)) => parse(parser),
            None => Err(unknown("command", &name, &COMMANDS.map(|(known, _)| known))),
        }
    }

    /// Returns the help of the program, under an empty name, and of each command.
    pub(super) fn helps() -> Vec<(&'static str, &'static str)> {
        let of_command = |(name, parse): &(&'static str, Parse)| match parse(Parser::from_args(["--help"])) {
            Ok(Self::Help(help)) => Some((*name, help)),
            _ => None,
        };
        [("", HELP)].into_iter().chain(COMMANDS.iter().filter_map(of_command)).collect()
    }

    /// Runs the command.
    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
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
            Self::Operator(order) => order.run(out),
            Self::Drill(drill) => drill.run(out),
            Self::Sync(sync) => sync.run(out),
            Self::Setup(setup) => setup.run(out),
            Self::Manual(manual) => manual.run(out),
            Self::Help(text) => out.line(text.trim_end()).map(|()| Answer::Yes),
            Self::Version => {
                let version = concat!("openclaw-failover ", env!("CARGO_PKG_VERSION"));
                out.line(version).map(|()| Answer::Yes)
            }
        }
    }
}

fn unknown(kind: &str, typed: &str, known: &[&str]) -> Error {
    let hint = nearest(typed, known.iter().copied());
    let hint = hint.map_or_else(String::new, |near| format!(", did you mean '{near}'?"));
    usage(&format!("unknown {kind} '{typed}'{hint}"))
}

fn usage(what: &str) -> Error {
    Error::Usage(format!("{what}; see openclaw-failover --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        let args = line.split_whitespace().map(OsString::from).collect();
        Command::parse(args).map_err(|error| {
            assert_eq!(error.code(), 2, "{error}");
            error.to_string()
        })
    }

    #[test]
    fn every_command_has_help_that_names_its_options() {
        for (name, _) in COMMANDS {
            assert!(HELP.contains(&format!("\n  {name}")), "{name}");
            for flag in ["--help", "-h"] {
                let Ok(Command::Help(help)) = parse(&format!("{name} {flag}")) else {
                    panic!("{name} {flag}");
                };
                assert!(help.contains(&format!("Usage: openclaw-failover {name}")), "{help}");
            }
        }
    }

    #[test]
    fn every_option_that_a_help_names_is_one() {
        assert_eq!(Command::helps().len(), COMMANDS.len() + 1);
        for (name, help) in Command::helps() {
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
