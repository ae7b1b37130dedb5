//! Files named by git's settings in the agent's home apply in a sync unit as in a shell, or the unit reports that it
//! cannot see them.

use crate::doctor::run_doctor;
use crate::host::Host;
use crate::install::{self, NODE};
use crate::lab::Lab;
use crate::repository::{PUSH_TIMER, PUSH_UNIT, report_field};
use crate::shell::{secs, wait_until};

#[test]
fn what_git_ignores_by_hand_no_unit_pushes_and_what_is_typed_is_pushed_at_once() {
    let (lab, _stub) = Lab::with_git_host();
    let (primary, standby) = (&lab.primary, &lab.standby);
    let push = || primary.run_unchecked("openclaw-failover sync push --primary");
    let sent = |name: &str| lab.git().run_in_remote("git ls-tree -r --name-only main").lines().any(|file| file == name);

    // Default location of git.
    primary.run_in_workspace(
        "mkdir -p ~/.config/git; echo '*.draft' >~/.config/git/ignore; echo x >a.draft; echo x >one.md",
    );
    let pushed = push();
    assert!(pushed.ok, "{}", pushed.text);
    assert!(sent("one.md") && !sent("a.draft"));

    // A link to a place outside the sandbox.
    primary.run_in_workspace(
        "mkdir ~/links; mv ~/.config/git/ignore ~/links/; ln -s ~/links/ignore ~/.config/git/ignore; echo x >c.md",
    );
    let refused = push();
    let line = "BindReadOnlyPaths=-/home/openclaw/links/ignore";
    assert!(!refused.ok && refused.text.contains(line) && !sent("c.md"), "{}", refused.text);
    primary.run_in_workspace("rm ~/.config/git/ignore; mv ~/links/ignore ~/.config/git/ignore");
    assert!(push().ok && sent("c.md") && !sent("a.draft"));

    // A file that no unit file mentions.
    primary.run_in_workspace(
        "mkdir -p ~/dotfiles; echo '*.private' >~/dotfiles/ignore; \
         git config --global core.excludesFile '~/dotfiles/ignore'; echo x >b.private; echo x >two.md",
    );
    assert_eq!(primary.run_in_workspace("git status --porcelain"), "?? a.draft\n?? two.md\n", "by hand");
    let refused = push();
    let line = "BindReadOnlyPaths=-/home/openclaw/dotfiles/ignore";
    assert!(
        !refused.ok && refused.text.contains("nothing was committed") && refused.text.contains(line),
        "{}",
        refused.text
    );
    assert!(!sent("two.md") && !sent("b.private"));
    primary.add_to_unit(PUSH_UNIT, &format!("[Service]\n{line}\n"));
    let pushed = push();
    assert!(pushed.ok, "{}", pushed.text);
    assert!(sent("two.md") && !sent("b.private"));
    // A missing file does not count as hidden.
    primary.run_in_workspace("git config --global include.path '~/nowhere/gitconfig'; echo x >three.md");
    assert!(push().ok && sent("three.md"), "{}", push().text);

    // The timer has just fired, and its next start is not due for long.
    let round = || {
        let last = primary.unit(PUSH_UNIT).invocation;
        wait_until("the timer starts the unit", secs(30), || {
            (primary.unit(PUSH_UNIT).invocation != last).then_some(())
        });
    };
    primary.run(&format!("systemctl --quiet enable --now {PUSH_TIMER}"));
    round();
    round();
    primary.run_in_workspace("echo x >four.md");
    let pushed = push();
    assert!(pushed.ok && sent("four.md"), "{}", pushed.text);
    // A manual start joins a running job of the timer.
    primary.run(&format!("systemctl --quiet stop {PUSH_TIMER}"));
    primary.run_in_workspace("echo x >five.md");
    primary.run(&format!("systemctl start {PUSH_UNIT}"));
    assert!(sent("five.md"), "systemctl start is typed, too: {}", primary.sync_report(PUSH_UNIT).value);
    assert_eq!(report_field(&primary.sync_report(PUSH_UNIT), "outcome"), "pushed");

    // doctor checks from inside the sandbox.
    let lines = run_doctor(standby, "");
    assert_eq!(lines["git-fetch"].level, "ok", "{lines:#?}");
    standby.run_in_workspace(
        "mkdir ~/keys; mv ~/.ssh/id_ed25519 ~/keys/; git config core.sshCommand 'ssh -i ~/keys/id_ed25519'",
    );
    standby.run_in_workspace("git fetch --quiet origin main");
    let lines = run_doctor(standby, "");
    assert_eq!(lines["git-fetch"].level, "fail", "by hand it works, and the unit does not see the key: {lines:#?}");
    let pulled = standby.run_unchecked("openclaw-failover sync pull");
    assert!(!pulled.ok && pulled.text.contains("BindReadOnlyPaths=-/home/openclaw/keys/id_ed25519"), "{}", pulled.text);

    start_password_git_host(primary);
}

/// Starts a git host that asks for a password. Its certificate is configured in git's settings.
fn start_password_git_host(host: &Host) {
    host.run_as_openclaw("git clone -q --bare .openclaw/workspace web.git");
    for (name, text) in [
        ("githost.js", install::suite_text("files/githost.js")),
        ("gateway.key", include_str!("../probe/tls/gateway.key").to_owned()),
        ("gateway.pem", include_str!("../probe/tls/gateway.pem").to_owned()),
        ("ca.pem", include_str!("../probe/tls/authority.pem").to_owned()),
    ] {
        host.write(&format!("/home/openclaw/{name}"), &text);
    }
    host.run(&format!(
        "chown openclaw: /home/openclaw/*.pem /home/openclaw/*.key /home/openclaw/*.js; systemd-run --quiet \
         --unit=githost -p User=openclaw -p WorkingDirectory=/home/openclaw {NODE} githost.js"
    ));
    host.run_in_workspace(
        "git remote set-url origin https://127.0.0.1:8443/web.git; git config --global http.sslCAInfo ~/ca.pem; \
         git config --global credential.helper store; umask 077; echo https://o:pw@127.0.0.1:8443 >~/.git-credentials",
    );
    let listens = || host.run_in_workspace_unchecked(": </dev/tcp/127.0.0.1/8443").ok.then_some(());
    wait_until("the git host listens", secs(20), listens);
    // git reaches it from a shell.
    host.run_in_workspace("git fetch -q origin 2>&1");
    host.run_in_workspace("echo x >six.md");
    let refused = host.run_unchecked("openclaw-failover sync push --primary");
    assert!(!refused.ok && refused.text.contains("BindReadOnlyPaths=-/home/openclaw/ca.pem"), "{}", refused.text);
    host.add_to_unit(
        PUSH_UNIT,
        "[Service]\nBindReadOnlyPaths=-/home/openclaw/dotfiles/ignore -/home/openclaw/ca.pem\n",
    );
    let pushed = host.run_unchecked("openclaw-failover sync push --primary");
    assert!(pushed.ok, "with the password that git has stored: {}", pushed.text);
    assert!(host.run_as_openclaw("git -C web.git ls-tree --name-only main").contains("six.md"));
}
