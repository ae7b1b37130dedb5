//! Repair of unreadable objects. They are fetched from the remote, or stored again from unchanged files. Commits that
//! cannot be restored are left out of this host's own branch.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::workspace::error::{FileResult, SyncError};
use crate::workspace::files::remove_all;
use crate::workspace::git::Git;
use crate::workspace::oid::Oid;
use crate::workspace::repair::Repairs;
use crate::workspace::repair::index::DERIVED_FILES;

/// Time limit for checking every object.
const CHECK_TIME_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Size limit of git's output, in bytes.
const CHECK_OUTPUT_SIZE_LIMIT: usize = 16 * 1024 * 1024;

/// Limit for the number of files that are stored again.
const STORED_FILE_LIMIT: usize = 10_000;

impl Repairs<'_> {
    pub(super) fn replace_objects(&mut self) -> Result<(), SyncError> {
        for name in DERIVED_FILES {
            let file = self.git_dir.join("objects").join(name);
            if file.exists() {
                self.move_to_damaged(&file)?;
            }
        }
        let packs = self.move_broken_packs()?;
        let loose_objects = self.move_broken_loose_objects()?;
        if packs + loose_objects > 0 {
            self.repairs_done.push(format!("{loose_objects} broken objects and {packs} broken packs"));
        }
        let git = self.spec.open()?;
        let fetched = self.refetch_objects(&git);
        if let Err(why) = &fetched {
            log::warn!("cannot fetch objects again: {why}");
        }
        self.restore_from_files(&git);
        self.restore_incomplete_refs(fetched.is_ok())?;
        self.replace_incomplete_indexes(&git)
    }

    /// Moves broken packs aside, and unpacks the objects that are still readable.
    fn move_broken_packs(&mut self) -> Result<usize, SyncError> {
        let folder = self.git_dir.join("objects/pack");
        let mut count = 0;
        for index in
            list_files(&folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "idx"))
        {
            let name = index.to_string_lossy().into_owned();
            if self.git_command(&["verify-pack", "--", &name]).deadline(CHECK_TIME_LIMIT).run().is_ok() {
                continue;
            }
            count += 1;
            let stem = index.with_extension("");
            for file in list_files(&folder).into_iter().filter(|path| path.with_extension("") == stem) {
                let aside = self.move_to_damaged(&file)?;
                if file.extension().is_some_and(|ending| ending == "pack") {
                    let pack = File::open(&aside).or_cannot("read", &aside)?;
                    let salvage =
                        self.git_command(&["unpack-objects", "-q", "-r"]).stdin(pack).deadline(CHECK_TIME_LIMIT);
                    // It unpacks what it can and then fails.
                    let _incomplete = salvage.run();
                }
            }
        }
        Ok(count)
    }

    /// Moves single objects aside that are empty or unreadable.
    fn move_broken_loose_objects(&mut self) -> Result<usize, SyncError> {
        let objects = self.git_dir.join("objects");
        let folders =
            list_folders(&objects).into_iter().filter(|path| path.file_name().is_some_and(|name| name.len() == 2));
        let mut broken: BTreeSet<PathBuf> = folders
            .flat_map(|folder| list_files(&folder))
            .filter(|file| file.metadata().is_ok_and(|f| f.len() == 0))
            .collect();
        let check = ["fsck", "--full", "--no-dangling", "--no-progress", "--no-reflogs"];
        let output =
            self.git_command(&check).deadline(CHECK_TIME_LIMIT).limit(CHECK_OUTPUT_SIZE_LIMIT).run_any_exit_code()?.1;
        for line in output.stderr.lines().chain(output.stdout.lines()) {
            // `…: object corrupt or missing: .git/objects/ab/cdef`, `…: hash-path mismatch, found at: …`.
            let Some((_, path)) = line.rsplit_once("objects/") else { continue };
            let path = objects.join(path.trim());
            let is_one = path.strip_prefix(&objects).is_ok_and(|name| name.components().count() == 2);
            if is_one && path.is_file() && !path.starts_with(objects.join("pack")) {
                broken.insert(path);
            }
        }
        for path in &broken {
            self.move_to_damaged(path)?;
        }
        Ok(broken.len())
    }

    /// Fetches everything from the remote into a separate repository and moves its packs into this one. A fetch into
    /// this one would read the broken objects, and skip what a broken branch seems to have.
    fn refetch_objects(&self, git: &Git<'_>) -> Result<(), SyncError> {
        let separate_repository = git.private_folder().join("refetch");
        remove_all(&separate_repository)?;
        let created =
            ["objects/pack", "refs"].iter().try_for_each(|folder| fs::create_dir_all(separate_repository.join(folder)));
        created
            .and_then(|()| fs::write(separate_repository.join("HEAD"), "ref: refs/heads/main\n"))
            .and_then(|()| fs::copy(self.git_dir.join("config"), separate_repository.join("config")))
            .or_cannot("create", &separate_repository)?;
        let remote = &self.spec.workspace.remote;
        let options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap="];
        let mut args = vec!["-c", "fetch.unpackLimit=1", "-c", "transfer.unpackLimit=1", "fetch"];
        args.extend(options);
        args.extend(["--end-of-options", remote, "+refs/heads/*:refs/fetched/*"]);
        git.fetch_into(&separate_repository, &args, self.spec.workspace.timeout)?;
        let pack = self.git_dir.join("objects/pack");
        // The index comes last: git does not see a pack without it.
        let mut found = list_files(&separate_repository.join("objects/pack"));
        found.sort_by_key(|file| file.extension().is_some_and(|ending| ending == "idx"));
        for file in found {
            let Some(name) = file.file_name() else { continue };
            fs::rename(&file, pack.join(name)).or_cannot("rename", &file)?;
        }
        remove_all(&separate_repository)
    }

    /// Stores missing contents of an index again from the files; unchanged files still have them.
    fn restore_from_files(&mut self, git: &Git<'_>) {
        let mut stored = 0;
        for index in self.index_files() {
            for (hash, path) in list_missing_objects(git, &index).into_iter().take(STORED_FILE_LIMIT) {
                let is_file = git.work_tree.join(&path).symlink_metadata().is_ok_and(|found| found.is_file());
                if is_file && git.run_for_oid(&["hash-object", "-w", "--", &path]).is_ok_and(|again| again == hash) {
                    stored += 1;
                }
            }
            // Also their folders.
            let _incomplete = git.run_on_index(&index, &["write-tree"]);
        }
        if stored > 0 {
            self.repairs_done.push(format!("{stored} files were stored again"));
        }
    }

    /// Moves indexes aside that name missing objects.
    fn replace_incomplete_indexes(&mut self, git: &Git<'_>) -> Result<(), SyncError> {
        for index in self.index_files() {
            if !list_missing_objects(git, &index).is_empty() {
                self.replace_index(&index)?;
            }
        }
        Ok(())
    }

    /// Sets local refs with an incomplete history back to their newest complete commit; the next fetch restores the
    /// remote's. A ref without any complete commit stays while the remote is unreachable: without it a new history
    /// would begin.
    fn restore_incomplete_refs(&mut self, is_fetched: bool) -> Result<(), SyncError> {
        for (name, commit) in self.list_valid_refs() {
            let counts = name == self.branch || name.starts_with("refs/heads/");
            let is_good = |commit: &Oid| if counts { self.is_complete(commit) } else { self.has_object(commit) };
            if is_good(&commit) {
                continue;
            }
            let found = self.find_newest_commit(&name, is_good);
            if found.is_none() && !is_fetched {
                continue;
            }
            self.record_damaged(&format!("{name} {commit}"))?;
            self.run_git(&["update-ref", "--no-deref", "-d", &name])?;
            match found {
                Some(commit) => {
                    self.set_ref(&name, &commit)?;
                    let short = commit.abbreviated();
                    self.repairs_done
                        .push(format!("{name} was set back to {short}, because later commits are incomplete"));
                }
                None => self.repairs_done.push(format!("{name} was deleted and will be fetched again")),
            }
        }
        Ok(())
    }

    fn has_object(&self, commit: &Oid) -> bool {
        self.run_git(&["cat-file", "-e", commit]).is_ok()
    }

    /// True if a commit and all objects that it needs exist.
    fn is_complete(&self, commit: &Oid) -> bool {
        let args = ["rev-list", "--objects", "--quiet", commit];
        self.git_command(&args).deadline(CHECK_TIME_LIMIT).run().is_ok()
    }
}

