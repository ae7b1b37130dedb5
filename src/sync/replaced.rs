//! Files that a move has taken out of the workspace, by rename: a process that has one open goes on writing to it.
//!
//! Each move has a folder of its own, `replaced/<boot>.<time>.<pid>`, for the new files (`new`), the old ones (`old`,
//! by their paths), the contents that git has of both (`known`) and the index that knew the old ones. After the move,
//! and again at the start of later runs, each old file is looked at. One that a process has open for writing, or whose
//! bytes are not among those contents, gets a name in the workspace. The rest is removed only when no process can write
//! to it any more: under another boot, or when two looks a minute apart found it open for writing nowhere (`writers`).
//! A file of which the kernel does not tell stays until the next boot, unless such files take too much room.

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

use super::boot;
use super::contents;
use super::git::Git;
use super::names;
use super::report::{O_NOFOLLOW, O_NONBLOCK};
use super::rescue;
use super::stop::Stop;
use super::writers::{self, Writers};
use crate::failover::Time;

/// Time between two looks that find no writers, before a file is removed. At the first one, a process may have been in
/// the middle of opening it by name.
const GRACE: Duration = Duration::from_secs(60);

/// Time for which a file is kept in any case, where the kernel does not tell its writers.
const UNPROVEN: Duration = Duration::from_secs(24 * 60 * 60);

/// Room that such files may take for longer than that, in bytes.
const UNPROVEN_ROOM: u64 = 256 * 1024 * 1024;

/// Room that the smallest file takes, in bytes.
const BLOCK: u64 = 4096;

/// Index as it was when the old files of a move were looked at.
pub(super) const INDEX: &str = "index";

/// Time of the first look at the old files of a move.
const LOOKED: &str = "looked";

/// Note that no process had any old file of a move open for writing. They are looked at once more, after the grace.
const CLOSED: &str = "closed";

/// Folder in the workspace for old versions of files on another file system than the repository. Git does not look in.
const BESIDE: &str = ".openclaw-failover";

/// Files of one move.
pub(super) struct Replaced<'a> {
    git: &'a Git<'a>,
    folder: PathBuf,
}

/// One old file.
pub(super) struct Old<'a> {
    /// The folder of its move.
    pub(super) folder: &'a Path,
    pub(super) path: PathBuf,
    /// Present place.
    pub(super) file: PathBuf,
    pub(super) kind: Kind,
}

/// Kind of an old file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Link,
    /// A file that cannot be read, or a socket and the like: nothing can be compared.
    Other,
}

impl<'a> Replaced<'a> {
    /// Makes the folder of a new move.
    pub(super) fn begin(git: &'a Git<'a>) -> Result<Self, Stop> {
        let all = all(git);
        fs::create_dir_all(&all).map_err(|why| Stop::file("create", &all, &why))?;
        let time = boot::clock().unwrap_or_default().as_millis();
        let mut n = 0;
        loop {
            let folder = all.join(format!("{}.{time}.{}.{n}", names::boot(), process::id()));
            match fs::create_dir(&folder) {
                Err(why) if why.kind() == ErrorKind::AlreadyExists => n += 1,
                Err(why) => return Err(Stop::file("create", &folder, &why)),
                Ok(()) => return Ok(Self { git, folder }),
            }
        }
    }

    /// Folder in which the new files are made.
    pub(super) fn new_files(&self) -> PathBuf {
        self.folder.join("new")
    }

    /// Index as it was when the old files were looked at.
    pub(super) fn index(&self) -> PathBuf {
        self.folder.join(INDEX)
    }

