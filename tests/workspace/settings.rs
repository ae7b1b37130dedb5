//! Settings of the owner's git, each with a value that would do harm or must have its effect.

use std::fs;

use openclaw_failover::workspace::git::settings::{SETTINGS, SettingTreatment};
use openclaw_failover::workspace::report::{PullOutcome, PushOutcome};

use crate::repositories::Repositories;

/// Row of the table, and a setting with a value that must not change the result of a sync.
const WITHOUT_EFFECT: &[(&str, &str, &str)] = &[
    ("filter.*.required", "filter.unused.required", "true"),
    ("diff.orderfile", "diff.orderFile", "/nonexistent"),
    ("diff.external", "diff.external", "/nonexistent"),
    ("diff.renames", "diff.renames", "copies"),
    ("diff.*", "diff.x.textconv", "false"),
    ("diff.ignoresubmodules", "diff.ignoreSubmodules", "all"),
    ("submodule.*.ignore", "submodule.x.ignore", "all"),
    ("core.ignorestat", "core.ignoreStat", "true"),
    ("core.splitindex", "core.splitIndex", "true"),
    ("core.untrackedcache", "core.untrackedCache", "true"),
    ("core.fsmonitor", "core.fsmonitor", "/nonexistent"),
    ("core.trustctime", "core.trustctime", "false"),
    ("core.checkstat", "core.checkStat", "minimal"),
    ("status.showuntrackedfiles", "status.showUntrackedFiles", "no"),
    ("status.renames", "status.renames", "copies"),
    ("core.usereplacerefs", "core.useReplaceRefs", "true"),
    ("status.*", "status.branch", "true"),
    ("remote.*.mirror", "remote.origin.mirror", "true"),
    ("remote.*.push", "remote.origin.push", "+refs/heads/*:refs/heads/x/*"),
    ("remote.*.tagopt", "remote.origin.tagOpt", "--tags"),
    ("remote.*.prune", "remote.origin.prune", "true"),
    ("remote.*.prunetags", "remote.origin.pruneTags", "true"),
    ("remote.pushdefault", "remote.pushDefault", "nowhere"),
    ("branch.*.pushremote", "branch.main.pushRemote", "nowhere"),
    ("branch.*.remote", "branch.main.remote", "nowhere"),
    ("fetch.prune", "fetch.prune", "true"),
    ("fetch.prunetags", "fetch.pruneTags", "true"),
    ("fetch.recursesubmodules", "fetch.recurseSubmodules", "true"),
    ("push.default", "push.default", "nothing"),
    ("push.followtags", "push.followTags", "true"),
    ("push.gpgsign", "push.gpgSign", "true"),
    ("push.pushoption", "push.pushOption", "x"),
    ("push.recursesubmodules", "push.recurseSubmodules", "check"),
    ("submodule.recurse", "submodule.recurse", "true"),
    ("log.showsignature", "log.showSignature", "true"),
    ("i18n.commitencoding", "i18n.commitEncoding", "UTF-16"),
    ("i18n.logoutputencoding", "i18n.logOutputEncoding", "UTF-16"),
    ("core.quotepath", "core.quotePath", "true"),
    ("color.ui", "color.ui", "always"),
    ("color.remote", "color.remote", "always"),
    ("color.transport", "color.transport", "always"),
    ("color.push", "color.push", "always"),
    ("color.advice", "color.advice", "always"),
    ("advice.pushupdaterejected", "advice.pushUpdateRejected", "true"),
    ("core.askpass", "core.askPass", "/nonexistent"),
    ("credential.interactive", "credential.interactive", "true"),
    ("credential.helper", "credential.helper", "/nonexistent"),
    ("protocol.allow", "protocol.allow", "always"),
    ("protocol.ssh.allow", "protocol.ssh.allow", "never"),
    ("protocol.https.allow", "protocol.https.allow", "never"),
    ("protocol.file.allow", "protocol.file.allow", "never"),
    ("protocol.version", "protocol.version", "1"),
    ("gc.auto", "gc.auto", "1"),
    ("gc.*", "gc.pruneExpire", "now"),
    ("maintenance.auto", "maintenance.auto", "true"),
    ("checkout.workers", "checkout.workers", "8"),
    ("index.*", "index.version", "4"),
    ("core.bigfilethreshold", "core.bigFileThreshold", "1"),
    ("core.sharedrepository", "core.sharedRepository", "group"),
    ("core.precomposeunicode", "core.precomposeUnicode", "true"),
    ("core.protecthfs", "core.protectHFS", "true"),
    ("core.checkroundtripencoding", "core.checkRoundtripEncoding", "UTF-16"),
    ("merge.renormalize", "merge.renormalize", "true"),
    ("http.*", "http.proxy", "http://127.0.0.1:1"),
    ("transfer.*", "transfer.unpackLimit", "1"),
    ("transfer.fsckobjects", "transfer.fsckObjects", "true"),
    ("fetch.fsckobjects", "fetch.fsckObjects", "true"),
    ("receive.*", "receive.denyCurrentBranch", "refuse"),
    ("extensions.*", "extensions.worktreeConfig", "true"),
    ("safe.directory", "safe.directory", "*"),
    ("core.abbrev", "core.abbrev", "4"),
    ("format.*", "format.pretty", "fuller"),
    ("log.*", "log.date", "relative"),
    ("notes.*", "notes.displayRef", "refs/notes/*"),
    ("column.*", "column.ui", "always"),
    ("pager.*", "pager.status", "true"),
    ("core.pager", "core.pager", "false"),
    ("core.editor", "core.editor", "false"),
    ("alias.*", "alias.status", "log"),
    ("help.*", "help.autocorrect", "1"),
    ("gpg.*", "gpg.program", "false"),
    ("pull.*", "pull.rebase", "true"),
    ("rebase.*", "rebase.autoStash", "true"),
    ("rerere.*", "rerere.enabled", "true"),
    ("clone.*", "clone.defaultRemoteName", "x"),
    ("init.*", "init.defaultObjectFormat", "sha256"),
    ("pack.*", "pack.packSizeLimit", "1m"),
    ("feature.*", "feature.experimental", "true"),
    ("lfs.*", "lfs.locksverify", "false"),
    ("core.compression", "core.compression", "0"),
    ("core.logallrefupdates", "core.logAllRefUpdates", "false"),
    ("core.alternaterefscommand", "core.alternateRefsCommand", "false"),
    ("uploadpack.*", "uploadpack.allowFilter", "true"),
];

