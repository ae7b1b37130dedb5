//! Hostile agent on a host that root sets up and checks: root runs none of the agent's programs, writes nothing at its
//! links, reveals no secrets, and never hangs.

use std::time::{Duration, Instant};

use crate::host::{Host, shell_quote};
use crate::hostile::{GIT_CONFIG, LIST_OTHER_FILES, PAYLOAD, changed_lines, check_only_agent_ran_it, read_proofs};
use crate::lab::Lab;
use crate::setup::{SETUP_COMMAND, authorise_key};
use crate::shell::{CommandResult, print_measurement, secs};

/// File that may change if the agent has OpenClaw elsewhere: the drop-in of the gateway, which runs as the agent.
const CHANGEABLE_FILE: &str = "/etc/systemd/system/openclaw.service.d/openclaw.conf";

/// Script that puts a program that reports its user wherever programs are looked up, and in shell startup files.
const PROGRAMS: &str = r#"
    for folder in .local/bin bin .npm-global/bin .openclaw/bin .nvm/versions/node/v99.0.0/bin; do
        mkdir -p $folder
        for name in openclaw node npm git ssh ssh-keygen rsync env sh bash setpriv setsid systemctl sqlite3 sudo df; do
            printf '#!/bin/sh\n%s/payload %s </dev/null\n' "$HOME" "$name" > $folder/$name; chmod +x $folder/$name
        done
        printf 'case $1 in --version) echo OpenClaw 2026.9.6;; *) echo "{\\"valid\\":true}";; esac\n' \
            >> $folder/openclaw
        printf 'echo v24.21.0\n' >> $folder/node
    done
    for file in .bashrc .bash_profile .profile .bash_login .bash_logout .zshenv .zshrc .xprofile .ssh/rc; do
        mkdir -p .ssh
        printf '~/payload %s </dev/null\nexport PATH=~/.local/bin:~/bin:$PATH BASH_ENV=~/.bashrc\n' $file > $file
    done
    printf '[core]\n\tfsmonitor = %s/payload\n\tsshCommand = %s/payload\n\tpager = %s/payload\n' ~ ~ ~ > .gitconfig
    printf '[alias]\n\trev-parse = !%s/payload\n\tconfig = !%s/payload\n' ~ ~ >> .gitconfig
"#;

/// Traps where root might write, read or wait. Each with its time limit.
const TRAPS: [(&str, &str, Duration); 11] = [
    ("openclaw.json is /etc/shadow", "ln -sf /etc/shadow .openclaw/openclaw.json", QUICK_LIMIT),
    ("openclaw.json is a pipe", "rm .openclaw/openclaw.json; mkfifo .openclaw/openclaw.json", QUICK_LIMIT),
    ("openclaw.json is huge", "truncate -s 8G .openclaw/openclaw.json", QUICK_LIMIT),
    ("the folder of OpenClaw is root's", "mv .openclaw aside; ln -s /root .openclaw", QUICK_LIMIT),
    ("the workspace is root's", "mv .openclaw/workspace aside; ln -s /etc .openclaw/workspace", QUICK_LIMIT),
    ("the folder of ssh is root's", "mv .ssh aside; ln -s /root/.ssh .ssh", QUICK_LIMIT),
    (
        "the files of ssh are root's",
        "cd .ssh; ln -sf /root/.ssh/authorized_keys; ln -sf /etc/hosts known_hosts; ln -sf /etc/shadow id_ed25519.pub; \
         ln -sf /root/.ssh/id id_ed25519; ln -s /etc/shadow authorized_keys.new",
        QUICK_LIMIT,
    ),
    (
        "the user's units are the system's",
        "mkdir -p .config/systemd; ln -s /etc/systemd/system .config/systemd/user",
        QUICK_LIMIT,
    ),
    (
        "the user's gateways are no files",
        "mkdir -p .config/systemd/user; cd .config/systemd/user; ln -s /etc/shadow openclaw-gateway.service; \
         mkdir openclaw-gateway-a.service; mkfifo openclaw-gateway-b.service; touch $'openclaw-gateway-\nc.service'",
        QUICK_LIMIT,
    ),
    (
        "reports are none",
        "cd /var/lib/openclaw-sync; rm -f pull.json push.json; mkfifo pull.json; ln -s /etc/shadow push.json",
        QUICK_LIMIT,
    ),
    ("a shell of its never begins", "echo 'exec sleep 1000' > .bash_profile", secs(90)),
];

/// Time limit as without the agent.
const QUICK_LIMIT: Duration = secs(40);

