//! Filters of the owner's git (`filter.<name>.clean`, `smudge`, `process`) and gits that run them.
//!
//! A filter is a program, so it may be missing, fail or never end, and for one file only. A look at the workspace never
//! fails for it: the file then counts as changed. Storing and writing a file have its filter required, and who asks for
//! that learns which file it was and leaves it out.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::git::{Git, SCAN, write_and_open};
use super::settings;
use super::stop::{Stop, Why};
use crate::host::CommandError;

/// Time limit of the programs that a filter runs, unless the configuration allows the network less.
pub(super) const FILTER_TIME_LIMIT: Duration = Duration::from_secs(60);

impl Git<'_> {
    /// Notes one command of a filter, `filter.<name>.clean` and the like.
    pub(super) fn add_filter(&mut self, key: &str, command: &str) {
        let Some((name, what)) = key.strip_prefix("filter.").and_then(|rest| rest.rsplit_once('.')) else { return };
        let at = self.drivers.iter().position(|driver| driver.name == name).unwrap_or_else(|| {
            self.drivers.push(Driver { name: name.to_owned(), ..Driver::default() });
            self.drivers.len() - 1
        });
        let Some(driver) = self.drivers.get_mut(at) else { return };
        let is_set = !command.is_empty();
        driver.is_lfs |= command.contains("git-lfs") || command.contains("git lfs");
        match what {
            "clean" => driver.has_clean |= is_set,
            "smudge" => driver.has_smudge |= is_set,
            "required" => driver.is_required = settings::is_true(command),
            _ => (driver.has_clean, driver.has_smudge) = (driver.has_clean || is_set, driver.has_smudge || is_set),
        }
    }

    /// Time limit for what looks at every file, which may have to run filters.
    pub(super) fn look_limit(&self) -> Duration {
        if self.drivers.iter().any(|driver| driver.has_clean) { self.filter_limit } else { SCAN }
    }

    /// Options that have no filter run.
    pub(super) fn without_filters(&self) -> Vec<String> {
        let mut options = Vec::new();
        for Driver { name, .. } in &self.drivers {
            for what in ["clean", "smudge", "process"] {
                options.extend(["-c".to_owned(), format!("filter.{name}.{what}=")]);
            }
        }
        options
    }

    /// Stores or writes the files of these names at once; where that fails, halves of them, and so on down to the files
    /// for which it fails.
    pub(super) fn convert(&self, conversion: &Conversion<'_>, names: &[&Path]) -> Result<Converted, Stop> {
        let mut converted = Converted::default();
        let failed = &mut converted.failed;
        let mut waiting = vec![names];
        let mut first_failure: Option<Instant> = None;
        let limit = conversion.deadline;
        while let Some(some) = waiting.pop() {
            let Some(first) = some.first() else { continue };
            if first_failure.is_some_and(|since| since.elapsed() > limit.saturating_mul(2)) {
                let why = format!("other files took longer than {limit:?}");
                failed.extend(some.iter().map(|name| ((*name).to_owned(), why.clone())));
                continue;
            }
            match self.convert_once(conversion, some) {
                Ok(has_passed_over) => converted.has_passed_over |= has_passed_over,
                Err(ConvertError::Stop(stop)) => return Err(stop),
                // A git that fails without any file, too, fails for the repository's sake.
                Err(ConvertError::File(why)) if first_failure.is_none() && self.fails_without_files(conversion) => {
                    return Err(Stop::new(Why::Failed, why));
                }
                Err(ConvertError::File(why)) if some.len() == 1 => {
                    first_failure.get_or_insert_with(Instant::now);
                    failed.push(((*first).to_owned(), without_name(&why, first)));
                }
                Err(ConvertError::File(_)) => {
                    first_failure.get_or_insert_with(Instant::now);
                    let (left, right) = some.split_at(some.len() / 2);
                    waiting.extend([right, left]);
                }
            }
        }
        Ok(converted)
    }

    fn fails_without_files(&self, conversion: &Conversion<'_>) -> bool {
        self.convert_once(conversion, &[]).is_err()
    }

    /// True if git has passed over a name that it refuses, for which it does not fail.
    fn convert_once(&self, conversion: &Conversion<'_>, names: &[&Path]) -> Result<bool, ConvertError> {
        let path = self.own_folder().join("input");
        let file = write_and_open(&path, &listed(names));
        let file = file.map_err(|why| ConvertError::Stop(Stop::file("write", &path, &why)))?;
        // A git that was killed for being late leaves its lock.
        let lock = self.own_folder().join("index.lock");
        match fs::remove_file(&lock) {
            Err(why) if why.kind() != ErrorKind::NotFound => {
                return Err(ConvertError::Stop(Stop::file("remove", &lock, &why)));
            }
            _ => {}
        }
        let mut args = Vec::new();
        if conversion.is_filtered {
            for driver in self.drivers.iter().filter(|driver| conversion.uses(driver)) {
                args.extend(["-c".to_owned(), format!("{}=true", driver.required())]);
            }
        } else {
            args = self.without_filters();
        }
        args.extend(conversion.args.iter().map(|arg| (*arg).to_owned()));
        let command = self.command(&args).stdin(file).deadline(conversion.deadline);
        let command = match conversion.folder {
            // A part of a move, which runs to its end.
            Some(folder) => command.dir(folder).env("GIT_DIR", &self.git_dir).env("GIT_WORK_TREE", folder),
            None => command.cancel(self.cancel()),
        };
        let output = command.run().map_err(ConvertError::from)?;
        Ok(output.stderr.contains("Ignoring path "))
    }

    /// Filters that attributes ask for, by the name of the file. Attributes are those on
    /// the disk, or those of this program's index.
    pub(super) fn filters_of(&self, names: &[&Path], is_of_index: bool) -> Result<HashMap<PathBuf, String>, Stop> {
        let mut args = vec!["check-attr", "-z", "--stdin"];
        args.extend(is_of_index.then_some("--cached"));
        args.push("filter");
        let said = self.feed(&args, &listed(names), &self.own_index())?;
        let mut parts = said.split(|byte| *byte == 0);
        let mut found = HashMap::new();
        while let (Some(name), Some(_), Some(value)) = (parts.next(), parts.next(), parts.next()) {
            let value = String::from_utf8_lossy(value);
            if !matches!(&*value, "unspecified" | "unset" | "set" | "") {
                found.insert(PathBuf::from(OsStr::from_bytes(name)), value.into_owned());
            }
        }
        Ok(found)
    }
}

