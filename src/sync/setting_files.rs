//! Files that git's settings name in the owner's home, and whether this process sees them.
//!
//! A sync unit's sandbox shows a few files of the home. A global ignore file that it hides would be one without rules,
//! and what its owner keeps out of git would be committed. The sandbox hides alike what exists and what does not, so a
//! step of the unit that runs outside of it records first what exists (`record`).

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::unit;
use crate::host::{Command, CommandError};
use crate::report::durable;

/// Name of the record in the state folder.
const RECORD: &str = "git-files";

/// Size limit of the record, in bytes.
const RECORD_LIMIT: usize = 256 * 1024;

/// Size limit of git's list of settings, in bytes.
const SETTINGS_LIMIT: usize = 4 * 1024 * 1024;

/// Named in place of a setting where git looks without being told.
const OWN_PLACE: &str = "where git looks by itself";

/// Number of links that are followed from one path.
const LINKS_LIMIT: usize = 16;

/// Number of files that one message names.
const NAMED_FILES: usize = 5;

const MODE: u32 = 0o644;

/// Folders that a sandbox hides beside the user's own home.
const HIDDEN_FOLDERS: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/// The use of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// The content of commits.
    Content,
    /// The way to the remote.
    Access,
}

/// A file that a setting names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    used_for: Use,
    path: PathBuf,
    key: String,
}

/// The files that settings name and that this process cannot see, although they exist or may exist.
#[derive(Debug, Default)]
pub(super) struct Hidden(Vec<Reference>);

impl Hidden {
    /// Finds them for a checkout. None outside of a sync unit.
    pub(super) fn find(workspace: &Path, state: &Path) -> Self {
        if !unit::is_in_unit() {
            return Self::default();
        }
        let Ok(found) = references(workspace) else { return Self::default() };
        let own = fs::metadata("/proc/self").map_or(u32::MAX, |own| own.uid());
        Self::of(found, read_record(state).as_ref(), |path| hidden_target(path, own))
    }

    /// `target` is the file that a path leads to, if it may be hidden.
    fn of(
        mut found: BTreeSet<Reference>,
        record: Option<&BTreeSet<PathBuf>>,
        target: impl Fn(&Path) -> Option<PathBuf>,
    ) -> Self {
        // An included file that is hidden may name more of them.
        for path in record.into_iter().flatten() {
            if found.iter().all(|known| known.path != *path) {
                let key = "an included file".to_owned();
                found.insert(Reference { used_for: Use::Content, path: path.clone(), key });
            }
        }
        // Without a record only what a setting names counts: git's own places are seldom all in use.
        let exists = |one: &Reference| record.map_or(one.key != OWN_PLACE, |record| record.contains(&one.path));
        let hidden =
            found.into_iter().filter(exists).filter_map(|one| Some(Reference { path: target(&one.path)?, ..one }));
        Self(hidden.collect())
    }

    /// Says what nothing may be committed without, and what to do; `None` if nothing of that is hidden.
    pub(super) fn content(&self, unit: &str) -> Option<String> {
        self.words(Use::Content, unit).map(|words| format!("nothing is committed: {words}"))
    }

    /// Says which files on the way to the remote are hidden; `None` if there are none.
    pub(super) fn access(&self, unit: &str) -> Option<String> {
        self.words(Use::Access, unit)
    }

    fn words(&self, used_for: Use, unit: &str) -> Option<String> {
        let found: Vec<&Reference> = self.0.iter().filter(|one| one.used_for == used_for).collect();
        if found.is_empty() {
            return None;
        }
        let named = found.iter().take(NAMED_FILES).map(|one| format!("{} ({})", one.path.display(), one.key));
        let named = named.collect::<Vec<_>>().join(", ");
        let binds = found.iter().take(NAMED_FILES).map(|one| format!("-{}", one.path.display()));
        let binds = binds.collect::<Vec<_>>().join(" ");
        Some(format!(
            "the sandbox of {unit} hides what git's settings name: {named}; let it in by a drop-in, `systemctl edit \
             {unit}`, with the lines [Service] and BindReadOnlyPaths={binds}"
        ))
    }
}

/// Records which of the files that settings name exist. This process must see the whole home.
///
/// # Errors
/// When git cannot say, or the record cannot be written.
pub fn record(workspace: &Path, state: &Path) -> Result<(), String> {
    let found = references(workspace).map_err(|why| why.to_string())?;
    let mut bytes = Vec::new();
    for reference in found.iter().filter(|one| one.path.exists()) {
        bytes.extend_from_slice(reference.path.as_os_str().as_bytes());
        bytes.push(0);
    }
    durable::write(&state.join(RECORD), MODE, &bytes).map_err(|why| why.to_string())
}

fn read_record(state: &Path) -> Option<BTreeSet<PathBuf>> {
    let bytes = durable::read(&state.join(RECORD), RECORD_LIMIT).ok()??;
    let paths = bytes.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Some(paths.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect())
}

