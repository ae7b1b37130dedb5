//! Replay of a trace: the machine decides again, and each decision is printed with the facts behind it.
//!
//! A trace may come from an untrusted source. It is replayed segment by segment, a run of equal events is stored once,
//! and output is written line by line, so memory grows with the size of the file only.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use crate::config::Config;
use crate::events::HistoryEntry;
use crate::failover::{Action, Event, Machine, Observation, OperatorCommand, Role, UnitAction};
use crate::os::atomic_file::{self, FileError};
use crate::os::clock::WallClockOffset;
use crate::os::load_or_quarantine;
use crate::records::history::older_path;
use crate::records::trace::segment_start::SegmentStart;
use crate::records::trace::{ROTATE_BYTES, SEGMENT_BYTES, event_codec, tracer};
use crate::text::json::Value;
use crate::text::json_fields::{RecordError, read_field, read_optional};
use crate::text::utc::{format_span, format_time};
use crate::text::{Time, to_printable};

/// Limit on the size of a trace, in bytes. The monitor writes none that is longer.
const MAX_TRACE_BYTES: usize = ROTATE_BYTES as usize + 3 * SEGMENT_BYTES;

/// Width of the column with event names.
const EVENT_COLUMN_WIDTH: usize = 19;

/// Limit on the length of one printed line, in characters.
const MAX_PRINTED_CHARS: usize = 2000;

/// Limit on the number of differing decisions that are printed; the rest is only counted.
const MAX_DIFFERENCES_SHOWN: usize = 1000;

/// Result of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayResult {
    /// Number of events given to a machine.
    pub events: usize,
    /// Number of decisions.
    pub decisions: usize,
    /// Number of events after which the replayed decision differs from the recorded one.
    pub differences: usize,
    /// Number of lines that cannot be read.
    pub unreadable: usize,
    /// Number of events without a readable `begin` line before them.
    pub without_begin: usize,
}

impl ReplayResult {
    /// Describes what was skipped; `None` if nothing was.
    pub fn describe_skipped(&self) -> Option<String> {
        let lines = (self.unreadable > 0).then(|| format!("unreadable lines skipped: {}", self.unreadable));
        let events = (self.without_begin > 0).then(|| {
            let count = self.without_begin;
            format!("events skipped, because the start of their segment is missing or unreadable: {count}")
        });
        let left_out: Vec<String> = lines.into_iter().chain(events).collect();
        (!left_out.is_empty()).then(|| left_out.join("; "))
    }
}

/// Reads the trace at `path`, after the older file beside it.
///
/// # Errors
/// Returns an error if there is no trace, it is empty, or it cannot be read.
pub fn read(path: &Path) -> Result<String, FileError> {
    let mut text = String::new();
    for path in [&older_path(path), path] {
        let bytes = atomic_file::read(path, MAX_TRACE_BYTES)?.unwrap_or_default();
        text.push_str(&String::from_utf8_lossy(&bytes));
        text.push('\n');
    }
    if text.trim().is_empty() {
        return Err(FileError::NoTrace { path: path.to_owned() });
    }
    Ok(text)
}

/// Replays a trace's text and prints each decision.
///
/// # Errors
/// Returns an error if the output cannot be written.
pub fn replay(text: &str, out: &mut dyn Write) -> io::Result<ReplayResult> {
    let mut show = Replayer { out, result: ReplayResult::default(), machine: None };
    let mut segment = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let node = load_or_quarantine::parse_record(line.as_bytes());
        let begin = node.as_ref().ok().filter(|node| node.get("at").is_some()).and_then(|node| node.get("begin"));
        let read = node.as_ref().map_err(Clone::clone).and_then(|node| read_line(node, line, &segment));
        show.result.unreadable += usize::from(read.is_err());
        // Events of one segment overlap as they are written; segments do not. After an unreadable `begin`, the state is
        // unknown.
        let starts = matches!(&read, Ok(TraceLine { content: LineContent::Begin { starts: true, .. }, .. }));
        if starts || (begin.is_some() && read.is_err()) {
            show.replay_segment(std::mem::take(&mut segment))?;
        }
        segment.extend(read);
    }
    show.replay_segment(segment)?;
    show.finish()
}

/// One line of a segment.
struct TraceLine<'a> {
    at: Time,
    content: LineContent<'a>,
}

/// Content of a line.
enum LineContent<'a> {
    /// The line's text. It is parsed again when it is due, because a parsed configuration takes far more memory.
    Begin { text: &'a str, starts: bool },
    /// One event or a run of equal ones, and the milliseconds from each to the next.
    Events { event: Event, did: Vec<String>, more: Vec<u64> },
    /// Events were lost here.
    Lost,
}

