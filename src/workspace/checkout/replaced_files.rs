//! Files that a checkout has renamed out of the workspace. A process that has one open can still write to it.
//!
//! Each checkout has a folder `replaced/<boot>.<time>.<pid>` with the new files (`new`), the replaced ones (`old`, by
//! path), the object ids that git has of both (`known`) and the index of the replaced ones. After the checkout, and at
//! the start of later runs, each replaced file is checked. If a process has it open for writing, or git does not have
//! its bytes, it gets a name in the workspace. The others are removed once no process can write to them: after a
//! reboot, or if two checks a minute apart find no writer (`writers`). If the kernel reports no writers, a file stays
//! until the next boot, or until such files use too much space.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use crate::text::Time;
use crate::workspace::checkout::writers::{self, WriterState};
use crate::workspace::checkout::{aside_names, content_comparison};
use crate::workspace::error::SyncError;
use crate::workspace::git::Git;
use crate::workspace::report::{O_NOFOLLOW, O_NONBLOCK};
use crate::workspace::{boot_clock, ref_names};

/// Time between the two checks without writers after which a file is removed. At the first one, a process may be about
/// to open the file by name.
const REMOVAL_GRACE_PERIOD: Duration = Duration::from_secs(60);

/// Minimum time to keep a file whose writers the kernel does not report.
const UNKNOWN_WRITERS_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Space limit for such files after that time, in bytes.
const UNKNOWN_WRITERS_SPACE_LIMIT: u64 = 256 * 1024 * 1024;

/// Space that the smallest file uses, in bytes.
const BLOCK_SIZE: u64 = 4096;

/// File name of the index from before the checkout.
pub(crate) const INDEX_FILE: &str = "index";

/// File name of the time of the first check.
const FIRST_CHECK_FILE: &str = "looked";

/// File name of the note that no process had a replaced file open for writing. A second check follows after the grace
/// period.
const NO_WRITERS_FILE: &str = "closed";

/// Folder in the workspace for replaced files on another file system than the repository's. git ignores it.
const WORKSPACE_FOLDER: &str = ".openclaw-failover";

/// Files of one checkout.
pub(crate) struct ReplacedFiles<'a> {
    git: &'a Git<'a>,
    folder: PathBuf,
}

/// File that a checkout replaced.
pub(crate) struct ReplacedFile<'a> {
    /// Folder of its checkout.
    pub(crate) checkout_folder: &'a Path,
    pub(crate) original_path: PathBuf,
    /// Current path.
    pub(crate) current_path: PathBuf,
    pub(crate) kind: FileKind,
}

/// Kind of a replaced file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    File,
    Link,
    /// File that cannot be read, or a socket and the like. Its bytes cannot be compared.
    Unreadable,
}

impl<'a> ReplacedFiles<'a> {
    /// Creates the folder of a new checkout.
    pub(crate) fn create(git: &'a Git<'a>) -> Result<Self, SyncError> {
        let all = checkouts_folder(git);
        fs::create_dir_all(&all).map_err(|why| SyncError::from_file_operation("create", &all, &why))?;
        let time = boot_clock::time_since_boot().unwrap_or_default().as_millis();
        let mut n = 0;
        loop {
            let folder = all.join(format!("{}.{time}.{}.{n}", ref_names::boot_id(), process::id()));
            match fs::create_dir(&folder) {
                Err(why) if why.kind() == ErrorKind::AlreadyExists => n += 1,
                Err(why) => return Err(SyncError::from_file_operation("create", &folder, &why)),
                Ok(()) => return Ok(Self { git, folder }),
            }
        }
    }

    /// Returns the folder of the new files.
    pub(crate) fn new_files_folder(&self) -> PathBuf {
        self.folder.join("new")
    }

    /// Returns the path of the index from before the checkout.
    pub(crate) fn index_file(&self) -> PathBuf {
        self.folder.join(INDEX_FILE)
    }

