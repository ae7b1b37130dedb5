//! Single steps.

use std::fs;
use std::os::unix::fs::MetadataExt;

use openclaw_failover::config::WorkspaceConfig;
use openclaw_failover::setup::{Channel, ChannelToken, PrimaryOptions, StepState};

use crate::host::{Host, refusal_text};

const TOKEN_FILE: &str = "etc/openclaw/gateway.env";

#[test]
fn tokens_are_for_root_alone_and_others_stay() {
    let mut host = Host::with_agent();
    host.write(TOKEN_FILE, "KEY=1\nTELEGRAM_BOT_TOKEN=old\n");
    host.write("token", "123456:AA-b_c\n");
    host.choose_telegram().token = Some(ChannelToken::File(host.path("token")));
    let tokens = "OPENCLAW_GATEWAY_TOKEN, TELEGRAM_BOT_TOKEN";
    assert!(matches!(host.standby_step_state("tokens"), StepState::Pending(said) if said.contains(tokens)));
    host.apply_step("tokens").unwrap();
    let there = host.read(TOKEN_FILE);
    assert!(
        there.starts_with("KEY=1\nOPENCLAW_GATEWAY_TOKEN=") && there.ends_with("\nTELEGRAM_BOT_TOKEN=123456:AA-b_c\n"),
        "{there}"
    );
    assert!(!there.contains("old"));
    assert_eq!(fs::metadata(host.path(TOKEN_FILE)).unwrap().mode() & 0o777, 0o600);
    assert!(matches!(host.standby_step_state("tokens"), StepState::Done(_)));
    host.apply_step("tokens").unwrap();
    assert_eq!(host.read(TOKEN_FILE), there);
    for wrong in ["", "two words", "A=b\nB=c", "${HOME}"] {
        host.write("token", wrong);
        assert!(
            refusal_text(host.standby_step_state("tokens")).contains("is not a Telegram or Discord token"),
            "{wrong}"
        );
    }
    host.choose_telegram().token = Some(ChannelToken::File(host.path("none")));
    assert!(refusal_text(host.standby_step_state("tokens")).contains("cannot read"));
}

#[test]
fn an_openclaw_json_is_never_replaced() {
    let mut host = Host::with_agent();
    host.choose_telegram();
    assert!(matches!(host.standby_step_state("openclaw-config"), StepState::Pending(_)));
    host.write("home/openclaw/.openclaw/openclaw.json", "{}");
    assert!(
        matches!(host.standby_step_state("openclaw-config"), StepState::Done(said) if said.contains("stays as it is"))
    );
}

#[test]
fn a_channel_of_the_primarys_or_without_anybody_is_refused() {
    let mut host = Host::with_agent();
    host.config = host.config.replace("\"urls\"", "\"channels\": [\"telegram\"], \"urls\"");
    host.choose_telegram();
    assert!(refusal_text(host.standby_step_state("openclaw-config")).contains("a channel of primary"));
    host.choose_telegram().channel = Channel::Discord;
    assert!(matches!(host.standby_step_state("openclaw-config"), StepState::Pending(_)));
    host.options.channel.as_mut().unwrap().allowed_ids.clear();
    assert!(matches!(host.standby_step_state("openclaw-config"), StepState::Pending(_)), "it is asked for");
    host.options.is_interactive = false;
    assert!(refusal_text(host.standby_step_state("openclaw-config")).contains("--allow"));
}