/// The file that a path leads to, if that is not there, and the folder that would tell is one of the sandbox's and not the
/// user's. A file that is shown may be a link to one that is not.
fn hidden_target(path: &Path, own: u32) -> Option<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..LINKS_LIMIT {
        let Ok(link) = fs::read_link(&target) else { break };
        target = target.parent().unwrap_or(path).join(link);
    }
    if target.exists() {
        return None;
    }
    let home = env::var_os("HOME").map(PathBuf::from);
    let mut folders = HIDDEN_FOLDERS.iter().map(PathBuf::from).chain(home);
    let nearest = target.ancestors().find_map(|above| above.metadata().ok());
    let may_be = folders.any(|folder| target.starts_with(folder)) && nearest.is_none_or(|found| found.uid() != own);
    may_be.then_some(target)
}

/// Asks git for all settings that hold in a checkout, and returns the files that they name.
fn references(workspace: &Path) -> Result<BTreeSet<Reference>, CommandError> {
    let mut command = Command::new("git")
        .dir(workspace)
        .args(["config", "--list", "--show-origin", "--includes", "-z"])
        .env("GIT_CEILING_DIRECTORIES", workspace.parent().unwrap_or(workspace))
        .limit(SETTINGS_LIMIT);
    if let Some(folder) = config_home() {
        command = command.env("XDG_CONFIG_HOME", folder);
    }
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let mut found = parse(&command.run_bytes()?, &home, workspace);
    // Where git looks without being told.
    let folder = config_home().unwrap_or_else(|| home.join(".config")).join("git");
    let paths =
        ["config", "ignore", "attributes"].map(|name| folder.join(name)).into_iter().chain([home.join(".gitconfig")]);
    found.extend(paths.map(|path| Reference { used_for: Use::Content, path, key: OWN_PLACE.to_owned() }));
    Ok(found)
}

/// The folder of the user's settings instead of `~/.config`, if this process was told so.
pub(super) fn config_home() -> Option<PathBuf> {
    env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute())
}

/// The path that a setting's value stands for: `~` is this user's home.
pub(super) fn in_home(value: &str) -> PathBuf {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    Path::new(value).strip_prefix("~").map_or_else(|_| PathBuf::from(value), |rest| home.join(rest))
}

/// Parses `origin NUL key LF value NUL`, again and again.
fn parse(listed: &[u8], home: &Path, workspace: &Path) -> BTreeSet<Reference> {
    let mut parts = listed.split(|byte| *byte == 0);
    let mut found = BTreeSet::new();
    while let (Some(origin), Some(setting)) = (parts.next(), parts.next()) {
        let Some(end) = setting.iter().position(|byte| *byte == b'\n') else { continue };
        let (key, value) = setting.split_at(end);
        let (Ok(key), value) = (std::str::from_utf8(key), OsStr::from_bytes(value.get(1..).unwrap_or_default())) else {
            continue;
        };
        let origin = origin.strip_prefix(b"file:").map(|file| workspace.join(OsStr::from_bytes(file)));
        let folder = origin.as_deref().and_then(Path::parent).unwrap_or(workspace);
        for (used_for, named) in named_by(key, value) {
            let path = match named.strip_prefix("~") {
                Ok(rest) => home.join(rest),
                Err(_) if key.starts_with("include") => folder.join(&named),
                Err(_) => workspace.join(&named),
            };
            found.insert(Reference { used_for, path, key: key.to_owned() });
        }
    }
    found
}

/// The files that one setting names.
fn named_by(key: &str, value: &OsStr) -> Vec<(Use, PathBuf)> {
    let is_included = key == "include.path" || key.starts_with("includeif.") && key.ends_with(".path");
    if is_included || matches!(key, "core.excludesfile" | "core.attributesfile") {
        return if value.is_empty() { Vec::new() } else { vec![(Use::Content, value.into())] };
    }
    let last = key.rsplit('.').next().unwrap_or_default();
    let text = value.to_string_lossy();
    match (key.split('.').next(), last) {
        (Some("http"), "sslcainfo" | "sslcapath" | "sslcert" | "sslkey" | "cookiefile") if !value.is_empty() => {
            vec![(Use::Access, value.into())]
        }
        (Some("credential"), "helper") => helper_files(&text).into_iter().map(|file| (Use::Access, file)).collect(),
        _ if key == "core.sshcommand" => words_with_paths(&text).map(|file| (Use::Access, file)).collect(),
        _ => Vec::new(),
    }
}

/// The files of a credential helper: its own program, what its options name, or where `store` keeps its passwords.
fn helper_files(helper: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = words_with_paths(helper).collect();
    if helper.split_whitespace().next() == Some("store") && files.is_empty() {
        files.push("~/.git-credentials".into());
    }
    files
}

