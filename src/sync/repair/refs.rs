//! Branches and other refs whose files name nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::read;
use super::reflog::{self, is_hash};
use super::{Repairs, words};
use crate::sync::names;

/// Number of refs that are looked at.
const REFS_LIMIT: usize = 20_000;

/// Depth of folders in which they lie.
const DEPTH_LIMIT: usize = 10;

/// Number of a log's entries that are tried.
const ENTRIES_LIMIT: usize = 50;

/// Size limit of the file of packed refs, in bytes.
const PACKED_LIMIT: u64 = 64 * 1024 * 1024;

/// Beginning of the header of packed refs, which lists their traits. Newer versions of git insist on the space.
const PACKED_HEADER: &str = "# pack-refs with: ";

impl Repairs<'_> {
    /// Sets aside each ref whose file is broken, and finds its value again.
    pub(super) fn repair_refs(&mut self) -> Result<(), String> {
        self.repair_packed_refs()?;
        let mut found = Vec::new();
        list(&self.git_dir.join("refs"), DEPTH_LIMIT, &mut found);
        for path in found {
            if path.extension().is_some_and(|ending| ending == "lock") || read(&path).is_none_or(|c| is_ref(&c)) {
                continue;
            }
            let name = path.strip_prefix(&self.git_dir).unwrap_or(&path).to_string_lossy().into_owned();
            self.set_aside(&path).map_err(words)?;
            self.restore_ref(&name)?;
        }
        Ok(())
    }

    /// Gives a ref its newest value again. The run that follows fetches or makes one that is not to be found.
    fn restore_ref(&mut self, name: &str) -> Result<(), String> {
        match self.newest(name, |_| true) {
            Some(commit) => {
                self.git(&["update-ref", "-m", "openclaw-failover: repaired", name, &commit])?;
                let short = commit.get(..10).unwrap_or(&commit).to_owned();
                self.done.push(format!("{name} is {short} again"));
            }
            None => self.done.push(format!("{name} named nothing")),
        }
        Ok(())
    }

    /// The newest commit of a ref's log that is there and `is_good`; else, of the branch that this role works on, the
    /// one that was sent or fetched last.
    pub(super) fn newest(&self, name: &str, is_good: impl Fn(&str) -> bool) -> Option<String> {
        let entries = reflog::read(&self.git_dir.join("logs").join(name));
        let mut candidates: Vec<String> = entries.into_iter().map(|entry| entry.commit).take(ENTRIES_LIMIT).collect();
        candidates.extend(self.git(&["rev-parse", "--quiet", "--verify", name]).ok());
        if name == self.branch {
            let short = name.trim_start_matches("refs/heads/");
            let remote = format!("refs/remotes/{}/{short}", self.checkout.workspace.remote);
            let others = [names::RETURNED, remote.as_str(), names::MERGED];
            candidates.extend(others.iter().filter_map(|other| self.git(&["rev-parse", "--verify", other]).ok()));
        }
        let is_commit = |commit: &str| self.git(&["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_ok();
        candidates.into_iter().find(|commit| is_commit(commit) && is_good(commit))
    }

    /// Keeps the lines of the packed refs that are whole. A ref of which the line is lost comes back from its log.
    fn repair_packed_refs(&mut self) -> Result<(), String> {
        let path = self.git_dir.join("packed-refs");
        if path.is_dir() {
            self.set_wrong_aside(&path)?;
            return self.restore_logged_refs("");
        }
        if path.metadata().map_or(true, |found| found.len() > PACKED_LIMIT) {
            return Ok(());
        }
        let content = fs::read(&path).map_err(words)?;
        let text = String::from_utf8_lossy(&content);
        let is_whole = content.is_empty() || content.ends_with(b"\n");
        let lines: Vec<&str> = text.lines().collect();
        if is_whole && lines.iter().all(|line| is_packed(line)) {
            return Ok(());
        }
        let last = if is_whole { lines.len() } else { lines.len() - 1 };
        let mut kept: String =
            lines.iter().take(last).filter(|line| is_packed(line)).fold(String::new(), |kept, line| kept + line + "\n");
        // What follows the order of a header that is gone need not hold any more.
        if !kept.starts_with('#') {
            kept.insert_str(0, &format!("{PACKED_HEADER}\n"));
        }
        self.set_aside(&path).map_err(words)?;
        fs::write(&path, &kept).map_err(words)?;
        self.done.push("broken lines of packed-refs are left out".to_owned());
        self.restore_logged_refs(&kept)
    }

    /// Gives branches that have a log, and neither a file nor a line among the packed ones, their newest value again.
    pub(super) fn restore_logged_refs(&mut self, kept: &str) -> Result<(), String> {
        for name in self.logged_refs() {
            let is_known = kept.lines().any(|line| line.ends_with(&format!(" {name}")));
            if !is_known && !self.git_dir.join(&name).exists() {
                self.restore_ref(&name)?;
            }
        }
        let branch = self.branch.clone();
        if self.git(&["rev-parse", "--quiet", "--verify", &branch]).is_err() {
            self.restore_ref(&branch)?;
        }
        Ok(())
    }

    /// The branches that have a log.
    fn logged_refs(&self) -> Vec<String> {
        let logs = self.git_dir.join("logs");
        let mut found = Vec::new();
        list(&logs.join("refs/heads"), DEPTH_LIMIT, &mut found);
        found.iter().filter_map(|log| Some(log.strip_prefix(&logs).ok()?.to_str()?.to_owned())).collect()
    }

    /// Every ref with the object that it names, in so far as its file is whole.
    pub(super) fn all_refs(&self) -> Vec<(String, String)> {
        let packed = fs::read_to_string(self.git_dir.join("packed-refs")).unwrap_or_default();
        let mut refs: Vec<(String, String)> = packed
            .lines()
            .filter(|line| is_packed(line))
            .filter_map(|line| line.split_once(' '))
            .filter(|(hash, _)| is_hash(hash))
            .map(|(hash, name)| (name.to_owned(), hash.to_owned()))
            .collect();
        let mut files = Vec::new();
        list(&self.git_dir.join("refs"), DEPTH_LIMIT, &mut files);
        for path in files {
            let hash = String::from_utf8_lossy(&read(&path).unwrap_or_default()).trim().to_owned();
            let Some(name) = path.strip_prefix(&self.git_dir).ok().and_then(Path::to_str) else { continue };
            if is_hash(&hash) {
                refs.retain(|(known, _)| known != name);
                refs.push((name.to_owned(), hash));
            }
        }
        refs
    }
}

fn is_ref(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    is_hash(text.trim_end()) || text.strip_prefix("ref: refs/").is_some_and(|name| !name.contains('\0'))
}

/// `# header`, `hash name` or `^hash`.
fn is_packed(line: &str) -> bool {
    line.starts_with(PACKED_HEADER)
        || line.strip_prefix('^').is_some_and(is_hash)
        || line
            .split_once(' ')
            .is_some_and(|(hash, name)| is_hash(hash) && name.starts_with("refs/") && !name.contains('\0'))
}

fn list(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if found.len() >= REFS_LIMIT {
            return;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => list(&entry.path(), depth - 1, found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}
