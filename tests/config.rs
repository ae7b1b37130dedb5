//! Configuration files: every problem is reported with its position, all in one run.

#![allow(clippy::unwrap_used, clippy::panic)] // A panic is a failed test.

use std::time::Duration;

use openclaw_failover::config::{self, Config, ConfigErrors, NotificationTopic, WebhookFormat, WitnessConfig};
use openclaw_failover::text::json::{Node, ObjectEntry, Value};

const UPSTREAMS: &str = r#""upstreams": [{ "name": "primary", "urls": ["http://100.64.0.1:18789"] }]"#;

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    config::parse(text, "config.json")
}

/// Returns a valid configuration with `line` added as line 3.
fn config_with_line(line: &str) -> String {
    format!("{{\n  {UPSTREAMS},\n  {line}\n}}\n")
}

/// Example with every key.
const CONFIG_WITH_ALL_KEYS: &str = r#"{
  // Comments and trailing commas are welcome.
  "upstreams": [
    { "name": "primary", "urls": ["http://100.64.0.1:18789", "https://claw.example.org/"],
      "channels": ["rocketchat"], "credential": "primary", "ca_file": "/etc/ssl/claw.pem" },
    { "name": "second", "urls": ["http://[fd7a::2]:18789"], "channels": ["discord"] },
  ],
  "probe":   { "interval": "10s", "retry_interval": "3s", "timeout": "5s" },
  "promote": { "after": "30s", "failures": 3, "restart_grace": "2m", "sync_wait": "0s",
               "witnesses": ["tailscale", "tcp://1.1.1.1:443", "https://example.org/up"] },
  "demote":  { "after": "30s", "max_after": "30m", "flap_window": "3h" },
  /* This host. */
  "gateway": { "unit": "openclaw.service", "url": "http://127.0.0.1:18789", "start_timeout": "300s",
               "stop_timeout": "345s", "keep_queue": true, "ca_file": "/etc/ssl/claw.pem" },
  "workspace": { "path": "/home/openclaw/.openclaw/workspace", "remote": "origin", "branch": "main", "timeout": "5m",
                 "refresh": "5m", "url": "git@example.org:me/memory.git", "push_interval": "10m", "merge": false,
                 "max_file": "1GiB" },
  "secrets": [
    { "source": "openclaw@100.64.0.1:.openclaw/standby.env", "target": "/home/openclaw/.openclaw/secrets/" },
  ],
  "notify": [
    { "credential": "ntfy", "format": "ntfy", "events": ["promoted", "demoted", "failed", "degraded"],
      "ca_file": "/etc/ssl/claw.pem" },
    { "credential": "chat", "format": "discord" },
  ],
  "heartbeat": { "credential": "heartbeat", "interval": "5m", "ca_file": "/etc/ssl/claw.pem" },
  "drill": { "interval": "90d" },
}"#;

#[test]
fn upstreams_alone_are_enough() {
    let config = parse(&format!("{{ {UPSTREAMS} }}")).unwrap();
    assert_eq!(config.upstreams[0].urls, ["http://100.64.0.1:18789"]);
    assert_eq!(config.promote.after, Duration::from_secs(30));
    assert_eq!(config.promote.witnesses, None);
    assert_eq!(config.gateway.unit, "openclaw.service");
    assert_eq!(config.drill.interval, Duration::from_secs(30 * 86_400));
    assert!(config.secrets.is_empty() && config.notify.is_empty() && config.heartbeat.is_none());
}

#[test]
fn every_key_is_read() {
    let config = parse(CONFIG_WITH_ALL_KEYS).unwrap();
    assert_eq!(config.upstreams[0].urls[1], "https://claw.example.org");
    assert_eq!(config.upstreams[0].credential.as_deref(), Some("primary"));
    assert_eq!(config.upstreams[1].channels, ["discord"]);
    assert_eq!(config.promote.restart_grace, Duration::from_secs(120));
    assert_eq!(config.promote.sync_wait, Duration::ZERO);
    let witnesses = vec![
        WitnessConfig::Tailscale,
        WitnessConfig::Tcp("1.1.1.1:443".into()),
        WitnessConfig::Https("https://example.org/up".into()),
    ];
    assert_eq!(config.promote.witnesses, Some(witnesses));
    assert_eq!(config.secrets.len(), 1);
    let topics = vec![
        NotificationTopic::Promoted,
        NotificationTopic::Demoted,
        NotificationTopic::Failed,
        NotificationTopic::Degraded,
    ];
    assert_eq!((config.notify[0].format, &config.notify[0].events), (WebhookFormat::Ntfy, &topics));
    assert_eq!(config.notify[1].events.len(), NotificationTopic::ALL.len(), "all that there are");
    assert_eq!(config.drill.interval, Duration::from_secs(90 * 86_400));
    assert_eq!(config.heartbeat.map(|heartbeat| heartbeat.interval), Some(Duration::from_secs(300)));
}

