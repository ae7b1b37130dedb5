//! Checker of acknowledged writes: once a write has returned, its bytes are found afterwards, whatever a sync did.
//!
//! Both roles check out commits while processes write to the files in every way there is, with the gateway down, up and
//! started during the checkout, and with syncs killed in between. Each record of an acknowledged write is then searched
//! in the work tree, which holds every file that a report names, and in the objects of all refs.
//!
//! `ACKNOWLEDGED_FILES=600` sets the number of files for each writer, and `ACKNOWLEDGED_SEED` the seed for the times of
//! the kills.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use crate::repositories::{LONG, Repositories, has_perl, run};

/// Default number of files for each writer.
const FILES: usize = 40;

/// Checkouts in each scenario. Of every three syncs, the second is killed during its checkout.
const ROUNDS: usize = 3;

/// Time that writers continue after the end of a sync.
const AFTERWARDS: Duration = Duration::from_millis(30);

/// Lines of 64 bytes in a memory-mapped file: 20 for each round.
const SLOTS: usize = 20 * ROUNDS;

/// Python process that maps files, and writes records after the sentinel was replaced and once more on request.
const MAPPER: &str = r#"
import mmap, os, sys, time
folder, sentinel, stop, files, base, slot = *sys.argv[1:4], *map(int, sys.argv[4:])
maps = []
for n in range(files):
    with open(f"{folder}/{n}.md", "r+b") as file: maps.append(mmap.mmap(file.fileno(), 0))
first = os.stat(sentinel).st_ino
print("ready", flush=True)
def write(n, slot, number):
    text = f"ack mmap {number}.".encode()
    maps[n][9 + slot * 64:9 + slot * 64 + len(text)] = text
    print(text.decode())
def replaced():
    try: return os.stat(sentinel).st_ino != first
    except FileNotFoundError: return True
