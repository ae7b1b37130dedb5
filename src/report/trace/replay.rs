//! Runs a trace again: the machine decides anew, and each decision is shown with the facts behind it.

use std::fmt::Write;
use std::path::Path;

use super::begin::Begin;
use super::{FULL, SEGMENT, event};
use crate::config::Config;
use crate::failover::{Action, Command, Event, Machine, Observation, Order, Role, Time};
use crate::host::printable;
use crate::json::Value;
use crate::report::clock::{Wall, people, span};
use crate::report::durable::{self, Error};
use crate::report::entry::Entry;
use crate::report::fields::{as_list, as_texts};
use crate::report::history::older;
use crate::report::{Shown, load, names};

/// The longest trace that is read, in bytes: no file becomes longer.
const MAX: usize = FULL as usize + 3 * SEGMENT;

/// The width of the column of events.
const EVENT: usize = 19;

/// The longest sentence that is shown, in characters.
const LONGEST: usize = 2000;

/// What a line says.
enum Said {
    Begin(Box<Begin>),
    Event { event: Event, did: Vec<String> },
    Lost,
}

/// What `replay` prints of the trace at `path`, and of the one before it.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn command(path: &Path) -> Result<Shown, Error> {
    let mut text = String::new();
    for path in [&older(path), path] {
        let bytes = durable::read(path, MAX)?.unwrap_or_default();
        text.push_str(&String::from_utf8_lossy(&bytes));
        text.push('\n');
    }
    if text.trim().is_empty() {
        return Err(Error::NoTrace { path: path.to_owned() });
    }
    Ok(replay(&text))
}

/// What `replay` prints of a trace's text. The exit code is 1 where the machine decides otherwise now.
#[must_use]
pub fn replay(text: &str) -> Shown {
    let (mut lines, mut unreadable) = (Vec::new(), 0_usize);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match load::parse(line.as_bytes()).and_then(|node| read(&node, &mut lines)) {
            Ok(()) => {}
            Err(_) => unreadable += 1,
        }
    }
    let mut show = Show::default();
    // A segment's events overlap as they are written, and segments do not.
    for segment in
        lines.chunk_by_mut(|_, (_, next)| !matches!(next, Said::Begin(begin) if begin.same_upstreams.is_none()))
    {
        segment.sort_by_key(|(at, _)| *at);
        show.segment(segment);
    }
    show.finish(unreadable)
}

/// Reads one line's events, folded ones too.
fn read(line: &Value, into: &mut Vec<(Time, Said)>) -> Result<(), String> {
    if line.get("lost").is_some() {
        let at = into.last().map_or(Time::default(), |(at, _)| *at);
        into.push((at, Said::Lost));
        return Ok(());
    }
    let at = line.get("at").and_then(|at| at.as_u64()).map(Time::from_millis).ok_or("it has no time")?;
    if let Some(begin) = line.get("begin") {
        into.push((at, Said::Begin(Box::new(Begin::read(at, begin)?))));
        return Ok(());
    }
    let event = event::read(line)?;
    let did = line.get("did").map_or(Ok(Vec::new()), |did| as_texts(did, "did"))?;
    let more = line.get("more").map_or(Ok(&[] as &[_]), |more| as_list(more, "more"))?;
    into.push((at, Said::Event { event: event.clone(), did }));
    let mut at = at.as_millis();
    for step in more {
        at = at.saturating_add(step.as_u64().ok_or("`more` is no list of numbers")?);
        into.push((Time::from_millis(at), Said::Event { event: event.clone(), did: Vec::new() }));
    }
    Ok(())
}

/// What was decided, by the names under which the history and the orders are known.
#[must_use]
pub fn decisions(actions: &[Action], at: Time, config: &Config) -> Vec<&'static str> {
    actions.iter().filter_map(|action| Some(decision(action, at, config)?.0)).collect()
}

fn decision(action: &Action, at: Time, config: &Config) -> Option<(&'static str, String)> {
    match action {
        Action::Order(Order::Start) => Some(("start", "systemd is asked to start the gateway".to_owned())),
        Action::Order(Order::Stop) => Some(("stop", "systemd is asked to stop the gateway".to_owned())),
        Action::Order(Order::Kill) => Some(("kill", "systemd is asked to kill the gateway".to_owned())),
        Action::Say(note) => {
            let entry = Entry::of_machine(note, at, Wall::new(at, at), config);
            Some((entry.event, entry.text))
        }
        Action::Look(_) | Action::Pull | Action::CutSync | Action::Push | Action::AskWitnesses => None,
    }
}

#[derive(Default)]
struct Show {
    text: String,
    events: usize,
    decisions: usize,
    differences: usize,
    machine: Option<(Machine, Config)>,
}

impl Show {
    fn segment(&mut self, lines: &[(Time, Said)]) {
        for (at, said) in lines {
            match said {
                Said::Begin(begin) => self.begin(begin),
                Said::Lost => self.row(*at, "lost", "events are missing here: the disk was too slow for them"),
                Said::Event { event, did } => self.event(*at, event, did),
            }
        }
        self.machine = None;
    }

    fn begin(&mut self, begin: &Begin) {
        match (begin.same_upstreams, &mut self.machine) {
            (Some(same), Some((machine, config))) => {
                machine.reconfigure(begin.policy(), same, &begin.start.armed);
                *config = begin.config.clone();
                self.row(begin.at, "reloaded", "another configuration is in force");
            }
            (Some(_), None) => {}
            (None, _) => {
                let machine = begin.machine();
                let text = format!("a machine starts, as {}", names::role(machine.role()));
                self.machine = Some((machine, begin.config.clone()));
                self.row(begin.at, "begin", &text);
            }
        }
    }

