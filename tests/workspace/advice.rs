//! Commands in reports, run as printed: the next sync succeeds.

use std::fs;
use std::path::Path;

use openclaw_failover::workspace::report::{PullOutcome, PushOutcome};

use crate::repositories::{Repositories, run};

/// Returns the part of a report's text from `from` up to `to`.
fn command(said: &str, from: &str, to: &str) -> String {
    assert!(said.contains(from), "no {from:?} in: {said}");
    let at = said.find(from).unwrap();
    let rest = &said[at..];
    rest.split_once(to).map_or(rest, |(command, _)| command).to_owned()
}

/// Runs a command in the folder of the repositories and ignores its result.
fn types(repos: &Repositories, command: &str) -> String {
    run(repos.dir.path(), &format!("{{ {command}; }} 2>&1 || :"))
}

/// Makes the remote refuse what `script` refuses; it reads `old new name` lines.
fn hook(repos: &Repositories, script: &str) {
    let hook = format!(
        "mkdir -p hooks; printf '%s\n' '#!/bin/sh' '{}' >hooks/pre-receive; chmod 755 hooks/pre-receive",
        script
    );
    repos.remote(&hook);
}

/// Returns a script that refuses each new commit containing `word`, with the message `words`.
fn refuses(word: &str, words: &str) -> String {
    format!(
        "while read o n r; do for c in $(git rev-list $n --not --all); do \
         ! git grep -q {word} $c || {{ echo \"{words}\"; exit 1; }}; done; done"
    )
}

#[test]
fn unrelated_histories_are_joined() {
    let repos = Repositories::new();
    repos.primary("rm -rf .git; git init -q -b main; git remote add origin ../remote.git; echo other >MEMORY.md");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Conflict, "{pushed:?}");
    assert_eq!(pushed.conflicts.listed, ["main: MEMORY.md"]);
    types(&repos, &command(&pushed.details, "git -C", ", resolve"));
    repos.primary("git checkout -q --ours . && git add -A && git commit -qm settled");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(repos.remote("git show main:MEMORY.md"), "other", "{pushed:?}");
}

#[test]
fn a_contradiction_with_the_remote_and_one_with_a_standby_are_merged_by_hand() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo standby >>MEMORY.md");
    assert!(repos.push().is_complete());
    run(
        repos.dir.path(),
        "git clone -q remote.git else; cd else; echo else >>MEMORY.md; git commit -qam else; git push -q origin main",
    );
    repos.primary("echo primary >>MEMORY.md");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Conflict, "{pushed:?}");
    types(&repos, &command(&pushed.details, "git -C", ", resolve"));
    repos.primary("printf 'one\\nelse\\nprimary\\n' >MEMORY.md; git commit -qam settled");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed);
    assert_eq!(pushed.conflicts.to_sentence(), "failover/claw2: MEMORY.md");
    types(&repos, &command(&pushed.details, "git -C", ", resolve"));
    repos.primary("printf 'one\\nelse\\nprimary\\nstandby\\n' >MEMORY.md; git commit -qam settled");
    let pushed = repos.push_primary();
    assert!(pushed.is_ok() && pushed.merged_branches.to_sentence() == "failover/claw2", "{pushed:?}");
}

#[test]
fn a_branch_that_takes_the_name_of_all_branches_of_standbys_is_renamed() {
    let repos = Repositories::new();
    repos.remote("git branch failover main");
    repos.primary("git fetch -q origin");
    repos.pull();
    repos.standby("echo learned >learned.md");
    let pushed = repos.push();
    assert_eq!(pushed.outcome, PushOutcome::Refused, "{pushed:?}");
    assert!(
        pushed.details.contains("the remote's branch failover blocks the name failover/claw2"),
        "{}",
        pushed.details
    );
    types(&repos, &command(&pushed.details, "git -C", "; the next push retries"));
    assert_eq!(repos.branches(), "failover-old\nmain");
    assert!(repos.push().is_complete());
    // The primary's tracking branch is still the old one.
    let pushed = repos.push_primary();
    if !pushed.is_complete() {
        types(&repos, &command(&pushed.details, "git -C", "; the next push retries"));
        assert!(repos.push_primary().is_ok(), "{pushed:?}");
    }
    assert_eq!(repos.primary("cat learned.md"), "learned");
}

