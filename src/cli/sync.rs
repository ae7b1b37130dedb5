//! `sync pull` and `sync push`: the transfer of the workspace in both directions.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::Parser;

use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::config::configuration;
use crate::cli::error::Error;
use crate::cli::output::Output;
use crate::cli::{Answer, rooms};
use crate::config::endpoint::Endpoint;
use crate::config::{
    Workspace, {self},
};
use crate::os::systemd::Systemctl;
use crate::os::{Cancel, journal};
use crate::text::suggestion::nearest;
use crate::workspace::git::setting_files;
use crate::workspace::report::{Names, Pushed, overflow};
use crate::workspace::{
    Queue, Role, unit, {self},
};

const HELP: &str = "\
Pull fetches the workspace from its git remote and the secrets from their
hosts; local changes are merged, or kept on a branch. Push sends local changes
on a branch of this host. Nothing is ever lost. If another user than the owner
of the workspace calls it, its systemd unit does the work.

Usage: openclaw-failover sync pull [OPTIONS]
       openclaw-failover sync push [OPTIONS]

Options:
  --primary      push as the primary: commit on its branch, merge what
                 standbys have sent, push. The file then needs only
                 \"workspace\", and may be missing
  --config FILE  read FILE instead of /etc/openclaw-failover/config.json
  -h, --help     show this text
";

const OPTIONS: &[&str] = &["--config", "--primary"];

/// Time limit for a connection to this host's own gateway.
const CONNECT: Duration = Duration::from_secs(2);

const VERBS: [&str; 2] = ["pull", "push"];

/// Internal verb: the step of the sync units that runs outside of their sandbox.
const FILES: &str = "files";

/// Arguments of `sync`.
#[derive(Debug, PartialEq)]
pub(super) struct Sync {
    verb: Verb,
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Pull,
    Push { is_primary: bool },
    Files,
}

impl Sync {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "sync", HELP, OPTIONS);
        let (mut config, mut verb, mut is_primary) = (None, None, false);
        while let Some(item) = args.next()? {
            match item {
                Item::Option("--primary") => is_primary = true,
                Item::Option(_) => config = Some(args.file()?),
                Item::Value(value) if verb.is_none() => {
                    let typed = value.to_string_lossy().into_owned();
                    let known = VERBS.into_iter().chain([FILES]).find(|known| *known == typed);
                    verb = Some(known.ok_or_else(|| {
                        let hint = nearest(&typed, VERBS);
                        let hint =
                            hint.map_or("use 'pull' or 'push'".to_owned(), |near| format!("did you mean '{near}'?"));
                        args.usage(format!("sync has no '{typed}', {hint}"))
                    })?);
                }
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        let verb = match (verb, is_primary) {
            (Some("push"), is_primary) => Verb::Push { is_primary },
            (Some(FILES), _) => Verb::Files,
            (Some(_), false) => Verb::Pull,
            (Some(_), true) => return Err(args.usage("--primary goes with push; a primary does not pull")),
            (None, _) => return Err(args.usage("missing verb: `sync pull` or `sync push`")),
        };
        Ok(Command::Sync(Self { verb, config }))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        match self.verb {
            Verb::Pull => {
                let (source, config) = configuration(self.config.as_deref())?;
                rooms::pull(&source, &config, out)
            }
            Verb::Files => {
                // The step is the same on a standby and on a primary, and the host is one of them.
                let file = self.config.as_deref();
                let workspace = match configuration(file) {
                    Ok((_, config)) => config.workspace,
                    Err(_) => config::load_primary(file)?,
                };
                setting_files::record(&workspace.path, &rooms::sync_paths().state).map_err(Error::Failed)?;
                Ok(Answer::Yes)
            }
            Verb::Push { is_primary: true } => push_primary(self.config.as_deref(), out),
            Verb::Push { is_primary: false } => push_standby(self.config.as_deref(), out),
        }
    }
}

fn push_standby(file: Option<&Path>, out: &mut Output) -> Result<Answer, Error> {
    let (_, config) = configuration(file)?;
    journal::init();
    if !unit::is_ours(&config.workspace.path) {
        return by_unit(&config.workspace, out);
    }
    let reach = || unit::reach(&Systemctl::default(), &config.gateway.unit);
    let keeps = || config.gateway.keep_queue || answers(&config.gateway.url);
    let queue = || if keeps() { Queue::Keep } else { Queue::PutAway };
    by_ourselves(&config.workspace, Role::Standby { reach: &reach, queue: &queue }, out)
}

/// True if anything listens at the gateway's address. A gateway that was started by hand has no unit.
fn answers(url: &str) -> bool {
    let address = Endpoint::from_url(url).ok().and_then(|endpoint| endpoint.address().socket());
    address.is_some_and(|address| TcpStream::connect_timeout(&address, CONNECT).is_ok())
}

fn push_primary(file: Option<&Path>, out: &mut Output) -> Result<Answer, Error> {
    let workspace = config::load_primary(file)?;
    journal::init();
    if !unit::is_ours(&workspace.path) {
        return by_unit(&workspace, out);
    }
    if !unit::is_due(&Systemctl::default(), &workspace, &rooms::sync_paths()) {
        return Ok(Answer::Yes);
    }
    by_ourselves(&workspace, Role::Primary, out)
}

fn by_ourselves(workspace: &Workspace, role: Role<'_>, out: &mut Output) -> Result<Answer, Error> {
    let cancel = Cancel::on_signals().map_err(|why| Error::Failed(format!("cannot catch signals: {why}")))?;
    let paths = rooms::sync_paths();
    unit::wait_for_turn(&paths, unit::TURN_LIMIT, &cancel);
    tell(&workspace::push(workspace, &paths, role, &cancel), out)
}

fn by_unit(workspace: &Workspace, out: &mut Output) -> Result<Answer, Error> {
    let longest = unit::longest_push(workspace);
    let pushed = unit::push_now(&Systemctl::default(), longest, &rooms::sync_paths(), &Cancel::new());
    tell(&pushed.map_err(|why| Error::Failed(why.to_string()))?, out)
}

/// Prints the result. Conflicts and excluded files are listed for a person, but only unreturned data is a failure: the
/// unit must not stay failed for weeks because a branch is not merged.
fn tell(pushed: &Pushed, out: &mut Output) -> Result<Answer, Error> {
    let commit = pushed.commit.as_ref().map_or("no commit", |commit| commit.short());
    out.line(format!("workspace  {}  {commit}  {}", pushed.outcome.name(), pushed.said).trim_end())?;
    tell_lists(&pushed.lists(), &rooms::sync_paths().push_report(), out)?;
    if !pushed.not_put_away.is_empty() {
        out.line(format_args!("not archived: {}", pushed.not_put_away))?;
    }
    Ok(if pushed.is_done() { Answer::Yes } else { Answer::No })
}

/// Prints every file and branch, one a line.
pub(super) fn tell_lists(lists: &[(&str, &Names)], report: &Path, out: &mut Output) -> Result<(), Error> {
    for (title, names) in lists {
        for name in &names.listed {
            out.line(format_args!("{title}: {name}"))?;
        }
        if names.unlisted() > 0 {
            let file = overflow::file(report);
            out.line(format_args!("{title}: and {} more, listed in {}", names.unlisted(), file.display()))?;
        }
    }
    Ok(())
}
