//! Objects that cannot be read: those that the remote has are fetched again, and those of files that have not changed
//! since are stored again. What cannot be had back is left out of this host's own branch.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::index::DERIVED;
use super::{Repairs, words};
use crate::sync::git::Git;

/// Time limit of a look at every object.
const CHECK_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Size limit of what git says of them, in bytes.
const REPORT_LIMIT: usize = 16 * 1024 * 1024;

/// Number of files that are stored again.
const FILES_LIMIT: usize = 10_000;

impl Repairs<'_> {
    pub(super) fn replace_objects(&mut self) -> Result<(), String> {
        for name in DERIVED {
            let file = self.git_dir.join("objects").join(name);
            if file.exists() {
                self.set_aside(&file).map_err(words)?;
            }
        }
        let packs = self.set_broken_packs_aside()?;
        let loose = self.set_broken_loose_aside()?;
        if packs + loose > 0 {
            self.done.push(format!("{loose} broken objects and {packs} broken packs"));
        }
        let git = self.checkout.open().map_err(|stop| stop.said)?;
        let fetched = self.fetch_again(&git);
        if let Err(why) = &fetched {
            log::warn!("cannot fetch objects again: {why}");
        }
        self.store_files_again(&git);
        self.restore_tips(fetched.is_ok())?;
        self.replace_indexes(&git)
    }

    /// Sets aside packs that are not what their index says, and takes out of them what can still be read.
    fn set_broken_packs_aside(&mut self) -> Result<usize, String> {
        let folder = self.git_dir.join("objects/pack");
        let mut count = 0;
        for index in files(&folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "idx")) {
            let name = index.to_string_lossy().into_owned();
            if self.command(&["verify-pack", "--", &name]).deadline(CHECK_LIMIT).run().is_ok() {
                continue;
            }
            count += 1;
            let stem = index.with_extension("");
            for file in files(&folder).into_iter().filter(|path| path.with_extension("") == stem) {
                let aside = self.set_aside(&file).map_err(words)?;
                if file.extension().is_some_and(|ending| ending == "pack") {
                    let pack = File::open(&aside).map_err(words)?;
                    let salvage = self.command(&["unpack-objects", "-q", "-r"]).stdin(pack).deadline(CHECK_LIMIT);
                    // It takes out what it can, and then says that this was not all.
                    let _incomplete = salvage.run();
                }
            }
        }
        Ok(count)
    }

    /// Sets aside single objects that are empty, or that git cannot read.
    fn set_broken_loose_aside(&mut self) -> Result<usize, String> {
        let objects = self.git_dir.join("objects");
        let folders = folders(&objects).into_iter().filter(|path| path.file_name().is_some_and(|name| name.len() == 2));
        let mut broken: BTreeSet<PathBuf> = folders
            .flat_map(|folder| files(&folder))
            .filter(|file| file.metadata().is_ok_and(|f| f.len() == 0))
            .collect();
        let check = ["fsck", "--full", "--no-dangling", "--no-progress", "--no-reflogs"];
        let said = self.command(&check).deadline(CHECK_LIMIT).limit(REPORT_LIMIT).attempt().map_err(words)?.1;
        for line in said.stderr.lines().chain(said.stdout.lines()) {
            // `…: object corrupt or missing: .git/objects/ab/cdef`, `…: hash-path mismatch, found at: …`.
            let Some((_, path)) = line.rsplit_once("objects/") else { continue };
            let path = objects.join(path.trim());
            let is_one = path.strip_prefix(&objects).is_ok_and(|name| name.components().count() == 2);
            if is_one && path.is_file() && !path.starts_with(objects.join("pack")) {
                broken.insert(path);
            }
        }
        for path in &broken {
            self.set_aside(path).map_err(words)?;
        }
        Ok(broken.len())
    }

    /// Fetches all that the remote has into a repository of its own, whose packs become this one's: a fetch into this
    /// one would look at what is broken, and leave out what a broken branch seems to have.
    fn fetch_again(&self, git: &Git<'_>) -> Result<(), String> {
        let apart = git.own_folder().join("refetch");
        let _gone = fs::remove_dir_all(&apart);
        for folder in ["objects/pack", "refs"] {
            fs::create_dir_all(apart.join(folder)).map_err(words)?;
        }
        fs::write(apart.join("HEAD"), "ref: refs/heads/main\n").map_err(words)?;
        fs::copy(self.git_dir.join("config"), apart.join("config")).map_err(words)?;
        let remote = &self.checkout.workspace.remote;
        let options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap="];
        let mut args = vec!["-c", "fetch.unpackLimit=1", "-c", "transfer.unpackLimit=1", "fetch"];
        args.extend(options);
        args.extend(["--end-of-options", remote, "+refs/heads/*:refs/fetched/*"]);
        git.fetch_apart(&apart, &args, self.checkout.workspace.timeout).map_err(words)?;
        let pack = self.git_dir.join("objects/pack");
        // The index last: without it git does not see the pack.
        let mut found = files(&apart.join("objects/pack"));
        found.sort_by_key(|file| file.extension().is_some_and(|ending| ending == "idx"));
        for file in found {
            let Some(name) = file.file_name() else { continue };
            fs::rename(&file, pack.join(name)).map_err(words)?;
        }
        fs::remove_dir_all(&apart).map_err(words)
    }

    /// Stores again the contents that an index names and the store has not: an unchanged file still has them.
    fn store_files_again(&mut self, git: &Git<'_>) {
        let mut stored = 0;
        for index in self.indexes() {
            for (hash, path) in missing(git, &index).into_iter().take(FILES_LIMIT) {
                let is_file = git.dir.join(&path).symlink_metadata().is_ok_and(|found| found.is_file());
                if is_file && git.word(&["hash-object", "-w", "--", &path]).is_ok_and(|again| again == hash) {
                    stored += 1;
                }
            }
            // And the folders that they are in.
            let _incomplete = git.on_index(&index, &["write-tree"]);
        }
        if stored > 0 {
            self.done.push(format!("{stored} files are stored again"));
        }
    }

    /// Sets aside indexes that name what is not there.
    fn replace_indexes(&mut self, git: &Git<'_>) -> Result<(), String> {
        for index in self.indexes() {
            if !missing(git, &index).is_empty() {
                self.replace_index(&index)?;
            }
        }
        Ok(())
    }

    /// Gives refs whose history is not whole the newest one that is; those of the remote come with the next fetch. A ref
    /// of which nothing is left stays as it is while the remote is out of reach: without it a new history would begin.
    fn restore_tips(&mut self, is_fetched: bool) -> Result<(), String> {
        for (name, commit) in self.all_refs() {
            let counts = name == self.branch || name.starts_with("refs/heads/");
            if self.is_whole(&commit, counts) {
                continue;
            }
            let is_good = |commit: &str| self.is_whole(commit, counts);
            let found = self.newest(&name, is_good);
            if found.is_none() && !is_fetched {
                continue;
            }
            self.note_aside(&format!("{name} {commit}")).map_err(words)?;
            self.git(&["update-ref", "--no-deref", "-d", &name])?;
            match found {
                Some(commit) => {
                    self.git(&["update-ref", "-m", "openclaw-failover: repaired", &name, &commit])?;
                    let short = commit.get(..10).unwrap_or(&commit).to_owned();
                    self.done.push(format!("{name} is set back to {short}, for what came after it is not whole"));
                }
                None => self.done.push(format!("{name} is fetched again")),
            }
        }
        Ok(())
    }

    /// True if a commit is there; with `deeply`, all that it needs.
    fn is_whole(&self, commit: &str, deeply: bool) -> bool {
        if !deeply {
            return self.git(&["cat-file", "-e", commit]).is_ok();
        }
        let args = ["rev-list", "--objects", "--quiet", commit];
        self.command(&args).deadline(CHECK_LIMIT).run().is_ok()
    }
}

/// The objects that an index names and the store has not, with the files that they are of.
fn missing(git: &Git<'_>, index: &Path) -> Vec<(String, String)> {
    let listed = git.list_on(index, &["ls-files", "-z", "--format=%(objectmode) %(objectname) %(path)"]);
    let listed = String::from_utf8_lossy(&listed.unwrap_or_default()).into_owned();
    let lines = listed.split('\0').filter_map(|line| line.split_once(' '));
    // A repository within the repository has its objects elsewhere.
    let files: Vec<(&str, &str)> =
        lines.filter(|(mode, _)| *mode != "160000").filter_map(|(_, file)| file.split_once(' ')).collect();
    let hashes: String = files.iter().map(|(hash, _)| format!("{hash}\n")).collect();
    let check = ["cat-file", "--batch-check=%(objecttype)", "--buffer"];
    let found = git.feed(&check, hashes.as_bytes(), index).unwrap_or_default();
    let found = String::from_utf8_lossy(&found).into_owned();
    let missing = files.into_iter().zip(found.lines()).filter(|(_, said)| said.ends_with(" missing"));
    missing.map(|((hash, path), _)| (hash.to_owned(), path.to_owned())).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_file()).collect()
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