    /// Records the object ids that git has of the replaced and the new files, before the first one is renamed.
    pub(crate) fn record_known_contents<'h>(
        &self,
        hashes: impl IntoIterator<Item = &'h String>,
    ) -> Result<(), SyncError> {
        let lines: String = hashes.into_iter().map(|hash| format!("{hash}\n")).collect();
        self.append_to_record("known", lines.as_bytes())
    }

    /// Renames the file at this path out of the workspace. Returns its new name if that is inside the workspace.
    pub(crate) fn rename_away(&self, path: &Path, now: Time) -> Result<Option<PathBuf>, SyncError> {
        let from = self.git.work_tree.join(path);
        let mut to = self.folder.join("old").join(path);
        create_parent_folders(&to)?;
        let mut renamed = fs::rename(&from, &to);
        if renamed.as_ref().is_err_and(|why| why.kind() == ErrorKind::CrossesDevices) {
            to = self.folder_on_same_file_system(path)?.join("old").join(path);
            create_parent_folders(&to)?;
            renamed = fs::rename(&from, &to);
        }
        match renamed {
            Err(why) if is_missing_file_error(&why) => Ok(None),
            Err(why) => Err(SyncError::from_file_operation("rename", &from, &why)),
            // A process replaced the file by a folder, whose files are in no commit.
            Ok(()) if to.symlink_metadata().is_ok_and(|found| found.is_dir()) => {
                aside_names::link_beside(self.git, &to, path, now).map(Some)
            }
            Ok(()) => Ok(None),
        }
    }

    /// Renames the replaced file back to its path if that is free, after the new file could not be placed.
    pub(crate) fn restore_file(&self, path: &Path) {
        let _ = fs::hard_link(self.folder.join("old").join(path), self.git.work_tree.join(path));
    }

    /// Moves a new file to its path, which must be free.
    pub(crate) fn place_new_file(&self, path: &Path) -> io::Result<()> {
        let (from, to) = (self.new_files_folder().join(path), self.git.work_tree.join(path));
        match fs::hard_link(&from, &to) {
            Err(why) if why.kind() == ErrorKind::CrossesDevices => {
                let near_copy =
                    self.folder_on_same_file_system(path).map_err(|error| io::Error::other(error.message))?.join("new");
                let _ = fs::remove_file(&near_copy);
                copy_file_or_link(&from, &near_copy)?;
                fs::hard_link(&near_copy, &to)?;
                fs::remove_file(&near_copy)
            }
            // File systems without hard links need a copy instead.
            Err(why) if matches!(why.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
                copy_file_or_link(&from, &to)
            }
            Err(why) => Err(why),
            Ok(()) => fs::remove_file(&from),
        }
    }

    /// True if the new file of this path is written and not placed yet.
    pub(crate) fn is_new_file_waiting(&self, path: &Path) -> bool {
        self.new_files_folder().join(path).symlink_metadata().is_ok()
    }

    /// True if the file at this path equals the new one in kind, bytes and execute permission.
    pub(crate) fn is_new_file_placed(&self, path: &Path) -> bool {
        content_comparison::are_files_equal(&self.new_files_folder().join(path), &self.git.work_tree.join(path))
    }

    /// Gives replaced files that were written late, or still may be, a name in the workspace. Returns the names.
    pub(crate) fn rescue_late_writes(&self, now: Time) -> Result<Vec<PathBuf>, SyncError> {
        check_replaced_files(self.git, std::slice::from_ref(&self.folder), (boot_clock::time_since_boot(), now))
    }

    /// Returns the folder of this checkout on the file system of `path` if that is not the repository's. It is in the
    /// topmost folder of the workspace on that file system. It is recorded, so that later runs find it.
    fn folder_on_same_file_system(&self, path: &Path) -> Result<PathBuf, SyncError> {
        let device = |folder: &Path| self.git.work_tree.join(folder).metadata().map(|found| found.dev()).ok();
        let mut parent = path.parent().unwrap_or(Path::new(""));
        while let Some(above) = parent.parent().filter(|above| device(above) == device(parent)) {
            parent = above;
        }
        let top = self.git.work_tree.join(parent).join(WORKSPACE_FOLDER);
        let folder = top.join(self.folder.file_name().unwrap_or_default());
        if !folder.is_dir() {
            self.append_to_record("beside", &[parent.as_os_str().as_bytes(), b"\0"].concat())?;
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(top.join(".gitignore"), "*\n"))
                .map_err(|why| SyncError::from_file_operation("create", &folder, &why))?;
        }
        Ok(folder)
    }

    fn append_to_record(&self, name: &str, bytes: &[u8]) -> Result<(), SyncError> {
        let path = self.folder.join(name);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        written.map_err(|why| SyncError::from_file_operation("write", &path, &why))
    }
}

impl Drop for ReplacedFiles<'_> {
    /// Removes the new files that were not placed, and the folder if it holds no replaced file.
    fn drop(&mut self) {
        remove_new_files(&self.folder);
        if fs::remove_dir(self.folder.join("old")).is_ok() || !self.folder.join("old").exists() {
            remove_checkout_folder(self.git, &self.folder);
        }
    }
}