    /// Notes the contents that git has of the old and the new files, before the first of them is moved.
    pub(super) fn note_known<'h>(&self, hashes: impl IntoIterator<Item = &'h String>) -> Result<(), Stop> {
        let lines: String = hashes.into_iter().map(|hash| format!("{hash}\n")).collect();
        self.append("known", lines.as_bytes())
    }

    /// Takes whatever has this path out of the workspace. Answers with its new name if that is one in the workspace.
    pub(super) fn take(&self, path: &Path, now: Time) -> Result<Option<PathBuf>, Stop> {
        let from = self.git.dir.join(path);
        let mut to = self.folder.join("old").join(path);
        create_above(&to)?;
        let mut renamed = fs::rename(&from, &to);
        if renamed.as_ref().is_err_and(|why| why.kind() == ErrorKind::CrossesDevices) {
            to = self.beside(path)?.join("old").join(path);
            create_above(&to)?;
            renamed = fs::rename(&from, &to);
        }
        match renamed {
            Err(why) if is_missing(&why) => Ok(None),
            Err(why) => Err(Stop::file("rename", &from, &why)),
            // A folder that has just taken the file's place holds files of which no commit has the content.
            Ok(()) if to.symlink_metadata().is_ok_and(|found| found.is_dir()) => {
                rescue::give_name(self.git, &to, path, now).map(Some)
            }
            Ok(()) => Ok(None),
        }
    }

    /// Gives the old file its name back, if that is free: the new one cannot have it.
    pub(super) fn put_back(&self, path: &Path) {
        let _ = fs::hard_link(self.folder.join("old").join(path), self.git.dir.join(path));
    }

    /// Gives a new file its name, which must be free, and its place in the new files up.
    pub(super) fn place(&self, path: &Path) -> io::Result<()> {
        let (from, to) = (self.new_files().join(path), self.git.dir.join(path));
        match fs::hard_link(&from, &to) {
            Err(why) if why.kind() == ErrorKind::CrossesDevices => {
                let beside = self.beside(path).map_err(|stop| io::Error::other(stop.said))?.join("new");
                let _ = fs::remove_file(&beside);
                copy(&from, &beside)?;
                fs::hard_link(&beside, &to)?;
                fs::remove_file(&beside)
            }
            // A file system without hard links, where no name is given to a file as a whole.
            Err(why) if matches!(why.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => copy(&from, &to),
            Err(why) => Err(why),
            Ok(()) => fs::remove_file(&from),
        }
    }

    /// True if there is a new file of this path that has not got its name yet.
    pub(super) fn is_made(&self, path: &Path) -> bool {
        self.new_files().join(path).symlink_metadata().is_ok()
    }

    /// True if the file at this path is the new one already: of the same kind, bytes and permission to execute.
    pub(super) fn is_placed(&self, path: &Path) -> bool {
        contents::are_equal(&self.new_files().join(path), &self.git.dir.join(path))
    }

    /// Gives names in the workspace to old files of this move that changed late, or may still do so. Answers with them.
    pub(super) fn rescue_late_writes(&self, now: Time) -> Result<Vec<PathBuf>, Stop> {
        look_at(self.git, std::slice::from_ref(&self.folder), (boot::clock(), now))
    }

    /// Folder for this move on the file system of a file, where that is not the repository's: in the topmost folder of
    /// the workspace that is on it. It is noted, so that later runs find it.
    fn beside(&self, path: &Path) -> Result<PathBuf, Stop> {
        let device = |folder: &Path| self.git.dir.join(folder).metadata().map(|found| found.dev()).ok();
        let mut parent = path.parent().unwrap_or(Path::new(""));
        while let Some(above) = parent.parent().filter(|above| device(above) == device(parent)) {
            parent = above;
        }
        let top = self.git.dir.join(parent).join(BESIDE);
        let folder = top.join(self.folder.file_name().unwrap_or_default());
        if !folder.is_dir() {
            self.append("beside", &[parent.as_os_str().as_bytes(), b"\0"].concat())?;
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(top.join(".gitignore"), "*\n"))
                .map_err(|why| Stop::file("create", &folder, &why))?;
        }
        Ok(folder)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), Stop> {
        let path = self.folder.join(name);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        written.map_err(|why| Stop::file("write", &path, &why))
    }
}

