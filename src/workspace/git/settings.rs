//! Settings of the owner's git, and the treatment of each in a sync.
//!
//! A setting that defines the content of a commit or a file is honoured: a sync does what `git add` and `git checkout`
//! would do. A setting that redirects git, makes it overlook changes or starts programs is replaced, or bypassed by
//! options. A setting that cannot be reconciled is refused with a message.
//!
//! git runs with a cleared environment (see `os::ChildCommand`), so a shell's `GIT_*` variables and `XDG_CONFIG_HOME`
//! have no effect.

/// Treatment of one setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingTreatment {
    /// Obeyed, as by git run by hand.
    Honoured,
    /// Replaced by this value in every git command of a sync.
    Replaced(&'static str),
    /// Without effect because of the named option, variable or command.
    Bypassed(&'static str),
    /// Obeyed, and its effect is verified at the fetch URL.
    Verified,
    /// Refused: the sync fails with a message that names it.
    Refused,
}

/// Setting, or a family of settings. `*` stands for any part of a key; in a replaced setting, for the remote's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GitSetting {
    /// Key as `git config` prints it.
    pub key: &'static str,
    /// Treatment of the setting.
    pub treatment: SettingTreatment,
    /// Reason for the treatment.
    pub reason: &'static str,
}

const fn honoured(key: &'static str, reason: &'static str) -> GitSetting {
    GitSetting { key, treatment: SettingTreatment::Honoured, reason }
}

const fn replaced(key: &'static str, value: &'static str, reason: &'static str) -> GitSetting {
    GitSetting { key, treatment: SettingTreatment::Replaced(value), reason }
}

const fn bypassed(key: &'static str, by: &'static str, reason: &'static str) -> GitSetting {
    GitSetting { key, treatment: SettingTreatment::Bypassed(by), reason }
}

const fn verified(key: &'static str, reason: &'static str) -> GitSetting {
    GitSetting { key, treatment: SettingTreatment::Verified, reason }
}

const fn refused(key: &'static str, reason: &'static str) -> GitSetting {
    GitSetting { key, treatment: SettingTreatment::Refused, reason }
}