#[test]
fn a_configuration_that_the_units_do_not_fit_is_refused() {
    let mut host = Host::bare();
    let with = |more: &str| format!(r#"{{ "upstreams": [{{ "name": "p", "urls": ["http://192.0.2.1"] }}], {more} }}"#);
    for (more, said) in [
        (r#""workspace": { "path": "/srv/agent" }"#, "workspace.path"),
        (r#""gateway": { "unit": "claw.service" }"#, "gateway.unit"),
        (r#""secrets": [{ "source": "o@h:a", "target": "/srv/secrets" }]"#, "/srv/secrets"),
    ] {
        host.config = with(more);
        assert!(refusal_text(host.standby_step_state("config")).contains(said), "{more}");
    }
    host.config = with("");
    assert!(matches!(host.standby_step_state("config"), StepState::Pending(_)));
    host.write("etc/systemd/system/openclaw-sync-push.service.d/primary.conf", "");
    assert!(refusal_text(host.standby_step_state("config")).contains("is a primary"));
}

#[test]
fn a_configuration_that_is_replaced_is_kept() {
    let host = Host::with_agent();
    host.write("etc/openclaw-failover/config.json", "{ \"mine\": true }");
    assert!(matches!(host.standby_step_state("config"), StepState::Pending(said) if said.contains("config.json.old")));
    host.apply_step("config").unwrap();
    assert_eq!(host.read("etc/openclaw-failover/config.json.old"), "{ \"mine\": true }");
    assert_eq!(host.read("etc/openclaw-failover/config.json"), host.config);
}

#[test]
fn a_monitor_that_works_with_something_older_is_started_anew_even_after_a_kill() {
    let host = Host::with_agent();
    host.write("units/openclaw-failover.service", "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n");
    host.apply_step("config").unwrap();
    assert!(!host.read("log").contains("restart"), "not before all is in place");
    // The first run is killed here. The monitor has no status on this host, so the step never takes effect.
    assert!(host.path("run/openclaw-failover-setup.stale").exists());
    host.apply_step("units").unwrap_err();
    let log = host.read("log");
    assert!(!log.contains("restart"), "{log}");
}

#[test]
fn a_newer_program_is_not_replaced() {
    let host = Host::bare();
    host.write("usr/local/bin/openclaw-failover", "#!/bin/sh\necho openclaw-failover 0.0.9\n");
    assert!(matches!(host.standby_step_state("program"), StepState::Pending(_)));
    host.write("usr/local/bin/openclaw-failover", "#!/bin/sh\necho openclaw-failover 99.0.1\n");
    assert!(refusal_text(host.standby_step_state("program")).contains("99.0.1"));
}

#[test]
fn openclaw_is_found_wherever_it_is() {
    let host = Host::with_agent();
    fs::remove_file(host.path("usr/bin/openclaw")).unwrap();
    if fs::metadata("/usr/bin/openclaw").is_ok() || fs::metadata("/usr/local/bin/openclaw").is_ok() {
        return;
    }
    assert!(refusal_text(host.standby_step_state("openclaw")).contains("--install-openclaw"));
    let home = "home/openclaw";
    for place in [
        ".openclaw/bin",
        ".volta/bin",
        ".local/bin",
        ".npm-global/bin",
        ".local/share/fnm/node-versions/v24.17.0/installation/bin",
        ".nvm/versions/node/v9.1.0/bin",
        ".nvm/versions/node/v24.21.0/bin",
    ] {
        host.write(&format!("{home}/{place}/openclaw"), "#!/bin/sh\n");
        host.write(&format!("{home}/{place}/node"), "#!/bin/sh\n");
        let StepState::Pending(said) = host.standby_step_state("openclaw") else {
            panic!("{place}: {:?}", host.standby_step_state("openclaw"))
        };
        assert!(said.ends_with(&format!("/{place}/openclaw")), "{place}: {said}");
    }
    // A login shell that prints a wrong path, or hangs.
    host.write(&format!("{home}/.bash_profile"), "openclaw() { :; }; echo noise\n");
    host.apply_step("openclaw").unwrap();
    let drop_in = host.read("etc/systemd/system/openclaw.service.d/openclaw.conf");
    assert!(drop_in.contains("/.nvm/versions/node/v24.21.0/bin/openclaw gateway run\n"), "{drop_in}");
}

#[test]
fn a_standbys_key_on_a_primary_opens_nothing_else() {
    let mut host = Host::with_agent();
    host.config = r#"{ "upstreams": [{ "name": "p", "urls": ["http://192.0.2.1"] }] }"#.into();
    let options =
        PrimaryOptions { standby_key: Some("ssh-ed25519 AAAAkey standby".into()), ..PrimaryOptions::default() };
    let home = host.path("home/openclaw").display().to_string();
    host.write_program("getent", &format!("echo openclaw:x:4242:4242::{home}:/bin/sh"));
    let key = |host: &Host| host.primary_plan(options.clone()).read_state("standby-key").unwrap();
    assert!(matches!(key(&host), StepState::Pending(_)));
    host.write("home/openclaw/.ssh/authorized_keys", "ssh-ed25519 AAAAkey old@standby\n");
    assert!(refusal_text(key(&host)).contains("another line"));
    host.write("home/openclaw/.ssh/authorized_keys", "ssh-ed25519 AAAAother me\n");
    host.primary_plan(options.clone()).apply_step("standby-key").unwrap();
    let line = format!("restrict,command=\"rrsync -ro {home}/.openclaw/standby\" ssh-ed25519 AAAAkey");
    assert_eq!(host.read("home/openclaw/.ssh/authorized_keys"), format!("ssh-ed25519 AAAAother me\n{line}\n"));
}

#[test]
fn a_primary_whose_workspace_lies_elsewhere_says_so_once() {
    let host = Host::with_agent();
    host.write_program("getent", "echo openclaw:x:4242:4242::/srv/agent:/bin/sh");
    let mut plan = host.primary_plan(PrimaryOptions::default());
    plan.target.context.config.workspace = WorkspaceConfig::default();
    for step in ["config", "paths"] {
        plan.apply_step(step).unwrap();
        assert!(matches!(plan.read_state(step), Some(StepState::Done(_))), "{step}: {:?}", plan.read_state(step));
    }
    let config = host.read("etc/openclaw-failover/config.json");
    assert_eq!(config, "{ \"workspace\": { \"path\": \"/srv/agent/.openclaw/workspace\" } }\n");
    let drop_in = host.read("etc/systemd/system/openclaw-sync-push.service.d/user.conf");
    assert!(drop_in.contains("BindPaths=-/srv/agent/.openclaw/workspace\n"), "{drop_in}");
    assert!(
        drop_in.contains("BindReadOnlyPaths=-/srv/agent/.ssh -/srv/agent/.gitconfig -/srv/agent/.config/git "),
        "{drop_in}"
    );
    let look = "setpriv --reuid=openclaw --regid=4242 --init-groups --reset-env --no-new-privs \
                /usr/bin/env PATH=${PATH} /usr/local/bin/openclaw-failover";
    assert!(drop_in.ends_with(&format!("\nExecStartPre=\nExecStartPre=-+/usr/bin/{look} sync files\n")), "{drop_in}");
    host.write("etc/openclaw-failover/config.json", "{}");
    let why = refusal_text(plan.read_state("config").unwrap());
    assert!(why.contains("must set the workspace's path"), "{why}");
}

#[test]
fn a_standby_does_not_become_a_primary_beside() {
    let host = Host::with_agent();
    host.write("units/openclaw-failover.service", "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n");
    assert!(
        refusal_text(host.primary_plan(PrimaryOptions::default()).read_state("config").unwrap())
            .contains("is a standby")
    );
}

#[test]
fn one_setup_at_a_time() {
    let host = Host::with_agent();
    let lock = fs::File::create(host.path("run/openclaw-failover-setup.lock")).unwrap();
    lock.lock().unwrap();
    let plan = host.standby_plan();
    assert!(plan.apply(&mut |_| ()).unwrap_err().to_string().contains("another setup"));
}

#[test]
fn an_interrupted_setup_says_where_it_goes_on() {
    let host = Host::with_agent();
    let plan = host.standby_plan();
    plan.target.cancel.cancel();
    let why = plan.apply(&mut |_| panic!("nothing is done")).unwrap_err().to_string();
    assert!(why.contains("interrupted") && why.contains("run the same command again to continue"), "{why}");
}
