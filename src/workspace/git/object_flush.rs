//! Flush of stored objects to the disk.

use std::fs::{self, File};
use std::io::{self, Error};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

/// Age from which the kernel has flushed an object. Younger ones of an earlier, interrupted run are flushed too.
const KERNEL_FLUSH_TIME: Duration = Duration::from_secs(60);

/// Maximum number of files and folders that are flushed one by one. Above it, one flush of the file system is faster.
const MAX_SINGLE_FLUSHES: usize = 96;

/// Number of files that are flushed at once, so that they share the file system's transactions.
const FLUSH_THREADS: usize = 16;

/// Flushes the objects and packs that were stored since `since`, and the folders that name them. False if there are so
/// many that the whole file system must be flushed.
pub(super) fn flush_objects_since(git_dir: &Path, since: SystemTime) -> io::Result<bool> {
    // A clock that was set back during the run must hide no object.
    let from = since.min(SystemTime::now()) - KERNEL_FLUSH_TIME;
    let objects = git_dir.join("objects");
    let mut changed = vec![objects.clone()];
    for folder in fs::read_dir(&objects)?.map(|entry| entry.map(|entry| entry.path())) {
        let folder = folder?;
        // git stores a file of half a gigabyte as a pack.
        if folder.file_name().is_some_and(|name| name.len() == 2 || name == "pack") {
            let before = changed.len();
            for object in fs::read_dir(&folder)? {
                let object = object?;
                // git updates the time of an object that it stores again.
                if object.metadata()?.modified()? >= from {
                    changed.push(object.path());
                }
            }
            if changed.len() > before {
                changed.push(folder);
            }
        }
        if changed.len() > MAX_SINGLE_FLUSHES {
            return Ok(false);
        }
    }
    flush_files(&changed).map(|()| true)
}

/// Flushes files and folders, several at once.
fn flush_files(paths: &[PathBuf]) -> io::Result<()> {
    let flush = |part: &[PathBuf]| part.iter().try_for_each(|path| File::open(path)?.sync_all());
    thread::scope(|scope| {
        let parts = paths.chunks(paths.len().div_ceil(FLUSH_THREADS));
        let threads: Vec<_> =
            parts.map(|part| thread::Builder::new().spawn_scoped(scope, move || flush(part))).collect();
        threads.into_iter().try_for_each(|thread| thread?.join().unwrap_or_else(|_| Err(Error::other("panicked"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushes_few_new_objects_one_by_one_and_leaves_many_to_the_file_system() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        assert!(flush_objects_since(folder.path(), now).is_err());
        let store = |index: usize, age: Duration| {
            let path = folder.path().join(format!("objects/{:02x}/{index}", index % 20));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path).unwrap().set_modified(now - age).unwrap();
        };
        (0..200).for_each(|index| store(index, Duration::from_secs(600)));
        assert!(flush_objects_since(folder.path(), now).unwrap());
        (200..230).for_each(|index| store(index, Duration::ZERO));
        assert!(flush_objects_since(folder.path(), now).unwrap());
        // The clock was set forward while the run began.
        assert!(flush_objects_since(folder.path(), now + Duration::from_secs(9999)).unwrap());
        (230..330).for_each(|index| store(index, Duration::ZERO));
        assert!(!flush_objects_since(folder.path(), now + Duration::from_secs(9999)).unwrap());
    }

    #[test]
    fn counts_packs_as_objects() {
        let folder = tempfile::tempdir().unwrap();
        let packs = folder.path().join("objects/pack");
        fs::create_dir_all(&packs).unwrap();
        File::create(packs.join("0.pack")).unwrap();
        assert!(flush_objects_since(folder.path(), SystemTime::now()).unwrap());
        (1..=MAX_SINGLE_FLUSHES).for_each(|index| drop(File::create(packs.join(format!("{index}.pack"))).unwrap()));
        assert!(!flush_objects_since(folder.path(), SystemTime::now()).unwrap());
    }
}
