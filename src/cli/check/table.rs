//! Output of `check`.

use crate::cli::check::Finding;
use crate::cli::error::Error;
use crate::cli::output::{Output, Tone, printable};
use crate::probe::Verdict;
use crate::text::json::Value;

/// Prints one aligned line per target: verdict, latency, target, details.
pub(super) fn print(findings: &[Finding], out: &mut Output) -> Result<(), Error> {
    let rows: Vec<[String; 4]> = findings.iter().map(row).collect();
    let width = |column: usize| {
        let widths = rows.iter().filter_map(|row| row.get(column));
        widths.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    for (row, finding) in rows.iter().zip(findings) {
        let tone = if finding.answer.verdict.is_healthy() { Tone::Good } else { Tone::Bad };
        let [verdict, latency, target, detail] = row;
        let [verdict_width, latency_width, target_width] = widths;
        let verdict = out.paint(tone, &format!("{verdict:verdict_width$}")).into_owned();
        let line = format!("{verdict}  {latency:>latency_width$}  {target:target_width$}  {detail}");
        out.line(line.trim_end())?;
    }
    Ok(())
}

/// Returns an array with one object per target.
pub(super) fn json(findings: &[Finding]) -> Value {
    Value::array(findings.iter().map(object))
}

fn row(finding: &Finding) -> [String; 4] {
    let answer = &finding.answer;
    let url = printable(&answer.url);
    let target = match &finding.name {
        Some(name) => format!("{} ({url})", printable(name)),
        None => url.into_owned(),
    };
    let mut detail = vec![printable(&answer.detail).into_owned()];
    for (kind, channels) in [("failing", &answer.channels.failing), ("suppressed", &answer.channels.suppressed)] {
        if !channels.is_empty() {
            detail.push(format!("{kind}: {}", printable(&channels.join(", "))));
        }
    }
    detail.retain(|part| !part.is_empty());
    let latency = match answer.latency.as_millis() {
        0 => "<1 ms".to_owned(),
        millis => format!("{millis} ms"),
    };
    [word(answer.verdict).to_owned(), latency, target, detail.join("; ")]
}

fn object(finding: &Finding) -> Value {
    let answer = &finding.answer;
    let (ready, status) = match answer.verdict {
        Verdict::Healthy { ready } => (Value::from(ready), None),
        Verdict::Failing(failure) => (Value::Null, failure.status()),
    };
    let millis = u64::try_from(answer.latency.as_millis()).unwrap_or(u64::MAX);
    let names = |list: &[String]| Value::array(list.iter().map(|name| Value::from(name.as_str())));
    Value::object([
        ("name", finding.name.as_deref().map_or(Value::Null, Value::from)),
        ("url", answer.url.as_str().into()),
        ("healthy", answer.verdict.is_healthy().into()),
        ("verdict", word(answer.verdict).into()),
        ("status", status.map_or(Value::Null, Value::from)),
        ("ready", ready),
        ("failing", names(&answer.channels.failing)),
        ("suppressed", names(&answer.channels.suppressed)),
        ("detail", answer.detail.as_str().into()),
        ("latency_ms", millis.into()),
    ])
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy { .. } => "healthy",
        Verdict::Failing(failure) => failure.name(),
    }
}
