//! Output of `check`.

use crate::cli::error::CliError;
use crate::cli::output::{Output, TextColour};
use crate::cli::printable::to_printable;
use crate::probe::{ProbeResult, Verdict};
use crate::text::json::Value;

/// Result of a probe.
pub(super) struct ProbedTarget {
    /// Configured name.
    pub(super) name: Option<String>,
    pub(super) result: ProbeResult,
}

/// Prints one aligned line per target: verdict, latency, target, details.
pub(super) fn print_table(findings: &[ProbedTarget], out: &mut Output) -> Result<(), CliError> {
    let rows: Vec<[String; 4]> = findings.iter().map(table_row).collect();
    let width = |column: usize| {
        let widths = rows.iter().filter_map(|row| row.get(column));
        widths.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    for (row, finding) in rows.iter().zip(findings) {
        let tone = if finding.result.verdict.is_healthy() { TextColour::Good } else { TextColour::Bad };
        let [verdict, latency, target, detail] = row;
        let [verdict_width, latency_width, target_width] = widths;
        let verdict = out.paint(tone, &format!("{verdict:verdict_width$}")).into_owned();
        let line = format!("{verdict}  {latency:>latency_width$}  {target:target_width$}  {detail}");
        out.write_line(line.trim_end())?;
    }
    Ok(())
}

/// Returns an array with one object per target.
pub(super) fn table_to_json(findings: &[ProbedTarget]) -> Value {
    Value::from_items(findings.iter().map(target_to_json))
}

fn table_row(finding: &ProbedTarget) -> [String; 4] {
    let answer = &finding.result;
    let url = to_printable(&answer.url);
    let target = match &finding.name {
        Some(name) => format!("{} ({url})", to_printable(name)),
        None => url.into_owned(),
    };
    let mut detail = vec![to_printable(&answer.detail).into_owned()];
    for (kind, channels) in [("failing", &answer.channels.failing), ("suppressed", &answer.channels.suppressed)] {
        if !channels.is_empty() {
            detail.push(format!("{kind}: {}", to_printable(&channels.join(", "))));
        }
    }
    detail.retain(|part| !part.is_empty());
    let latency = match answer.latency.as_millis() {
        0 => "<1 ms".to_owned(),
        millis => format!("{millis} ms"),
    };
    [answer.verdict.kind().name().to_owned(), latency, target, detail.join("; ")]
}

fn target_to_json(finding: &ProbedTarget) -> Value {
    let answer = &finding.result;
    let (ready, status) = match answer.verdict {
        Verdict::Healthy { ready } => (Value::from(ready), None),
        Verdict::Failing(failure) => (Value::Null, failure.http_status()),
    };
    let millis = u64::try_from(answer.latency.as_millis()).unwrap_or(u64::MAX);
    let names = |list: &[String]| Value::from_items(list.iter().map(|name| Value::from(name.as_str())));
    Value::from_entries([
        ("name", finding.name.as_deref().map_or(Value::Null, Value::from)),
        ("url", answer.url.as_str().into()),
        ("healthy", answer.verdict.is_healthy().into()),
        ("verdict", answer.verdict.kind().name().into()),
        ("status", status.map_or(Value::Null, Value::from)),
        ("ready", ready),
        ("failing", names(&answer.channels.failing)),
        ("suppressed", names(&answer.channels.suppressed)),
        ("detail", answer.detail.as_str().into()),
        ("latency_ms", millis.into()),
    ])
}