/// Names as git reads them with `-z --stdin`.
fn listed(names: &[&Path]) -> Vec<u8> {
    let mut list = Vec::new();
    for name in names {
        list.extend_from_slice(name.as_os_str().as_bytes());
        list.push(0);
    }
    list
}

/// One filter that the owner has set up.
#[derive(Debug, Default)]
pub(super) struct Driver {
    pub(super) name: String,
    /// True if it has a command for what is stored.
    pub(super) has_clean: bool,
    /// True if it has a command for what is written.
    pub(super) has_smudge: bool,
    /// True if the owner wants no file without it.
    pub(super) is_required: bool,
    /// True if it keeps contents where git LFS keeps them, whatever its name is.
    pub(super) is_lfs: bool,
}

impl Driver {
    pub(super) fn required(&self) -> String {
        format!("filter.{}.required", self.name)
    }
}

/// One git that reads names and stores or writes their files.
pub(super) struct Conversion<'a> {
    pub(super) args: &'a [&'a str],
    /// Folder that is its work tree; the workspace unless one is given. Attributes are then those of the index.
    pub(super) folder: Option<&'a Path>,
    pub(super) deadline: Duration,
    /// True if filters run, and must not fail; else none runs.
    pub(super) is_filtered: bool,
}

/// Result of storing or writing files.
#[derive(Default)]
pub(super) struct Converted {
    /// Files for which it failed, with the reason.
    pub(super) failed: Vec<(PathBuf, String)>,
    /// True if git has passed over names that it refuses.
    pub(super) has_passed_over: bool,
}

impl Conversion<'_> {
    fn uses(&self, driver: &Driver) -> bool {
        driver.is_required || if self.folder.is_some() { driver.has_smudge } else { driver.has_clean }
    }
}

/// Reason why files could not be stored or written.
enum ConvertError {
    /// One of the files, or its filter.
    File(String),
    /// The repository, the disk or the end of this run.
    Stop(Stop),
}

impl From<CommandError> for ConvertError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Failed { ref said, .. } if !is_about_the_disk(said) => Self::File(without_noise(said)),
            CommandError::TimedOut { .. } => Self::File(error.reason()),
            error => Self::Stop(error.into()),
        }
    }
}

/// True if git says that it cannot write at all, which is no fault of any file.
fn is_about_the_disk(said: &str) -> bool {
    let signs = [
        "No space left",
        "Disk quota exceeded",
        "Read-only file system",
        "insufficient permission for adding",
        "temporary file",
    ];
    signs.iter().any(|sign| said.contains(sign)) || said.contains("index.lock") || said.contains("unable to write")
}

/// The message alone: git gives hints before it, and says what it did not do after it.
fn without_noise(said: &str) -> String {
    let is_noise = |line: &&str| line.starts_with("hint: ") || line.starts_with("fatal: Unable to process path");
    let lines: Vec<&str> = said.split("; ").filter(|line| !is_noise(line)).collect();
    let last = lines.last().copied().unwrap_or(said);
    last.trim_start_matches("fatal: ").trim_start_matches("error: ").to_owned()
}

/// The reason without the file's name, which the report gives anyway.
fn without_name(why: &str, name: &Path) -> String {
    let name = name.display().to_string();
    let forms = [format!(" in '{name}'"), format!(" in {name}"), format!(" '{name}'"), format!("{name}: ")];
    forms.iter().fold(why.to_owned(), |why, form| why.replace(form, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_does_not_repeat_the_name() {
        let name = Path::new("a/bad.csv");
        assert_eq!(without_name("a/bad.csv: clean filter 'x' failed", name), "clean filter 'x' failed");
        let said = "hint: long; fatal: BOM is required in 'a/bad.csv' if encoded as UTF-16";
        assert_eq!(without_name(&without_noise(said), name), "BOM is required if encoded as UTF-16");
    }

    #[test]
    fn a_full_disk_is_no_fault_of_a_file() {
        assert!(is_about_the_disk("error: unable to write file x: No space left on device"));
        assert!(!is_about_the_disk("error: open(\"x\"): Permission denied"));
    }
}
