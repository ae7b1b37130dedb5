//! Pull and push of a standby's workspace: a branch of this host on top of the primary's.

use crate::config::Workspace;
use crate::text::Time;
use crate::workspace::checkout::{Move, change_refs, forward, replaced, smudge};
use crate::workspace::commit_snapshot::{Local, Told};
use crate::workspace::error::{Stop, Why};
use crate::workspace::git::lfs::{
    NotUploaded, {self},
};
use crate::workspace::git::merge::{Join, Kept, contains};
use crate::workspace::git::refs::{Head, Refs};
use crate::workspace::git::repository::Checkout;
use crate::workspace::git::{Git, remote};
use crate::workspace::repo_cleanup::{
    Others, {self},
};
use crate::workspace::report::{Commit, Names, Outcome, Pulled, PushOutcome, Pushed};
use crate::workspace::{Reach, now, ref_names};

/// Attempts at a checkout if a file that it replaces changes meanwhile.
const ATTEMPTS: usize = 3;

/// The standby's repository during a sync.
pub(super) struct Standby<'a> {
    pub(super) git: Git<'a>,
    pub(super) workspace: &'a Workspace,
    /// Returns whether files may be updated now.
    reach: &'a dyn Fn() -> Reach,
}

impl<'a> Standby<'a> {
    /// Opens the repository, or clones it if its URL is known.
    pub(super) fn open(checkout: &Checkout<'a>, reach: &'a dyn Fn() -> Reach) -> Result<Self, Stop> {
        let git = checkout.open_or_make(&ref_names::own(checkout.host))?;
        let others = match reach() {
            Reach::Move => Others::Down,
            Reach::Fetch => Others::Live,
        };
        repo_cleanup::remove_left_over_locks(&git, others)?;
        Ok(Self { git, workspace: checkout.workspace, reach })
    }

    /// Pulls once. An error does not discard the findings made before it.
    fn pull(&self) -> Pulled {
        let mut refs = match self.refs() {
            Ok(refs) => refs,
            Err(stop) => return Pulled::new(stop.why.into(), &stop.said),
        };
        let before = refs.head.commit.clone();
        let mut told = Told::default();
        let result = match (self.reach)() {
            Reach::Fetch => self.fetch_only(&mut refs, &mut told),
            Reach::Move => self.bring_up_to_date(&mut refs, &mut told),
        };
        let mut pulled = match result {
            Ok(outcome) => Pulled::new(outcome, ""),
            Err(stop) => {
                refs = self.refs().unwrap_or(refs);
                Pulled::new(stop.why.into(), &stop.said)
            }
        };
        pulled.before = before.as_deref().and_then(Commit::parse);
        pulled.tell_refs(&refs);
        pulled.tell(&told);
        pulled
    }

    fn fetch_only(&self, refs: &mut Refs, told: &mut Told) -> Result<Outcome, Stop> {
        told.aside.extend(replaced::look_after(&self.git, now())?);
        remote::fetch(&self.git, self.workspace)?;
        *refs = self.refs()?;
        match (&refs.head.commit, &refs.remote) {
            (Some(head), Some(remote)) if contains(&self.git, head, remote)? => Ok(Outcome::UpToDate),
            _ => Ok(Outcome::Fetched),
        }
    }

    /// Checks out the commits of earlier fetches, then fetches: an unreachable remote does not undo the first step.
    fn bring_up_to_date(&self, refs: &mut Refs, told: &mut Told) -> Result<Outcome, Stop> {
        let had = refs.merged.clone().or(refs.remote.clone());
        let head = refs.head.commit.clone();
        let local = self.settle(refs, told)?;
        remote::fetch(&self.git, self.workspace)?;
        *refs = self.refs()?;
        if refs.remote != refs.merged || is_foreign(refs) {
            self.require_idle()?;
            self.settle_news(refs, local, told)?;
        }
        Ok(match (told.kept.is_empty(), refs.merged == had) {
            (false, _) => Outcome::Kept,
            (true, false) if refs.head.commit != head => Outcome::Moved,
            (true, _) => Outcome::UpToDate,
        })
    }

    /// Checks out the fetched commits. The snapshot is reused if the first checkout changed no file: a checkout notices
    /// changes in the files that it touches, and the next run handles the others.
    fn settle_news(&self, refs: &mut Refs, local: Option<Local>, told: &mut Told) -> Result<(), Stop> {
        if let Some(local) = local {
            match self.advance(refs, &local, now(), told) {
                Err(Stop { why: Why::InUse, .. }) => *refs = self.refs()?,
                result => return result.map(drop),
            }
        }
        self.settle(refs, told).map(drop)
    }

    /// Fails if the gateway was started since the run began; a fetch may take minutes.
    fn require_idle(&self) -> Result<(), Stop> {
        match (self.reach)() {
            Reach::Move => Ok(()),
            Reach::Fetch => Err(Stop::new(Why::GatewayStarted, "the gateway was started meanwhile")),
        }
    }