/// Further such settings, set one at a time because they break git run by hand in this test.
const ON_THEIR_OWN: &[(&str, &str, &str)] = &[
    ("remote.*.fetch", "remote.origin.fetch", "+refs/heads/*:refs/heads/*"),
    ("remote.*.partialclonefilter", "remote.origin.partialclonefilter", "blob:none"),
    ("commit.gpgsign", "commit.gpgSign", "true"),
    ("tag.gpgsign", "tag.gpgSign", "true"),
    ("user.*", "user.useConfigOnly", "true"),
    ("author.*", "author.email", "other@example.org"),
    ("committer.*", "committer.email", "other@example.org"),
    ("core.hookspath", "core.hooksPath", "hooks"),
    ("core.sparsecheckout", "core.sparseCheckout", "true"),
];

/// Settings that define content: a script for the standby before a pull and a push; a query of the remote (`R` is the
/// standby's branch there) or of the workspace (`W`), and its result.
const HONOURED: &[(&str, &str, &str, &str)] = &[
    ("core.autocrlf", r"git config core.autocrlf true; printf 'a\r\n' >x", "R git show $B:x | od -An -c", "a  \\n"),
    (
        "core.eol",
        r"git config core.eol crlf; echo '* text' >.git/info/attributes",
        "W od -An -c theirs.md",
        "t   h   e   i   r   s  \\r  \\n",
    ),
    (
        "core.safecrlf",
        r"git config core.autocrlf input; git config core.safecrlf true; printf 'a\r\n' >x",
        "R git ls-tree --name-only $B x",
        "",
    ),
    ("core.symlinks", "git config core.symlinks false", "W test -L link || cat link", "theirs.md"),
    (
        "core.filemode",
        "git config core.fileMode false; echo x >x; git add x; git commit -qm x; chmod 755 x",
        "R git ls-tree $B x | cut -c-6",
        "100644",
    ),
    (
        "core.excludesfile",
        "git config core.excludesFile ../excludes; echo '*.private' >../excludes; echo x >x.private",
        "R git ls-tree --name-only $B x.private",
        "",
    ),
    (
        "core.attributesfile",
        "git config core.attributesFile ../attributes; echo 'x filter=up' >../attributes; \
            git config filter.up.clean 'tr a-z A-Z'; echo x >x",
        "R git show $B:x",
        "X",
    ),
    (
        "filter.*.clean",
        "echo 'x filter=up' >.gitattributes; git config filter.up.clean 'tr a-z A-Z'; echo x >x",
        "R git show $B:x",
        "X",
    ),
    (
        "filter.*.smudge",
        "echo 'theirs.md filter=up' >.git/info/attributes; git config filter.up.smudge 'tr a-z A-Z'; \
            git config filter.up.clean 'tr A-Z a-z'",
        "W cat theirs.md",
        "THEIRS",
    ),
    ("core.protectntfs", "git config core.protectNTFS false; echo x >'git~1'", "R git show $B:git~1", "x"),
    (
        "merge.*",
        "echo 'MEMORY.md merge=both' >.git/info/attributes; git config merge.both.driver 'cat %B >>%A'; \
            echo mine >>MEMORY.md",
        "R git show $B:MEMORY.md | tr '\\n' ' '",
        "one mine one two",
    ),
    (
        "url.*.insteadof",
        "u=$(git remote get-url origin); git config url.\"$u\".insteadOf alias:; \
            git remote set-url origin alias:; echo x >x",
        "R git show $B:x",
        "x",
    ),
    (
        "include.path",
        "git config include.path ../../more; printf '[core]\\n excludesFile = ../excludes\\n' >../more; \
            echo x >../excludes; echo x >x",
        "R git ls-tree --name-only $B x",
        "",
    ),
    (
        "includeif.*",
        "git config includeIf.gitdir:**/.path ../../more; \
            printf '[core]\\n excludesFile = ../excludes\\n' >../more; echo x >../excludes; echo x >x",
        "R git ls-tree --name-only $B x",
        "",
    ),
    (
        "protocol.*.allow",
        "git config protocol.ext.allow always; git remote set-url origin 'ext::%S ../remote.git'; echo x >x",
        "R git show $B:x",
        "x",
    ),
];