    /// Events before the first beginning are the end of something that is not known.
    fn event(&mut self, at: Time, event: &Event, did: &[String]) {
        let Some((mut machine, config)) = self.machine.take() else { return };
        let before = names::role(machine.role());
        let actions = machine.handle(at, event.clone());
        let decided: Vec<_> = actions.iter().filter_map(|action| decision(action, at, &config)).collect();
        self.events += 1;
        self.decisions += decided.len();
        for (name, text) in &decided {
            self.row(at, name, text);
        }
        if !decided.is_empty() {
            let because = format!("{}; it was {before}; {}", words(event, &config), facts(at, &machine, &config));
            self.line(&" ".repeat(people(at).len()), "because", &because);
        }
        if !decided.iter().map(|(name, _)| *name).eq(did.iter().map(String::as_str)) {
            self.differences += 1;
            let recorded = if did.is_empty() { "nothing".to_owned() } else { did.join(", ") };
            self.row(at, "DIFFERS", &format!("what was decided then: {recorded}"));
        }
        self.machine = Some((machine, config));
    }

    fn row(&mut self, at: Time, name: &str, text: &str) {
        self.line(&people(at), name, text);
    }

    fn line(&mut self, at: &str, name: &str, text: &str) {
        // A file may come from anywhere.
        let (name, text) = (printable(name, EVENT), printable(text, LONGEST));
        let _ = writeln!(self.text, "{at}  {name:EVENT$}  {text}");
    }

    fn finish(mut self, unreadable: usize) -> Shown {
        let as_then = match self.differences {
            0 => "all as they were taken".to_owned(),
            some => format!("{some} times otherwise than then"),
        };
        let _ = writeln!(self.text, "{} events, {} decisions, {as_then}", self.events, self.decisions);
        let warning = (unreadable > 0).then(|| format!("lines left out because they cannot be read: {unreadable}"));
        Shown { text: self.text, warning, code: u8::from(self.differences > 0) }
    }
}

/// An event, in words.
fn words(event: &Event, config: &Config) -> String {
    match event {
        Event::Probed { upstream, verdict } => {
            let name = config.upstreams.get(*upstream).map_or("?", |upstream| upstream.name.as_str());
            format!("a probe of {name}: {verdict}")
        }
        Event::Witnessed { alive: true } => "a witness answers".to_owned(),
        Event::Witnessed { alive: false } => "no witness answers".to_owned(),
        Event::Observed(seen) => format!("a look at the gateway: {}", seen_in_words(seen)),
        Event::Ordered(Ok(())) => "systemd takes the order".to_owned(),
        Event::Ordered(Err(why)) => format!("the order fails: {why}"),
        Event::Pulled { .. } => "the end of a pull".to_owned(),
        Event::Pushed { .. } => "the end of a push".to_owned(),
        Event::Command(Command::Hold { kind, .. }) => format!("an operator's word: {}", names::hold(*kind)),
        Event::Command(Command::Resume) => "an operator's word: resume".to_owned(),
        Event::Command(Command::Drill { .. }) => "an operator's word: drill".to_owned(),
        Event::Tick => "the clock".to_owned(),
    }
}

fn seen_in_words(seen: &Observation) -> String {
    let unit = seen.unit.map_or("systemd was not asked", |unit| names::unit_state(unit.state));
    match seen.verdict {
        Some(verdict) => format!("{unit}, {verdict}"),
        None => unit.to_owned(),
    }
}

/// What the decision rests on, as it stands after it: how far each thing is from where it would count.
fn facts(at: Time, machine: &Machine, config: &Config) -> String {
    let mut facts = match machine.window() {
        Some((elapsed, life)) => format!(
            "no life for {} of {}, since {}, in {} probes of at least {}",
            span(elapsed),
            span(machine.window_needs()),
            people(life),
            machine.window_failures(),
            config.promote.failures
        ),
        None => "no window".to_owned(),
    };
    let recent = machine.availability();
    if recent.outages > 1 {
        let (available, over) = (span(recent.available), span(recent.over));
        let _ = write!(facts, "; available for {available} of the last {over}, outages in it: {}", recent.outages);
    }
    for (index, (upstream, known)) in config.upstreams.iter().zip(machine.upstreams()).enumerate() {
        let verdict = known.latest.map_or("not probed yet".to_owned(), |(_, verdict)| verdict.to_string());
        let _ = write!(facts, "; {}: {verdict}", upstream.name);
        if let (Some(ready_for), Role::Active(_) | Role::Demoting(_)) = (known.ready_for, machine.role()) {
            let _ = write!(facts, ", ready for {} of {}", span(ready_for), span(machine.hold_down(Some(index))));
        }
        facts.push_str(if known.armed { "" } else { ", never seen healthy" });
        facts.push_str(if known.unsteady { ", unsteady" } else { "" });
    }
    if let Some(unit) = machine.unit() {
        let _ = write!(facts, "; gateway: {}", names::unit_state(unit.state));
    }
    if let Some(hold) = machine.memory().hold {
        let until =
            hold.until.map_or("until it is ended".to_owned(), |until| format!("for {} more", span(until.since(at))));
        let _ = write!(facts, "; hold: {}, {until}", names::hold(hold.kind));
    }
    match (machine.isolated(), machine.wants_witness()) {
        (true, _) => facts.push_str("; no witness answers"),
        (false, false) if machine.window().is_some() => facts.push_str("; no witness is needed"),
        _ => {}
    }
    facts
}