/// Checks the replaced files of earlier checkouts: names those that changed, and removes those that no process can
/// write to. Returns the names.
pub(crate) fn clean_up_earlier_checkouts(git: &Git<'_>, now: Time) -> Result<Vec<PathBuf>, SyncError> {
    let entries = fs::read_dir(checkouts_folder(git)).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.iter().for_each(|folder| remove_new_files(folder));
    let clock = if folders.is_empty() { None } else { boot_clock::time_since_boot() };
    folders.retain(|folder| {
        !folder.join(NO_WRITERS_FILE).exists() || is_safe_to_remove(folder, WriterState::Closed, (clock, false))
    });
    // Newest first: if space runs out, the oldest are removed.
    folders.sort_by_key(|folder| Reverse(created_at(folder)));
    check_replaced_files(git, &folders, (clock, now))
}

fn check_replaced_files(
    git: &Git<'_>,
    folders: &[PathBuf],
    (clock, now): (Option<Duration>, Time),
) -> Result<Vec<PathBuf>, SyncError> {
    let mut all_old = Vec::new();
    for folder in folders {
        replaced_roots(git, folder)
            .iter()
            .for_each(|root| list_replaced_files(folder, root, Path::new(""), &mut all_old));
    }
    // Writers before bytes: a file without writers does not change in between.
    let writers = detect_writers(git, &all_old);
    let known = content_comparison::are_contents_known(git, &checkouts_folder(git), &all_old)?;
    let (mut named, mut kept_bytes) = (Vec::new(), 0);
    let mut open = HashSet::new();
    for ((old, writers), is_known) in all_old.iter().zip(writers).zip(known) {
        if writers == WriterState::Open || !is_known {
            named.push(aside_names::link_beside(git, &old.current_path, &old.original_path, now).unwrap_or_else(
                |error| {
                    log::warn!(
                        "cannot restore {} from {}: {}",
                        old.original_path.display(),
                        old.current_path.display(),
                        error.message
                    );
                    old.current_path.strip_prefix(git.work_tree).unwrap_or(&old.current_path).to_owned()
                },
            ));
            continue;
        }
        kept_bytes += old.current_path.symlink_metadata().map_or(0, |found| found.len()).max(BLOCK_SIZE);
        if is_safe_to_remove(old.checkout_folder, writers, (clock, kept_bytes > UNKNOWN_WRITERS_SPACE_LIMIT)) {
            fs::remove_file(&old.current_path)
                .map_err(|why| SyncError::from_file_operation("remove", &old.current_path, &why))?;
        } else if writers != WriterState::Closed {
            open.insert(old.checkout_folder);
        }
    }
    for folder in folders {
        remove_checkout_folder(git, folder);
        if folder.exists() {
            let cannot = |why| SyncError::from_file_operation("write", folder, &why);
            if let (Some(clock), None) = (clock, first_checked_at(folder)) {
                fs::write(folder.join(FIRST_CHECK_FILE), clock.as_millis().to_string()).map_err(cannot)?;
            }
            if !open.contains(folder.as_path()) {
                fs::write(folder.join(NO_WRITERS_FILE), "").map_err(cannot)?;
            }
        }
    }
    Ok(named)
}

/// True if no process can write to the replaced files of a checkout any more.
fn is_safe_to_remove(folder: &Path, writers: WriterState, (clock, is_full): (Option<Duration>, bool)) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let (boot, this) = (name.split('.').next().unwrap_or_default(), ref_names::boot_id());
    if !boot.is_empty() && !this.is_empty() && boot != this {
        return true;
    }
    let (Some(clock), Some(first_checked)) = (clock, first_checked_at(folder)) else { return false };
    let age = clock.saturating_sub(first_checked);
    match writers {
        WriterState::Open => false,
        WriterState::Closed => age >= REMOVAL_GRACE_PERIOD,
        WriterState::Unknown => age >= UNKNOWN_WRITERS_RETENTION && is_full,
    }
}

/// Reads the time of the first check, by the clock of its boot.
fn first_checked_at(folder: &Path) -> Option<Duration> {
    fs::read_to_string(folder.join(FIRST_CHECK_FILE)).ok()?.trim().parse().ok().map(Duration::from_millis)
}

/// Reads the time of a checkout from its folder's name, by the clock of its boot.
fn created_at(folder: &Path) -> Option<Duration> {
    let name = folder.file_name()?.to_str()?;
    name.split('.').nth(1)?.parse().ok().map(Duration::from_millis)
}