#[test]
fn a_secret_or_a_large_file_that_was_committed_is_taken_out_of_what_is_sent() {
    for words in
        ["GH013: Repository rule violations found. Push cannot contain secrets", "GH001: Large files detected."]
    {
        let repos = Repositories::new();
        repos.pull();
        repos.standby("echo returned >returned.md");
        assert!(repos.push().is_complete());
        hook(&repos, &refuses("hunter2", words));
        for (is_primary, name) in [(false, "leak.md"), (true, "other.md")] {
            let write = |text: &str| {
                let script = format!("echo {text} >{name}");
                if is_primary {
                    repos.primary(&script)
                } else {
                    repos.standby(&script)
                };
            };
            let push = || if is_primary { repos.push_primary() } else { repos.push() };
            write("hunter2");
            let pushed = push();
            assert_eq!(pushed.outcome, PushOutcome::Refused, "{pushed:?}");
            write("harmless");
            let pushed = push();
            assert_eq!(pushed.outcome, PushOutcome::Refused, "it is still in the history: {pushed:?}");
            types(&repos, &command(&pushed.details, "git -C", "; the next push retries"));
            let pushed = push();
            assert!(pushed.is_complete(), "{words}, primary {is_primary}: {pushed:?}");
        }
        assert_eq!(
            repos.remote("git show main:leak.md main:other.md main:returned.md"),
            "harmless\nharmless\nreturned"
        );
    }
}

#[test]
fn a_rule_of_the_git_host_is_told_with_the_branch_that_it_is_about() {
    let repos = Repositories::new();
    repos.pull();
    let cases = [
        ("GH006: Protected branch update failed.", "allow this host's key to push to BRANCH at the git host"),
        (
            "GitLab: You are not allowed to push code to protected branches on this project.",
            "key to push to BRANCH at the git host",
        ),
        ("disk quota exceeded", "free space there, or raise its limit"),
        ("error: insufficient permission for adding an object to repository database", "chown -R USER: REPOSITORY"),
        ("the moon is full", "a rule of the git host refuses the push"),
    ];
    for (number, (words, advice)) in cases.into_iter().enumerate() {
        hook(&repos, &format!("echo \"{words}\"; exit 1"));
        repos.primary(&format!("echo {number} >primary.md"));
        repos.standby(&format!("echo {number} >standby.md"));
        for (pushed, branch) in [(repos.push_primary(), "main"), (repos.push(), "failover/claw2")] {
            let advice = advice.replace("BRANCH", branch);
            assert_eq!(pushed.outcome, PushOutcome::Refused, "{pushed:?}");
            assert!(pushed.details.contains(words) && pushed.details.contains(&advice), "{advice}: {}", pushed.details);
        }
    }
    repos.remote("rm hooks/pre-receive");
    assert!(repos.push().is_complete() && repos.push_primary().is_ok());
}

#[test]
fn a_branch_of_another_name_is_told_with_the_key() {
    let mut repos = Repositories::new();
    repos.remote("git branch -m main master");
    let pulled = repos.pull().workspace;
    assert_eq!(pulled.outcome, PullOutcome::NoBranch);
    assert!(
        pulled.details.contains("set workspace.branch to master in the configuration of both hosts"),
        "{}",
        pulled.details
    );
    repos.workspace.branch = "master".into();
    assert!(repos.pull().is_ok());

    let repos = Repositories::new();
    repos.primary("git branch -q other; git switch -q other; echo x >x.md");
    let pushed = repos.push_primary();
    assert!(pushed.details.contains("or set workspace.branch to other in"), "{}", pushed.details);
    types(&repos, &command(&pushed.details, "git -C", ", or set"));
    assert_eq!(repos.push_primary().outcome, PushOutcome::Pushed);

    let repos = Repositories::new();
    repos.primary("git branch -m main master");
    let pushed = repos.push_primary();
    types(&repos, &command(&pushed.details, "git -C", ", or set"));
    assert!(repos.push_primary().is_complete());
}

