//! Rare states of a workspace: seldom used git commands, and changes to tracked files and folders by an agent.

use openclaw_failover::workspace::report::PullOutcome::{ConflictKept, NoRepository, UpToDate, Updated};

use crate::states::{MEMORY, MINE, State, THEIRS, check_some, state};

const STATES: &[State] = &[
    state(
        "a folder that has become a link",
        "mkdir notes; echo n >notes/n.md; git add -A; git commit -qm n; mv notes ../elsewhere; ln -s ../elsewhere \
         notes",
        Updated,
        &[THEIRS, MEMORY],
    ),
    state(
        "a folder that has become a file",
        "mkdir notes; echo n >notes/n.md; git add -A; git commit -qm n; rm -r notes; echo mine >notes",
        Updated,
        &[THEIRS, MEMORY, ("notes", "mine\n")],
    ),
    state(
        "a file that has become a folder",
        "echo n >notes; git add -A; git commit -qm n; rm notes; mkdir notes; echo mine >notes/n.md",
        Updated,
        &[THEIRS, MEMORY, ("notes/n.md", "mine\n")],
    ),
    state(
        "a file that has become a link",
        "echo n >notes; git add -A; git commit -qm n; ln -sf MEMORY.md notes",
        Updated,
        &[THEIRS, MEMORY, ("notes", "one\ntwo\n")],
    ),
    state(
        "a file that has become a repository",
        "echo n >notes; git add -A; git commit -qm n; rm notes; git init -q notes; echo mine >notes/n.md",
        Updated,
        &[THEIRS, MEMORY, ("notes/n.md", "mine\n")],
    ),
    state(
        "a folder that has become a repository",
        "mkdir notes; echo n >notes/n.md; git add -A; git commit -qm n; git init -q notes; echo mine >notes/m.md",
        Updated,
        &[THEIRS, MEMORY, ("notes/n.md", "n\n"), ("notes/m.md", "mine\n")],
    ),
    state(
        "an unfinished bisect",
        "git commit -q --allow-empty -m b; git bisect start -q HEAD HEAD~ >/dev/null; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "an unfinished revert",
        "echo two >x; git add -A; git commit -qm x; echo three >x; git commit -qam y; ! git revert HEAD~ 2>/dev/null \
         >&2",
        Updated,
        &[THEIRS, MEMORY],
    ),
    state(
        "an unfinished am",
        "echo x >x; git add -A; git commit -qm x; git format-patch -q -1 --stdout >../p; echo y >x; git commit -qam y; \
         ! git am -q ../p 2>/dev/null >&2",
        Updated,
        &[THEIRS, MEMORY],
    ),
    state("a stash", "echo mine >>MEMORY.md; git stash -q; echo mine >mine.md", Updated, &[THEIRS, MEMORY, MINE]),
    state(
        "a stash that contradicts",
        "echo b >>MEMORY.md; git stash -q; echo c >>MEMORY.md; git commit -qam c; ! git stash pop -q 2>/dev/null >&2",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state(
        "an index that is half merged by hand",
        "echo c >>MEMORY.md; echo only-here >blob; b=$(git hash-object -w blob); rm blob; printf '100644 %s \
         2\tMEMORY.md\n100644 %s 3\tMEMORY.md\n' $(git rev-parse HEAD:MEMORY.md) $b | git update-index --index-info",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state(
        "another work tree inside",
        "git worktree add -q wt 2>/dev/null; echo mine >wt/mine.md; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE, ("wt/mine.md", "mine\n")],
    ),
    state(
        "the own branch checked out elsewhere",
        "git branch -q failover/claw2; git worktree add -q ../wt failover/claw2 2>/dev/null; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "a work tree of another repository",
        "cd ..; mv workspace real; git -C real worktree add -q ../workspace 2>/dev/null; cd workspace; echo mine \
         >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "packed branches",
        "git branch -q a; git pack-refs --all; git gc -q; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "branches in tables",
        "cd ..; rm -rf workspace; git clone -q --ref-format=reftable remote.git workspace 2>&- || git clone -q \
         remote.git workspace; cd workspace; git reset -q --hard HEAD~; echo mine >mine.md",
        UpToDate,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "git told to skip an edited file",
        "git update-index --skip-worktree MEMORY.md; echo 2 >>MEMORY.md",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state(
        "an ignored file",
        "echo 'ignored*' >.gitignore; echo mine >ignored; mkdir ignored.d; echo mine >ignored.d/mine",
        Updated,
        &[THEIRS, MEMORY, ("ignored", "mine\n"), ("ignored.d/mine", "mine\n")],
    ),
    state(
        "ends of lines that are converted",
        "echo '* text=auto eol=crlf' >.gitattributes; printf 'a\\r\\nb\\r\\n' >mine.md",
        Updated,
        &[("mine.md", "a\r\nb\r\n")],
    ),
    state(
        "ends of lines that shall be safe",
        "git config core.autocrlf true; git config core.safecrlf true; printf 'a\\nb\\r\\n' >mine.md",
        Updated,
        &[("theirs.md", "theirs\r\n"), ("MEMORY.md", "one\r\ntwo\r\n"), ("mine.md", "a\nb\r\n")],
    ),
    state(
        "a branch of the name failover",
        "git branch -q failover; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "three versions that contradict each other",
        "git fetch -q; git switch -qc failover/claw2; echo own >>MEMORY.md; git commit -qam own; git switch -q main; \
         echo 2 >>MEMORY.md",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state(
        "names that differ in case only",
        "echo mine >Memory.md; echo mine >memory.md; git config core.ignoreCase true",
        Updated,
        &[THEIRS, MEMORY, ("Memory.md", "mine\n"), ("memory.md", "mine\n")],
    ),
    state(
        "a file that may be executed",
        "echo mine >mine.md; git add -A; git commit -qm m; chmod 755 mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "a repository that calls itself bare",
        "git config core.bare true; echo mine >mine.md",
        NoRepository,
        &[MINE, ("MEMORY.md", "one\n")],
    ),
    state(
        "a known repository that is removed",
        "git init -q nested; cd nested; echo n >n.md; git add -A; git commit -qm n; cd ..; git add -A 2>/dev/null; git \
         commit -qm sub; rm -rf nested; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "a known repository that was moved on",
        "git init -q nested; cd nested; echo n >n.md; git add -A; git commit -qm n; cd ..; git add -A 2>/dev/null; git \
         commit -qm sub; cd nested; echo n2 >n2.md; git add -A; git commit -qm n2; cd ..; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE, ("nested/n2.md", "n2\n")],
    ),
    state(
        "files from the future",
        "echo mine >mine.md; touch -d '2040-01-01' mine.md MEMORY.md .git/index",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "git told to look at little",
        "git config core.trustctime false; git config core.checkStat minimal; git update-index --refresh; touch -r \
         MEMORY.md ../stamp; echo two >MEMORY.md; touch -r ../stamp MEMORY.md; git config color.ui always; git config \
         status.short true; git config core.untrackedCache true; git config feature.manyFiles true; git config \
         status.showUntrackedFiles no; git config diff.external false",
        ConflictKept,
        &[THEIRS, MEMORY],
    ),
    state(
        "objects of another checkout",
        "cd ..; rm -rf workspace; git clone -qs primary workspace; cd workspace; git reset -q --hard HEAD~; git remote \
         set-url origin \"$W/remote.git\"; echo mine >mine.md",
        UpToDate,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "another branch without a commit",
        "git switch -q --orphan new; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "an empty folder and a deep one",
        "mkdir empty; d=a/b/c/d/e/f/g/h/i/j; mkdir -p $d; echo mine >$d/x; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "a closed folder",
        "mkdir closed; echo c >closed/c; git add -A; git commit -qm c; chmod 0 closed; echo mine >mine.md",
        Updated,
        &[THEIRS, MEMORY, MINE],
    ),
    state(
        "a known repository that they replace by a file",
        "cd ../primary; git init -q nested; cd nested; echo n >n.md; git add -A; git commit -qm n; cd ..; git add -A \
         2>/dev/null; git commit -qm sub; git push -q origin main; cd ../workspace; git pull -q origin main; git init \
         -q nested; cd nested; echo mine >mine.md; git add -A; git commit -qm mine; cd ../../primary; git rm -q \
         --cached nested; rm -rf nested; echo x >nested; git add -A; git commit -qm other; git push -q origin main",
        Updated,
        &[THEIRS, ("nested", "x\n")],
    ),
    state(
        "a known repository that they remove",
        "cd ../primary; git init -q nested; cd nested; echo n >n.md; git add -A; git commit -qm n; cd ..; git add -A \
         2>/dev/null; git commit -qm sub; git push -q origin main; cd ../workspace; git pull -q origin main; git init \
         -q nested; cd nested; echo mine >mine.md; git add -A; git commit -qm mine; cd ../../primary; git rm -q \
         --cached nested; rm -rf nested; git add -A; git commit -qm other; git push -q origin main",
        Updated,
        &[THEIRS, ("nested/mine.md", "mine\n")],
    ),
    state(
        "a known repository that they move on",
        "cd ../primary; git init -q nested; cd nested; echo n >n.md; git add -A; git commit -qm n; cd ..; git add -A \
         2>/dev/null; git commit -qm sub; git push -q origin main; cd ../workspace; git pull -q origin main; git init \
         -q nested; cd nested; echo mine >mine.md; git add -A; git commit -qm mine; cd ../../primary; git -C nested \
         commit -q --allow-empty -m n2; git add -A; git commit -qm other; git push -q origin main",
        Updated,
        &[THEIRS, ("nested/mine.md", "mine\n")],
    ),
];

#[test]
fn nothing_is_lost_in_any_odd_state_first_part() {
    check_some(STATES, 0, 2);
}

#[test]
fn nothing_is_lost_in_any_odd_state_second_part() {
    check_some(STATES, 1, 2);
}