/// All settings that can affect a sync. A test sets each of them and checks the effect.
pub const SETTINGS: &[GitSetting] = &[
    // Content of files and commits.
    honoured("core.autocrlf", "defines the bytes of a commit; without it unchanged files are committed as CRLF"),
    honoured("core.eol", "defines the line ends of a checked-out text file"),
    honoured("core.safecrlf", "refuses a conversion that loses bytes; the file is withheld and named"),
    honoured("core.checkroundtripencoding", "refuses an encoding that loses bytes; the file is withheld and named"),
    honoured("core.symlinks", "set where the disk cannot hold symbolic links"),
    honoured("core.filemode", "set where the disk does not keep the executable bit"),
    honoured("core.excludesfile", "keeps private files out of every commit"),
    honoured("core.attributesfile", "defines filters and line ends"),
    honoured("attr.tree", "defines where attributes are read from"),
    honoured("core.protectntfs", "refuses names that other systems cannot hold; the file is withheld and named"),
    honoured("core.protecthfs", "refuses names that other systems cannot hold; the file is withheld and named"),
    honoured("core.precomposeunicode", "has an effect on macOS alone"),
    honoured("core.bigfilethreshold", "changes how objects are packed, and not what they hold"),
    honoured("filter.*.clean", "defines the bytes of a commit; a file that it fails for is withheld and named"),
    honoured("filter.*.smudge", "defines the bytes on the disk; a file that it fails for is named"),
    honoured("filter.*.process", "as clean and smudge"),
    bypassed("filter.*.required", "-c filter.*.required", "a clean filter that fails must not commit the bare bytes"),
    honoured("merge.*", "defines how contents are joined; a driver that fails is that branch's conflict"),
    honoured("merge.renormalize", "defines how contents are joined"),
    honoured("diff.*", "textconv and drivers are for people; no plumbing command runs them"),
    replaced("diff.orderfile", "/dev/null", "makes every git status fail if the file is missing"),
    replaced("diff.external", "", "runs a program that only a person's git diff needs"),
    bypassed("diff.renames", "--no-renames", "a rename is a removal and a new file here"),
    bypassed("diff.ignoresubmodules", "--ignore-submodules", "another commit of a nested repository is named"),
    bypassed("submodule.*.ignore", "--ignore-submodules", "another commit of a nested repository is named"),
    // Settings that make git overlook a change.
    replaced("core.ignorestat", "false", "overlooks changed files"),
    replaced("core.sparsecheckout", "false", "overlooks files; ended on a standby"),
    replaced("core.splitindex", "false", "shares the agent's index"),
    replaced("core.untrackedcache", "false", "overlooks new files"),
    replaced("core.fsmonitor", "false", "runs a program, and overlooks changed files when it fails"),
    replaced("core.trustctime", "true", "overlooks changed files"),
    replaced("core.checkstat", "default", "overlooks changed files"),
    bypassed("core.ignorecase", "a look at the disk", "set wrongly, overlooks files that differ in case alone"),
    bypassed("status.showuntrackedfiles", "--untracked-files=all", "overlooks new files"),
    bypassed("core.usereplacerefs", "GIT_NO_REPLACE_OBJECTS", "a remote does not know what is replaced here"),
    bypassed("status.renames", "--no-renames", "a rename is a removal and a new file here"),
    bypassed("status.*", "--porcelain", "changes what people see"),
    honoured("index.*", "changes how an index is stored, and not what it holds"),
    // Settings that the sandbox forbids.
    replaced("core.sharedrepository", "umask", "makes folders setgid, which the units and Nix forbid"),
    // Settings that redirect git.
    verified("remote.*.pushurl", "may name another repository than the fetch URL"),
    verified("url.*.pushinsteadof", "may name another repository than the fetch URL"),
    verified("remote.*.url", "several of them are push URLs; only the first is the fetch URL"),
    honoured("url.*.insteadof", "holds for fetching and pushing alike"),
    replaced("remote.*.mirror", "false", "refuses to push single branches, and removes others"),
    bypassed("remote.*.push", "the refspecs of each push", "would push other branches"),
    bypassed("remote.*.fetch", "--refmap=", "would fetch and overwrite other branches"),
    bypassed("remote.*.tagopt", "--no-tags", "would fetch tags"),
    bypassed("remote.*.prune", "--prune with refspecs", "branches that are fetched here are always pruned"),
    bypassed("remote.*.prunetags", "the refspecs of each fetch", "would remove tags"),
    bypassed("remote.*.partialclonefilter", "--no-filter", "contents must be here when the remote is not"),
    honoured("remote.*.receivepack", "names the program on the remote host"),
    honoured("remote.*.uploadpack", "names the program on the remote host"),
    honoured("remote.*.proxy", "is the way to the remote"),
    bypassed("remote.pushdefault", "the remote of each push", "would push elsewhere"),
    bypassed("branch.*.pushremote", "the remote of each push", "would push elsewhere"),
    bypassed("branch.*.remote", "the remote of each fetch", "would fetch from elsewhere"),
    bypassed("fetch.prune", "--prune with refspecs", "branches that are fetched here are always pruned"),
    bypassed("fetch.prunetags", "the refspecs of each fetch", "would remove tags"),
    bypassed("fetch.recursesubmodules", "--no-recurse-submodules", "nested repositories stay as they are"),
    bypassed("push.default", "the refspecs of each push", "would push other branches"),
    bypassed("push.followtags", "--no-follow-tags", "would push tags"),
    bypassed("push.gpgsign", "--no-signed", "asks for a passphrase"),
    replaced("push.pushoption", "", "makes every push to a host without push options fail"),
    replaced("push.recursesubmodules", "no", "refuses to push when a nested repository has not been pushed"),
    replaced("submodule.recurse", "false", "nested repositories stay as they are"),
    bypassed("commit.gpgsign", "git commit-tree", "asks for a passphrase"),
    bypassed("tag.gpgsign", "no tags", "asks for a passphrase"),
    replaced("log.showsignature", "false", "adds lines to what is read"),
    bypassed("user.*", "GIT_AUTHOR_NAME and the like", "the program's commits carry the host's name"),
    bypassed("author.*", "GIT_AUTHOR_NAME and the like", "the program's commits carry the host's name"),
    bypassed("committer.*", "GIT_COMMITTER_NAME and the like", "the program's commits carry the host's name"),
    replaced("i18n.commitencoding", "UTF-8", "messages are written in UTF-8"),
    replaced("i18n.logoutputencoding", "UTF-8", "messages are read in UTF-8"),
    replaced("core.quotepath", "false", "names are reported as they are"),
    replaced("color.ui", "false", "adds control characters to what is read"),
    replaced("color.remote", "false", "adds control characters to what a git host says"),
    replaced("color.transport", "false", "adds control characters to what is read"),
    replaced("color.push", "false", "adds control characters to what is read"),
    replaced("color.advice", "false", "adds control characters to what is read"),
    replaced("advice.pushupdaterejected", "false", "repeats what the report says"),
    // Settings that run programs, prompt or wait.
    replaced("core.hookspath", "/dev/null", "hooks are for the agent's own commits"),
    bypassed("core.askpass", "GIT_ASKPASS", "a sync is not interactive"),
    replaced("credential.interactive", "false", "a sync is not interactive"),
    honoured("credential.helper", "holds the owner's login"),
    honoured("http.*", "proxies and certificates are the way to the remote"),
    honoured("core.sshcommand", "its options, such as a key, are added to the program's own"),
    replaced("protocol.allow", "never", "another protocol may run a program of the repository's choice"),
    replaced("protocol.ssh.allow", "always", "see protocol.allow"),
    replaced("protocol.https.allow", "always", "see protocol.allow"),
    replaced("protocol.file.allow", "always", "see protocol.allow"),
    honoured("protocol.*.allow", "the owner allows the protocol explicitly"),
    honoured("protocol.version", "changes the wire format alone"),
    replaced("gc.auto", "0", "takes long, and a promotion would wait; `git gc --auto` follows a push"),
    honoured("gc.*", "refs of this program keep what must stay"),
    replaced("maintenance.auto", "false", "as gc.auto"),
    replaced("checkout.workers", "1", "files are written one after the other, so a kill leaves one torn file"),
    honoured("transfer.fsckobjects", "checks what is fetched"),
    honoured("transfer.*", "as by hand"),
    honoured("fetch.fsckobjects", "checks what is fetched"),
    honoured("receive.*", "belongs to the remote's side"),
    // Settings for people, or for commands that a sync does not use.
    bypassed("core.abbrev", "full object ids are requested", "shortens what people see"),
    bypassed("format.*", "--format", "changes what people see"),
    bypassed("log.*", "--format", "changes what people see"),
    bypassed("notes.*", "--format", "changes what people see"),
    bypassed("column.*", "--porcelain", "changes what people see"),
    bypassed("pager.*", "output that is no terminal", "changes what people see"),
    bypassed("core.pager", "output that is no terminal", "changes what people see"),
    bypassed("core.editor", "messages on the command line", "a sync is not interactive"),
    bypassed("alias.*", "names of git's own commands", "no alias can have such a name"),
    bypassed("help.*", "names of git's own commands", "guesses commands that are mistyped"),
    bypassed("gpg.*", "unsigned commits", "asks for a passphrase"),
    bypassed("pull.*", "git fetch and git merge-tree", "git pull is not used"),
    bypassed("rebase.*", "git merge-tree", "git rebase is not used"),
    bypassed("rerere.*", "git merge-tree", "git reuses a recorded resolution in a manual merge only"),
    bypassed("clone.*", "git init", "git clone is not used"),
    honoured("init.*", "defines the format of a new checkout, which must be the remote's"),
    honoured("pack.*", "changes how objects are packed, and not what they hold"),
    honoured("feature.*", "as the settings that it stands for"),
    honoured("lfs.*", "says where git LFS keeps contents, and how"),
    honoured("core.compression", "changes how objects are packed, and not what they hold"),
    honoured("core.logallrefupdates", "says whether the owner wants a log of branches"),
    honoured("core.alternaterefscommand", "belongs to a repository that shares another's objects"),
    honoured("uploadpack.*", "belongs to the remote's side"),
    // Location and kind of the repository.
    refused("core.worktree", "the files would be elsewhere"),
    refused("core.bare", "a bare repository has no files"),
    honoured("extensions.*", "git refuses a repository of a kind that it does not know, and the report quotes it"),
    honoured("safe.directory", "git refuses a repository of another user, and the report quotes it"),
    honoured("includeif.*", "an included setting counts like any other"),
    honoured("include.path", "an included setting counts like any other"),
];