/// Lists the object ids in an index that are missing in the object store, with their files.
fn list_missing_objects(git: &Git<'_>, index: &Path) -> Vec<(Oid, String)> {
    let listed = git.run_on_index_for_bytes(index, &["ls-files", "-z", "--format=%(objectmode) %(objectname) %(path)"]);
    let listed = String::from_utf8_lossy(&listed.unwrap_or_default()).into_owned();
    let lines = listed.split('\0').filter_map(|line| line.split_once(' '));
    // A nested repository has its own objects.
    let files: Vec<(&str, &str)> =
        lines.filter(|(mode, _)| *mode != "160000").filter_map(|(_, file)| file.split_once(' ')).collect();
    let hashes: String = files.iter().map(|(hash, _)| format!("{hash}\n")).collect();
    let check = ["cat-file", "--batch-check=%(objecttype)", "--buffer"];
    let found = git.run_with_input(&check, hashes.as_bytes(), index).unwrap_or_default();
    let found = String::from_utf8_lossy(&found).into_owned();
    let missing = files.into_iter().zip(found.lines()).filter(|(_, said)| said.ends_with(" missing"));
    missing.filter_map(|((hash, path), _)| Some((Oid::parse(hash)?, path.to_owned()))).collect()
}

fn list_files(folder: &Path) -> Vec<PathBuf> {
    list_entries(folder).into_iter().filter(|path| path.is_file()).collect()
}

fn list_folders(folder: &Path) -> Vec<PathBuf> {
    list_entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

fn list_entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
