//! Filters of the owner's git (`filter.<name>.clean`, `smudge`, `process`), and the git commands that run them.
//!
//! A filter is a program: it may be missing, fail or hang, possibly for a single file. A comparison never fails for
//! that reason; the file counts as changed. Storing and writing a file require its filter, and the caller learns which
//! files failed and leaves them out.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::os::CommandError;
use crate::workspace::error::SyncError;
use crate::workspace::files::{remove_file, to_nul_list, write_and_open};
use crate::workspace::git::filter_driver::FilterDriver;
use crate::workspace::git::{Git, SCAN_TIME_LIMIT};

impl Git<'_> {
    /// Returns the time limit for a command that reads every file and may run filters.
    pub(crate) fn comparison_time_limit(&self) -> Duration {
        if self.filter_drivers.iter().any(|driver| driver.has_clean) { self.filter_time_limit } else { SCAN_TIME_LIMIT }
    }

    /// Returns options that disable all filters.
    pub(crate) fn options_without_filters(&self) -> Vec<String> {
        let mut options = Vec::new();
        for FilterDriver { name, .. } in &self.filter_drivers {
            for what in ["clean", "smudge", "process"] {
                options.extend(["-c".to_owned(), format!("filter.{name}.{what}=")]);
            }
        }
        options
    }

    /// Stores or writes the named files in one git command. If that fails, bisects them down to the files that fail.
    pub(crate) fn convert_files(
        &self,
        conversion: &Conversion<'_>,
        names: &[&Path],
    ) -> Result<ConversionResult, SyncError> {
        let mut converted = ConversionResult::default();
        let failed = &mut converted.failed_files;
        let mut waiting = vec![names];
        let mut first_failure: Option<Instant> = None;
        let limit = conversion.time_limit;
        while let Some(some) = waiting.pop() {
            let Some(first) = some.first() else { continue };
            if first_failure.is_some_and(|since| since.elapsed() > limit.saturating_mul(2)) {
                let why = format!("filters of other files took longer than {limit:?}");
                failed.extend(some.iter().map(|name| ((*name).to_owned(), why.clone())));
                continue;
            }
            match self.convert_once(conversion, some) {
                Ok(has_passed_over) => converted.has_skipped_names |= has_passed_over,
                Err(ConvertError::Sync(stop)) => return Err(stop),
                // git fails even without files, so the repository is the cause.
                Err(ConvertError::File(why)) if first_failure.is_none() && self.fails_without_files(conversion) => {
                    return Err(SyncError::failed(why));
                }
                Err(ConvertError::File(why)) if some.len() == 1 => {
                    first_failure.get_or_insert_with(Instant::now);
                    failed.push(((*first).to_owned(), without_file_name(&why, first)));
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

    /// Runs one git command. True if git skipped a name that it refuses, which is no failure to git.
    fn convert_once(&self, conversion: &Conversion<'_>, names: &[&Path]) -> Result<bool, ConvertError> {
        let path = self.private_folder().join("input");
        let file = write_and_open(&path, &to_nul_list(names.iter().copied())).map_err(ConvertError::Sync)?;
        // A git that was killed by its time limit leaves its lock.
        let lock = self.private_folder().join("index.lock");
        remove_file(&lock).map_err(ConvertError::Sync)?;
        let mut args = Vec::new();
        if conversion.is_filtered {
            for driver in self.filter_drivers.iter().filter(|driver| conversion.uses_driver(driver)) {
                args.extend(["-c".to_owned(), format!("{}=true", driver.required_key())]);
            }
        } else {
            args = self.options_without_filters();
        }
        args.extend(conversion.args.iter().map(|arg| (*arg).to_owned()));
        let command = self.build_command(&args).stdin(file).deadline(conversion.time_limit);
        let command = match conversion.work_tree {
            // A checkout is not cancelled.
            Some(folder) => command.dir(folder).env("GIT_DIR", &self.git_dir).env("GIT_WORK_TREE", folder),
            None => command.cancel(self.cancel_signal()),
        };
        let output = command.run().map_err(ConvertError::from)?;
        Ok(output.stderr.contains("Ignoring path "))
    }

    /// Returns the filter of each file, from the attributes on the disk or in this program's index.
    pub(crate) fn query_filters(
        &self,
        names: &[&Path],
        is_of_index: bool,
    ) -> Result<HashMap<PathBuf, String>, SyncError> {
        let mut args = vec!["check-attr", "-z", "--stdin"];
        args.extend(is_of_index.then_some("--cached"));
        args.push("filter");
        let output = self.run_with_input(&args, &to_nul_list(names.iter().copied()), &self.private_index())?;
        let mut parts = output.split(|byte| *byte == 0);
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

/// git command that reads names and stores or writes their files.
pub(crate) struct Conversion<'a> {
    pub(crate) args: &'a [&'a str],
    /// Work tree of the command; the workspace if `None`. With a folder, attributes come from the index.
    pub(crate) work_tree: Option<&'a Path>,
    pub(crate) time_limit: Duration,
    /// True if filters run and must succeed; otherwise none runs.
    pub(crate) is_filtered: bool,
}

/// Result of storing or writing files.
#[derive(Default)]
pub(crate) struct ConversionResult {
    /// Files that failed, with the reason.
    pub(crate) failed_files: Vec<(PathBuf, String)>,
    /// True if git skipped names that it refuses.
    pub(crate) has_skipped_names: bool,
}

impl Conversion<'_> {
    fn uses_driver(&self, driver: &FilterDriver) -> bool {
        driver.is_required || if self.work_tree.is_some() { driver.has_smudge } else { driver.has_clean }
    }
}

/// Cause of a failure to store or write files.
enum ConvertError {
    /// A file, or its filter.
    File(String),
    /// The repository, the disk, or cancellation.
    Sync(SyncError),
}

impl From<CommandError> for ConvertError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Failed { ref said, .. } if !is_write_error(said) => Self::File(without_hints(said)),
            CommandError::TimedOut { .. } => Self::File(error.reason()),
            error => Self::Sync(error.into()),
        }
    }
}

/// True if git cannot write at all, so no single file is the cause.
fn is_write_error(said: &str) -> bool {
    let signs = [
        "No space left",
        "Disk quota exceeded",
        "Read-only file system",
        "insufficient permission for adding",
        "temporary file",
    ];
    signs.iter().any(|sign| said.contains(sign)) || said.contains("index.lock") || said.contains("unable to write")
}

/// Returns the error alone, without the hints before it and the consequences after it.
fn without_hints(said: &str) -> String {
    let is_noise = |line: &&str| line.starts_with("hint: ") || line.starts_with("fatal: Unable to process path");
    let lines: Vec<&str> = said.split("; ").filter(|line| !is_noise(line)).collect();
    let last = lines.last().copied().unwrap_or(said);
    last.trim_start_matches("fatal: ").trim_start_matches("error: ").to_owned()
}

/// Removes the file's name from an error; the report gives it anyway.
fn without_file_name(why: &str, name: &Path) -> String {
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
        assert_eq!(without_file_name("a/bad.csv: clean filter 'x' failed", name), "clean filter 'x' failed");
        let said = "hint: long; fatal: BOM is required in 'a/bad.csv' if encoded as UTF-16";
        assert_eq!(without_file_name(&without_hints(said), name), "BOM is required if encoded as UTF-16");
    }

    #[test]
    fn a_full_disk_is_no_fault_of_a_file() {
        assert!(is_write_error("error: unable to write file x: No space left on device"));
        assert!(!is_write_error("error: open(\"x\"): Permission denied"));
    }
}
