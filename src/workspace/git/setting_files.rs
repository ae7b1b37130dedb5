//! Files in the owner's home that git's settings name, and their visibility in a sync unit's sandbox.
//!
//! The sandbox shows only a few files of the home. If it hid a global ignore file, the files that it excludes would be
//! committed. Inside the sandbox, hidden and missing files look the same, so a step of the unit that runs outside of it
//! records first which files exist.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::os::{ChildCommand, CommandError, atomic_file, own_uid};
use crate::workspace::error::SyncError;
use crate::workspace::files::{parse_nul_list, to_nul_list};
use crate::workspace::paths;

/// File name of the record in the state folder.
const RECORD_FILE: &str = "git-files";

/// Size limit of the record, in bytes.
const RECORD_SIZE_LIMIT: usize = 256 * 1024;

/// Size limit of git's list of settings, in bytes.
const SETTINGS_SIZE_LIMIT: usize = 4 * 1024 * 1024;

/// Name for git's default paths, which no setting names.
const DEFAULT_PATH: &str = "git's default path";

/// Limit for the number of links followed from one path.
const LINK_LIMIT: usize = 16;

/// Limit for the number of files in one message.
const NAMED_FILE_LIMIT: usize = 5;

const RECORD_MODE: u32 = 0o644;

/// Folders that a sandbox hides, in addition to the user's home.
const HIDDEN_FOLDERS: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/// Purpose of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FilePurpose {
    /// Affects the content of commits.
    Content,
    /// Gives access to the remote.
    Access,
}

/// File that a setting names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SettingFile {
    purpose: FilePurpose,
    path: PathBuf,
    setting: String,
}

/// Files that settings name and the sandbox hides, although they exist or may exist.
#[derive(Debug, Default)]
pub(crate) struct HiddenSettingFiles(Vec<SettingFile>);

impl HiddenSettingFiles {
    /// Finds the hidden files of a repository. Always empty outside a sync unit.
    pub(crate) fn find(workspace: &Path, state: &Path) -> Self {
        if !paths::is_inside_unit() {
            return Self::default();
        }
        let Ok(found) = list_setting_files(workspace) else { return Self::default() };
        let own = own_uid().unwrap_or(u32::MAX);
        Self::filter_hidden(found, read_record(state).as_ref(), |path| find_hidden_target(path, own))
    }

    /// Returns the hidden ones. `target` returns the file that a path leads to if it may be hidden.
    fn filter_hidden(
        mut found: BTreeSet<SettingFile>,
        record: Option<&BTreeSet<PathBuf>>,
        target: impl Fn(&Path) -> Option<PathBuf>,
    ) -> Self {
        // A hidden included file may name further files.
        for path in record.into_iter().flatten() {
            if found.iter().all(|known| known.path != *path) {
                let key = "an included file".to_owned();
                found.insert(SettingFile { purpose: FilePurpose::Content, path: path.clone(), setting: key });
            }
        }
        // Without a record, git's default paths do not count: most of them are unused.
        let exists =
            |one: &SettingFile| record.map_or(one.setting != DEFAULT_PATH, |record| record.contains(&one.path));
        let hidden =
            found.into_iter().filter(exists).filter_map(|one| Some(SettingFile { path: target(&one.path)?, ..one }));
        Self(hidden.collect())
    }

    /// Returns the reason to commit nothing, with a remedy; `None` if no such file is hidden.
    pub(crate) fn content_refusal(&self, unit: &str) -> Option<String> {
        self.describe(FilePurpose::Content, unit).map(|words| format!("nothing was committed: {words}"))
    }

    /// Names the hidden files that give access to the remote; `None` if there are none.
    pub(crate) fn access_advice(&self, unit: &str) -> Option<String> {
        self.describe(FilePurpose::Access, unit)
    }

    fn describe(&self, used_for: FilePurpose, unit: &str) -> Option<String> {
        let found: Vec<&SettingFile> = self.0.iter().filter(|one| one.purpose == used_for).collect();
        if found.is_empty() {
            return None;
        }
        let named = found.iter().take(NAMED_FILE_LIMIT).map(|one| format!("{} ({})", one.path.display(), one.setting));
        let named = named.collect::<Vec<_>>().join(", ");
        let binds = found.iter().take(NAMED_FILE_LIMIT).map(|one| format!("-{}", one.path.display()));
        let binds = binds.collect::<Vec<_>>().join(" ");
        Some(format!(
            "the sandbox of {unit} hides files that git's settings name: {named}; allow them in a drop-in, `systemctl \
             edit {unit}`, with the lines [Service] and BindReadOnlyPaths={binds}"
        ))
    }
}

