//! Hostile agent, and hostile host of secrets: they harm only themselves, and the failover happens in time.

use crate::host::{Host, shell_quote};
use crate::lab::{GIT, Lab, MONITOR, PRIMARY};
use crate::outage::Outage;
use crate::repository::PULL_UNIT;
use crate::shell::{CommandResult, print_measurement, secs, wait_until};
use crate::stub::StubAnswer;

/// Script that lists, with content and owner, all files that must not change: those of neither the agent nor the suite.
pub(crate) const LIST_OTHER_FILES: &str = "\
    find /etc /root /usr/local /home -xdev ! -user openclaw -type f ! -name config.json \
     -exec sha256sum {} + | sort -k2; find /etc /root /usr/local /home /var/lib -xdev ! -user openclaw \
     ! -path '/var/lib/systemd*' \
     ! -path '/var/lib/openclaw-failover/*' -printf '%p %u %m %y %l\\n' | sort";

/// Program that records which user ran it, in every directory that the user can write.
pub(crate) const PAYLOAD: &str = r#"#!/bin/sh
for folder in /root /etc /tmp /dev/shm /var/lib/openclaw-failover /run/openclaw-failover /var/lib/openclaw-sync \
    /home/openclaw/.openclaw/workspace/.git; do
    { echo "$(id -un) by $1" >> "$folder/proof"; } 2> /dev/null
done
cat
"#;

/// Script for the settings that make git run a program.
pub(crate) const GIT_CONFIG: &str = r"
    cd .git; payload=$PWD/payload
    for way in fsmonitor sshCommand pager editor alternateRefsCommand askPass; do
        git config core.$way $payload' '$way
    done
    git config diff.external $payload' diff'; git config gpg.program $payload; git config commit.gpgSign true
    git config filter.evil.clean $payload' clean'; git config filter.evil.smudge $payload' smudge'
    git config merge.evil.driver $payload' merge'; git config credential.helper '!'$payload' credential'
    git config url.ext::$payload.insteadOf nowhere:
    printf '* filter=evil merge=evil diff=evil\n' > info/attributes
    mkdir -p hooks
    for hook in pre-commit post-commit reference-transaction post-checkout post-index-change pre-push post-merge; do
        printf '#!/bin/sh\nexec %s hook\n' $payload > hooks/$hook; chmod +x hooks/$hook
    done
    cp config ~/.gitconfig
    printf '[include]\n\tpath = %s\n' ~/.gitconfig >> config
";

/// Commands that an agent may use to replace a report; the report's name follows.
const REPORT_REPLACEMENTS: [&str; 6] = [
    "ln -s /etc/shadow",
    "mkfifo",
    "truncate --size=1G",
    "mkdir",
    "ln -s /var/lib/openclaw-failover/state.json",
    "printf '[%.0s' {1..15000} >",
];

/// Script that replaces the report all the time.
const SWAP_REPORTS: &str = "cd /var/lib/openclaw-sync; while :; do \
    rm -rf pull.json; mkfifo pull.json; sleep 0.05; rm -rf pull.json; ln -s /etc/shadow pull.json; sleep 0.05; done";

/// ssh configuration whose connections never end.
const SSH_CONFIG: &str =
    "Host *\nProxyCommand sh -c '/home/openclaw/.openclaw/workspace/.git/payload proxy < /dev/null; sleep 1000'\n";

#[test]
fn an_agent_harms_nobody_but_itself() {
    let (lab, stub) = Lab::with_stub();
    let host = &lab.standby;
    add_secrets(&lab, &format!("openclaw@{PRIMARY}:secrets/"));
    lab.primary.run_as_openclaw("mkdir secrets; echo A=1 > secrets/standby.env");
    run_sync(host, "pull");
    assert_eq!(read_secret(host, "standby.env").as_deref(), Some("A=1\n"), "the pull works before the attack");
    let monitor = host.unit(MONITOR);
    let before = host.run(LIST_OTHER_FILES);

    replace_reports(&lab);
    replace_directories(host);
    configure_git_programs(host);
    // Reports that change all the time, together with a pull that never ends.
    host.run_in_workspace(&format!("printf %s {} > ~/.ssh/config", shell_quote(SSH_CONFIG)));
    host.run(&format!("systemd-run --quiet --uid=openclaw --unit=swapper bash -c {}", shell_quote(SWAP_REPORTS)));
    let outage = Outage::begin(&lab, || stub.set_answer(StubAnswer::Error));
    outage.check_failover();
    outage.check_start_in_time();

    assert_eq!(host.unit(MONITOR), monitor, "the monitor was not restarted");
    check_nothing_else_changed(host, &before);
    let foreign = host.run("find /var/lib/openclaw-failover ! -user openclaw-failover -o ! -type f ! -type d");
    assert_eq!(foreign, "", "the monitor's folder has only its own files");
    check_only_agent_ran_it(host);
    assert!(read_proofs(host).contains("openclaw by proxy"), "a pull used the ssh configuration");
}

