//! Commits what lies on the disk, without moving a file.

use std::path::PathBuf;

use super::agent::{self, Others};
use super::git::Git;
use super::image::{Image, Withheld};
use super::merge;
use super::merge::Kept;
use super::refs::Refs;
use super::report::Names;
use super::stop::{Stop, Why};
use super::torn;
use crate::config::Workspace;
use crate::failover::Time;
use crate::report::clock;

/// What is to be said of a run, whatever became of it.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What stays on this host.
    pub(super) withheld: Withheld,
    /// Files that are on the disk as git stores them.
    pub(super) unfiltered: Withheld,
    /// Files whose content the remote does not have.
    pub(super) not_uploaded: Withheld,
    /// Versions that could not be merged.
    pub(super) kept: Vec<Kept>,
    /// The new names of what had to make room.
    pub(super) aside: Vec<PathBuf>,
    /// What the agent had left unfinished.
    pub(super) ended: Option<&'static str>,
}

impl Told {
    /// What stays on this host, each with its reason.
    pub(super) fn withheld_names(&self) -> Names {
        let all = self.withheld.iter().chain(&self.unfiltered).chain(&self.not_uploaded);
        Names::of(all.map(|(path, reason)| format!("{} {}", path.display(), reason.words())))
    }

    /// The new names of what had to make room.
    pub(super) fn aside_names(&self) -> Names {
        Names::of(self.aside.iter().map(|path| path.display().to_string()))
    }

    /// The branches that keep what contradicted, each with its files.
    pub(super) fn conflict_names(&self) -> Names {
        Names::of(self.kept.iter().map(|kept| format!("{}: {}", kept.branch, kept.files)))
    }

    /// What happened on the way.
    pub(super) fn words(&self) -> String {
        let ended =
            self.ended.map(|what| format!("a {what} that was under way in it is ended, its files as they were"));
        let kept = self.kept.iter().map(|kept| format!("{} keeps what contradicted in {}", kept.branch, kept.files));
        ended.into_iter().chain(kept).collect::<Vec<_>>().join("; ")
    }
}

/// What lies on the disk, and the commit that says so.
pub(super) struct Local {
    pub(super) image: Image,
    /// None where there is neither a history nor a file.
    pub(super) commit: Option<String>,
}

impl Local {
    /// Looks at every file, and commits what has changed on top of what is checked out.
    pub(super) fn commit(
        git: &Git<'_>,
        workspace: &Workspace,
        refs: &Refs,
        (others, now): (Others, Time),
        told: &mut Told,
    ) -> Result<Self, Stop> {
        match (agent::unfinished(git), others) {
            (None, _) => {}
            (Some(_), Others::Down) => told.ended = agent::end_unfinished(git, now)?,
            (Some(what), Others::Live) => return Err(Stop::new(Why::InUse, format!("a {what} is under way in it"))),
        }
        let suspects = torn::suspects(git, refs)?;
        told.aside.extend(torn::restore_rules(git, &suspects, &refs.head, now)?);
        agent::end_sparse(git, &refs.head)?;
        let head = refs.head.commit.as_deref();
        let image = Image::take(git, &refs.head, workspace.max_file)?;
        told.withheld.clone_from(&image.withheld);
        told.aside.extend(image.aside.iter().cloned());
        let tree = torn::without_torn(git, &suspects, &image)?;
        let commit = if tree == image.base {
            head.map(str::to_owned)
        } else {
            let parents: Vec<&str> = head.into_iter().collect();
            let message = format!("Work on {} until {}", git.host, clock::people(now));
            Some(merge::commit(git, &tree, &parents, &message)?)
        };
        Ok(Self { image, commit })
    }
}