/// Rows whose effect another test checks, with its name.
const ELSEWHERE: &[(&str, &str)] = &[
    ("core.bare", "a_repository_that_is_no_checkout_is_refused_with_a_command_that_mends_it"),
    ("core.worktree", "a_repository_that_is_no_checkout_is_refused_with_a_command_that_mends_it"),
    ("core.ignorecase", "odd: names that differ in case only"),
    ("core.sshcommand", "pull: the stand-in for ssh"),
    ("remote.*.pushurl", "pushed_is_said_only_of_what_the_url_has_that_is_fetched_from"),
    ("url.*.pushinsteadof", "pushed_is_said_only_of_what_the_url_has_that_is_fetched_from"),
    ("remote.*.url", "pushed_is_said_only_of_what_the_url_has_that_is_fetched_from"),
    ("filter.*.process", "content: git LFS"),
    ("attr.tree", "read by git alone; 2.43 and newer"),
    ("remote.*.receivepack", "named on the remote host"),
    ("remote.*.uploadpack", "named on the remote host"),
    ("remote.*.proxy", "used by http alone"),
];

fn repos() -> Repositories {
    let repos = Repositories::new();
    repos.primary_commits("echo two >>MEMORY.md; echo theirs >theirs.md; ln -s theirs.md link");
    repos
}