    /// Pushes once and records the result in `pushed`.
    pub(super) fn push(&self, pushed: &mut Pushed) {
        let mut told = Told::default();
        let settled = match (self.reach)() {
            Reach::Move => self.refs().and_then(|mut refs| self.settle(&mut refs, &mut told)).map(drop),
            // The gateway runs: nothing is committed, and existing commits are pushed.
            Reach::Fetch => Ok(()),
        };
        // A failed commit must not block the push of earlier commits.
        let returned = self.give_back(pushed, &mut told);
        pushed.tell(&told);
        match settled.and(returned) {
            Ok(outcome) => pushed.outcome = outcome,
            Err(stop) => {
                pushed.outcome = stop.why.into();
                pushed.add(&stop.said);
            }
        }
    }

    /// Pushes this host's own branch and its conflict branches, unless the remote has them.
    fn give_back(&self, pushed: &mut Pushed, told: &mut Told) -> Result<PushOutcome, Stop> {
        let (git, refs) = (&self.git, self.refs()?);
        pushed.commit = refs.head.commit.as_deref().and_then(Commit::parse);
        let branch = format!("refs/heads/{}", ref_names::own(git.host));
        let mut news: Vec<(String, &str)> = Vec::new();
        if let Some(own) = self.unreturned(&refs)? {
            news.push((branch.clone(), own));
        }
        news.extend(refs.kept.iter().map(|(name, commit)| (format!("refs/heads/{name}"), commit.as_str())));
        if news.is_empty() {
            return Ok(PushOutcome::UpToDate);
        }
        let refspecs: Vec<String> = news.iter().map(|(name, commit)| format!("{commit}:{name}")).collect();
        let commits: Vec<&str> = news.iter().map(|(_, commit)| *commit).collect();
        let not_uploaded = lfs::upload(git, self.workspace, &commits)?;
        let sent = remote::send(git, self.workspace, &refspecs, &[])?;
        // If git LFS could not upload a content, the next run pushes the same branch again.
        let is_whole = not_uploaded.is_none();
        for (name, commit) in news.iter().filter(|(name, _)| is_whole && sent.taken.contains(name)) {
            self.note_returned(name, commit, *name == branch)?;
        }
        pushed.add(&sent.warning);
        pushed.pushed = Names::of(sent.taken.iter().map(|name| short(name)));
        if !sent.refused.is_empty() {
            pushed.add(&remote::refusal(git, self.workspace, &sent));
            return Ok(PushOutcome::Refused);
        }
        if !sent.behind.is_empty() {
            pushed.add("the next pull merges both; if two hosts have the same name, rename one");
            return Ok(PushOutcome::Behind);
        }
        if let Some(NotUploaded { files, said }) = not_uploaded {
            pushed.add(&said);
            told.not_uploaded = files;
            return Ok(PushOutcome::NotPushed);
        }
        Ok(PushOutcome::Pushed)
    }

