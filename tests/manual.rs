//! Completions and the manual page: they match the help texts, and the shells and `man` accept them.

#![allow(clippy::unwrap_used, clippy::panic)] // A panic is a failed test.

#[path = "support/needs.rs"]
mod needs;

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use needs::require;

const BINARY: &str = env!("CARGO_BIN_EXE_openclaw-failover");

fn run_program(args: &[&str]) -> String {
    let output = Command::new(BINARY).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Lists all commands, from the help text.
fn list_commands() -> Vec<String> {
    let help = run_program(&["--help"]);
    let list = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let mut names: Vec<_> = list.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect();
    names.dedup();
    names
}

/// Lists all options of a command, long and short, from its help text.
fn list_options(command: &str) -> Vec<String> {
    let help = run_program(&[command, "--help"]);
    let heads = help.lines().filter_map(|line| line.strip_prefix("  -"));
    let heads = heads.map(|rest| format!("-{}", rest.split("  ").next().unwrap()));
    heads
        .flat_map(|head| head.split(", ").map(|name| name.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>())
        .collect()
}

/// Runs a program with this standard input.
fn run_with_input(program: &str, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("LC_ALL", "C.UTF-8")
        .env("MANWIDTH", "80")
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn stdout_text(output: &Output) -> String {
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_real_bash_completes_every_command_and_every_option() {
    require!("bash");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("completion");
    fs::write(&script, run_program(&["completions", "bash"])).unwrap();
    fs::write(folder.path().join("config file.json"), "").unwrap();
    let complete = |words: &[&str]| -> Vec<String> {
        let mut args = vec![
            "--norc",
            "-euc",
            "cd \"$1\"; source \"$2\"; shift 2; COMP_WORDS=(openclaw-failover \"$@\"); COMP_CWORD=$#; COMPREPLY=()\n\
             _openclaw_failover || true; ((${#COMPREPLY[@]})) && printf '%s\\n' \"${COMPREPLY[@]}\"; exit 0",
            "bash",
            folder.path().to_str().unwrap(),
            script.to_str().unwrap(),
        ];
        args.extend(words);
        stdout_text(&run_with_input("bash", &args, "")).lines().map(str::to_owned).collect()
    };
    let all = complete(&[""]);
    for name in list_commands() {
        assert!(all.contains(&name), "{name} is not in {all:?}");
        let offered = complete(&[&name, "-"]);
        for option in list_options(&name) {
            assert!(offered.contains(&option), "{name} {option} is not in {offered:?}");
        }
    }
    assert_eq!(complete(&["pau"]), ["pause"]);
    assert_eq!(complete(&["sync", "p"]), ["pull", "push"]);
    assert_eq!(complete(&["completions", "z"]), ["zsh"]);
    assert_eq!(complete(&["config", "--check", "conf"]), ["config file.json"]);
    assert_eq!(complete(&["replay", "conf"]), ["config file.json"]);
    assert_eq!(complete(&["pause", "--for", ""]), [""; 0]);
    assert_eq!(complete(&["nonsense", ""]), [""; 0]);
}

#[test]
fn every_option_is_in_the_completions_of_the_others() {
    let (zsh, fish) = (run_program(&["completions", "zsh"]), run_program(&["completions", "fish"]));
    for name in list_commands() {
        let in_zsh = zsh.lines().find(|line| line.starts_with(&format!("    '{name}') "))).unwrap();
        let marker = format!("-n '__fish_seen_subcommand_from {name}' ");
        let in_fish: Vec<_> = fish.lines().filter(|line| line.contains(&marker)).collect();
        for option in list_options(&name) {
            assert!(in_zsh.contains(&format!(" '{option}[")), "{name} {option} is not in {in_zsh}");
            let word = match option.strip_prefix("--") {
                Some(long) => format!(" -l {long} "),
                None => format!(" -s {} ", option.trim_start_matches('-')),
            };
            assert!(in_fish.iter().any(|line| line.contains(&word)), "{name} {option} is not in {in_fish:#?}");
        }
    }
}

#[test]
fn a_real_fish_completes() {
    require!("fish");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("completion.fish");
    fs::write(&script, run_program(&["completions", "fish"])).unwrap();
    let complete = |line: &str| {
        let source = format!("source {}; complete -C '{line}'", script.display());
        let output = run_with_input("fish", &["--no-config", "-c", &source], "");
        stdout_text(&output).lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = complete("openclaw-failover ");
    for name in list_commands() {
        assert!(all.contains(&name), "{name} is not in {all:?}");
        let offered = complete(&format!("openclaw-failover {name} --"));
        for option in list_options(&name).iter().filter(|option| option.starts_with("--")) {
            assert!(offered.contains(option), "{name} {option} is not in {offered:?}");
        }
    }
    assert_eq!(complete("openclaw-failover sync p"), ["pull", "push"]);
}

/// Script that types into a zsh on a terminal and prints the command line that zsh would run.
const ZSH_SCRIPT: &str = r#"
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; autoload -U compinit; compinit -D -u; source '$1'; \
openclaw-failover() print -r -- 'RAN' \$* END; print READY"
zpty -r shell line $'*\nREADY*' || exit 1
zpty -w -n shell "$2"$'\t'$'\n'
zpty -r shell line '*RAN* END*' || exit 1
print -r -- "RAN${line##*RAN}"
zpty -d shell
"#;

#[test]
fn a_real_zsh_completes() {
    require!("zsh", "timeout");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("_openclaw-failover");
    fs::write(&script, run_program(&["completions", "zsh"])).unwrap();
    for (typed, ran) in [
        ("openclaw-failover pau", "RAN pause END"),
        ("openclaw-failover pause --fo", "RAN pause --for END"),
        ("openclaw-failover sync pul", "RAN sync pull END"),
        ("openclaw-failover setup standby --install-o", "RAN setup standby --install-openclaw END"),
    ] {
        let args = ["20", "zsh", "-f", "-c", ZSH_SCRIPT, "zsh", script.to_str().unwrap(), typed];
        let output = run_with_input("timeout", &args, "");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(ran), "{typed}: {said:?} {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_manual_page_has_every_option() {
    let page = run_program(&["man"]);
    for name in list_commands() {
        let section = page.split(&format!("\n.SS {name}\n")).nth(1).unwrap().split("\n.S").next().unwrap();
        for option in list_options(&name) {
            assert!(section.contains(&option.replace('-', "\\-")), "{name} {option} is not in {section}");
        }
    }
    assert!(page.is_ascii());
}

#[test]
fn no_formatter_has_anything_to_say_of_the_manual_page() {
    require!("groff", "man");
    let page = run_program(&["man"]);
    let formatted = stdout_text(&run_with_input("groff", &["-man", "-ww", "-Tutf8", "-P-cbou"], &page));
    assert!(formatted.contains("check [URL…]"), "what is not ASCII arrives");
    assert!(
        stdout_text(&run_with_input("man", &["--warnings", "-l", "-"], &page))
            .contains("openclaw-failover pause [OPTIONS]")
    );
}
