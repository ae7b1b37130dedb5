//! Random load on both hosts: agents write, delete, rename and use git themselves, another host pushes, and syncs are
//! killed at any git command. No sync loses or invents a content, and in the end both hosts are equal.
//!
//! A seed determines all steps; `STORM='3 4 5'` sets other seeds.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use crate::crashes::Crash;
use crate::repositories::{Repositories, contents, run};

/// Number of random steps.
const STEPS: usize = 60;

/// Actions of an agent; `F` and `G` are files, `N` is a unique number.
const DEEDS: &[&str] = &[
    "mkdir -p $(dirname F) && echo N >F",
    "mkdir -p $(dirname F) && echo N >F",
    "mkdir -p $(dirname F) && echo N >F",
    "echo N >x.N",
    "rm -rf F",
    "rm -rf G && mkdir -p $(dirname G) && mv F G",
    "rm -rf F && mkdir -p F && echo N >F/x",
    "rm -rf F && mkdir -p $(dirname F) && ln -s G.N F",
    "test -f F && chmod 755 F",
    "test -f F && cat G >F",
    ": >F",
    "mkdir -p $(dirname F) && echo N >F && git add -A",
    "echo N >F && git add F && rm F",
    "git add -A && git commit -qm N",
    "git commit -qam N",
    "git rm -rqf F",
    "git mv -f F G",
    "echo N >F; git stash -q",
    "git stash pop -q || { git checkout -q --theirs . ; git add -A; }",
    "git gc -q --prune=now",
    "git tag N",
    "git reset -q",
    "git update-index --assume-unchanged F; echo N >F",
    "echo N >.env; echo N >>.gitignore",
];

/// Further actions, only where no test expects a particular branch.
const WILD: &[&str] = &[
    "git switch -q --detach",
    "git switch -qc bN",
    "git add -A; git commit -qm a; git switch -qc bN HEAD~; echo N >F; git add -A; git commit -qm b; git merge -q -; \
     true",
    "git add -A; git commit -qm a; git rebase -q HEAD~2; true",
    "git cherry-pick origin/main; true",
    "touch .git/index.lock .git/HEAD.lock",
    "rm -f .git/index",
    "git branch -f failover/claw2 HEAD~; true",
    "git reset -q --soft HEAD~",
    "git pack-refs --all",
];

/// Small pseudo-random number generator, the only source of randomness.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

struct Storm {
    crash: Crash,
    chance: Chance,
    number: usize,
    /// Every content that was ever written.
    written: BTreeSet<String>,
    happened: Vec<String>,
}

impl Storm {
    fn repos(&self) -> &Repositories {
        &self.crash.repos
    }

    fn folder(&self, is_primary: bool) -> PathBuf {
        self.repos().at(if is_primary { "primary" } else { "workspace" })
    }

    /// Runs a random action, which may fail.
    fn act(&mut self) {
        let is_primary = self.chance.below(2) == 0;
        let wild = !is_primary && self.chance.below(4) == 0;
        let deed = self.chance.of(if wild { WILD } else { DEEDS });
        self.number += 1;
        let mut file = || format!("d{}/{}.md", self.chance.below(3), self.chance.below(4));
        let deed = deed.replace('F', &file()).replace('G', &file()).replace('N', &format!("n{}", self.number));
        self.happened.push(format!("{}: {deed}", if is_primary { "primary" } else { "standby" }));
        run(&self.folder(is_primary), &format!("({deed}) >/dev/null 2>&1 || true"));
    }

    /// Pushes a file from another host.
    fn push_from_elsewhere(&mut self) {
        self.number += 1;
        let n = self.number;
        self.happened.push(format!("laptop: {n}"));
        run(
            self.repos().dir.path(),
            &format!(
                "test -d laptop || git clone -q remote.git laptop; cd laptop; git pull -q; echo l{n} >l{n}.md; git add \
                 -A; git commit -qm l; git push -q"
            ),
        );
    }