impl Drop for Replaced<'_> {
    /// Removes the new files that got no name, and the folder if no old file is in it.
    fn drop(&mut self) {
        remove_new_files(&self.folder);
        if fs::remove_dir(self.folder.join("old")).is_ok() || !self.folder.join("old").exists() {
            remove(self.git, &self.folder);
        }
    }
}

/// Looks at all old files of earlier moves: names those that changed, and removes those that no process can write to.
/// Answers with the names.
pub(super) fn look_after(git: &Git<'_>, now: Time) -> Result<Vec<PathBuf>, Stop> {
    let entries = fs::read_dir(all(git)).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.iter().for_each(|folder| remove_new_files(folder));
    let clock = if folders.is_empty() { None } else { boot::clock() };
    folders.retain(|folder| !folder.join(CLOSED).exists() || is_over(folder, Writers::None, (clock, false)));
    // The latest first: where there is not room for all, the oldest go.
    folders.sort_by_key(|folder| Reverse(made(folder)));
    look_at(git, &folders, (clock, now))
}

fn look_at(git: &Git<'_>, folders: &[PathBuf], (clock, now): (Option<Duration>, Time)) -> Result<Vec<PathBuf>, Stop> {
    let mut all_old = Vec::new();
    for folder in folders {
        roots(git, folder).iter().for_each(|root| list(folder, root, Path::new(""), &mut all_old));
    }
    // First the writers and then the bytes: a file without writers does not change between the two.
    let writers = writers_of(git, &all_old);
    let known = contents::are_known(git, &all(git), &all_old)?;
    let (mut named, mut room) = (Vec::new(), 0);
    let mut open = HashSet::new();
    for ((old, writers), is_known) in all_old.iter().zip(writers).zip(known) {
        if writers == Writers::Some || !is_known {
            named.push(rescue::give_name(git, &old.file, &old.path, now).unwrap_or_else(|stop| {
                log::warn!("{} stays in {}: {}", old.path.display(), old.file.display(), stop.said);
                old.file.strip_prefix(git.dir).unwrap_or(&old.file).to_owned()
            }));
            continue;
        }
        room += old.file.symlink_metadata().map_or(0, |found| found.len()).max(BLOCK);
        if is_over(old.folder, writers, (clock, room > UNPROVEN_ROOM)) {
            fs::remove_file(&old.file).map_err(|why| Stop::file("remove", &old.file, &why))?;
        } else if writers != Writers::None {
            open.insert(old.folder);
        }
    }
    for folder in folders {
        remove(git, folder);
        if folder.exists() {
            let cannot = |why| Stop::file("write", folder, &why);
            if let (Some(clock), None) = (clock, looked(folder)) {
                fs::write(folder.join(LOOKED), clock.as_millis().to_string()).map_err(cannot)?;
            }
            if !open.contains(folder.as_path()) {
                fs::write(folder.join(CLOSED), "").map_err(cannot)?;
            }
        }
    }
    Ok(named)
}

/// True if no process can write to the old files of a move any more.
fn is_over(folder: &Path, writers: Writers, (clock, is_full): (Option<Duration>, bool)) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let (boot, this) = (name.split('.').next().unwrap_or_default(), names::boot());
    if !boot.is_empty() && !this.is_empty() && boot != this {
        return true;
    }
    let (Some(clock), Some(looked)) = (clock, looked(folder)) else { return false };
    let age = clock.saturating_sub(looked);
    match writers {
        Writers::Some => false,
        Writers::None => age >= GRACE,
        Writers::Unknown => age >= UNPROVEN && is_full,
    }
}

/// Time of the first look at the old files of a move, by the clock of its boot.
fn looked(folder: &Path) -> Option<Duration> {
    fs::read_to_string(folder.join(LOOKED)).ok()?.trim().parse().ok().map(Duration::from_millis)
}

/// Time of a move, by the clock of its boot.
fn made(folder: &Path) -> Option<Duration> {
    let name = folder.file_name()?.to_str()?;
    name.split('.').nth(1)?.parse().ok().map(Duration::from_millis)
}