#[test]
fn a_checkout_without_its_remote_or_without_its_repository_gets_one() {
    let repos = Repositories::new();
    let url = repos.at("remote.git").display().to_string();
    repos.standby("git remote remove origin");
    let pulled = repos.pull().workspace;
    types(&repos, &command(&pulled.details, "git -C", "\n").replace("URL", &url));
    assert!(repos.pull().is_ok());

    repos.standby("git remote set-url origin ../nowhere.git");
    let pulled = repos.pull().workspace;
    assert!(pulled.details.contains("there is no repository at ../nowhere.git"), "{}", pulled.details);
    types(&repos, &command(&pulled.details, "git -C", "\n").replace("URL", &url));
    assert!(repos.pull().is_ok());

    repos.primary("echo mine >mine.md; rm -rf .git");
    let pushed = repos.push_primary();
    types(&repos, &command(&pushed.details, "git clone", "\n").replace("URL", &url));
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(repos.remote("git show main:mine.md"), "mine", "{pushed:?}");
}

#[test]
fn a_history_that_is_cut_off_is_completed() {
    let repos = Repositories::new();
    repos.primary_commits("echo two >two.md");
    run(repos.dir.path(), "rm -rf primary; git clone -q --depth 1 \"file://$PWD/remote.git\" primary");
    let advice = "this repository is a shallow clone; fetch its whole history: git -C ";
    hook(&repos, "echo \"shallow update not allowed\"; exit 1");
    repos.primary("echo three >three.md");
    let pushed = repos.push_primary();
    assert!(pushed.details.contains(advice), "{}", pushed.details);
    repos.remote("rm hooks/pre-receive");
    run(repos.dir.path(), "rm -rf primary; git clone -q --depth 1 \"file://$PWD/remote.git\" primary");
    types(&repos, &command(&pushed.details, "git -C", "; the next push retries"));
    assert_eq!(repos.primary("git rev-parse --is-shallow-repository"), "false");
}

/// Texts of ssh and git hosts for failed logins, and the advice.
const REFUSALS: &[(&str, &[&str])] = &[
    (
        "@@@@@@@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@@@@@@@@@\nOffending ED25519 key in \
         /home/o/.ssh/known_hosts:3\nHost key for git.example has changed and you have requested strict \
         checking.\nHost \
         key verification failed.",
        &["that host's ssh key has changed", "ssh-keygen -R 'git.example'; ssh -T git@host"],
    ),
    (
        "No ED25519 host key is known for git.example and you have requested strict checking.\n\
         Host key verification failed.",
        &["is not known on this host", "answer yes: ssh -T git@host"],
    ),
    ("git@git.example: Permission denied (publickey).", &["as a deploy key with write access: cat ~/.ssh/*.pub"]),
    ("ERROR: Repository not found.", &["there is no repository at git@host:", "remote set-url origin URL"]),
    (
        "ERROR: The key you are authenticating with has been marked as read only.",
        &["give it write access at the git \
        host"],
    ),
    (
        "fatal: Authentication failed for 'https://git.example/x.git/'",
        &["git config --global credential.helper store && git -C"],
    ),
];