/// Records which of the named files exist, readable or not. This process must see the whole home.
///
/// # Errors
/// If git fails, or the record cannot be written.
pub fn record_existing_files(workspace: &Path, state: &Path) -> Result<(), SyncError> {
    let found = list_setting_files(workspace).map_err(SyncError::failed)?;
    let bytes = to_nul_list(found.iter().map(|one| one.path.as_path()).filter(|path| may_exist(path)));
    atomic_file::write(&state.join(RECORD_FILE), RECORD_MODE, &bytes).map_err(SyncError::failed)
}

/// True if a file exists, or is in a folder that this user may not read.
fn may_exist(path: &Path) -> bool {
    path.metadata().map_or_else(|why| why.kind() == io::ErrorKind::PermissionDenied, |_| true)
}

fn read_record(state: &Path) -> Option<BTreeSet<PathBuf>> {
    let bytes = atomic_file::read(&state.join(RECORD_FILE), RECORD_SIZE_LIMIT).ok()??;
    Some(parse_nul_list(&bytes).map(Path::to_owned).collect())
}

/// Returns the target of a path if it is not visible and its folder is hidden by the sandbox rather than by the user. A
/// visible file may be a link to a hidden one.
fn find_hidden_target(path: &Path, own: u32) -> Option<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..LINK_LIMIT {
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

/// Asks git for all settings of a repository, and returns the files that they name.
fn list_setting_files(workspace: &Path) -> Result<BTreeSet<SettingFile>, CommandError> {
    let mut command = ChildCommand::new("git")
        .dir(workspace)
        .args(["config", "--list", "--show-origin", "--includes", "-z"])
        .env("GIT_CEILING_DIRECTORIES", workspace.parent().unwrap_or(workspace))
        .limit(SETTINGS_SIZE_LIMIT);
    if let Some(folder) = xdg_config_home() {
        command = command.env("XDG_CONFIG_HOME", folder);
    }
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let mut found = parse_settings(&command.run_bytes()?, &home, workspace);
    // git's default paths.
    let folder = user_git_folder().into_iter();
    let paths = folder.flat_map(|folder| ["config", "ignore", "attributes"].map(|name| folder.join(name)));
    found.extend(paths.chain([home.join(".gitconfig")]).map(|path| SettingFile {
        purpose: FilePurpose::Content,
        path,
        setting: DEFAULT_PATH.to_owned(),
    }));
    Ok(found)
}

/// Returns `XDG_CONFIG_HOME` if it is set and absolute.
pub(crate) fn xdg_config_home() -> Option<PathBuf> {
    env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute())
}

/// Returns git's folder of user settings: `~/.config/git`, or `git` below `XDG_CONFIG_HOME`.
pub(crate) fn user_git_folder() -> Option<PathBuf> {
    let folder = xdg_config_home().or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".config")));
    folder.map(|folder| folder.join("git"))
}

/// Expands `~` to this user's home, and `~name` to the home of another user. Returns `None` if there is no such user;
/// git fails on such a setting.
pub(crate) fn expand_home(path: &Path) -> Option<PathBuf> {
    expand_home_of(path, &env::var_os("HOME").map(PathBuf::from).unwrap_or_default())
}

fn expand_home_of(path: &Path, home: &Path) -> Option<PathBuf> {
    if let Ok(rest) = path.strip_prefix("~") {
        return Some(home.join(rest));
    }
    if !path.as_os_str().as_bytes().starts_with(b"~") {
        return Some(path.to_owned());
    }
    // git looks the user up as it does for the setting itself.
    let mut setting = OsString::from("any.path=");
    setting.push(path);
    let command = ChildCommand::new("git").dir("/").arg("-c").arg(setting);
    let output = command.args(["config", "-z", "--type=path", "--get", "any.path"]).run_bytes().ok()?;
    Some(PathBuf::from(OsStr::from_bytes(output.strip_suffix(b"\0")?)))
}