/// Runs pulls and pushes of both hosts with these settings. Returns the remote's state.
fn round(settings: &[(&str, &str, &str)]) -> Vec<String> {
    let repos = Repositories::new();
    let script: String = settings.iter().map(|(_, key, value)| format!("git config '{key}' '{value}'; ")).collect();
    repos.primary_commits("echo two >>MEMORY.md; echo theirs >theirs.md; git tag -a -m t v1");
    repos.standby(&script);
    repos.primary(&script);
    let mut said = vec![format!("{:?}", repos.pull().workspace.outcome)];
    fs::write(repos.workspace.path.join("mine ü.md"), "mine\n").unwrap();
    fs::write(repos.workspace.path.join("MEMORY.md"), "zero\none\ntwo\n").unwrap();
    said.push(format!("{:?}", repos.push().outcome));
    fs::write(repos.at("primary/more.md"), "more\n").unwrap();
    let pushed = repos.push_primary();
    said.push(format!(
        "{:?} {} {}",
        pushed.outcome,
        pushed.merged_branches.to_sentence(),
        pushed.conflicts.to_sentence()
    ));
    said.push(format!("{:?}", repos.pull().workspace.outcome));
    said.push(repos.memory());
    said.push(repos.remote(
        "git for-each-ref --format='%(refname)'; git ls-tree main; \
        git cat-file commit main | grep -c ^encoding || true",
    ));
    said
}

#[test]
fn settings_that_only_direct_git_have_no_effect() {
    let expected = round(&[]);
    assert_eq!(expected[..2], ["Updated", "Pushed"]);
    if round(WITHOUT_EFFECT) == expected {
        return;
    }
    let guilty = WITHOUT_EFFECT.iter().filter(|row| round(&[**row]) != expected);
    panic!("{:?}", guilty.map(|(_, key, value)| format!("{key}={value}")).collect::<Vec<_>>());
}

#[test]
fn settings_that_only_direct_git_have_no_effect_on_their_own_either() {
    let expected = round(&[]);
    for row in ON_THEIR_OWN {
        assert_eq!(round(&[*row]), expected, "{row:?}");
    }
}

