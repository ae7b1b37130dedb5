//! Metrics, read by a strict parser.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use openclaw_failover::failover::{Cause, DemotionReason, MachineNotice, RoleKind, StartFailure};
use openclaw_failover::probe::{ProbeFailure, Verdict, VerdictKind};
use openclaw_failover::status::Status;
use openclaw_failover::status::metrics::{Counters, DeliveryCounts, MetricsSnapshot};

use super::status::full_status;

/// Content of a metrics file: the type of each family, and each sample by its series as written.
#[derive(Debug, Default)]
struct ParsedMetrics {
    types: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl ParsedMetrics {
    fn value(&self, series: &str) -> f64 {
        let series = format!("openclaw_failover_{series}");
        let value = self.samples.get(&series);
        assert!(value.is_some(), "{series} is not in {:#?}", self.samples.keys());
        *value.unwrap()
    }

    fn has(&self, name: &str) -> bool {
        let name = format!("openclaw_failover_{name}");
        self.samples.keys().any(|series| series.split('{').next() == Some(name.as_str()))
    }
}

/// Parses the text format by its specification. Refuses what the specification forbids or Prometheus advises against:
/// samples without HELP and TYPE, split families, duplicate series, units other than the base units.
fn parse(text: &str) -> Result<ParsedMetrics, String> {
    let mut parsed = ParsedMetrics::default();
    let (mut family, mut typed, mut helped) = (String::new(), false, BTreeSet::new());
    let body = text.strip_suffix('\n').ok_or("the last line has no end")?;
    for line in body.split('\n') {
        let fail = |why: &str| Err(format!("{why}: {line}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or("HELP without a text")?;
            if !is_name(name, true) || help.trim() != help || help.is_empty() || help.contains('\\') {
                return fail("not a HELP");
            }
            if !helped.insert(name.to_owned()) {
                return fail("the family has begun before");
            }
            (family, typed) = (name.to_owned(), false);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("TYPE without a type")?;
            if name != family || typed || !["gauge", "counter"].contains(&kind) {
                return fail("not the TYPE of what was helped last");
            }
            if (kind == "counter") != name.ends_with("_total") {
                return fail("counters, and they alone, end with _total");
            }
            if ["_ms", "_millis", "_minutes", "_hours", "_days", "_bytes_kb"].iter().any(|unit| name.ends_with(unit)) {
                return fail("not a base unit");
            }
            typed = true;
            parsed.types.insert(name.to_owned(), kind.to_owned());
        } else {
            let (series, value) = parse_sample(line).map_err(|why| format!("{why}: {line}"))?;
            let name = series.split('{').next().unwrap_or_default();
            if name != family || !typed {
                return fail("a sample outside of its family");
            }
            if parsed.types.get(name).is_some_and(|kind| kind == "counter") && value < 0.0 {
                return fail("a counter below zero");
            }
            if parsed.samples.insert(series.to_owned(), value).is_some() {
                return fail("a series twice");
            }
        }
    }
    Ok(parsed)
}

/// Parses `name{label="value",…} number` without timestamp or extra spaces.
fn parse_sample(line: &str) -> Result<(&str, f64), &'static str> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name, true) {
        return Err("not a name");
    }
    let mut labels = BTreeSet::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").ok_or("a label without a value")?;
            if !is_name(label, false) || label.starts_with("__") || !labels.insert(label) {
                return Err("not a label");
            }
            rest = &after[quoted_len(after)?..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').ok_or("labels without an end")?;
    }
    let number = rest.strip_prefix(' ').ok_or("no space before the value")?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
    let value = number.parse().ok().filter(|_| is_plain).ok_or("not a number")?;
    Ok((&line[..line.len() - rest.len()], value))
}

/// Returns the length of a label's value, including its closing quotation mark.
fn quoted_len(text: &str) -> Result<usize, &'static str> {
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok(at + 1),
            '\\' if matches!(chars.next(), Some((_, '\\' | '"' | 'n'))) => {}
            '\\' => return Err("not an escape"),
            _ => {}
        }
    }
    Err("a value without an end")
}

fn is_name(text: &str, with_colon: bool) -> bool {
    let fits = |char: char| char.is_ascii_alphanumeric() || char == '_' || (with_colon && char == ':');
    !text.is_empty() && text.chars().all(fits) && !text.starts_with(|char: char| char.is_ascii_digit())
}