/// Parses a sequence of `origin NUL key LF value NUL`.
fn parse_settings(listed: &[u8], home: &Path, workspace: &Path) -> BTreeSet<SettingFile> {
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
        for (used_for, named) in files_in_setting(key, value) {
            let Some(path) = expand_home_of(&named, home) else { continue };
            let path = if key.starts_with("include") { folder.join(path) } else { workspace.join(path) };
            found.insert(SettingFile { purpose: used_for, path, setting: key.to_owned() });
        }
    }
    found
}

/// Returns the files that one setting names.
fn files_in_setting(key: &str, value: &OsStr) -> Vec<(FilePurpose, PathBuf)> {
    let is_included = key == "include.path" || key.starts_with("includeif.") && key.ends_with(".path");
    if is_included || matches!(key, "core.excludesfile" | "core.attributesfile") {
        return if value.is_empty() { Vec::new() } else { vec![(FilePurpose::Content, value.into())] };
    }
    let last = key.rsplit('.').next().unwrap_or_default();
    let text = value.to_string_lossy();
    match (key.split('.').next(), last) {
        (Some("http"), "sslcainfo" | "sslcapath" | "sslcert" | "sslkey" | "cookiefile") if !value.is_empty() => {
            vec![(FilePurpose::Access, value.into())]
        }
        (Some("credential"), "helper") => {
            credential_helper_files(&text).into_iter().map(|file| (FilePurpose::Access, file)).collect()
        }
        _ if key == "core.sshcommand" => paths_in_command_line(&text).map(|file| (FilePurpose::Access, file)).collect(),
        _ => Vec::new(),
    }
}

/// Returns the files of a credential helper: its program, files in its options, or the password file of `store`.
fn credential_helper_files(helper: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = paths_in_command_line(helper).collect();
    if helper.split_whitespace().next() == Some("store") && files.is_empty() {
        files.push("~/.git-credentials".into());
    }
    files
}

/// Returns the paths in a command line, also after `!` and `--option=`.
fn paths_in_command_line(line: &str) -> impl Iterator<Item = PathBuf> {
    let words = line.split_whitespace().map(|word| word.trim_matches(['"', '\'', '!']));
    let words = words.map(|word| word.split_once('=').filter(|_| word.starts_with('-')).map_or(word, |(_, path)| path));
    words.filter(|word| word.starts_with('/') || is_in_home(word)).map(PathBuf::from)
}