    fn sync(&mut self) {
        let task = self.chance.of(&["pull", "push", "primary"]);
        let how = self.chance.of(&["before", "after", "during", "alone", "later", "never", "never"]);
        let at = if how == "never" { 1000 } else { self.chance.below(30) };
        let delay = self.chance.of(&["0.001", "0.003", "0.01"]);
        self.happened.push(format!("{task} {how} {at} {delay}"));
        let folder = self.folder(task == "primary");
        let before = contents(&folder);
        self.written.extend(before.iter().cloned());
        self.crash.run(task, &at.to_string(), (how, delay));
        self.wait(if task == "primary" { "state-primary/lock" } else { "state/lock" });
        self.check(&folder, &before);
    }

    /// Waits for a git that outlived its killed sync and holds its lock.
    fn wait(&self, lock: &str) {
        let lock = OpenOptions::new().append(true).create(true).open(self.repos().at(lock)).unwrap();
        lock.lock().unwrap();
    }

    fn check(&self, folder: &Path, before: &BTreeSet<String>) {
        let lost: Vec<_> = before.difference(&contents(folder)).cloned().collect();
        assert!(
            lost.is_empty(),
            "lost {lost:?} in {}\n{}",
            self.repos().dir.path().display(),
            self.happened.join("\n")
        );
    }

    /// Checks the commits that syncs made, other than merges.
    fn check_commits(&self, folder: &Path) {
        let committed = run(
            folder,
            "git log --all --no-merges --author=openclaw-failover --format= --raw --no-abbrev --no-renames --root | \
             awk '$2 ~ /^100/ { print $4 }' | sort -u",
        );
        let invented: Vec<_> =
            committed.lines().filter(|blob| !blob.starts_with("0000") && !self.written.contains(*blob)).collect();
        assert!(invented.is_empty(), "invented {invented:?} in {}\n{}", folder.display(), self.happened.join("\n"));
    }

    /// Runs undisturbed syncs until both hosts are equal.
    fn calm_down(&mut self) {
        let (primary, standby) = (self.folder(true), self.folder(false));
        run(&primary, "rm -f .git/index.lock; if git ls-files -u | grep -q .; then git add -A; fi");
        for folder in [&primary, &standby] {
            self.written.extend(contents(folder));
        }
        let mut ended = Vec::new();
        for _ in 0..4 {
            let before = [contents(&primary), contents(&standby)];
            ended = vec![
                format!("{:?}", self.repos().push()),
                format!("{:?}", self.repos().push_primary()),
                format!("{:?}", self.repos().pull()),
            ];
            self.check(&primary, &before[0]);
            self.check(&standby, &before[1]);
        }
        self.check_commits(&primary);
        self.check_commits(&standby);
        let trees = [&primary, &standby].map(|folder| run(folder, "git rev-parse HEAD^{tree}"));
        assert_eq!(trees[0], trees[1], "{}\n{}", ended.join("\n"), self.happened.join("\n"));
        for folder in [&primary, &standby] {
            let left = "find .git -path '*/objects' -prune -o -name '*.lock' -print; git for-each-ref \
                refs/openclaw-failover/applying";
            assert_eq!(run(folder, left), "", "{}", self.happened.join("\n"));
        }
    }
}

/// Runs the storm of a seed.
fn storm(seed: u64) {
    let mut storm = Storm {
        crash: Crash::new(12),
        chance: Chance(seed),
        number: 0,
        written: BTreeSet::new(),
        happened: vec![format!("seed {seed}")],
    };
    for _ in 0..STEPS {
        match storm.chance.below(10) {
            0..5 => storm.act(),
            5 => storm.push_from_elsewhere(),
            _ => storm.sync(),
        }
    }
    storm.calm_down();
}

#[test]
fn a_storm_loses_nothing_and_invents_nothing() {
    let seeds: Vec<u64> = match std::env::var("STORM") {
        Ok(seeds) => seeds.split(' ').map(|seed| seed.parse().unwrap()).collect(),
        Err(_) => vec![1, 2],
    };
    for seed in seeds {
        storm(seed);
    }
}