#[test]
fn a_host_of_secrets_harms_nobody() {
    let (lab, stub) = Lab::with_git_host();
    let host = &lab.standby;
    add_secrets(&lab, &format!("openclaw@{GIT}:secrets/"));
    lab.git().run_as_openclaw(CREATE_SECRETS);
    lab.git().run("cd /home/openclaw/secrets; mknod null c 1 3; mknod disk b 7 0; mkfifo pipe");
    let before = host.run(LIST_OTHER_FILES);
    run_sync(host, "pull");
    assert_eq!(read_secret(host, "standby.env").as_deref(), Some("A=1\n"), "a valid file arrives");
    assert_eq!(read_secret(host, "more/another.env").as_deref(), Some("B=2\n"));
    check_only_good_files(host);

    // A server that ignores the request, one that sends without end, and one that hangs.
    for rsync in
        ["exec /usr/bin/rsync --server --sender -vlogDtpre.iLsfxCIvu . /home/openclaw/secrets/", "exec cat /dev/zero"]
    {
        replace_rsync(lab.git(), rsync);
        run_sync(host, "pull");
        check_only_good_files(host);
    }
    replace_rsync(lab.git(), "exec sleep 1000");
    let outage = Outage::begin(&lab, || stub.set_answer(StubAnswer::Error));
    outage.check_failover();
    outage.check_start_in_time();
    check_only_good_files(host);
    assert_eq!(read_secret(host, "standby.env").as_deref(), Some("A=1\n"), "the last good copy is kept");
    check_nothing_else_changed(host, &before);
}

/// Script that creates two valid files and many hostile ones.
const CREATE_SECRETS: &str = "mkdir -p secrets/more; cd secrets; echo A=1 > standby.env; echo B=2 > more/another.env; \
    ln -s /etc/passwd absolute; ln -s ../../../../../etc/hostname upwards; ln -s more inside; ln -s / root; \
    truncate --size=10G large; printf evil > '-e sh evil'; printf evil > $'new\nline'; ln standby.env hard; \
    chmod u+s standby.env";

/// Checks that only small regular files arrived, owned by the agent and readable only by it.
fn check_only_good_files(host: &Host) {
    let odd = host.run(
        "cd /home/openclaw/.openclaw; find . /var/lib/openclaw-sync -name '*evil*' ! -path './secrets/-e sh evil'; \
         find secrets ! -type f ! -type d -o ! -user openclaw -o -type f -size +16M -o -type f ! -perm 600 \
         -o -type d ! -perm 700",
    );
    assert_eq!(odd, "", "only good files");
    assert!(
        host.run("du -s --block-size=1M /home/openclaw/.openclaw/secrets").starts_with("1\t"),
        "the copied files are too large"
    );
}

/// Replaces rsync on the host of secrets by a script.
fn replace_rsync(host: &Host, script: &str) {
    host.write("/usr/local/bin/rsync", &format!("#!/bin/sh\n{script}\n"));
    host.run("chmod +x /usr/local/bin/rsync");
}