fn read_line<'a>(line: &Value, text: &'a str, before: &[TraceLine]) -> Result<TraceLine<'a>, RecordError> {
    if line.get("lost").is_some() {
        return Ok(TraceLine { at: before.last().map_or(Time::default(), |line| line.at), content: LineContent::Lost });
    }
    let at = Time::from_millis(read_field(line, "at")?);
    if let Some(begin) = line.get("begin") {
        let starts = SegmentStart::from_json(at, begin)?.same_upstreams.is_none();
        return Ok(TraceLine { at, content: LineContent::Begin { text, starts } });
    }
    let event = event_codec::read(line)?;
    let did = read_optional(line, "did")?.unwrap_or_default();
    let more: Vec<u64> = read_optional(line, "more")?.unwrap_or_default();
    if more.len() > tracer::MAX_RUN_EVENTS {
        return Err(RecordError::new("is longer than the monitor writes").in_field("more"));
    }
    Ok(TraceLine { at, content: LineContent::Events { event, did, more } })
}

/// Returns the names of the decisions, as the history and the trace write them.
pub fn decision_names(actions: &[Action], at: Time, config: &Config) -> Vec<&'static str> {
    actions.iter().filter_map(|action| Some(describe_decision(action, at, config)?.0)).collect()
}

fn describe_decision(action: &Action, at: Time, config: &Config) -> Option<(&'static str, String)> {
    match action {
        Action::UnitAction(UnitAction::Start) => Some(("start", "start the gateway's unit".to_owned())),
        Action::UnitAction(UnitAction::Stop) => Some(("stop", "stop the gateway's unit".to_owned())),
        Action::UnitAction(UnitAction::Kill) => Some(("kill", "kill the gateway's unit".to_owned())),
        Action::Announce(note) => {
            let entry = HistoryEntry::from_machine_notice(note, at, WallClockOffset::new(at, at), config);
            Some((entry.event.name(), entry.text))
        }
        Action::SetPollMode(_) | Action::Pull | Action::StopSync | Action::Push | Action::QueryWitnesses => None,
    }
}

struct Replayer<'a> {
    out: &'a mut dyn Write,
    result: ReplayResult,
    machine: Option<(Machine, Config)>,
}

impl Replayer<'_> {
    /// Replays the lines of a segment in order of their times, and lines of the same time in file order.
    fn replay_segment(&mut self, lines: Vec<TraceLine>) -> io::Result<()> {
        let next = |(index, line): (usize, &TraceLine)| Reverse((line.at, index, 0));
        let mut next: BinaryHeap<_> = lines.iter().enumerate().map(next).collect();
        while let Some(Reverse((at, index, step))) = next.pop() {
            match lines.get(index).map(|line| &line.content) {
                Some(LineContent::Begin { text, .. }) => self.begin_segment(at, text)?,
                Some(LineContent::Lost) => {
                    self.print_row(at, "lost", "events are missing here: the disk was too slow")?
                }
                Some(LineContent::Events { event, did, more }) => {
                    // The recorded decisions belong to the first event of the run.
                    self.replay_event(at, event, if step == 0 { did } else { &[] })?;
                    if let Some(millis) = more.get(step) {
                        let at = Time::from_millis(at.as_millis().saturating_add(*millis));
                        next.push(Reverse((at, index, step + 1)));
                    }
                }
                None => {}
            }
        }
        self.machine = None;
        Ok(())
    }

    fn begin_segment(&mut self, at: Time, text: &str) -> io::Result<()> {
        let node = load_or_quarantine::parse_record(text.as_bytes()).ok();
        let Some(begin) = node.as_ref().and_then(|node| SegmentStart::from_json(at, node.get("begin")?).ok()) else {
            return Ok(());
        };
        match (begin.same_upstreams, &mut self.machine) {
            (Some(same), Some((machine, config))) => {
                machine.reconfigure(begin.policy(), same, &begin.start.armed);
                *config = begin.config;
                self.print_row(at, "reloaded", "configuration reloaded")
            }
            (Some(_), None) => Ok(()),
            (None, _) => {
                let machine = begin.new_machine();
                let text = format!("monitor started as {}", machine.role().kind().name());
                self.machine = Some((machine, begin.config));
                self.print_row(at, "begin", &text)
            }
        }
    }

    /// Gives one event to the machine. Skips events before the first `begin`: their initial state is unknown.
    fn replay_event(&mut self, at: Time, event: &Event, did: &[String]) -> io::Result<()> {
        let Some((mut machine, config)) = self.machine.take() else {
            self.result.without_begin += 1;
            return Ok(());
        };
        let before = machine.role().kind().name();
        let actions = machine.handle_event(at, event.clone());
        let decided: Vec<_> = actions.iter().filter_map(|action| describe_decision(action, at, &config)).collect();
        let differs = !decided.iter().map(|(name, _)| *name).eq(did.iter().map(String::as_str));
        self.result.events += 1;
        self.result.decisions += decided.len();
        self.result.differences += usize::from(differs);
        if !differs || self.result.differences <= MAX_DIFFERENCES_SHOWN {
            for (name, text) in &decided {
                self.print_row(at, name, text)?;
            }
            if !decided.is_empty() {
                let facts = describe_facts(at, &machine, &config);
                let because = format!("{}; role before: {before}; {facts}", describe_event(event, &config));
                self.print_line(&" ".repeat(format_time(at).len()), "because", &because)?;
            }
            if differs {
                let recorded = if did.is_empty() { "nothing".to_owned() } else { did.join(", ") };
                self.print_row(at, "DIFFERS", &format!("recorded decision: {recorded}"))?;
            }
        }
        self.machine = Some((machine, config));
        Ok(())
    }

    fn print_row(&mut self, at: Time, name: &str, text: &str) -> io::Result<()> {
        self.print_line(&format_time(at), name, text)
    }

    fn print_line(&mut self, at: &str, name: &str, text: &str) -> io::Result<()> {
        // A trace may come from an untrusted source.
        let (name, text) = (to_printable(name, EVENT_COLUMN_WIDTH), to_printable(text, MAX_PRINTED_CHARS));
        writeln!(self.out, "{at}  {name:EVENT_COLUMN_WIDTH$}  {text}")
    }

    fn finish(self) -> io::Result<ReplayResult> {
        let Self { out, result, .. } = self;
        let comparison = match result.differences {
            0 => "all as recorded".to_owned(),
            some if some > MAX_DIFFERENCES_SHOWN => {
                format!("differences at {some} events (the first {MAX_DIFFERENCES_SHOWN} are shown)")
            }
            some => format!("differences at {some} events"),
        };
        if result.events > 0 {
            writeln!(out, "{} events, {} decisions, {comparison}", result.events, result.decisions)?;
        }
        Ok(result)
    }
}