while not replaced() and not os.path.exists(stop): time.sleep(0.0002)
k = 0
while not os.path.exists(stop) and k < files * 19:
    write(k * 7 % files, slot + k // files, base + k)
    k += 1
    time.sleep(0.0002)
sys.stdin.readline()
for n in range(files): write(n, slot + 19, base + k + n)
"#;

/// Number of records, and the acknowledged records, by writer.
#[derive(Default)]
struct Records {
    next: AtomicUsize,
    acknowledged: Mutex<BTreeMap<&'static str, BTreeSet<String>>>,
}

impl Records {
    fn take_number(&self, writer: &str) -> String {
        format!("ack {writer} {}.", self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Notes a record whose write has returned without an error.
    fn acknowledge(&self, writer: &'static str, record: String) {
        self.acknowledged.lock().unwrap().entry(writer).or_default().insert(record);
    }

    /// Writes one record.
    fn write(&self, writer: &'static str, write: impl FnOnce(&str) -> io::Result<()>) {
        let record = self.take_number(writer);
        if write(&format!("{record}\n")).is_ok() {
            self.acknowledge(writer, record);
        }
    }
}

/// Gateway of this host during a checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gateway {
    Down,
    Up,
    StartedInTheMiddle,
}

/// One repository, a sync, and all writers.
struct Scenario {
    repos: Repositories,
    name: &'static str,
    /// Task of the syncing process.
    task: &'static str,
    checkout: PathBuf,
    gateway: Gateway,
    files: usize,
    records: Records,
    /// Descriptors opened before an earlier checkout.
    held: Vec<File>,
    chance: u64,
    moves: usize,
}

impl Scenario {
    fn new(name: &'static str, task: &'static str, gateway: Gateway) -> Self {
        let number = |name: &str, usual: usize| env::var(name).map_or(usual, |value| value.parse().unwrap());
        let files = number("ACKNOWLEDGED_FILES", FILES);
        let repos = Repositories::new();
        let lines = "1 2 3 4 5 6 7 8";
        repos.primary(&format!(
            "mkdir -p w/append w/rename w/rewrite w/open w/mmap
             echo head 000 >a.md; text=$(printf 'head 000\\n'; printf '%s\\n' {lines})
             map=$(printf 'head 000\\n'; for n in $(seq {SLOTS}); do printf '%063d\\n' $n; done)
             for n in $(seq 0 {}); do
                 for d in append rename rewrite open; do echo \"$text\" >w/$d/$n.md; done; echo \"$map\" >w/mmap/$n.md
             done; git add -A; git commit -qm many; git push -q origin main",
            files - 1
        ));
        repos.pull();
        let checkout = if task == "primary" { repos.at("primary") } else { repos.workspace.path.clone() };
        let chance = number("ACKNOWLEDGED_SEED", 1) as u64;
        Self {
            repos,
            name,
            task,
            checkout,
            gateway,
            files,
            records: Records::default(),
            held: Vec::new(),
            chance,
            moves: 0,
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % end
    }

    /// Changes every file and adds some on the other host.
    fn change_elsewhere(&self, round: usize) {
        let edit = format!(
            "sed -i '1s/.*/head 00{round}/' a.md w/*/*.md; mkdir -p w/create
             for n in $(seq 0 {}); do seq 9 >w/create/{round}-$n.md; done",
            self.files - 1
        );
        if self.task == "primary" {
            self.repos.pull();
            self.repos.standby(&edit);
            let pushed = self.repos.push();
            assert!(pushed.is_complete(), "{pushed:?}");
        } else {
            self.repos.push();
            self.repos.push_primary();
            self.repos.primary(&format!("{edit}; git add -A; git commit -qm {round}; git push -q origin main"));
        }
    }

    fn sync(&self, boot: &str) -> Child {
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "crashes::a_sync_that_may_be_killed", "--test-threads=1"])
            .env("CRASH_TEST_TASK", self.task)
            .env("CRASH_TEST_DIR", self.repos.dir.path())
            .env("OPENCLAW_SYNC_BOOT", boot)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs one checkout with all writers from its first file on. A killed sync is run again undisturbed.
    fn round(&mut self, round: usize) {
        self.change_elsewhere(round);
        let (is_killed, delay) = (round % 3 == 2, Duration::from_micros(self.below(20_000)));
        let gateway = self.repos.at("gateway");
        let _ = fs::remove_file(&gateway);
        if self.gateway == Gateway::Up {
            fs::write(&gateway, "").unwrap();
        }
        let sentinel = self.checkout.join("a.md");
        let first = fs::metadata(&sentinel).unwrap().ino();
        let is_replaced = || fs::metadata(&sentinel).map_or(true, |found| found.ino() != first);
        let open = |n| OpenOptions::new().append(true).open(self.checkout.join(format!("w/open/{n}.md"))).unwrap();
        let fresh: Vec<File> = (0..self.files).map(open).collect();
        let (go, stop) = (AtomicBool::new(false), AtomicBool::new(false));
        let stop_file = self.repos.at("stop");
        let _ = fs::remove_file(&stop_file);
        let mut mapper = self.mapper(round, &stop_file);
        let mut sync = self.sync("boot1");
        thread::scope(|scope| {
            let (this, go, stop, fresh) = (&*self, &go, &stop, &fresh);
            let when_replaced = move |write: &dyn Fn(usize)| {
                while !go.load(Ordering::Acquire) && !stop.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_micros(100));
                }
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    write(n);
                    thread::sleep(Duration::from_micros(200));
                }
            };
            scope.spawn(move || when_replaced(&|n| this.append(n)));
            scope.spawn(move || when_replaced(&|n| this.rename(n)));
            scope.spawn(move || when_replaced(&|n| this.rewrite(n)));
            scope.spawn(move || when_replaced(&|n| this.create(round, n)));
            scope.spawn(move || when_replaced(&|n| this.write_open(fresh, n)));
            let asked = Instant::now();
            let mut ended = false;
            while !is_replaced() && !ended {
                assert!(asked.elapsed() < LONG, "{}: the sync hangs", self.name);
                ended = sync.try_wait().unwrap().is_some();
                thread::sleep(Duration::from_micros(100));
            }
            go.store(true, Ordering::Release);
            if self.gateway == Gateway::StartedInTheMiddle {
                fs::write(&gateway, "").unwrap();
            }
            if is_killed && !ended {
                thread::sleep(delay);
                sync.kill().unwrap();
            }
            sync.wait().unwrap();
            thread::sleep(AFTERWARDS);
            stop.store(true, Ordering::Relaxed);
            fs::write(&stop_file, "").unwrap();
        });
        if is_replaced() {
            self.moves += 1;
        }
        if is_killed {
            assert!(self.sync("boot1").wait().unwrap().success());
        }
        // Files that are still open are written to once more, long after the checkout.
        for file in fresh.iter().chain(&self.held) {
            self.records.write("open", |record| (&*file).write_all(record.as_bytes()));
        }
        if let Some(child) = &mut mapper {
            self.finish_mapper(child);
        }
        self.held = fresh;
    }

    fn path(&self, folder: &str, n: usize) -> PathBuf {
        self.checkout.join(format!("w/{folder}/{}.md", n * 7 % self.files))
    }

    fn append(&self, n: usize) {
        let n = self.files * 8 - 1 - n % self.files;
        let path = self.checkout.join(format!("w/append/{}.md", n % self.files));
        self.records
            .write("append", |record| OpenOptions::new().append(true).open(&path)?.write_all(record.as_bytes()));
    }

    fn rename(&self, n: usize) {
        let (path, beside) = (self.path("rename", n), self.repos.at("beside"));
        self.records.write("rename", |record| {
            let mut all = fs::read(&path)?;
            all.extend_from_slice(record.as_bytes());
            fs::write(&beside, all)?;
            fs::rename(&beside, &path)
        });
    }

    fn rewrite(&self, n: usize) {
        let path = self.path("rewrite", n);
        self.records.write("rewrite", |record| {
            let mut all = fs::read(&path)?;
            all.extend_from_slice(record.as_bytes());
            OpenOptions::new().write(true).truncate(true).open(&path)?.write_all(&all)
        });
    }

    /// Creates a file at a path of the checkout, and writes to it a little later.
    fn create(&self, round: usize, n: usize) {
        let Some(n) = self.files.checked_sub(n + 1) else { return };
        let path = self.checkout.join(format!("w/create/{round}-{n}.md"));
        self.records.write("create", |record| {
            fs::create_dir_all(self.checkout.join("w/create"))?;
            let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
            thread::sleep(Duration::from_millis(2));
            file.write_all(record.as_bytes())
        });
    }

    fn write_open(&self, fresh: &[File], n: usize) {
        let file = &fresh[n * 7 % fresh.len()];
        self.records.write("open", |record| (&*file).write_all(record.as_bytes()));
        if let Some(file) = self.held.get(n * 7 % fresh.len()) {
            self.records.write("open", |record| (&*file).write_all(record.as_bytes()));
        }
    }

    /// Starts the process that maps files; `None` without Python.
    fn mapper(&self, round: usize, stop: &Path) -> Option<Child> {
        let base = self.records.next.fetch_add(self.files * SLOTS, Ordering::Relaxed);
        let said = self.repos.at("mapped");
        let child = Command::new("python3")
            .args(["-c", MAPPER])
            .args([self.checkout.join("w/mmap"), self.checkout.join("a.md"), stop.to_owned()])
            .args([self.files, base, (round - 1) * 20].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(File::create(&said).unwrap())
            .spawn();
        let Ok(child) = child else {
            println!("SKIPPED: writes to mapped memory, which need python3");
            return None;
        };
        let asked = Instant::now();
        while fs::metadata(&said).unwrap().len() == 0 {
            assert!(asked.elapsed() < LONG);
            thread::sleep(Duration::from_millis(1));
        }
        Some(child)
    }

    /// Requests one more write of the mapper, and reads what it acknowledged.
    fn finish_mapper(&self, child: &mut Child) {
        child.stdin.take().unwrap().write_all(b"late\n").unwrap();
        assert!(child.wait().unwrap().success());
        for line in fs::read_to_string(self.repos.at("mapped")).unwrap().lines().skip(1) {
            self.records.acknowledge("mmap", line.to_owned());
        }
    }

    /// Returns every record that still exists.
    fn found(&self) -> BTreeSet<String> {
        let all = "{ git rev-list --objects --all | cut -d' ' -f1 | git cat-file --batch-check | grep ' blob ' | \
                   cut -d' ' -f1 | git cat-file --batch; find . -path ./.git -prune -o -type f -exec cat '{}' +; } | \
                   grep -ao 'ack [a-z]* [0-9]*[.]' | sort -u || true";
        run(&self.checkout, all).lines().map(str::to_owned).collect()
    }

    /// Counts the lost records, and prints them by writer.
    fn report(&self, when: &str) -> usize {
        let found = self.found();
        let mut lost_in_all = 0;
        for (writer, records) in &*self.records.acknowledged.lock().unwrap() {
            let lost: Vec<&String> = records.iter().filter(|record| !found.contains(*record)).collect();
            lost_in_all += lost.len();
            let rate = lost.len() as f64 * 1000.0 / records.len() as f64;
            println!(
                "{} {:?}, {when}: {writer:>7}: {} of {} lost, {rate:.1} in a thousand {:?}",
                self.name,
                self.gateway,
                lost.len(),
                records.len(),
                lost.first()
            );
        }
        lost_in_all
    }

    fn check(mut self) {
        for round in 1..=ROUNDS {
            self.round(round);
        }
        let lost = if has_perl() { self.report("at once") } else { 0 };
        self.held.clear();
        let _ = fs::remove_file(self.repos.at("gateway"));
        // Runs under the next boot remove files that no process has open.
        for boot in ["boot1", "boot2", "boot2"] {
            assert!(self.sync(boot).wait().unwrap().success());
        }
        let later = self.report("at the next boot");
        let left = "find .git/openclaw-failover -type f -path '*/replaced/*' | wc -l";
        let is_moved = self.moves > 0 || self.gateway == Gateway::Up;
        assert!(is_moved, "{}: nothing was moved, so nothing was shown", self.name);
        assert_eq!((lost, later), (0, 0), "{}: acknowledged writes are lost", self.name);
        assert_eq!(run(&self.checkout, left), "0", "{}: files pile up", self.name);
    }
}

#[test]
fn loses_no_acknowledged_write_on_a_standby_whose_gateway_is_down() {
    Scenario::new("standby", "pull", Gateway::Down).check();
}

#[test]
fn loses_no_acknowledged_write_when_the_gateway_starts_in_the_middle_of_a_move() {
    Scenario::new("standby", "pull", Gateway::StartedInTheMiddle).check();
}

#[test]
fn loses_no_acknowledged_write_on_a_standby_whose_gateway_is_up() {
    Scenario::new("standby", "pull", Gateway::Up).check();
}

#[test]
fn loses_no_acknowledged_write_on_a_primary() {
    Scenario::new("primary", "primary", Gateway::Up).check();
}