#[test]
fn a_primary_needs_no_upstreams_and_must_have_none() {
    let workspace = config::parse_primary(r#"{ "workspace": { "branch": "live" } }"#, "config.json").unwrap();
    assert_eq!((workspace.branch.as_str(), workspace.merge), ("live", true));
    assert_eq!(config::parse_primary("{}", "config.json").unwrap(), config::WorkspaceConfig::default());
    let problems =
        config::parse_primary(&config_with_line(r#""workspace": { "path": "x" }"#), "config.json").unwrap_err();
    let lines: Vec<&str> = problems.lines().collect();
    assert!(lines[0].starts_with("config.json:2: upstreams: makes this host a standby"), "{problems}");
    assert!(lines[1].starts_with("config.json:3: workspace.path:"), "{problems}");
    assert!(config::parse_primary(r#"{ "wrkspace": {} }"#, "x").unwrap_err().to_string().contains("did you mean"));
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let minimal = format!("{{ {UPSTREAMS} }}");
    let no_witness = config_with_line(r#""promote": { "witnesses": [], "after": "61s" }"#);
    for text in [CONFIG_WITH_ALL_KEYS, &minimal, &no_witness] {
        let config = parse(text).unwrap();
        let printed = config.to_json().to_pretty();
        assert_eq!(parse(&printed), Ok(config), "{printed}");
    }
}

/// Lists every key below a value of the configuration, such as `upstreams[].name`, with its value.
fn list_keys(value: &Value, path: &str) -> Vec<(String, String)> {
    let below = |entry: &ObjectEntry| {
        let key = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        list_keys(&entry.node, &key)
    };
    match (value.as_object(), value.as_array().and_then(<[Node]>::first)) {
        (Some(entries), _) => entries.iter().flat_map(below).collect(),
        (None, Some(item)) if item.as_object().is_some() => list_keys(item, &format!("{path}[]")),
        (None, _) => vec![(path.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))],
    }
}

#[test]
fn the_readme_and_the_nixos_options_have_every_key_and_its_default() {
    let readme = include_str!("../README.md");
    let cells = |row: &'static str| row.split('|').map(|cell| cell.split('`').skip(1).step_by(2).collect::<Vec<_>>());
    let mut table = Vec::new();
    for row in readme.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = cells(row).collect();
        let mut section = "";
        for (index, key) in cells[1].iter().enumerate() {
            // In one cell, a key without a section is in the section of the key before it.
            let (parent, name) = key.rsplit_once('.').unwrap_or((section, key));
            section = parent;
            let default = cells[2].get(index).filter(|_| cells[2].len() == cells[1].len());
            table.push((format!("{parent}.{name}"), default.copied()));
        }
    }
    let options = include_str!("../nixos/module/settings.nix");
    let defaults = list_keys(&parse(&format!("{{ {UPSTREAMS} }}")).unwrap().to_json(), "");
    for (key, _) in list_keys(&parse(CONFIG_WITH_ALL_KEYS).unwrap().to_json(), "") {
        let row = table.iter().find(|(known, _)| *known == key);
        let (_, documented) = row.unwrap_or_else(|| panic!("{key} is not in README's table"));
        let name = key.rsplit('.').next().unwrap();
        assert!(options.contains(&format!(" {name} =")), "{key} has no option in nixos/module/settings.nix");
        let default = defaults.iter().find(|(known, _)| *known == key).map(|(_, default)| default.as_str());
        if let (Some(default), Some(documented)) = (default, documented) {
            assert_eq!(default, *documented, "{key}");
        }
    }
}

/// Bad lines, with the position of the report and a part of its text.
const INVALID_LINES: &[(&str, &str, &str)] = &[
    // Keys.
    (r#""promot": {}"#, "3: promot:", r#"did you mean "promote"?"#),
    (r#""probe": { "timout": "5s" }"#, "3: probe.timout:", r#"did you mean "timeout"?"#),
    (r#""probe": { "retry-interval": "5s" }"#, "3: probe.retry-interval:", r#"did you mean "retry_interval"?"#),
    (r#""metrics": []"#, "3: metrics:", "known keys: upstreams, probe, promote, demote, gateway"),
    (r#""probe": { "timeout": "5s", "timeout": "4s" }"#, "3: probe.timeout:", "first in line 3"),
    (r#""upstreams": []"#, "3: upstreams:", "second time (first in line 2)"),
    (r#""secret": []"#, "3: secret:", r#"did you mean "secrets"?"#),
    (r#""gateway": { "token": "hunter2" }"#, "3: gateway.token:", "/etc/openclaw-failover/credentials/"),
    (r#""auth_password": "hunter2""#, "3: auth_password:", "looks like a secret"),
    (r#""a\u001b[31mb": 1"#, r#"3: "a\u{1b}[31mb":"#, "not a known key"),
    // Types.
    (r#""probe": []"#, "3: probe:", "must be an object {…}, not a list"),
    (r#""probe": { "interval": 10 }"#, "3: probe.interval:", r#"write "10s" for seconds"#),
    (r#""probe": { "interval": true }"#, "3: probe.interval:", "not true or false"),
    (r#""probe": { "interval": "10" }"#, "3: probe.interval:", r#""10" has no unit; write "10s""#),
    (r#""probe": { "interval": "10sec" }"#, "3: probe.interval:", r#"did you mean "10s"?"#),
    (r#""promote": { "failures": "3" }"#, "3: promote.failures:", "a whole number from 1 to 100, not text"),
    (r#""promote": { "failures": 0 }"#, "3: promote.failures:", "from 1 to 100, not 0"),
    (r#""promote": { "failures": -1.5 }"#, "3: promote.failures:", "from 1 to 100, not -1.5"),
    (r#""gateway": { "unit": 7 }"#, "3: gateway.unit:", "must be text in double quotes, not 7"),
    (r#""secrets": {}"#, "3: secrets:", "must be a list […], not an object"),
    (r#""secrets": ["x"]"#, "3: secrets[0]:", "must be an object {…}, not text"),
    // Durations alone.
    (r#""probe": { "interval": "0s" }"#, "3: probe.interval:", r#""0s" is too short; write at least "100ms""#),
    (r#""probe": { "timeout": "2h" }"#, "3: probe.timeout:", r#"at most "1h""#),
    (r#""demote": { "flap_window": "0s" }"#, "3: demote.flap_window:", r#"at least "1s""#),
    (r#""gateway": { "stop_timeout": "10ms" }"#, "3: gateway.stop_timeout:", r#"at least "1s""#),
    (r#""workspace": { "refresh": "0s" }"#, "3: workspace.refresh:", r#"at least "1s""#),
    (r#""demote": { "max_after": "4000d" }"#, "3: demote.max_after:", "the maximum is 3650d"),
    // Values that do not go together.
    (
        r#""promote": { "after": "15s" }"#,
        "3: promote.after:",
        "promote.after (15s) must be longer than probe.interval (10s, the default) and probe.timeout (5s, the \
         default) together",
    ),
    (r#""probe": { "interval": "28s" }"#, "3: probe.interval:", "promote.after (30s, the default) must be longer"),
    (
        r#""probe": { "interval": "2s" }"#,
        "3: probe.interval:",
        "probe.retry_interval (3s, the default) must not be longer than probe.interval (2s)",
    ),
    (r#""promote": { "failures": 6 }"#, "3: promote.failures:", "lower it to 5 or raise promote.after to at least 35s"),
    (
        r#""demote": { "after": "9s" }"#,
        "3: demote.after:",
        "must not be shorter than probe.interval (10s, the default)",
    ),
    (
        r#""demote": { "after": "1h" }"#,
        "3: demote.after:",
        "demote.max_after (30m, the default) must not be shorter than demote.after (1h)",
    ),
    (
        r#""demote": { "flap_window": "1m" }"#,
        "3: demote.flap_window:",
        "demote.after (30s, the default) and promote.after (30s, the default)",
    ),
    (r#""gateway": { "url": "http://100.64.0.1:18789" }"#, "2: upstreams[0].urls[0]:", "own gateway"),
    // The gateway and the workspace.
    (r#""gateway": { "unit": "openclaw" }"#, "3: gateway.unit:", r#"did you mean "openclaw.service"?"#),
    (r#""gateway": { "url": "127.0.0.1:18789" }"#, "3: gateway.url:", "put http:// or https:// before it"),
    (r#""workspace": { "path": "workspace" }"#, "3: workspace.path:", "must be absolute"),
    (r#""workspace": { "path": "/home/openclaw/.openclaw" }"#, "3: workspace.path:", "two hosts must never share"),
    (r#""workspace": { "remote": "git@example.org:me/x" }"#, "3: workspace.remote:", "not a URL"),
    (r#""workspace": { "url": "https://me:hunter2@example.org/x" }"#, "3: workspace.url:", "git credential helper"),
    (r#""workspace": { "max_file": 20 }"#, "3: workspace.max_file:", "a size such as"),
    (r#""workspace": { "max_file": "20MB" }"#, "3: workspace.max_file:", r#"did you mean "20MiB"?"#),
    (r#""workspace": { "merge": "no" }"#, "3: workspace.merge:", "true or false, not text"),
    (r#""workspace": { "push_interval": "0s" }"#, "3: workspace.push_interval:", r#"at least "1m""#),
    (r#""workspace": { "timeout": "1h" }"#, "3: workspace.timeout:", r#"at most "30m""#),
    (r#""gateway": { "keep_queue": 1 }"#, "3: gateway.keep_queue:", "true or false, not 1"),
    (r#""workspace": { "branch": "-f" }"#, "3: workspace.branch:", "option"),
    // Witnesses.
    (r#""promote": { "witnesses": ["tailscal"] }"#, "3: promote.witnesses[0]:", r#"did you mean "tailscale"?"#),
    (r#""promote": { "witnesses": ["tcp://1.1.1.1"] }"#, "3: promote.witnesses[0]:", "no port"),
    (r#""promote": { "witnesses": ["http://example.org"] }"#, "3: promote.witnesses[0]:", "https:// or tcp://"),
    (
        r#""promote": { "witnesses": ["https://me:hunter2@example.org"] }"#,
        "3: promote.witnesses[0]:",
        "secrets do not belong here",
    ),
    (
        r#""promote": { "witnesses": ["https://example.org/?token=hunter2"] }"#,
        "3: promote.witnesses[0]:",
        "a query could contain a token",
    ),
    (
        r#""promote": { "witnesses": ["tcp://100.64.0.1:22"] }"#,
        "3: promote.witnesses[0]:",
        "on the host of upstreams[0].urls[0]",
    ),
    (
        r#""promote": { "witnesses": ["tailscale", "tailscale"] }"#,
        "3: promote.witnesses[1]:",
        "already set by promote.witnesses[0]",
    ),
    // Secrets.
    (r#""secrets": [{}]"#, "3: secrets[0].source:", "is missing"),
    (r#""secrets": [{ "source": "me@host:.openclaw/agents" }]"#, "3: secrets[0].source:", "rotate"),
    (r#""secrets": [{ "source": "me@host:x", "target": "x" }]"#, "3: secrets[0].target:", "absolute"),
    (r#""secrets": [{ "source": "me@host:x", "target": "/home/openclaw/" }]"#, "3: secrets[0].target:", "home"),
    (
        r#""secrets": [{ "source": "me@host:x", "target": "/home/openclaw/.openclaw/workspace/k" }]"#,
        "3: secrets[0].target:",
        "git would push",
    ),
    (
        r#""workspace": { "path": "/srv/claw/w" }, "secrets": [{ "source": "me@host:x", "target": "/srv/claw/" }]"#,
        "3: secrets[0].target:",
        "contains workspace.path",
    ),
    (r#""secrets": [{ "source": "me@host:x" }, { "source": "me@host:x" }]"#, "3: secrets[1]:", "same as an earlier"),
    // Webhooks and the heartbeat.
    (r#""notify": [{ "format": "slack" }]"#, "3: notify[0].credential:", "is missing"),
    (r#""notify": [{ "credential": "x" }]"#, "3: notify[0].format:", r#"add "format": "ntfy""#),
    (
        r#""notify": [{ "credential": "https://ntfy.sh/hunter2", "format": "ntfy" }]"#,
        "3: notify[0].credential:",
        "move it into such a file",
    ),
    (r#""notify": [{ "credential": "x", "format": "dicsord" }]"#, "3: notify[0].format:", r#"did you mean "discord"?"#),
    (r#""notify": [{ "credential": "x", "format": "pigeon" }]"#, "3: notify[0].format:", "known: json, ntfy"),
    (
        r#""notify": [{ "credential": "x", "format": "json", "events": ["promotd"] }]"#,
        "3: notify[0].events[0]:",
        r#"did you mean "promoted"?"#,
    ),
    (
        r#""notify": [{ "credential": "x", "format": "json" }, { "credential": "x", "format": "slack" }]"#,
        "3: notify[1].credential:",
        "already set by notify[0].credential",
    ),
    (r#""notify": [{ "credential": "x", "format": "json", "ca_file": "x" }]"#, "3: notify[0].ca_file:", "absolute"),
    (r#""drill": { "every": "30d" }"#, "3: drill.every:", "known keys: interval"),
    (r#""heartbeat": {}"#, "3: heartbeat.credential:", "is missing"),
    (r#""heartbeat": { "credential": "x", "interval": "1s" }"#, "3: heartbeat.interval:", r#"at least "10s""#),
];

#[test]
fn every_mistake_is_named_with_its_place_and_the_way_out() {
    for (line, place, what) in INVALID_LINES {
        let problems = parse(&config_with_line(line)).unwrap_err();
        let place = format!("config.json:{place}");
        let found = problems.lines().any(|problem| problem.starts_with(&place) && problem.contains(what));
        assert!(found, "{line}\n{problems}");
        assert!(!problems.to_string().contains("hunter2"), "{problems}");
        assert_eq!(problems.lines().count(), 1, "{line}\n{problems}");
    }
}

#[test]
fn upstreams_are_checked_alone_and_together() {
    let one = r#"{ "name": "a", "urls": ["http://a"] }"#;
    let many = [one; 9].join(",");
    let urls = [r#""http://a""#; 9].join(",");
    let cases = [
        ("", "upstreams:", "is empty"),
        (r#"{ "urls": ["http://a"] }"#, "upstreams[0].name:", "is missing"),
        (r#"{ "name": "a" }"#, "upstreams[0].urls:", "is missing or empty"),
        (r#"{ "name": "a", "urls": [] }"#, "upstreams[0].urls:", "is missing or empty"),
        (r#"{ "name": "a b", "urls": ["http://a"] }"#, "upstreams[0].name:", "not a valid name"),
        (r#"{ "name": "a", "url": "http://a" }"#, "upstreams[0].url:", r#"did you mean "urls"?"#),
        (r#"{ "name": "a", "urls": "http://a" }"#, "upstreams[0].urls:", "must be a list"),
        (r#"{ "name": "a", "urls": ["http://a", 7] }"#, "upstreams[0].urls[1]:", "not 7"),
        (r#"{ "name": "a", "urls": ["http://a/", "HTTP://A:80"] }"#, "upstreams[0].urls[1]:", "same server"),
        (r#"{ "name": "a", "urls": ["http://me:hunter2@a"] }"#, "upstreams[0].urls[0]:", "password"),
        (r#"{ "name": "a", "urls": ["http://0.0.0.0:28789"] }"#, "upstreams[0].urls[0]:", "is this host itself"),
        (r#"{ "name": "a", "urls": ["http://[::ffff:0.0.0.0]:1"] }"#, "upstreams[0].urls[0]:", "is this host itself"),
        (r#"{ "name": "a", "urls": ["http://localhost:18789"] }"#, "upstreams[0].urls[0]:", "own gateway"),
        (r#"{ "name": "a", "urls": ["http://a"], "credential": "x/y" }"#, "upstreams[0].credential:", "name of a file"),
        (r#"{ "name": "a", "urls": ["http://a"], "ca_file": "ca.pem" }"#, "upstreams[0].ca_file:", "absolute"),
        (
            r#"{ "name": "a", "urls": ["http://a"] }, { "name": "a", "urls": ["http://b"] }"#,
            "upstreams[1].name:",
            "already set by upstreams[0].name",
        ),
        (
            r#"{ "name": "a", "urls": ["http://a"] }, { "name": "b", "urls": ["http://a"] }"#,
            "upstreams[1].urls[0]:",
            "same server as upstreams[0].urls[0]",
        ),
        (
            concat!(
                r#"{ "name": "a", "urls": ["http://a"], "channels": ["x"] }, "#,
                r#"{ "name": "b", "urls": ["http://b"], "channels": ["x"] }"#
            ),
            "upstreams[1].channels[0]:",
            "already set by upstreams[0].channels[0]",
        ),
        (&many, "upstreams:", "at most 8"),
        (&format!(r#"{{ "name": "a", "urls": [{urls}] }}"#), "upstreams[0].urls:", "at most 8"),
    ];
    for (upstreams, key, what) in cases {
        let problems = parse(&format!("{{\n\"upstreams\": [{upstreams}] }}")).unwrap_err();
        let place = format!("config.json:2: {key}");
        let found = problems.lines().any(|problem| problem.starts_with(&place) && problem.contains(what));
        assert!(found, "{upstreams}\n{problems}");
        assert!(!problems.to_string().contains("hunter2"), "{problems}");
    }
}

#[test]
fn all_problems_come_at_once_in_order() {
    let text = r#"{
  "upstrams": [],
  "probe": {
    "interval": "10",
    "timeout": "5s",
    "timeout": "6s",
  },
  "workspace": { "branch": "a b" },
}"#;
    let problems = parse(text).unwrap_err();
    let starts =
        ["2: upstrams:", "4: probe.interval:", "6: probe.timeout:", "8: workspace.branch:", " upstreams: is missing"];
    let lines: Vec<&str> = problems.lines().collect();
    assert_eq!(lines.len(), starts.len(), "{problems}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(&format!("config.json:{start}")), "{line}");
    }
}

#[test]
fn what_is_not_json_is_said_with_line_and_column() {
    for (text, start) in [
        ("{\n  \"upstreams\": [\n", "config.json:3:1: "),
        ("", "config.json:1:1: "),
        ("{ \"a\": nul }", "config.json:1:"),
    ] {
        let problems = parse(text).unwrap_err();
        assert!(problems.to_string().starts_with(start), "{problems}");
    }
    let problems = parse("\n[]").unwrap_err();
    assert!(problems.to_string().contains("config.json:2: must be an object {…}, not a list"), "{problems}");
}

#[test]
fn truncated_and_mutated_files_never_panic() {
    for end in 0..CONFIG_WITH_ALL_KEYS.len() {
        if let Some(text) = CONFIG_WITH_ALL_KEYS.get(..end) {
            assert!(parse(text).is_err(), "{text}");
        }
    }
    // A fixed pseudo-random sequence (xorshift), so that every run repeats a failure.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let pieces = [
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "0",
        "-",
        "/",
        "@",
        "\\",
        "\u{1b}",
        "é",
        "null",
        "18446744073709551616",
        "ms",
        " ",
    ];
    for _ in 0..20_000 {
        let mut text: Vec<char> = CONFIG_WITH_ALL_KEYS.chars().collect();
        for _ in 0..=random(3) {
            let at = random(text.len());
            let until = (at + random(4)).min(text.len());
            text.splice(at..until, pieces[random(pieces.len())].chars());
        }
        let text: String = text.into_iter().collect();
        match parse(&text) {
            Ok(config) => assert_eq!(parse(&config.to_json().to_pretty()), Ok(config), "{text}"),
            Err(problems) => assert!(!problems.to_string().contains('\u{1b}'), "{text}"),
        }
    }
}

/// Invalid hosts, including those that ssh, git or the resolver would misread, with a part of the message.
const INVALID_HOSTS: &[(&str, &str)] = &[
    ("", "no host"),
    ("-oProxyCommand=x", "read as an option"),
    ("-", "read as an option"),
    ("-a.example", "read as an option"),
    ("a-.example", "not a valid name"),
    ("a.-b", "not a valid name"),
    ("a..b", "not a valid name"),
    (".a", "not a valid name"),
    ("a.", "ends with a dot"),
    ("a.example.", "ends with a dot"),
    ("bücher.example", "xn--"),
    ("ｅxample", "xn--"),
    ("ex%61mple", "not a valid name"),
    ("a,b", "not a valid name"),
    ("a;b", "not a valid name"),
    ("$(reboot)", "not a valid name"),
    ("`id`", "not a valid name"),
    ("a|b", "not a valid name"),
    ("*", "not a valid name"),
    ("*.example", "not a valid name"),
    ("a\\\\b", "not a valid name"),
    ("1.2.3", "IPv4"),
    ("1.2.3.4.5", "IPv4"),
    ("256.1.1.1", "IPv4"),
    ("1.2.3.04", "IPv4"),
    ("0x7f000001", "IPv4"),
    ("0x7f.0.0.0x1", "IPv4"),
    ("0X7F000001", "IPv4"),
    ("127.0x1", "IPv4"),
    ("2130706433", "IPv4"),
    ("017700000001", "IPv4"),
    ("224.0.0.1", "multicast"),
    ("0.1.2.3", "no host has such an address"),
    ("[ff02::1]", "multicast"),
    ("[::ffff:224.0.0.1]", "multicast"),
    ("[fe80::1]", "link-local"),
    ("[fe80::1%eth0]", "zones"),
    ("[fe80::1%25eth0]", "zones"),
    ("[::g]", "not an IPv6"),
    ("[1.2.3.4]", "not an IPv6"),
    ("[claw]", "not an IPv6"),
    ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", "not a valid name"),
];

/// Returns the only problem, at `key`, of a configuration with `line` as line 3.
fn problem_at(line: &str, key: &str) -> String {
    only_problem(&config_with_line(line), key)
}

/// Returns the only problem of a configuration whose only upstream, in line 3, has this URL.
fn problem_of_upstream(url: &str) -> String {
    let text = format!("{{\n\n  \"upstreams\": [{{ \"name\": \"a\", \"urls\": [\"{url}\"] }}]\n}}");
    only_problem(&text, "upstreams[0].urls[0]")
}

fn only_problem(text: &str, key: &str) -> String {
    let problems = parse(text).err().map_or_else(String::new, |problems| problems.to_string());
    assert!(problems.starts_with(&format!("config.json:3: {key}:")), "{text}\n{problems}");
    assert_eq!(problems.lines().count(), 1, "{text}\n{problems}");
    assert!(!problems.contains("hunter2"), "{problems}");
    problems
}

#[test]
fn one_grammar_of_hosts_holds_wherever_a_host_is_named() {
    let long = format!("{}example", "abcdefg.".repeat(31));
    for (host, why) in INVALID_HOSTS.iter().copied().chain([(long.as_str(), "not a valid name")]) {
        let named = [
            problem_of_upstream(&format!("http://{host}:18789")),
            problem_of_upstream(&format!("https://{host}")),
            problem_at(&format!(r#""gateway": {{ "url": "http://{host}:18789" }}"#), "gateway.url"),
            problem_at(&format!(r#""promote": {{ "witnesses": ["tcp://{host}:443"] }}"#), "promote.witnesses[0]"),
            problem_at(&format!(r#""promote": {{ "witnesses": ["https://{host}/up"] }}"#), "promote.witnesses[0]"),
            problem_at(&format!(r#""secrets": [{{ "source": "me@{host}:x" }}]"#), "secrets[0].source"),
            problem_at(&format!(r#""workspace": {{ "url": "ssh://git@{host}/x.git" }}"#), "workspace.url"),
            problem_at(&format!(r#""workspace": {{ "url": "https://{host}:8443/x.git" }}"#), "workspace.url"),
            problem_at(&format!(r#""workspace": {{ "url": "git@{host}:x.git" }}"#), "workspace.url"),
        ];
        for named in named {
            assert!(named.contains(why), "{host}: {named}");
        }
    }
}

#[test]
fn sound_hosts_are_accepted_wherever_a_host_is_named() {
    for host in [
        "claw",
        "claw_1",
        "a-b.example.org",
        "xn--bcher-kva.example",
        "1a.2b",
        "10.0.0.7",
        "[fd7a::1]",
        "[::ffff:10.0.0.7]",
    ] {
        for line in [
            format!(r#""promote": {{ "witnesses": ["tcp://{host}:443"] }}"#),
            format!(r#""secrets": [{{ "source": "me@{host}:x" }}]"#),
            format!(r#""workspace": {{ "url": "ssh://git@{host}:2222/x.git" }}"#),
            format!(r#""workspace": {{ "url": "ssh://{host}/x.git" }}"#),
            format!(r#""workspace": {{ "url": "https://{host}/x.git" }}"#),
            format!(r#""workspace": {{ "url": "git@{host}:x.git" }}"#),
            format!(r#""workspace": {{ "url": "{host}:x.git" }}"#),
            format!(r#""gateway": {{ "url": "http://{host}:18790" }}"#),
        ] {
            assert!(parse(&config_with_line(&line)).is_ok(), "{line}: {:?}", parse(&config_with_line(&line)));
        }
    }
    for url in ["/srv/memory.git", "file:///srv/memory.git", "file://localhost/srv/x"] {
        assert!(parse(&config_with_line(&format!(r#""workspace": {{ "url": "{url}" }}"#))).is_ok(), "{url}");
    }
}

#[test]
fn ports_users_and_paths_of_a_repository_are_checked() {
    for (url, why) in [
        ("ssh://-oProxyCommand=x/y", "read as an option"),
        ("git@-oX:y", "read as an option"),
        ("-oX@h:y", "git would read as an option"),
        ("ssh://-l@h/y", "user name"),
        ("ssh://@h/y", "user name"),
        ("@h:y", "user name"),
        ("a b@h:y", "without spaces"),
        ("$USER@h:y", "user name"),
        ("ssh://h:99999/x", "1 to 65535"),
        ("ssh://h:0/x", "1 to 65535"),
        ("ssh://h:/x", "1 to 65535"),
        ("ssh://h:-1/x", "1 to 65535"),
        ("ssh://h:22:22/x", "several colons"),
        ("ssh://[::1/x", "bracket"),
        ("ssh://[::1]22/x", "between"),
        ("ssh://h", "names no repository"),
        ("ssh://h/", "names no repository"),
        ("https://h", "names no repository"),
        ("h:", "names no repository"),
        ("h:-x", "begins with '-'"),
        ("ssh://h/-x", "begins with '-'"),
        ("ssh://me:hunter2@h/x", "password"),
        ("me:hunter2@h:x", "password"),
        ("https://hunter2@h/x", "token"),
        ("file://me@h/x", "token"),
        ("file://elsewhere/x", "names a host"),
        ("ftp://h/x", "ssh, https or a local path"),
    ] {
        let line = format!(r#""workspace": {{ "url": "{url}" }}"#);
        let problem = problem_at(&line, "workspace.url");
        assert!(problem.contains(why), "{url}: {problem}");
    }
}

#[test]
fn https_that_nobody_could_verify_is_refused() {
    for host in
        ["100.64.0.1", "127.0.0.1", "[::1]", "10.0.0.1", "192.168.1.5", "[fd7a::1]", "claw", "localhost", "a.local"]
    {
        let problem = problem_of_upstream(&format!("https://{host}:18789"));
        assert!(problem.contains("no public authority") && problem.contains("upstreams[0].ca_file"), "{problem}");
        let line = format!(r#""gateway": {{ "url": "https://{host}:18790" }}"#);
        assert!(problem_at(&line, "gateway.url").contains("gateway.ca_file"));
        let line = format!(r#""gateway": {{ "url": "https://{host}:18790", "ca_file": "/etc/ssl/claw.pem" }}"#);
        if host != "100.64.0.1" {
            let config = parse(&config_with_line(&line)).unwrap();
            assert_eq!(config.gateway.ca_file.as_deref(), Some(std::path::Path::new("/etc/ssl/claw.pem")));
        }
        let line = format!(r#""promote": {{ "witnesses": ["https://{host}/"] }}"#);
        assert!(problem_at(&line, "promote.witnesses[0]").contains("tcp://"));
    }
    for host in ["claw.tail1234.ts.net", "claw.example.org", "198.51.100.7"] {
        assert!(
            parse(&config_with_line(&format!(r#""gateway": {{ "url": "https://{host}:18790" }}"#))).is_ok(),
            "{host}"
        );
    }
    let relative = r#""gateway": { "url": "https://claw.example.org", "ca_file": "claw.pem" }"#;
    assert!(problem_at(relative, "gateway.ca_file").contains("absolute"));
}

#[test]
fn a_gateway_on_the_host_of_an_upstream_is_another_hosts() {
    let problem = problem_at(r#""gateway": { "url": "http://100.64.0.1:18790" }"#, "gateway.url");
    assert!(problem.contains("must name the gateway of this host"), "{problem}");
    assert!(parse(&config_with_line(r#""gateway": { "url": "http://100.64.0.2:18789" }"#)).is_ok());
}
