//! Repair of branches and other refs whose files do not hold a valid value.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::error::{FileResult, SyncError};
use crate::workspace::oid::Oid;
use crate::workspace::ref_names;
use crate::workspace::repair::Repairs;
use crate::workspace::repair::files::read_small_file;
use crate::workspace::repair::reflog::{self, is_object_id, parse_object_id};

/// Limit for the number of refs to check.
const REF_LIMIT: usize = 20_000;

/// Limit for the depth of ref folders.
const FOLDER_DEPTH_LIMIT: usize = 10;

/// Limit for the number of reflog entries to try.
const REFLOG_ENTRY_LIMIT: usize = 50;

/// Size limit of the packed-refs file, in bytes.
const PACKED_REFS_SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// Beginning of the header of packed refs, which lists their traits. Newer versions of git insist on the space.
const PACKED_HEADER: &str = "# pack-refs with: ";

impl Repairs<'_> {
    /// Moves each broken ref aside and restores its value.
    pub(super) fn repair_refs(&mut self) -> Result<(), SyncError> {
        self.repair_packed_refs()?;
        let mut found = Vec::new();
        list_ref_files(&self.git_dir.join("refs"), FOLDER_DEPTH_LIMIT, &mut found);
        for path in found {
            if path.extension().is_some_and(|ending| ending == "lock")
                || read_small_file(&path).is_none_or(|c| is_valid_ref(&c))
            {
                continue;
            }
            let name = path.strip_prefix(&self.git_dir).unwrap_or(&path).to_string_lossy().into_owned();
            self.move_to_damaged(&path)?;
            self.restore_ref(&name)?;
        }
        Ok(())
    }

    /// Restores the newest value of a ref. If there is none, the next run fetches or creates the ref.
    fn restore_ref(&mut self, name: &str) -> Result<(), SyncError> {
        match self.find_newest_commit(name, |_| true) {
            Some(commit) => {
                self.set_ref(name, &commit)?;
                self.repairs_done.push(format!("{name} was restored to {}", commit.abbreviated()));
            }
            None => self.repairs_done.push(format!("{name} was empty or invalid")),
        }
        Ok(())
    }

    pub(super) fn set_ref(&self, name: &str, commit: &Oid) -> Result<(), SyncError> {
        Ok(self.run_git(&["update-ref", "-m", "openclaw-failover: repaired", name, commit]).map(drop)?)
    }

    /// Finds the newest commit in a ref's log that exists and `is_good`. For the branch of this role, the commit last
    /// pushed or fetched is tried too.
    pub(super) fn find_newest_commit(&self, name: &str, is_good: impl Fn(&Oid) -> bool) -> Option<Oid> {
        let entries = reflog::read_last_entries(&self.git_dir.join("logs").join(name));
        let mut candidates: Vec<Oid> = entries.into_iter().map(|entry| entry.commit).take(REFLOG_ENTRY_LIMIT).collect();
        let find_ref = |name: &str| Oid::parse(&self.run_git(&["rev-parse", "--quiet", "--verify", name]).ok()?);
        candidates.extend(find_ref(name));
        if name == self.branch {
            let short = name.trim_start_matches("refs/heads/");
            let remote = format!("refs/remotes/{}/{short}", self.spec.workspace.remote);
            let others = [ref_names::PUSHED_COMMIT_REF, remote.as_str(), ref_names::MERGED_REMOTE_REF];
            candidates.extend(others.into_iter().filter_map(find_ref));
        }
        let is_commit = |commit: &Oid| self.run_git(&["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_ok();
        candidates.into_iter().find(|commit| is_commit(commit) && is_good(commit))
    }

    /// Keeps the valid lines of the packed-refs file. Lost refs are restored from their logs.
    fn repair_packed_refs(&mut self) -> Result<(), SyncError> {
        let path = self.git_dir.join("packed-refs");
        if path.is_dir() {
            self.set_wrong_aside(&path)?;
            return self.restore_logged_refs("");
        }
        if path.metadata().map_or(true, |found| found.len() > PACKED_REFS_SIZE_LIMIT) {
            return Ok(());
        }
        let content = fs::read(&path).or_cannot("read", &path)?;
        let text = String::from_utf8_lossy(&content);
        let is_whole = content.is_empty() || content.ends_with(b"\n");
        let lines: Vec<&str> = text.lines().collect();
        if is_whole && lines.iter().all(|line| is_packed_refs_line(line)) {
            return Ok(());
        }
        let last = if is_whole { lines.len() } else { lines.len() - 1 };
        let mut kept: String = lines
            .iter()
            .take(last)
            .filter(|line| is_packed_refs_line(line))
            .fold(String::new(), |kept, line| kept + line + "\n");
        // The old header promised an order that may not hold any more.
        if !kept.starts_with('#') {
            kept.insert_str(0, &format!("{PACKED_HEADER}\n"));
        }
        self.move_to_damaged(&path)?;
        fs::write(&path, &kept).or_cannot("write", &path)?;
        self.repairs_done.push("broken lines of packed-refs were removed".to_owned());
        self.restore_logged_refs(&kept)
    }

    /// Restores branches that have a reflog but neither a file nor a packed line to their newest value.
    pub(super) fn restore_logged_refs(&mut self, kept: &str) -> Result<(), SyncError> {
        for name in self.list_logged_refs() {
            let is_known = kept.lines().any(|line| line.ends_with(&format!(" {name}")));
            if !is_known && !self.git_dir.join(&name).exists() {
                self.restore_ref(&name)?;
            }
        }
        let branch = self.branch.clone();
        if self.run_git(&["rev-parse", "--quiet", "--verify", &branch]).is_err() {
            self.restore_ref(&branch)?;
        }
        Ok(())
    }

    /// Lists the branches that have a log.
    fn list_logged_refs(&self) -> Vec<String> {
        let logs = self.git_dir.join("logs");
        let mut found = Vec::new();
        list_ref_files(&logs.join("refs/heads"), FOLDER_DEPTH_LIMIT, &mut found);
        found.iter().filter_map(|log| Some(log.strip_prefix(&logs).ok()?.to_str()?.to_owned())).collect()
    }

    /// Lists every valid ref with its object id.
    pub(super) fn list_valid_refs(&self) -> Vec<(String, Oid)> {
        let packed = fs::read_to_string(self.git_dir.join("packed-refs")).unwrap_or_default();
        let mut refs: Vec<(String, Oid)> = packed
            .lines()
            .filter(|line| is_packed_refs_line(line))
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(hash, name)| Some((name.to_owned(), parse_object_id(hash)?)))
            .collect();
        let mut files = Vec::new();
        list_ref_files(&self.git_dir.join("refs"), FOLDER_DEPTH_LIMIT, &mut files);
        for path in files {
            let hash = parse_object_id(String::from_utf8_lossy(&read_small_file(&path).unwrap_or_default()).trim());
            let name = path.strip_prefix(&self.git_dir).ok().and_then(Path::to_str);
            if let (Some(hash), Some(name)) = (hash, name) {
                refs.retain(|(known, _)| known != name);
                refs.push((name.to_owned(), hash));
            }
        }
        refs
    }
}

fn is_valid_ref(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    is_object_id(text.trim_end()) || text.strip_prefix("ref: refs/").is_some_and(|name| !name.contains('\0'))
}

/// Matches `# header`, `hash name` and `^hash`.
fn is_packed_refs_line(line: &str) -> bool {
    line.starts_with(PACKED_HEADER)
        || line.strip_prefix('^').is_some_and(is_object_id)
        || line
            .split_once(' ')
            .is_some_and(|(hash, name)| is_object_id(hash) && name.starts_with("refs/") && !name.contains('\0'))
}

fn list_ref_files(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if found.len() >= REF_LIMIT {
            return;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => list_ref_files(&entry.path(), depth - 1, found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}