/// Checks a file with promtool, if it is installed.
fn check_with_promtool(text: &str) {
    let promtool = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    let Ok(mut promtool) = promtool else {
        return crate::needs::report_skipped(module_path!(), "promtool");
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(promtool.wait().unwrap().success(), "promtool refuses {text}");
}

fn render(status: &Status, counts: &Counters, sent: &[DeliveryCounts]) -> String {
    MetricsSnapshot { status, counters: counts, deliveries: sent }.to_text()
}

#[test]
fn the_parser_is_strict() {
    let head = "# HELP a_seconds Help.\n# TYPE a_seconds gauge\n";
    assert_eq!(
        parse(&format!("{head}a_seconds{{b=\"\\\\\\\"\\n,}} c\"}} 1.5\na_seconds 0\n")).unwrap().samples.len(),
        2
    );
    for bad in [
        "",
        "a_seconds 1\n",
        "# HELP a_seconds Help.\na_seconds 1\n",
        "# TYPE a_seconds gauge\na_seconds 1\n",
        &format!("{head}a_seconds 1"),
        &format!("{head}a_seconds 1\n\n"),
        &format!("{head}a_seconds 1\na_seconds 1\n"),
        &format!("{head}a_seconds 1 1795300227123\n"),
        &format!("{head}a_seconds  1\n"),
        &format!("{head}a_seconds NaN\n"),
        &format!("{head}a_seconds 1e9\n"),
        &format!("{head}a_second 1\n"),
        &format!("{head}a_seconds{{}} 1\n"),
        &format!("{head}a_seconds{{1b=\"\"}} 1\n"),
        &format!("{head}a_seconds{{b=\"\",b=\"\"}} 1\n"),
        &format!("{head}a_seconds{{b=\"\\t\"}} 1\n"),
        &format!("{head}a_seconds{{b=\"}} 1\n"),
        &format!("{head}{head}a_seconds 1\n"),
        &format!("{head}# HELP b Help.\n# TYPE b gauge\na_seconds 1\n"),
        "# HELP a Help.\n# TYPE a counter\na 1\n",
        "# HELP a_total Help.\n# TYPE a_total gauge\na_total 1\n",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn escapes_any_name() {
    let sent = |webhook: &str| DeliveryCounts { webhook: webhook.to_owned(), delivered: 2, failed: 3 };
    for word in ["word", "with \"quotes\", a \\ and a\nline end", "界 {}=,"] {
        let mut status = full_status(word);
        // Names of upstreams are unique in every configuration.
        status.upstreams.truncate(1);
        let text = render(&status, &Counters::default(), &[sent(word)]);
        parse(&text).unwrap();
        check_with_promtool(&text);
    }
    let text = render(&Status::default(), &Counters::default(), &[]);
    parse(&text).unwrap();
    check_with_promtool(&text);
}

#[test]
fn counters_start_at_zero_and_unknown_gauges_are_absent() {
    let mut status = Status { upstreams: full_status("primary").upstreams, ..Status::default() };
    status.upstreams.truncate(1);
    let parsed = parse(&render(&status, &Counters::default(), &[])).unwrap();
    for series in [
        r#"probes_total{upstream="primary",verdict="healthy"}"#,
        r#"probes_total{upstream="primary",verdict="connect-timeout"}"#,
        r#"promotions_total{cause="outage"}"#,
        r#"demotions_total{reason="ready"}"#,
        "failed_starts_total",
        "window_seconds",
        "degraded",
    ] {
        assert_eq!(parsed.value(series), 0.0, "{series}");
    }
    for name in
        ["last_failover_timestamp_seconds", "workspace_fresh_timestamp_seconds", "gateway_up", "notifications_total"]
    {
        assert!(!parsed.has(name), "{name}");
    }
}

#[test]
fn every_value_equals_the_status() {
    let mut status = full_status("primary");
    status.upstreams.truncate(1);
    status.role.kind = RoleKind::Active.into();
    status.upstreams[0].last_probe.as_mut().unwrap().verdict = VerdictKind::Refused.into();
    let mut counts = Counters::default();
    let second = Duration::from_secs(1);
    for verdict in
        [Verdict::Healthy { ready: true }, Verdict::Healthy { ready: false }, Verdict::Failing(ProbeFailure::Refused)]
    {
        counts.count_probe("primary", verdict);
    }
    counts.count_probe("another", Verdict::Failing(ProbeFailure::Refused));
    counts.count_notice(&MachineNotice::Promoted { cause: Cause::Outage, took: second, hold_down: second });
    counts.count_notice(&MachineNotice::Demoted { reason: DemotionReason::Ready { upstream: 0 }, active_for: None });
    counts.count_notice(&MachineNotice::Demoted { reason: DemotionReason::Operator, active_for: None });
    counts.count_notice(&MachineNotice::StartFailed { why: StartFailure::ProcessExited, retry_in: Some(second) });
    counts.count_notice(&MachineNotice::PortFree);
    let sent = [DeliveryCounts { webhook: "ntfy".to_owned(), delivered: 2, failed: 3 }];
    let parsed = parse(&render(&status, &counts, &sent)).unwrap();
    for (series, value) in [
        (r#"build_info{version="primary"}"#, 1.0),
        ("start_timestamp_seconds", 1_795_298_400.0),
        ("update_timestamp_seconds", 1_795_298_500.0),
        ("could_take_over", 0.0),
        ("degraded", 3.0),
        (r#"degraded_condition{condition="primary"}"#, 3.0),
        (r#"role{role="active"}"#, 1.0),
        (r#"role{role="standby"}"#, 0.0),
        (r#"hold{hold="paused"}"#, 1.0),
        (r#"hold{hold="promoted"}"#, 0.0),
        ("hold_end_timestamp_seconds", 1_795_305_600.0),
        ("hold_down_seconds", 30.0),
        ("window_seconds", 30.012),
        ("window_needed_seconds", 30.0),
        ("window_failures", 11.0),
        (r#"upstream_up{upstream="primary"}"#, 0.0),
        (r#"upstream_ready{upstream="primary"}"#, 1.0),
        (r#"upstream_latency_seconds{upstream="primary"}"#, 0.012345),
        (r#"upstream_change_timestamp_seconds{upstream="primary"}"#, 1_795_298_410.0),
        (r#"upstream_armed{upstream="primary"}"#, 0.0),
        (r#"probes_total{upstream="primary",verdict="healthy"}"#, 2.0),
        (r#"probes_total{upstream="primary",verdict="refused"}"#, 1.0),
        (r#"promotions_total{cause="outage"}"#, 1.0),
        (r#"promotions_total{cause="drill"}"#, 0.0),
        (r#"demotions_total{reason="ready"}"#, 1.0),
        (r#"demotions_total{reason="operator"}"#, 1.0),
        ("failed_starts_total", 1.0),
        ("last_failover_timestamp_seconds", 1_795_298_431.0),
        ("last_failover_duration_seconds", 44.0),
        ("last_failover_served_seconds", 45.0),
        ("last_drill_timestamp_seconds", 1_795_298_460.0),
        ("last_drill_passed", 0.0),
        ("workspace_pull_timestamp_seconds", 1_795_298_460.0),
        ("workspace_fresh_timestamp_seconds", 1_795_298_430.0),
        ("workspace_commit_timestamp_seconds", 1_795_298_420.0),
        ("workspace_push_timestamp_seconds", 1_795_298_470.0),
        ("workspace_unpushed", 1.0),
        (r#"notifications_total{webhook="ntfy",result="delivered"}"#, 2.0),
        (r#"notifications_total{webhook="ntfy",result="failed"}"#, 3.0),
    ] {
        assert_eq!(parsed.value(series), value, "{series}");
    }
}

#[test]
fn every_verdict_has_a_series_of_its_own() {
    let mut status = full_status("primary");
    status.upstreams.truncate(1);
    for failure in ProbeFailure::ALL {
        let mut counts = Counters::default();
        counts.count_probe("primary", Verdict::Failing(failure));
        let parsed = parse(&render(&status, &counts, &[])).unwrap();
        let series = format!("probes_total{{upstream=\"primary\",verdict=\"{}\"}}", failure.name());
        assert_eq!(parsed.value(&series), 1.0, "{series}");
    }
}

#[test]
fn replaces_the_file_atomically_and_world_readable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.prom");
    let (mut status, counts) = (full_status("word"), Counters::default());
    for version in ["a", "b"] {
        status.version = version.to_owned();
        MetricsSnapshot { status: &status, counters: &counts, deliveries: &[] }.save(&path).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap().contains("build_info{version=\"b\"} 1\n"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