    fn unreturned<'r>(&self, refs: &'r Refs) -> Result<Option<&'r str>, Stop> {
        let Some(own) = refs.own.as_deref().filter(|own| refs.returned.as_deref() != Some(own)) else {
            return Ok(None);
        };
        Ok(match &refs.remote {
            Some(remote) if remote == own || contains(&self.git, remote, own)? => None,
            _ => Some(own),
        })
    }

    /// Records a pushed branch. A pushed conflict branch is deleted here: once a person has merged it and deleted it at
    /// the remote, it must not return.
    fn note_returned(&self, name: &str, commit: &str, is_own: bool) -> Result<(), Stop> {
        if is_own {
            return change_refs(&self.git, &format!("start\nupdate {} {commit}\ncommit\n", ref_names::RETURNED));
        }
        let private = format!("{}kept/{}", ref_names::PRIVATE, short(name));
        change_refs(&self.git, &format!("start\nupdate {private} {commit}\ncommit\nstart\ndelete {name}\ncommit\n"))
    }

    fn refs(&self) -> Result<Refs, Stop> {
        Refs::read(&self.git, self.workspace, &ref_names::own(self.git.host))
    }

    /// Commits, merges and checks out, with retries if a file to be replaced changes meanwhile.
    fn settle(&self, refs: &mut Refs, told: &mut Told) -> Result<Option<Local>, Stop> {
        for _ in 1..ATTEMPTS {
            match self.settle_once(refs, told) {
                Err(Stop { why: Why::InUse, .. }) => *refs = self.refs()?,
                result => return result,
            }
        }
        self.settle_once(refs, told)
    }

    /// Commits the files, merges them with this host's own branch and the fetched commits, and checks out the result.
    /// Returns the snapshot if no file was changed.
    fn settle_once(&self, refs: &mut Refs, told: &mut Told) -> Result<Option<Local>, Stop> {
        let now = now();
        if refs.is_name_taken {
            // A branch named `failover` blocks all names below it.
            let name = format!("failover-{}", ref_names::stamp(now));
            log::warn!("renamed the branch failover to {name}, because it blocks the names failover/…");
            self.git.run(&["branch", "-m", "failover", &name])?;
            *refs = self.refs()?;
        }
        told.aside.extend(replaced::look_after(&self.git, now)?);
        told.unfiltered = smudge::retry(&self.git, now, &mut told.aside)?;
        let local = Local::commit(&self.git, self.workspace, refs, (Others::Down, now), told)?;
        if self.park(refs, &local, now)? {
            *refs = self.refs()?;
        }
        let has_moved = self.advance(refs, &local, now, told)?;
        Ok((!has_moved).then_some(local))
    }

    /// Merges the snapshot with the other histories and checks out the result. True if a file was changed.
    fn advance(&self, refs: &mut Refs, local: &Local, now: Time, told: &mut Told) -> Result<bool, Stop> {
        let git = &self.git;
        let join = Join { git, refs, workspace: self.workspace, now };
        let mut ours = local.commit.clone();
        let own = refs.own.as_ref().filter(|own| refs.head.commit.as_ref() != Some(own));
        let remote_own = refs.remote_own.as_ref().filter(|_| is_foreign(refs));
        for other in [own, remote_own].into_iter().flatten() {
            let joined = join.with(ours, other)?;
            told.kept.extend(joined.kept);
            ours = Some(joined.commit);
        }
        let Some(joined) = join.with_remote(ours)? else { return Ok(false) };
        told.kept.extend(joined.kept);
        git.go_on()?;
        let branch = format!("refs/heads/{}", ref_names::own(git.host));
        let step = Move {
            git,
            refs,
            image: &local.image,
            from: local.commit.as_deref(),
            to: &joined.commit,
            branch: &branch,
            merged: refs.remote.as_deref(),
            others: Others::Down,
            go_on: &|| self.require_idle(),
            now,
        };
        let moved = step.run()?;
        told.aside.extend(moved.aside);
        told.unfiltered.extend(moved.unfiltered);
        let is_new = |kept: &&Kept| refs.kept.iter().all(|(branch, _)| *branch != kept.branch);
        if told.kept.iter().any(|kept| is_new(&kept)) {
            *refs = self.refs()?;
        } else {
            refs.stands_at(branch, joined.commit);
        }
        Ok(moved.has_moved)
    }

    /// Points HEAD at the snapshot's commit, which changes no file: through this host's own branch if that is a
    /// fast-forward, otherwise detached. Recovery from an interrupted checkout compares with HEAD, so this must come
    /// first. True if anything was changed.
    fn park(&self, refs: &Refs, local: &Local, now: Time) -> Result<bool, Stop> {
        let Some(commit) = local.commit.as_deref() else { return Ok(false) };
        let git = &self.git;
        let branch = format!("refs/heads/{}", ref_names::own(git.host));
        let Head { branch: checked_out, commit: head, .. } = &refs.head;
        let on_own = checked_out.as_deref() == Some(&branch);
        if on_own && head.as_deref() == Some(commit) {
            return Ok(false);
        }
        let goes_forwards = match &refs.own {
            None => true,
            Some(own) if on_own => head.as_ref() == Some(own),
            Some(own) => contains(git, commit, own)?,
        };
        git.flush();
        if goes_forwards {
            change_refs(git, &forward(&branch, commit, refs.own.as_deref()))?;
            if !on_own {
                self.keep_detached(refs, now)?;
                git.run(&["symbolic-ref", "HEAD", &branch])?;
            }
        } else {
            self.keep_detached(refs, now)?;
            git.run(&["update-ref", "--no-deref", "-m", crate::workspace::checkout::REASON, "HEAD", commit])?;
        }
        Ok(true)
    }

    /// Keeps a detached HEAD's commit, which is on no branch, before HEAD leaves it. This host's history contains it
    /// too unless there is a conflict.
    fn keep_detached(&self, refs: &Refs, now: Time) -> Result<(), Stop> {
        if let Head { branch: None, commit: Some(commit), .. } = &refs.head {
            let name = format!("{}unfinished/{}-head", ref_names::PRIVATE, ref_names::stamp(now));
            self.git.run(&["update-ref", &name, commit])?;
        }
        Ok(())
    }
}

/// True if the remote has a branch of this host's name that this repository has not pushed: the host was reinstalled,
/// or another host has the same name.
fn is_foreign(refs: &Refs) -> bool {
    refs.remote_own.is_some() && refs.remote_own != refs.returned && refs.remote_own != refs.own
}

/// Pulls. An error while opening the repository becomes part of the result.
pub(super) fn pull(checkout: &Checkout<'_>, reach: &dyn Fn() -> Reach) -> Pulled {
    match Standby::open(checkout, reach) {
        Ok(standby) => standby.pull(),
        Err(Stop { why, said }) => Pulled::new(why.into(), &said),
    }
}

/// Pushes, and records the result in `pushed`.
pub(super) fn push(checkout: &Checkout<'_>, reach: &dyn Fn() -> Reach, pushed: &mut Pushed) {
    match Standby::open(checkout, reach) {
        Ok(standby) => standby.push(pushed),
        Err(Stop { why, said }) => {
            pushed.outcome = why.into();
            pushed.add(&said);
        }
    }
}

/// Returns a branch's name without `refs/heads/`.
pub(super) fn short(name: &str) -> String {
    name.strip_prefix("refs/heads/").unwrap_or(name).to_owned()
}