#[test]
fn what_ssh_refuses_is_told_apart() {
    let repos = Repositories::new();
    repos.standby(&format!("git remote set-url origin 'git@host:{}'", repos.at("remote.git").display()));
    for (words, advice) in REFUSALS {
        fs::write(repos.at("words"), words).unwrap();
        repos.ssh(&format!("cat '{}' >&2; exit 255", repos.at("words").display()));
        let pulled = repos.pull().workspace;
        assert_eq!(pulled.outcome, PullOutcome::NotFetched);
        for advice in *advice {
            assert!(pulled.details.contains(advice), "{advice}: {}", pulled.details);
        }
    }
    types_at_a_prompt_with_stand_ins(repos.dir.path(), "ssh-keygen -R 'git.example'; ssh -T git@host");
}

/// Runs a command with stand-ins for ssh and ssh-keygen, and checks their arguments.
fn types_at_a_prompt_with_stand_ins(dir: &Path, command: &str) {
    let script = format!(
        "mkdir -p stand-in; for p in ssh ssh-keygen; do printf '#!/bin/sh\necho $0 $# \"$@\" >>calls\n' >stand-in/$p; \
         chmod 755 \
         stand-in/$p; done; PATH=$PWD/stand-in:$PATH; {command}; sed 's,.*/,,' calls"
    );
    assert_eq!(run(dir, &script), "ssh-keygen 2 -R git.example\nssh 2 -T git@host");
}

/// Types a command with nothing but the user's own settings for the name in commits, if there are any.
fn types_without_a_name(repos: &Repositories, command: &str) -> String {
    let clean = "unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL";
    run(repos.dir.path(), &format!("{clean}; {{ {command}; }} 2>&1 || :"))
}

#[test]
fn a_git_without_a_name_for_commits_and_one_that_only_goes_forwards_merge_by_hand() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo standby >>MEMORY.md");
    assert!(repos.push().is_complete());
    repos.primary("git config merge.ff only; git config pull.ff only; echo primary >>MEMORY.md");
    let pushed = repos.push_primary();
    types_without_a_name(&repos, &command(&pushed.details, "git -C", ", resolve"));
    let settle = "cd primary; printf 'one\\nprimary\\nstandby\\n' >MEMORY.md; git commit -qam settled";
    assert_eq!(types_without_a_name(&repos, settle), "");
    let pushed = repos.push_primary();
    assert!(pushed.is_ok() && pushed.merged_branches.to_sentence() == "failover/claw2", "{pushed:?}");
}

#[test]
fn a_secret_in_the_first_push_of_all_is_taken_out_of_what_is_sent() {
    let repos = Repositories::new();
    repos.remote("git update-ref -d refs/heads/main");
    repos.primary("git update-ref -d refs/remotes/origin/main");
    hook(&repos, &refuses("hunter2", "GH013: Push cannot contain secrets"));
    repos.primary("echo hunter2 >leak.md");
    assert_eq!(repos.push_primary().outcome, PushOutcome::Refused);
    repos.primary("echo harmless >leak.md");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Refused, "{pushed:?}");
    types(&repos, &command(&pushed.details, "git -C", "; it is tried again"));
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(repos.remote("git show main:leak.md main:MEMORY.md"), "harmless\none");
}

#[test]
fn what_nothing_can_repair_is_cloned_again_in_a_folder_of_any_name() {
    let mut repos = Repositories::new();
    let path = repos.at("it's my workspace");
    fs::rename(repos.at("workspace"), &path).unwrap();
    repos.workspace.path = path;
    repos.remote("git branch other; git update-ref -d refs/heads/main; git update-ref refs/heads/main other");
    repos.standby("echo mine >mine.md; rm -r .git/objects/* .git/logs; mv ../remote.git ../away.git");
    let report = repos.pull().workspace;
    assert_eq!(report.outcome, PullOutcome::Damaged, "{report:?}");
    fs::rename(repos.at("away.git"), repos.at("remote.git")).unwrap();
    types(&repos, &command(&report.details, "git clone", "; repaired"));
    let report = repos.pull().workspace;
    assert!(matches!(report.outcome, PullOutcome::Updated | PullOutcome::UpToDate), "{report:?}");
    assert_eq!(repos.read("mine.md"), "mine\n");
}
