//! Folder kept in memory. Writing it takes a hundredth of the time that the processes need to create it.

use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

enum Entry {
    Folder,
    File { mode: u32, bytes: Vec<u8> },
    Link(PathBuf),
}

pub struct FolderCopy {
    /// Path of the folder that was read.
    top: PathBuf,
    /// Entries, each folder before its content.
    entries: Vec<(PathBuf, Entry)>,
}

impl FolderCopy {
    /// Reads a folder.
    pub fn of(top: &Path) -> Self {
        let mut copy = Self { top: top.to_owned(), entries: Vec::new() };
        copy.read(Path::new(""));
        copy
    }

    fn read(&mut self, folder: &Path) {
        for found in fs::read_dir(self.top.join(folder)).unwrap() {
            let found = found.unwrap();
            let (path, kind) = (folder.join(found.file_name()), found.file_type().unwrap());
            if kind.is_dir() {
                self.entries.push((path.clone(), Entry::Folder));
                self.read(&path);
            } else if kind.is_symlink() {
                self.entries.push((path, Entry::Link(fs::read_link(found.path()).unwrap())));
            } else {
                let mode = found.metadata().unwrap().permissions().mode();
                self.entries.push((path, Entry::File { mode, bytes: fs::read(found.path()).unwrap() }));
            }
        }
    }

    /// Writes the entries below another folder, and replaces the original path in every file.
    pub fn write(&self, top: &Path) {
        for (path, entry) in &self.entries {
            let to = top.join(path);
            match entry {
                Entry::Folder => fs::create_dir(&to).unwrap(),
                Entry::Link(target) => symlink(self.at(target.as_os_str().as_bytes(), top), &to).unwrap(),
                Entry::File { mode, bytes } => {
                    fs::write(&to, self.at(bytes, top).as_os_str().as_bytes()).unwrap();
                    fs::set_permissions(&to, fs::Permissions::from_mode(*mode)).unwrap();
                }
            }
        }
    }

    fn at(&self, bytes: &[u8], top: &Path) -> PathBuf {
        let (from, to) = (self.top.as_os_str().as_bytes(), top.as_os_str().as_bytes());
        let mut all = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if let Some(after) = rest.strip_prefix(from) {
                all.extend_from_slice(to);
                rest = after;
            } else {
                all.push(*first);
                rest = &rest[1..];
            }
        }
        std::ffi::OsString::from_vec(all).into()
    }
}
