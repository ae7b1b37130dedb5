//! Commit of the files on the disk. No file is changed.

use std::path::PathBuf;

use crate::config::Workspace;
use crate::text::{Time, utc};
use crate::workspace::crash_recovery;
use crate::workspace::error::{Stop, Why};
use crate::workspace::git::merge::Kept;
use crate::workspace::git::refs::Refs;
use crate::workspace::git::{Git, merge};
use crate::workspace::repo_cleanup::{
    Others, {self},
};
use crate::workspace::report::Names;
use crate::workspace::snapshot::{Image, Withheld};

/// Findings of a run, reported for every outcome.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Files that are not committed.
    pub(super) withheld: Withheld,
    /// Files that are on the disk as git stores them.
    pub(super) unfiltered: Withheld,
    /// Files whose git LFS content the remote does not have.
    pub(super) not_uploaded: Withheld,
    /// Versions that could not be merged.
    pub(super) kept: Vec<Kept>,
    /// New names of files that were moved aside.
    pub(super) aside: Vec<PathBuf>,
    /// Operation of the agent's git that was ended.
    pub(super) ended: Option<&'static str>,
}

impl Told {
    /// Returns the files that are not committed, each with its reason.
    pub(super) fn withheld_names(&self) -> Names {
        let all = self.withheld.iter().chain(&self.unfiltered).chain(&self.not_uploaded);
        Names::of(all.map(|(path, reason)| format!("{} {}", path.display(), reason.words())))
    }

    /// Returns the new names of files that were moved aside.
    pub(super) fn aside_names(&self) -> Names {
        Names::of(self.aside.iter().map(|path| path.display().to_string()))
    }

    /// Returns the conflict branches, each with its files.
    pub(super) fn conflict_names(&self) -> Names {
        Names::of(self.kept.iter().map(|kept| format!("{}: {}", kept.branch, kept.files)))
    }

    /// Returns further sentences for the report.
    pub(super) fn words(&self) -> String {
        let ended = self.ended.map(|what| format!("an unfinished {what} was ended; its files are unchanged"));
        let kept = self
            .kept
            .iter()
            .map(|kept| format!("conflict in {}: this host's version is on {}", kept.files, kept.branch));
        ended.into_iter().chain(kept).collect::<Vec<_>>().join("; ")
    }
}

/// Snapshot of the files, and the commit that holds it.
pub(super) struct Local {
    pub(super) image: Image,
    /// `None` if there is neither a history nor a file.
    pub(super) commit: Option<String>,
}

impl Local {
    /// Takes a snapshot and commits the changes on top of the current commit.
    pub(super) fn commit(
        git: &Git<'_>,
        workspace: &Workspace,
        refs: &Refs,
        (others, now): (Others, Time),
        told: &mut Told,
    ) -> Result<Self, Stop> {
        match (repo_cleanup::unfinished(git), others) {
            (None, _) => {}
            (Some(_), Others::Down) => told.ended = repo_cleanup::end_unfinished(git, now)?,
            (Some(what), Others::Live) => return Err(Stop::new(Why::InUse, format!("a {what} is in progress"))),
        }
        let suspects = crash_recovery::suspects(git, refs)?;
        told.aside.extend(crash_recovery::restore_rules(git, &suspects, &refs.head, now)?);
        repo_cleanup::end_sparse(git, &refs.head)?;
        let head = refs.head.commit.as_deref();
        let image = Image::take(git, &refs.head, workspace.max_file)?;
        told.withheld.clone_from(&image.withheld);
        told.aside.extend(image.aside.iter().cloned());
        let tree = crash_recovery::without_torn(git, &suspects, &image)?;
        let commit = if tree == image.base {
            head.map(str::to_owned)
        } else {
            let parents: Vec<&str> = head.into_iter().collect();
            let message = format!("Work on {} until {}", git.host, utc::people(now));
            Some(merge::commit(git, &tree, &parents, &message)?)
        };
        Ok(Self { image, commit })
    }
}
