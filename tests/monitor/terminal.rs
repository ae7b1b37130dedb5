//! `status --watch` on a real terminal of 80 columns and 24 lines.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::address::unused_address;
use crate::needs::require;
use crate::{BINARY, WAIT_LIMIT, run_operator_command, send_signal, start_monitor, start_stub_gateway, wait_for_line};

const FOLDERS: [&str; 3] = ["STATE", "RUN", "SYNC"];

/// Terminal in tmux that runs `status --watch`.
struct Terminal<'a> {
    folder: &'a Path,
}

impl<'a> Terminal<'a> {
    fn open(folder: &'a Path) -> Self {
        let terminal = Self { folder };
        let watch = format!("exec {BINARY} status --watch");
        let opened = terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", &watch]);
        assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
        terminal
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.folder.join("tmux")).args(args).env_remove("TMUX").env_remove("NO_COLOR");
        for name in FOLDERS {
            command.env(format!("OPENCLAW_FAILOVER_{name}_DIR"), self.folder.join(name.to_lowercase()));
        }
        command.output().unwrap()
    }

    /// Returns the page; a wrapped line is one line here.
    fn read_page(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p", "-J"]).stdout).unwrap()
    }

    /// Waits until the page has this text and fits: no line is wrapped, and it begins at the top.
    fn wait_for_page(&self, words: &str) -> String {
        let began = Instant::now();
        loop {
            let page = self.read_page();
            // A page that is half drawn is read again.
            let wrong = if page.contains(words) { find_misfit(&page) } else { Some(format!("{words:?} is missing")) };
            let Some(wrong) = wrong else { return page };
            assert!(began.elapsed() < WAIT_LIMIT, "{wrong}:\n{page}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// Returns the problem with the page, if there is one.
fn find_misfit(page: &str) -> Option<String> {
    if let Some(line) = page.lines().find(|line| line.trim_end().chars().count() > 80) {
        return Some(format!("this line is wrapped: {line}"));
    }
    let first = page.lines().next().unwrap_or_default();
    if !first.starts_with("role ") && !first.starts_with("monitor not running") {
        return Some("it has scrolled".to_owned());
    }
    (!page.contains("\nmonitor    version")).then(|| "its last line is missing".to_owned())
}

#[test]
fn a_page_that_is_watched_fits_80_columns_and_is_drawn_in_place() {
    require!("tmux");
    let folder = tempfile::tempdir().unwrap();
    let primary = unused_address();
    let gateway = start_stub_gateway(primary);
    let name = "the-primary-in-my-parents-cellar";
    let config = format!(
        r#"{{ "upstreams": [{{ "name": "{name}", "urls": ["http://{primary}"] }}],
              "probe": {{ "interval": "1s", "retry_interval": "1s", "timeout": "1s" }},
              "promote": {{ "after": "1h", "witnesses": [] }} }}"#
    );
    fs::write(folder.path().join("config.json"), config).unwrap();
    let (mut monitor, lines) = start_monitor(folder.path());
    wait_for_line(&lines, "was seen healthy from here for the first time");

    let terminal = Terminal::open(folder.path());
    let page = terminal.wait_for_page("healthy for");
    assert!(page.contains("24 h       ____") && page.contains(". healthy, x failing"), "{page}");
    let coloured = terminal.tmux(&["capture-pane", "-p", "-e"]).stdout;
    assert!(coloured.contains(&0x1b), "a terminal is shown colours");

    assert_eq!(run_operator_command(folder.path(), &["pause", "--for", "10m"]).0, Some(0));
    let page = terminal.wait_for_page("hold       paused since");
    assert!(page.contains("ready      no: this host could not take over (hold"), "{page}");

    drop(gateway);
    terminal.wait_for_page("outage     [....................] down for");
    send_signal(&monitor, "TERM");
    assert!(monitor.0.wait().unwrap().success());
    let page = terminal.wait_for_page("monitor not running: last update");
    assert!(page.starts_with("monitor not running: "), "{page}");
}

#[test]
fn without_a_terminal_there_is_nothing_to_watch() {
    let output = Command::new(BINARY).args(["status", "--watch"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--watch needs a terminal"));
    let output = Command::new(BINARY).args(["status", "--watch", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
