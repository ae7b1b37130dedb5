//! States of a workspace.

use openclaw_failover::workspace::report::PullOutcome::{
    self, ConflictKept, NoBranch, NoRepository, NotFetched, UpToDate, Updated,
};

use crate::needs;
use crate::repositories::Repositories;

/// State of a workspace. The primary has written `theirs.md` and a second line of `MEMORY.md` since the last pull.
pub struct State {
    name: &'static str,
    /// Script to run in the workspace before the pull; `$W` is the folder around it.
    script: &'static str,
    outcome: PullOutcome,
    /// Files that the workspace has afterwards.
    tree: &'static [(&'static str, &'static str)],
}

pub const fn state(
    name: &'static str,
    script: &'static str,
    outcome: PullOutcome,
    tree: &'static [(&'static str, &'static str)],
) -> State {
    State { name, script, outcome, tree }
}

pub const THEIRS: (&str, &str) = ("theirs.md", "theirs\n");
pub const MEMORY: (&str, &str) = ("MEMORY.md", "one\ntwo\n");
pub const MINE: (&str, &str) = ("mine.md", "mine\n");

const STATES: &[State] = &[
    state("clean", "", Updated, &[THEIRS, MEMORY]),
    state("a new file", "echo mine >mine.md", Updated, &[THEIRS, MEMORY, MINE]),
    state("a staged file", "echo mine >mine.md; git add mine.md", Updated, &[THEIRS, MINE]),
    state("staged, then edited", "echo a >mine.md; git add -A; echo mine >mine.md", Updated, &[THEIRS, MINE]),
    state("staged, then removed", "echo a >gone; git add -A; rm gone", Updated, &[THEIRS, ("gone", "")]),
    state("a commit", "echo mine >mine.md; git add -A; git commit -qm mine", Updated, &[THEIRS, MEMORY, MINE]),
    state(
        "an edit elsewhere in the file",
        "sed -i '1i zero' MEMORY.md",
        Updated,
        &[THEIRS, ("MEMORY.md", "zero\none\ntwo\n")],
    ),
    state("the same edit", "echo two >>MEMORY.md", Updated, &[THEIRS, MEMORY]),
    state("an edit that contradicts", "echo 2 >>MEMORY.md", ConflictKept, &[THEIRS, MEMORY]),
    state("a committed edit that contradicts", "echo 2 >>MEMORY.md; git commit -qam 2", ConflictKept, &[MEMORY]),
    state("a removal that contradicts", "rm MEMORY.md", ConflictKept, &[THEIRS, MEMORY]),
    state("a file that is theirs, too", "echo other >theirs.md", ConflictKept, &[THEIRS, MEMORY]),
    state("the same file", "echo theirs >theirs.md", Updated, &[THEIRS, MEMORY]),
    state(
        "an ignored file in the way",
        "echo theirs.md >.git/info/exclude; echo other >theirs.md",
        Updated,
        &[THEIRS, MEMORY],
    ),
    state("a folder in the way", "mkdir theirs.md; echo mine >theirs.md/x", ConflictKept, &[THEIRS, MEMORY]),
    state(
        "an ignored folder in the way",
        "echo 'x' >.git/info/exclude; mkdir -p theirs.md; echo a >theirs.md/x",
        Updated,
        &[THEIRS, MEMORY],
    ),
    state("a file where they have a folder", "echo mine >deep", ConflictKept, &[THEIRS, ("deep/er/x", "x\n")]),
    state(
        "an ignored file where they have a folder",
        "echo deep >.git/info/exclude; echo mine >deep",
        Updated,
        &[THEIRS, ("deep/er/x", "x\n")],
    ),
    state("a link where they have a folder", "ln -s /etc deep", ConflictKept, &[THEIRS, ("deep/er/x", "x\n")]),
    state("an empty folder in the way", "mkdir theirs.md", Updated, &[THEIRS, MEMORY]),
    state(
        "another branch",
        "git switch -qc work; echo mine >mine.md; git add -A; git commit -qm mine",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "another branch and the own one",
        "git switch -qc failover/claw2; echo own >own.md; git add -A; git commit -qm own; git switch -q main; echo \
         mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE, ("own.md", "own\n")],
    ),
    state(
        "another branch that contradicts the own one",
        "git switch -qc failover/claw2; echo own >mine.md; git add -A; git commit -qm own; git switch -q main; echo \
         mine >mine.md",
        ConflictKept,
        &[THEIRS, MEMORY, ("mine.md", "own\n")],
    ),
    state(
        "a detached head",
        "git switch -q --detach; echo mine >mine.md; git add -A; git commit -qm mine",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state("a detached head with edits", "git switch -q --detach; echo mine >mine.md", Updated, &[THEIRS, MINE]),
    state(
        "an unfinished merge",
        "git switch -qc b; echo b >>MEMORY.md; git commit -qam b; git switch -q main; echo c >>MEMORY.md; git commit \
         -qam c; ! git merge -q b >/dev/null; echo mine >mine.md",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state(
        "an unfinished merge of nothing that contradicts",
        "git switch -qc b; echo b >b; git add -A; git commit -qm b; git switch -q main; echo mine >mine.md; git add \
         -A; git commit -qm c; git merge -q --no-commit b",
        Updated,
        &[THEIRS, MEMORY, MINE, ("b", "b\n")],
    ),
    state(
        "an unfinished rebase",
        "git switch -qc b; echo b >>MEMORY.md; git commit -qam b; git switch -q main; echo c >>MEMORY.md; git commit \
         -qam c; git switch -q b; ! git rebase -q main 2>/dev/null >&2",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state(
        "an unfinished cherry-pick",
        "git switch -qc b; echo b >>MEMORY.md; git commit -qam b; git switch -q main; echo c >>MEMORY.md; git commit \
         -qam c; ! git cherry-pick b 2>/dev/null >&2",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state("a nested repository", "git init -q nested; echo n >nested/n.md", Updated, &[THEIRS, ("nested/n.md", "n\n")]),
    state(
        "a nested repository with a commit",
        "git init -q nested; cd nested; echo n >n.md; git add -A; git commit -qm n",
        Updated,
        &[THEIRS, ("nested/n.md", "n\n")],
    ),
    state(
        "a nested repository in the way",
        "git init -q theirs.md; cd theirs.md; echo n >n.md; git add -A; git commit -qm n",
        Updated,
        &[THEIRS, MEMORY],
    ),
    state(
        "a nested repository that git knows",
        "git init -q nested; cd nested; echo n >n.md; git add -A; git commit -qm n; cd ..; git add -A 2>/dev/null; git \
         commit -qm sub; echo m >nested/m.md; git config diff.ignoreSubmodules dirty",
        Updated,
        &[THEIRS, ("nested/n.md", "n\n"), ("nested/m.md", "m\n")],
    ),
    state("a locked index", "touch .git/index.lock; echo mine >mine.md", Updated, &[THEIRS, MEMORY, MINE]),
    state(
        "locked branches",
        "touch .git/HEAD.lock .git/packed-refs.lock; mkdir -p .git/refs/heads/failover; touch \
         .git/refs/heads/failover/claw2.lock",
        Updated,
        &[THEIRS],
    ),
    state("a broken index", "echo nonsense >.git/index; echo mine >mine.md", Updated, &[THEIRS, MEMORY, MINE]),
    state("no index", "rm .git/index; echo mine >mine.md", Updated, &[THEIRS, MEMORY, MINE]),
    state(
        "git told to look away",
        "git update-index --assume-unchanged MEMORY.md; echo 2 >>MEMORY.md",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state("git told to leave out", "git sparse-checkout set --no-cone nothing", Updated, &[THEIRS, MEMORY]),
    state("an intention to add", "echo mine >mine.md; git add -N mine.md", Updated, &[THEIRS, MINE]),
    state(
        "odd names",
        "echo mine >\"$(printf 'a\\nb')\"; echo mine >\"$(printf '\\377\\376')\"; echo mine >'-x'; echo mine >' \"q\" \
         '; echo mine >mine.md",
        Updated,
        &[THEIRS, MINE, ("a\nb", "mine\n"), ("-x", "mine\n"), (" \"q\" ", "mine\n")],
    ),
    state("a huge file", "head -c 3000000 /dev/zero >huge; echo mine >mine.md", Updated, &[THEIRS, MINE]),
    state(
        "secrets",
        "echo KEY=1 >.env; mkdir .ssh; echo k >.ssh/id_rsa; echo mine >mine.md",
        Updated,
        &[THEIRS, MINE, (".env", "KEY=1\n"), (".ssh/id_rsa", "k\n")],
    ),
    state("an unreadable file", "echo mine >mine.md; echo closed >closed; chmod 0 closed", Updated, &[THEIRS, MINE]),
    state(
        "pipes and links",
        "mkfifo pipe; ln -s nowhere link; ln -s . loop; echo mine >mine.md",
        Updated,
        &[THEIRS, MINE],
    ),
    state(
        "a shallow clone",
        "cd ..; rm -rf workspace; git clone -q --depth 1 \"file://$W/remote.git\" workspace; cd workspace; echo mine \
         >mine.md",
        UpToDate,
        &[THEIRS, MEMORY, MINE],
    ),
    state("no checkout", "rm -rf .git MEMORY.md", Updated, &[THEIRS, MEMORY]),
    state("no checkout, and files", "rm -rf .git MEMORY.md; echo mine >mine.md", Updated, &[THEIRS, MEMORY, MINE]),
    state(
        "no checkout, and other files of the same names",
        "rm -rf .git; echo mine >MEMORY.md",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state(
        "half a clone",
        "rm -rf .git; mkdir -p .openclaw-failover-new/.git; echo mine >MEMORY.md",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state(
        "an empty clone",
        "rm -rf .git MEMORY.md; git init -qb main; git remote add origin \"$W/remote.git\"; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "rewritten history",
        "cd ../primary; git commit -q --amend -m other; git push -qf origin main",
        Updated,
        &[THEIRS, MEMORY],
    ),
    state(
        "rewritten history and a file",
        "cd ../primary; git commit -q --amend -m other; git push -qf origin main; cd ../workspace; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "an unrelated history",
        "cd ../primary; git switch -q --orphan new; printf 'one\\ntwo\\n' >MEMORY.md; echo theirs >theirs.md; mkdir -p \
         deep/er; echo x >deep/er/x; git add -A; git commit -qm new; git push -qf origin new:main",
        Updated,
        &[THEIRS, MEMORY],
    ),
    state(
        "an empty remote",
        "cd \"$W/remote.git\"; git update-ref -d refs/heads/main; cd \"$W/workspace\"; echo mine >mine.md",
        NoBranch,
        &[MINE, ("MEMORY.md", "one\n")],
    ),
    state(
        "a remote that is gone",
        "rm -rf ../remote.git; echo mine >mine.md",
        NotFetched,
        &[MINE, ("MEMORY.md", "one\n")],
    ),
    state("no remote", "git remote remove origin; echo mine >mine.md", Updated, &[MINE, THEIRS]),
    state(
        "fetched before, and the remote is gone",
        "git fetch -q; rm -rf ../remote.git",
        NotFetched,
        &[THEIRS, MEMORY],
    ),
    state(
        "no identity",
        "git config user.useConfigOnly true; git config --unset user.name || true; echo mine >mine.md",
        Updated,
        &[THEIRS, MINE],
    ),
    state("a work tree elsewhere", "git config core.worktree /etc", NoRepository, &[("MEMORY.md", "one\n")]),
];

fn prepare(state: &State) -> Repositories {
    let mut repos = Repositories::new();
    repos.primary_commits("echo two >>MEMORY.md; echo theirs >theirs.md; mkdir -p deep/er; echo x >deep/er/x");
    repos.workspace.max_file = 2_000_000;
    repos.workspace.url = Some(repos.at("remote.git").display().to_string());
    repos.standby(&format!("W={}; {}", repos.dir.path().display(), state.script));
    repos
}

/// Returns all errors of a pull in this state.
fn check(state: &State) -> Vec<String> {
    // The test cannot read these files itself.
    if state.script.contains("chmod 0 ") && needs::own_uid() != 0 {
        needs::report_skipped(state.name, "root");
        return Vec::new();
    }
    let repos = prepare(state);
    let before = repos.contents();
    let report = repos.pull();
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{}: {what}\n  {:?}\n", state.name, report.workspace));
        }
    };
    expect(report.workspace.outcome == state.outcome, format!("the outcome is not {:?}", state.outcome));
    for (file, content) in state.tree {
        expect(repos.read(file) == *content, format!("{file} holds {:?}", repos.read(file)));
    }
    let lost: Vec<_> = before.difference(&repos.contents()).cloned().collect();
    expect(lost.is_empty(), format!("lost {lost:?}"));
    if report.workspace.outcome != PullOutcome::NoRepository {
        let locks = repos
            .standby("find .git -path '*/objects' -prune -o -name '*.lock*' -print; ls -A | grep failover || true");
        expect(locks.is_empty(), format!("left {locks}"));
        let open = repos.status();
        let told = !report.workspace.withheld.is_empty() || !report.workspace.moved_aside.is_empty();
        expect(open.is_empty() || told, format!("the agent's git sees {open}"));
        // Another run finds nothing to do once the files moved aside are committed.
        if !report.workspace.moved_aside.is_empty() {
            repos.pull();
        }
        let settled = repos.standby("git rev-parse HEAD; git for-each-ref");
        let again = repos.pull().workspace;
        expect(again.outcome == PullOutcome::UpToDate || again.outcome == state.outcome, format!("then {again:?}"));
        expect(repos.standby("git rev-parse HEAD; git for-each-ref") == settled, format!("still moves: {again:?}"));
        let lost: Vec<_> = before.difference(&repos.contents()).cloned().collect();
        expect(lost.is_empty(), format!("lost later {lost:?}"));
    }
    wrong
}

/// Checks every n-th state, so that threads share a table.
pub fn check_some(states: &[State], part: usize, parts: usize) {
    let wrong: Vec<String> = states.iter().skip(part).step_by(parts).flat_map(check).collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn nothing_is_lost_in_any_state_first_part() {
    check_some(STATES, 0, 4);
}

#[test]
fn nothing_is_lost_in_any_state_second_part() {
    check_some(STATES, 1, 4);
}

#[test]
fn nothing_is_lost_in_any_state_third_part() {
    check_some(STATES, 2, 4);
}

#[test]
fn nothing_is_lost_in_any_state_fourth_part() {
    check_some(STATES, 3, 4);
}