fn detect_writers(git: &Git<'_>, old: &[ReplacedFile<'_>]) -> Vec<WriterState> {
    let files: Vec<&Path> =
        old.iter().filter(|old| old.kind == FileKind::File).map(|old| old.current_path.as_path()).collect();
    let mut found = writers::detect_writers(git, &files).into_iter();
    // A link cannot be written to.
    let writer_state = |old: &ReplacedFile<'_>| match old.kind {
        FileKind::File => found.next().unwrap_or(WriterState::Unknown),
        FileKind::Link | FileKind::Unreadable => WriterState::Closed,
    };
    old.iter().map(writer_state).collect()
}

/// Returns the folders that hold the replaced files of a checkout.
fn replaced_roots(git: &Git<'_>, folder: &Path) -> Vec<PathBuf> {
    let other_roots = fs::read(folder.join("beside")).unwrap_or_default();
    let name = folder.file_name().unwrap_or_default();
    let other_roots = other_roots.split_inclusive(|byte| *byte == 0).filter_map(|parent| parent.strip_suffix(b"\0"));
    let other_roots: HashSet<PathBuf> = other_roots
        .map(|parent| git.work_tree.join(OsStr::from_bytes(parent)).join(WORKSPACE_FOLDER).join(name).join("old"))
        .collect();
    [folder.join("old")].into_iter().chain(other_roots).collect()
}

/// Lists everything below `root` except folders.
fn list_replaced_files<'a>(folder: &'a Path, root: &Path, below: &Path, found: &mut Vec<ReplacedFile<'a>>) {
    for entry in fs::read_dir(root.join(below)).into_iter().flatten().flatten() {
        let (path, file) = (below.join(entry.file_name()), entry.path());
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                list_replaced_files(folder, root, &path, found);
                continue;
            }
            Ok(kind) if kind.is_symlink() => FileKind::Link,
            Ok(kind) if kind.is_file() && is_readable(&file) => FileKind::File,
            _ => FileKind::Unreadable,
        };
        found.push(ReplacedFile { checkout_folder: folder, original_path: path, current_path: file, kind });
    }
}

fn is_readable(file: &Path) -> bool {
    OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(file).is_ok()
}

/// Removes a file, or a folder with all that is in it, if it is there.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(why) => Err(why),
    };
    removed.or_else(|why| if is_missing_file_error(&why) { Ok(()) } else { Err(why) })
}

/// Removes the new files that were not placed. git has their contents, and no other process has them open.
fn remove_new_files(folder: &Path) {
    if let Err(why) = remove_all(&folder.join("new")) {
        log::warn!("cannot remove {}: {why}", folder.join("new").display());
    }
}

/// Removes the folder of a checkout that holds no replaced file. A folder that is not empty stays.
fn remove_checkout_folder(git: &Git<'_>, folder: &Path) {
    for root in replaced_roots(git, folder) {
        remove_empty_folders(&root);
        if root.exists() {
            return;
        }
        if let Some(other_folder) = root.parent().filter(|other_folder| *other_folder != folder) {
            let _ = fs::remove_file(other_folder.join("new"));
            let top = other_folder.parent().unwrap_or(other_folder);
            if fs::remove_dir(other_folder).is_ok() && fs::read_dir(top).is_ok_and(|left| left.count() == 1) {
                let _ = fs::remove_file(top.join(".gitignore")).and_then(|()| fs::remove_dir(top));
            }
        }
    }
    for name in [INDEX_FILE, "known", "beside", FIRST_CHECK_FILE, NO_WRITERS_FILE] {
        let _ = fs::remove_file(folder.join(name));
    }
    let _ = fs::remove_dir(folder);
}

fn remove_empty_folders(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty_folders(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

fn create_parent_folders(path: &Path) -> Result<(), SyncError> {
    let above = path.parent().unwrap_or(path);
    fs::create_dir_all(above).map_err(|why| SyncError::from_file_operation("create", above, &why))
}

/// Copies a file or a link to a free name. Bytes that a process appends to the copy meanwhile are kept.
fn copy_file_or_link(from: &Path, to: &Path) -> io::Result<()> {
    let found = from.symlink_metadata()?;
    if found.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    let mut file = OpenOptions::new().append(true).create_new(true).open(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.set_permissions(found.permissions())
}

/// True if the file does not exist, or a parent is not a folder.
pub(crate) fn is_missing_file_error(why: &io::Error) -> bool {
    matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns the folder with the files of all checkouts.
fn checkouts_folder(git: &Git<'_>) -> PathBuf {
    git.private_folder().join("replaced")
}