/// Reads a boolean setting as git does.
pub(crate) fn is_true(value: &str) -> bool {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => true,
        "false" | "no" | "off" | "" => false,
        // Any other text makes git itself fail, so that a wrong answer has no effect.
        number => number.trim_end_matches(['k', 'm', 'g']).parse() != Ok(0_i64),
    }
}

/// Returns the values that replace the owner's, for a remote of this name.
pub(crate) fn setting_overrides(remote: &str) -> Vec<(String, String)> {
    let mut replacements = Vec::new();
    for GitSetting { key, treatment: decision, .. } in SETTINGS {
        if let SettingTreatment::Replaced(value) = decision {
            replacements.push((key.replace('*', remote), (*value).to_owned()));
        }
    }
    replacements
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_setting_is_decided_once_with_a_reason() {
        let keys: HashSet<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
        assert_eq!(keys.len(), SETTINGS.len());
        assert!(SETTINGS.iter().all(|setting| setting.reason.len() > 8 && setting.key == setting.key.to_lowercase()));
    }

    #[test]
    fn a_boolean_is_read_as_git_reads_it() {
        assert!(["true", "True", "yes", "on", "1", "-1", "2k"].into_iter().all(is_true));
        assert!(!["false", "no", "OFF", "", "0", "0k"].into_iter().any(is_true));
    }

    #[test]
    fn a_replacement_names_the_remote() {
        let replaced = setting_overrides("backup");
        assert!(replaced.contains(&("remote.backup.mirror".to_owned(), "false".to_owned())));
        assert!(replaced.iter().all(|(key, _)| !key.contains('*')));
    }
}