#[test]
fn settings_that_define_what_a_file_means_are_honoured() {
    let mut wrong = Vec::new();
    for (key, script, question, answer) in HONOURED {
        let repos = repos();
        repos.standby(&format!("echo note >note.md; {script}"));
        let (pulled, pushed) = (repos.pull().workspace, repos.push());
        let question = question.replace("$B", "failover/claw2");
        let (place, question) = question.split_once(' ').unwrap();
        let said =
            if place == "R" { repos.remote(&format!("{question} 2>&1 || true")) } else { repos.standby(question) };
        if said != *answer || !pushed.is_complete() {
            wrong.push(format!("{key}: {said:?}\n  {pulled:?}\n  {pushed:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn each_row_of_the_table_is_tested() {
    for setting in SETTINGS {
        let key = setting.key;
        let is_without_effect = WITHOUT_EFFECT.iter().chain(ON_THEIR_OWN).any(|(row, ..)| *row == key);
        let is_honoured = HONOURED.iter().any(|(row, ..)| *row == key);
        let is_elsewhere = ELSEWHERE.iter().any(|(row, _)| *row == key);
        assert!(is_without_effect || is_honoured || is_elsewhere, "{key} has no test");
        if matches!(setting.treatment, SettingTreatment::Replaced(_)) {
            assert!(is_without_effect, "{key} is replaced, and no test shows that it has no effect");
        }
    }
}

#[test]
fn unchanged_files_are_not_committed_for_the_ends_of_their_lines() {
    let repos = Repositories::new();
    repos.primary(
        "git config core.autocrlf true; seq 20 >big.md; git add -A; git commit -qm b; git push -q; \
        rm big.md; git checkout -q -- big.md",
    );
    let before = repos.remote("git rev-parse main");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::UpToDate, "{pushed:?}");
    assert_eq!(repos.remote("git rev-parse main"), before);
    assert_eq!(repos.primary("head -1 big.md | od -An -c"), "1  \\r  \\n");
}

#[test]
fn pushed_is_said_only_of_what_the_url_has_that_is_fetched_from() {
    for elsewhere in [
        "git remote set-url --add --push origin \"$M\"; git remote set-url --add --push origin \"$R\"",
        "git remote set-url --add --push origin \"$R\"; git remote set-url --add --push origin \"$M\"",
        "git config url.\"$M\".pushInsteadOf \"$R\"; git remote set-url --add origin \"$M\"",
        "git remote set-url --add origin \"$M\"",
    ] {
        let repos = Repositories::new();
        repos.pull();
        let set = format!(
            "R=$(git remote get-url origin); M=$(dirname \"$R\")/mirror.git; git init -q --bare \"$M\"; \
                {elsewhere}; echo y >y.md"
        );
        repos.standby(&set);
        fs::rename(repos.at("remote.git"), repos.at("gone.git")).unwrap();
        let pushed = repos.push();
        assert_eq!(pushed.outcome, PushOutcome::NotPushed, "{elsewhere}: {pushed:?}");
        assert_eq!(pushed.last_complete_at, None, "{elsewhere}: {pushed:?}");
        fs::rename(repos.at("gone.git"), repos.at("remote.git")).unwrap();
        if elsewhere.contains("pushInsteadOf") {
            continue;
        }
        assert_eq!(repos.push().outcome, PushOutcome::Pushed, "{elsewhere}");
        assert_eq!(repos.branches(), "failover/claw2\nmain");
        // A failed mirror is reported, and everything still counts as returned.
        fs::rename(repos.at("mirror.git"), repos.at("gone.git")).unwrap();
        repos.standby("echo z >z.md");
        let pushed = repos.push();
        assert_eq!(pushed.outcome, PushOutcome::Pushed, "{elsewhere}: {pushed:?}");
        assert!(pushed.details.contains("another push URL of origin failed"), "{elsewhere}: {}", pushed.details);
    }
}

#[test]
fn what_goes_to_another_repository_only_is_not_returned() {
    for elsewhere in ["git remote set-url --push origin \"$M\"", "git config url.\"$M\".pushInsteadOf \"$R\""] {
        let repos = Repositories::new();
        repos.pull();
        repos.standby(&format!(
            "R=$(git remote get-url origin); M=$(dirname \"$R\")/mirror.git; \
            git init -q --bare \"$M\"; {elsewhere}; echo y >y.md"
        ));
        let pushed = repos.push();
        assert_eq!((pushed.outcome, pushed.last_complete_at), (PushOutcome::NotPushed, None), "{pushed:?}");
        assert!(
            pushed.details.contains("its fetch URL does not have it; compare them in `git remote -v`"),
            "{}",
            pushed.details
        );
    }
}

#[test]
fn a_repository_that_is_no_checkout_is_refused_with_a_command_that_mends_it() {
    for broken in ["core.bare true", "core.worktree /etc"] {
        let repos = Repositories::new();
        repos.primary_commits("echo two >>MEMORY.md");
        repos.standby(&format!("git config {broken}"));
        let pulled = repos.pull().workspace;
        assert_eq!(pulled.outcome, PullOutcome::NoRepository, "{pulled:?}");
        let command = pulled.details.split('`').nth(1).unwrap_or_else(|| panic!("{}", pulled.details));
        repos.primary(command);
        assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated, "{command}");
    }
}

#[test]
fn a_sparse_checkout_in_any_of_gits_words_removes_nothing_at_the_remote() {
    for yes in ["true", "yes", "1"] {
        let repos = Repositories::new();
        repos.primary(&format!(
            "mkdir a b; echo a >a/a; echo b >b/b; git add -A; git commit -qm ab; git push -q origin main; \
             git sparse-checkout set --no-cone /a/; git config --worktree core.sparseCheckout {yes}; echo new >a/new"
        ));
        let pushed = repos.push_primary();
        assert_eq!(pushed.outcome, PushOutcome::Pushed, "{yes}: {pushed:?}");
        assert_eq!(repos.remote("git ls-tree -r --name-only main"), "MEMORY.md\na/a\na/new\nb/b", "{yes}");
    }
}