/// The words of a command line that are paths, also behind `!` and `--option=`.
fn words_with_paths(line: &str) -> impl Iterator<Item = PathBuf> {
    let words = line.split_whitespace().map(|word| word.trim_matches(['"', '\'', '!']));
    let words = words.map(|word| word.split_once('=').filter(|_| word.starts_with('-')).map_or(word, |(_, path)| path));
    words.filter(|word| word.starts_with('/') || word.starts_with("~/")).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &[u8] = b"file:/home/o/.gitconfig\0core.excludesfile\n~/.gitignore_global\0\
        file:/home/o/.gitconfig\0include.path\ndotfiles/work\0file:/home/o/.gitconfig\0includeif.gitdir:~/x/.path\n/etc/w\0\
        file:.git/config\0http.https://h/.sslcainfo\n/home/o/ca.pem\0file:.git/config\0user.name\nx\0\
        file:.git/config\0credential.helper\nstore\0file:.git/config\0credential.https://h.helper\nstore --file=~/pw\0\
        file:.git/config\0credential.helper\n!/home/o/bin/gh auth git-credential\0\
        file:.git/config\0core.sshcommand\nssh -i ~/keys/a\0file:.git/config\0core.bare\0";

    fn references() -> Vec<(Use, String)> {
        let found = parse(LISTED, Path::new("/home/o"), Path::new("/home/o/ws"));
        found.into_iter().map(|one| (one.used_for, one.path.display().to_string())).collect()
    }

    #[test]
    fn every_file_that_a_setting_names_is_found() {
        let of = |used_for, paths: &[&str]| -> Vec<(Use, String)> {
            paths.iter().map(|path| (used_for, (*path).to_owned())).collect()
        };
        let content = of(Use::Content, &["/etc/w", "/home/o/.gitignore_global", "/home/o/dotfiles/work"]);
        let access = ["/home/o/.git-credentials", "/home/o/bin/gh", "/home/o/ca.pem", "/home/o/keys/a", "/home/o/pw"];
        assert_eq!(references(), [content, of(Use::Access, &access)].concat());
    }

    #[test]
    fn what_is_hidden_is_named_with_the_drop_in_and_what_is_not_there_is_nothing() {
        let found = || parse(LISTED, Path::new("/home/o"), Path::new("/home/o/ws"));
        let is_home = |path: &Path| path.starts_with("/home").then(|| path.to_owned());
        let hidden = Hidden::of(found(), None, is_home);
        let words = hidden.content("openclaw-sync-push.service").unwrap();
        assert!(words.starts_with("nothing is committed: the sandbox of openclaw-sync-push.service hides"), "{words}");
        assert!(words.contains("/home/o/.gitignore_global (core.excludesfile)"), "{words}");
        assert!(words.ends_with("BindReadOnlyPaths=-/home/o/.gitignore_global -/home/o/dotfiles/work"), "{words}");
        assert!(hidden.access("u").unwrap().contains("/home/o/ca.pem (http.https://h/.sslcainfo)"));
        // The step outside has seen that one of them exists, and one more that a hidden file names.
        let record: BTreeSet<PathBuf> = ["/home/o/dotfiles/work", "/home/o/more"].map(PathBuf::from).into();
        let hidden = Hidden::of(found(), Some(&record), is_home);
        assert!(hidden.content("u").unwrap().ends_with("=-/home/o/dotfiles/work -/home/o/more"));
        assert_eq!(hidden.access("u"), None);
        let hidden = Hidden::of(found(), Some(&BTreeSet::new()), is_home);
        assert_eq!(hidden.content("u"), None);
    }

    #[test]
    fn the_record_holds_what_exists() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let script = format!(
            "git init -q ws; cd ws; : >../ignore; git config core.excludesFile {0}/ignore
             git config include.path {0}/gone",
            dir.path().display()
        );
        Command::new("sh").args(["-ec", &script]).dir(dir.path()).run().unwrap();
        record(&at("ws"), dir.path()).unwrap();
        let record = read_record(dir.path()).unwrap();
        assert!(record.contains(&at("ignore")) && !record.contains(&at("gone")), "{record:?}");
    }

    #[test]
    fn a_folder_of_the_users_own_hides_nothing() {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let own = fs::metadata("/proc/self").unwrap().uid();
        let gone = dir.path().join("gone");
        assert_eq!(hidden_target(&gone, own), None);
        assert_eq!(hidden_target(&gone, own + 1), Some(gone.clone()));
        assert_eq!(hidden_target(dir.path(), own + 1), None, "it is there");
        assert_eq!(hidden_target(Path::new("/etc/gone"), own + 1), None, "no sandbox hides it");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("gone", &link).unwrap();
        assert_eq!(hidden_target(&link, own + 1), Some(gone.clone()), "a link that is shown leads to it");
        fs::write(&gone, "").unwrap();
        assert_eq!(hidden_target(&link, own + 1), None);
    }
}