fn writers_of(git: &Git<'_>, old: &[Old<'_>]) -> Vec<Writers> {
    let files: Vec<&Path> = old.iter().filter(|old| old.kind == Kind::File).map(|old| old.file.as_path()).collect();
    let mut found = writers::of(git, &files).into_iter();
    // Nothing can be written to a link.
    let of = |old: &Old<'_>| match old.kind {
        Kind::File => found.next().unwrap_or(Writers::Unknown),
        Kind::Link | Kind::Other => Writers::None,
    };
    old.iter().map(of).collect()
}

/// Folders in which the old files of a move are.
fn roots(git: &Git<'_>, folder: &Path) -> Vec<PathBuf> {
    let beside = fs::read(folder.join("beside")).unwrap_or_default();
    let name = folder.file_name().unwrap_or_default();
    let beside = beside.split_inclusive(|byte| *byte == 0).filter_map(|parent| parent.strip_suffix(b"\0"));
    let beside: HashSet<PathBuf> =
        beside.map(|parent| git.dir.join(OsStr::from_bytes(parent)).join(BESIDE).join(name).join("old")).collect();
    [folder.join("old")].into_iter().chain(beside).collect()
}

/// Lists everything below `root` that is no folder.
fn list<'a>(folder: &'a Path, root: &Path, below: &Path, found: &mut Vec<Old<'a>>) {
    for entry in fs::read_dir(root.join(below)).into_iter().flatten().flatten() {
        let (path, file) = (below.join(entry.file_name()), entry.path());
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                list(folder, root, &path, found);
                continue;
            }
            Ok(kind) if kind.is_symlink() => Kind::Link,
            Ok(kind) if kind.is_file() && can_be_read(&file) => Kind::File,
            _ => Kind::Other,
        };
        found.push(Old { folder, path, file, kind });
    }
}

fn can_be_read(file: &Path) -> bool {
    OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(file).is_ok()
}

/// Removes a file, or a folder with all that is in it, if it is there.
pub(super) fn remove_all(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(why) => Err(why),
    };
    removed.or_else(|why| if is_missing(&why) { Ok(()) } else { Err(why) })
}

/// Removes the new files that got no name: copies of what git has, which no other process has open.
fn remove_new_files(folder: &Path) {
    if let Err(why) = remove_all(&folder.join("new")) {
        log::warn!("cannot remove {}: {why}", folder.join("new").display());
    }
}

/// Removes the folder of a move in which there is no old file any more. A folder that holds anything stays.
fn remove(git: &Git<'_>, folder: &Path) {
    for root in roots(git, folder) {
        remove_empty(&root);
        if root.exists() {
            return;
        }
        if let Some(beside) = root.parent().filter(|beside| *beside != folder) {
            let _ = fs::remove_file(beside.join("new"));
            let top = beside.parent().unwrap_or(beside);
            if fs::remove_dir(beside).is_ok() && fs::read_dir(top).is_ok_and(|left| left.count() == 1) {
                let _ = fs::remove_file(top.join(".gitignore")).and_then(|()| fs::remove_dir(top));
            }
        }
    }
    for name in [INDEX, "known", "beside", LOOKED, CLOSED] {
        let _ = fs::remove_file(folder.join(name));
    }
    let _ = fs::remove_dir(folder);
}

fn remove_empty(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

fn create_above(path: &Path) -> Result<(), Stop> {
    let above = path.parent().unwrap_or(path);
    fs::create_dir_all(above).map_err(|why| Stop::file("create", above, &why))
}

/// Copies a file or a link to a name that is free. What a process appends to it meanwhile stays in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let found = from.symlink_metadata()?;
    if found.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    let mut file = OpenOptions::new().append(true).create_new(true).open(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.set_permissions(found.permissions())
}

/// True if there is no such file, or one where a folder would have to be.
pub(super) fn is_missing(why: &io::Error) -> bool {
    matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Folder with the files of all moves.
fn all(git: &Git<'_>) -> PathBuf {
    git.own_folder().join("replaced")
}