/// Replaces reports by other files. A held lock keeps syncs from repairing them.
fn replace_reports(lab: &Lab) {
    let host = &lab.standby;
    host.run("systemd-run --quiet --uid=openclaw --unit=locker flock /var/lib/openclaw-sync/lock sleep infinity");
    let locked = || {
        !host.run_in_workspace_unchecked("flock --nonblock /var/lib/openclaw-sync/lock true").ok && !is_pulling(host)
    };
    wait_until("the lock keeps syncs from starting", secs(20), || locked().then_some(()));
    lab.add_to_config(r#""workspace": { "refresh": "2s" }"#);
    for make in REPORT_REPLACEMENTS {
        host.run_in_workspace(&format!(
            "cd /var/lib/openclaw-sync; for name in pull.json push.json; do rm -rf $name; {make} $name; done"
        ));
        for verb in ["pull", "push"] {
            let answer = try_sync(host, verb);
            assert!(!answer.ok && !answer.text.contains("root:"), "{make}: {}", answer.text);
        }
        // The monitor reads the report, too.
        let last = host.unit(PULL_UNIT).invocation;
        wait_until("the monitor pulls", secs(90), || (host.unit(PULL_UNIT).invocation != last).then_some(()));
        lab.monitor().wait_degraded("sync_failing", secs(20));
        assert!(
            !lab.monitor().degraded_conditions().contains("root:"),
            "{make}: {}",
            lab.monitor().degraded_conditions()
        );
    }
    lab.change_config(r#""refresh": "2s""#, r#""refresh": "1h""#);
    wait_until("the monitor's last pull ends", secs(20), || (!is_pulling(host)).then_some(()));
    host.run("systemctl stop locker; rm -rf /var/lib/openclaw-sync/*.json");
}

/// Replaces directories that a sync writes by links to directories of other users.
fn replace_directories(host: &Host) {
    for target in ["/etc", "/var/lib/openclaw-failover", "/root"] {
        for folder in ["secrets", "workspace", "workspace/.git", "state"] {
            let path = format!("/home/openclaw/.openclaw/{folder}");
            host.run_as_openclaw(&format!("rm -rf aside; mv {path} aside; ln -s {target} {path}"));
            let (pulled, pushed) = (run_sync(host, "pull"), run_sync(host, "push"));
            let is_workspace = folder.starts_with("workspace");
            assert_eq!(pulled.ok, folder == "state", "{folder} is {target}: {}", pulled.text);
            assert_eq!(pushed.ok, !is_workspace, "{folder} is {target}: {}", pushed.text);
            host.run_as_openclaw(&format!("rm {path}; mv aside {path}"));
        }
    }
    assert!(run_sync(host, "pull").ok, "the pull works again");
}

/// Configures programs that git runs; each records which user ran it.
fn configure_git_programs(host: &Host) {
    host.run_in_workspace(&format!(
        "printf %s {} > .git/payload; chmod +x .git/payload; {GIT_CONFIG}",
        shell_quote(PAYLOAD)
    ));
    host.run_in_workspace_unchecked("echo note > note.md; git add note.md; git commit -m note");
    assert!(read_proofs(host).contains("openclaw by fsmonitor"), "git runs the program: {}", read_proofs(host));
    host.run_in_workspace(
        "echo more >> note.md; rm -f /tmp/proof /dev/shm/proof /var/lib/openclaw-sync/proof .git/proof",
    );
    for verb in ["pull", "push"] {
        let answer = run_sync(host, verb);
        assert!(answer.ok, "the sync still works: {}", answer.text);
        host.run_unchecked(&format!(
            "cd /home/openclaw/.openclaw/workspace; timeout 60 \
             setpriv --reuid=openclaw-failover --regid=openclaw-failover --clear-groups openclaw-failover sync {verb}"
        ));
    }
    // A remote helper that the agent configured is refused.
    host.run_in_workspace("git config remote.origin.vcs ext");
    assert!(!run_sync(host, "pull").ok);
    host.run_in_workspace("git config --unset remote.origin.vcs");
    host.run_unchecked("cd /home/openclaw/.openclaw/workspace; openclaw-failover status; openclaw-failover history");
    print_measurement(&format!("the sync's own git has run, as openclaw: {}", read_proofs(host).replace('\n', ", ")));
    check_only_agent_ran_it(host);
}

/// Returns the lines of [`LIST_OTHER_FILES`] that were added or removed.
pub(crate) fn changed_lines(host: &Host, before: &str) -> Vec<String> {
    let after = host.run(LIST_OTHER_FILES);
    let lacks = |all: &str, line: &str| all.lines().all(|other| other != line);
    let gone = before.lines().filter(|line| lacks(&after, line));
    gone.chain(after.lines().filter(|line| lacks(before, line))).map(str::to_owned).collect()
}

fn check_nothing_else_changed(host: &Host, before: &str) {
    assert_eq!(changed_lines(host, before), [""; 0], "files of other users have changed");
}

/// Checks that only the agent's user ran the programs; another user would have left a record.
pub(crate) fn check_only_agent_ran_it(host: &Host) {
    let proofs = read_proofs(host);
    assert!(proofs.lines().all(|line| line.starts_with("openclaw by ")), "{proofs}");
}

pub(crate) fn read_proofs(host: &Host) -> String {
    host.run("find / /tmp /dev/shm /run -xdev -name proof -type f -exec cat {} + | sort -u")
}

/// Runs a sync as an operator does. Waits for a running one first: the command would join it, and that one has read the
/// configuration of before. Repeats it while a sync of the monitor runs, because then it writes no report.
fn run_sync(host: &Host, verb: &str) -> CommandResult {
    let runs = || host.unit(&format!("openclaw-sync-{verb}.service")).active == "activating";
    wait_until("the running sync has ended", secs(60), || (!runs()).then_some(()));
    let done = || Some(try_sync(host, verb)).filter(|answer| !answer.text.contains("control process exited"));
    wait_until("no other sync runs", secs(60), done)
}

fn is_pulling(host: &Host) -> bool {
    host.unit(PULL_UNIT).active == "activating"
}

fn try_sync(host: &Host, verb: &str) -> CommandResult {
    host.run_unchecked(&format!("cd /home/openclaw/.openclaw/workspace; timeout 60 openclaw-failover sync {verb}"))
}

/// Adds a source of secrets to the configuration.
fn add_secrets(lab: &Lab, source: &str) {
    lab.add_to_config(&format!(r#""secrets": [{{ "source": "{source}" }}]"#));
}

fn read_secret(host: &Host, name: &str) -> Option<String> {
    host.read(&format!("/home/openclaw/.openclaw/secrets/{name}"))
}