/// True for `~/file` and `~name/file`.
fn is_in_home(word: &str) -> bool {
    word.starts_with('~') && word.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &[u8] = b"file:/home/o/.gitconfig\0core.excludesfile\n~/.gitignore_global\0\
        file:/home/o/.gitconfig\0include.path\ndotfiles/work\0\
        file:/home/o/.gitconfig\0includeif.gitdir:~/x/.path\n/etc/w\0\
        file:.git/config\0http.https://h/.sslcainfo\n/home/o/ca.pem\0file:.git/config\0user.name\nx\0\
        file:.git/config\0credential.helper\nstore\0file:.git/config\0credential.https://h.helper\nstore --file=~/pw\0\
        file:.git/config\0credential.helper\n!/home/o/bin/gh auth git-credential\0\
        file:.git/config\0core.sshcommand\nssh -i ~/keys/a\0file:.git/config\0core.bare\0";

    fn references() -> Vec<(FilePurpose, String)> {
        let found = parse_settings(LISTED, Path::new("/home/o"), Path::new("/home/o/ws"));
        found.into_iter().map(|one| (one.purpose, one.path.display().to_string())).collect()
    }

    #[test]
    fn every_file_that_a_setting_names_is_found() {
        let of = |used_for, paths: &[&str]| -> Vec<(FilePurpose, String)> {
            paths.iter().map(|path| (used_for, (*path).to_owned())).collect()
        };
        let content = of(FilePurpose::Content, &["/etc/w", "/home/o/.gitignore_global", "/home/o/dotfiles/work"]);
        let access = ["/home/o/.git-credentials", "/home/o/bin/gh", "/home/o/ca.pem", "/home/o/keys/a", "/home/o/pw"];
        assert_eq!(references(), [content, of(FilePurpose::Access, &access)].concat());
    }

    #[test]
    fn what_is_hidden_is_named_with_the_drop_in_and_what_is_not_there_is_nothing() {
        let found = || parse_settings(LISTED, Path::new("/home/o"), Path::new("/home/o/ws"));
        let is_home = |path: &Path| path.starts_with("/home").then(|| path.to_owned());
        let hidden = HiddenSettingFiles::filter_hidden(found(), None, is_home);
        let words = hidden.content_refusal("openclaw-sync-push.service").unwrap();
        let refusal = "nothing was committed: the sandbox of openclaw-sync-push.service hides";
        assert!(words.starts_with(refusal), "{words}");
        assert!(words.contains("/home/o/.gitignore_global (core.excludesfile)"), "{words}");
        assert!(words.ends_with("BindReadOnlyPaths=-/home/o/.gitignore_global -/home/o/dotfiles/work"), "{words}");
        assert!(hidden.access_advice("u").unwrap().contains("/home/o/ca.pem (http.https://h/.sslcainfo)"));
        // The step outside the sandbox has recorded one of them, and one more that a hidden file names.
        let record: BTreeSet<PathBuf> = ["/home/o/dotfiles/work", "/home/o/more"].map(PathBuf::from).into();
        let hidden = HiddenSettingFiles::filter_hidden(found(), Some(&record), is_home);
        assert!(hidden.content_refusal("u").unwrap().ends_with("=-/home/o/dotfiles/work -/home/o/more"));
        assert_eq!(hidden.access_advice("u"), None);
        let hidden = HiddenSettingFiles::filter_hidden(found(), Some(&BTreeSet::new()), is_home);
        assert_eq!(hidden.content_refusal("u"), None);
    }

    #[test]
    fn a_name_after_the_tilde_means_the_home_of_that_user() {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let fields = |line: &str| -> Option<(String, String)> {
            let mut fields = line.split(':');
            Some((fields.next()?.to_owned(), fields.nth(4)?.to_owned()))
        };
        let is_plain = |(name, home): &(String, String)| !name.starts_with(['+', '-']) && home.starts_with('/');
        let Some((name, home)) = passwd.lines().filter_map(fields).find(is_plain) else {
            eprintln!("skipped: /etc/passwd names no user");
            return;
        };
        let listed = format!(
            "file:.git/config\0core.excludesfile\n~{name}/ignore\0file:.git/config\0include.path\n~{name}/more\0\
             file:.git/config\0core.sshcommand\nssh -i ~{name}/key\0\
             file:.git/config\0core.attributesfile\n~no user of this host/attributes\0"
        );
        let found = parse_settings(listed.as_bytes(), Path::new("/home/o"), Path::new("/home/o/ws"));
        let paths: Vec<PathBuf> = found.into_iter().map(|one| one.path).collect();
        assert_eq!(paths, ["ignore", "more", "key"].map(|file| Path::new(&home).join(file)));
        assert_eq!(expand_home(Path::new("a/~b")), Some(PathBuf::from("a/~b")));
    }

    #[test]
    fn the_record_holds_what_exists() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let script = format!(
            "git init -q ws; cd ws; : >../ignore; git config core.excludesFile {0}/ignore
             git config include.path {0}/gone; mkdir -m 0 ../closed; git config core.attributesFile {0}/closed/a",
            dir.path().display()
        );
        ChildCommand::new("sh").args(["-ec", &script]).dir(dir.path()).run().unwrap();
        record_existing_files(&at("ws"), dir.path()).unwrap();
        let is_root = fs::read_dir(at("closed")).is_ok();
        fs::remove_dir(at("closed")).unwrap();
        let record = read_record(dir.path()).unwrap();
        assert!(record.contains(&at("ignore")) && !record.contains(&at("gone")), "{record:?}");
        assert_eq!(record.contains(&at("closed/a")), !is_root, "a file in an unreadable folder may exist");
    }

    #[test]
    fn a_folder_of_the_users_own_hides_nothing() {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let own = own_uid().unwrap();
        let gone = dir.path().join("gone");
        assert_eq!(find_hidden_target(&gone, own), None);
        assert_eq!(find_hidden_target(&gone, own + 1), Some(gone.clone()));
        assert_eq!(find_hidden_target(dir.path(), own + 1), None, "it is there");
        assert_eq!(find_hidden_target(Path::new("/etc/gone"), own + 1), None, "no sandbox hides it");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("gone", &link).unwrap();
        assert_eq!(find_hidden_target(&link, own + 1), Some(gone.clone()), "a link that is shown leads to it");
        fs::write(&gone, "").unwrap();
        assert_eq!(find_hidden_target(&link, own + 1), None);
    }
}