/// Describes an event for people.
fn describe_event(event: &Event, config: &Config) -> String {
    match event {
        Event::Probed { upstream, verdict } => {
            let name = config.upstreams.get(*upstream).map_or("?", |upstream| upstream.name.as_str());
            format!("probe of {name}: {verdict}")
        }
        Event::WitnessesAnswered { alive: true } => "a witness answers".to_owned(),
        Event::WitnessesAnswered { alive: false } => "no witness answers".to_owned(),
        Event::Observed(seen) => format!("poll of the gateway: {}", describe_observation(seen)),
        Event::UnitActionEnded(Ok(())) => "systemd accepted the job".to_owned(),
        Event::UnitActionEnded(Err(error)) => format!("systemd refused the job: {}", error.why),
        Event::Pulled { .. } => "pull ended".to_owned(),
        Event::Pushed { .. } => "push ended".to_owned(),
        Event::Command(OperatorCommand::Hold { kind, .. }) => format!("operator: hold '{}'", kind.name()),
        Event::Command(OperatorCommand::Resume) => "operator: resume".to_owned(),
        Event::Command(OperatorCommand::Drill { .. }) => "operator: drill".to_owned(),
        Event::Tick => "timer".to_owned(),
    }
}

fn describe_observation(seen: &Observation) -> String {
    let unit = seen.unit.map_or("unit state not queried", |unit| unit.state.name());
    match seen.verdict {
        Some(verdict) => format!("{unit}, {verdict}"),
        None => unit.to_owned(),
    }
}

/// Lists the facts behind the decision after it was made, each with its threshold.
fn describe_facts(at: Time, machine: &Machine, config: &Config) -> String {
    let mut facts = match machine.window() {
        Some((elapsed, last_healthy_at)) => format!(
            "down for {} (threshold {}) since {}, failed probes: {} (threshold {})",
            format_span(elapsed),
            format_span(machine.outage_threshold()),
            format_time(last_healthy_at),
            machine.window_failures(),
            config.promote.failures
        ),
        None => "no outage".to_owned(),
    };
    let recent = machine.availability();
    if recent.outages > 1 {
        let (available, over) = (format_span(recent.available), format_span(recent.period));
        let _ = write!(facts, "; available for {available} of the last {over}, outages: {}", recent.outages);
    }
    for (index, (upstream, known)) in config.upstreams.iter().zip(machine.upstreams()).enumerate() {
        let verdict = known.latest_verdict.map_or("not probed yet".to_owned(), |(_, verdict)| verdict.to_string());
        let _ = write!(facts, "; {}: {verdict}", upstream.name);
        if let (Some(ready_for), Role::Active(_) | Role::Demoting(_)) = (known.ready_for, machine.role()) {
            let (ready_for, hold_down) = (format_span(ready_for), format_span(machine.hold_down(Some(index))));
            let _ = write!(facts, ", ready for {ready_for} (hold-down {hold_down})");
        }
        facts.push_str(if known.is_armed { "" } else { ", never seen healthy" });
        facts.push_str(if known.is_unsteady { ", unsteady" } else { "" });
    }
    if let Some(unit) = machine.unit() {
        let _ = write!(facts, "; gateway: {}", unit.state.name());
    }
    if let Some(hold) = &machine.persistent_state().hold {
        let until = hold
            .until
            .map_or("until `resume`".to_owned(), |until| format!("for {} more", format_span(until.since(at))));
        let _ = write!(facts, "; hold: {}, {until}", hold.kind.name());
    }
    match (machine.is_isolated(), machine.needs_witness()) {
        (true, _) => facts.push_str("; no witness answers"),
        (false, false) if machine.window().is_some() => facts.push_str("; no witness is needed"),
        _ => {}
    }
    facts
}