#[test]
fn root_is_led_nowhere() {
    let (lab, _stub) = Lab::with_bare_standby_and_stub();
    let host = &lab.standby;
    host.run(
        "useradd --create-home --shell /bin/bash openclaw; install -d -m 700 /root/.ssh; \
         ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id; cp /root/.ssh/id.pub /root/.ssh/authorized_keys",
    );
    host.run_as_openclaw(&format!("printf %s {} > payload; chmod +x payload; {PROGRAMS}", shell_quote(PAYLOAD)));

    let first = run_setup(host);
    assert!(first.text.contains("workspace, failed: cannot fetch"), "only the git host refuses: {}", first.text);
    authorise_key(&lab);
    let second = run_setup(host);
    assert!(second.ok, "{}", second.text);
    run_doctor(host);
    assert!(
        read_proofs(host).contains("openclaw by .bash_profile"),
        "the agent runs its program: {}",
        read_proofs(host)
    );
    check_unharmed(host, "its programs are everywhere");
    root_reads_nothing_of_the_agents(host);

    host.run("tar -C /home -cf /root/home.tar openclaw; cp -a /var/lib/openclaw-sync /root/reports");
    let before = host.run(LIST_OTHER_FILES);
    let git = format!("cd .openclaw/workspace; cp ~/payload .git/; mkdir -p .git/info; {GIT_CONFIG}");
    for (what, trick, limit) in
        TRAPS.into_iter().chain([("the workspace's git runs programs", git.as_str(), QUICK_LIMIT)])
    {
        host.run_as_openclaw(trick);
        check_trap(host, what, limit, &before);
        host.run(
            "rm -r /home/openclaw /var/lib/openclaw-sync; tar -C /home -xf /root/home.tar; \
             cp -a /root/reports /var/lib/openclaw-sync",
        );
    }
}

/// Runs setup and doctor again as root and checks that nothing outside the agent's files changed since `before`.
fn check_trap(host: &Host, what: &str, limit: Duration, before: &str) {
    let start = Instant::now();
    let again = run_setup(host);
    let took = start.elapsed();
    let looked = run_doctor(host);
    let end = if again.ok { "ended" } else { "stopped" };
    print_measurement(&format!("{what}: setup {end} in {took:.1?}, doctor in {looked:.1?}"));
    assert!(took < limit && looked < limit, "{what}: {took:?} and {looked:?}");
    assert!(!again.text.contains("root:"), "{what}: {}", again.text);
    check_unharmed(host, what);
    let others: Vec<_> =
        changed_lines(host, before).into_iter().filter(|line| !line.contains(CHANGEABLE_FILE)).collect();
    assert!(others.is_empty(), "{what}: {others:#?}");
}

fn run_setup(host: &Host) -> CommandResult {
    host.run_unchecked(&format!("timeout 500 {SETUP_COMMAND} --yes"))
}

/// Runs doctor as root in the directory of the agent's programs, and returns its duration.
fn run_doctor(host: &Host) -> Duration {
    let start = Instant::now();
    let said = host
        .run_unchecked("cd /home/openclaw/.local/bin 2>/dev/null || cd /; timeout 500 openclaw-failover doctor --json");
    assert!(said.text.contains("\"checks\""), "doctor ends: {}", said.text);
    assert!(!said.text.contains("root:"), "doctor reveals a secret: {}", said.text);
    start.elapsed()
}

/// Checks that only the agent ran its programs, and that it owns everything in its home.
fn check_unharmed(host: &Host, what: &str) {
    check_only_agent_ran_it(host);
    let foreign = host.run("find /home/openclaw /var/lib/openclaw-sync ! -user openclaw -printf '%p %u\\n'");
    assert_eq!(foreign, "", "{what}: root wrote in the agent's directories");
}

/// Checks that root refuses to read files from the agent's home.
fn root_reads_nothing_of_the_agents(host: &Host) {
    host.run_as_openclaw("cp /etc/openclaw-failover/config.json .; echo key > known_hosts; ln -s /etc/shadow token");
    for command in [
        "setup standby --dry-run --config /home/openclaw/config.json",
        "setup standby --yes --config /home/openclaw/config.json",
        "doctor --primary-config /home/openclaw/config.json",
    ] {
        let said = host.run_unchecked(&format!("/root/openclaw-failover {command}"));
        assert!(!said.ok && said.text.contains("root reads"), "{command}: {}", said.text);
    }
    host.run_as_openclaw("rm config.json known_hosts token");
}
