//! Entries of the history, with the sentence that the log and the notifications share.
//!
//! A sentence is for an operator who was woken by it: state, cause, what happens next, and what to do. Programs read
//! the fields instead; durations are in seconds.

pub(crate) mod codec;
mod demotion;
mod drills;
mod holds;
mod monitor;
mod probing;
mod promotion;
mod rehearsal;
mod workspace;

use std::time::Duration;

use log::Level;

use crate::config::Config;
pub use crate::events::monitor::MonitorNote;
pub(crate) use crate::events::probing::availability_in_words;
pub use crate::events::rehearsal::Rehearsal;
use crate::failover::Note;
use crate::os::boot_time::BootTime;
use crate::os::clock::Wall;
use crate::text::json::Value;
use crate::text::{Time, json_fields, printable};

/// Character limits of a sentence, and of text from other programs within one.
const SENTENCE: usize = 1000;
const QUOTED: usize = 300;

/// One entry of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Wall-clock time.
    pub at: Time,
    /// Time since boot, if known.
    pub boot: Option<BootTime>,
    /// Stable event name.
    pub event: &'static str,
    /// Severity, from which the log level follows.
    pub severity: Severity,
    /// Named values for programs.
    pub fields: Vec<(&'static str, Value)>,
    /// One or two sentences for people, on one line.
    pub text: String,
}

/// Severity of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Normal operation.
    Notice,
    /// Unusual, but handled by this program.
    Warning,
    /// An operator should look.
    Error,
}

impl Severity {
    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Returns the log level.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::Notice => Level::Info,
            Self::Warning => Level::Warn,
            Self::Error => Level::Error,
        }
    }
}

impl Entry {
    /// Describes a note of the machine. `at` is the machine's time, `config` the configuration in force.
    #[must_use]
    pub fn of_machine(note: &Note, at: Time, wall: Wall, config: &Config) -> Self {
        let entry = Teller { config, wall }.tell(note);
        Self { at: wall.at(at), boot: wall.boot_time(at), ..entry }
    }

    /// Describes a note of the monitor. `at` is the machine's time.
    #[must_use]
    pub fn of_monitor(note: &MonitorNote, at: Time, wall: Wall) -> Self {
        Self { at: wall.at(at), boot: wall.boot_time(at), ..monitor::tell(note) }
    }

    /// Returns the entry as a line of the history.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let head = [
            ("at", json_fields::time(self.at)),
            ("event", self.event.into()),
            ("severity", self.severity.name().into()),
        ];
        let text = [("text", self.text.as_str().into())];
        let boot = self.boot.map(BootTime::fields).into_iter().flatten();
        Value::object(head.into_iter().chain(boot).chain(self.fields.iter().cloned()).chain(text))
    }

    fn notice(event: &'static str, text: &str) -> Self {
        Self::new(Severity::Notice, event, text)
    }

    fn warning(event: &'static str, text: &str) -> Self {
        Self::new(Severity::Warning, event, text)
    }

    fn error(event: &'static str, text: &str) -> Self {
        Self::new(Severity::Error, event, text)
    }

    fn new(severity: Severity, event: &'static str, text: &str) -> Self {
        Self { at: Time::default(), boot: None, event, severity, fields: Vec::new(), text: printable(text, SENTENCE) }
    }

    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    fn span(self, name: &'static str, span: Duration) -> Self {
        self.with(name, json_fields::seconds(span))
    }

    /// Adds the exit of the gateway, as the monitor found it.
    #[must_use]
    pub fn with_exit(self, exit: &str) -> Self {
        let text = printable(&format!("{}. {}", quoted(exit), self.text), SENTENCE);
        Self { text, ..self }.quote("exit", exit)
    }

    /// Adds a field with text from another program, shortened.
    fn quote(self, name: &'static str, words: &str) -> Self {
        self.with(name, printable(words, QUOTED))
    }
}

/// Returns text from another program, ready to be quoted within a sentence: without a final full stop, and short
/// enough that the rest of the sentence still fits.
fn quoted(words: &str) -> String {
    printable(words, QUOTED).trim_end_matches(['.', ' ']).to_owned()
}

/// Describes the machine's notes. The configuration supplies the names; the machine only has indices.
struct Teller<'a> {
    config: &'a Config,
    wall: Wall,
}

impl Teller<'_> {
    fn tell(&self, note: &Note) -> Entry {
        match note {
            Note::Armed { upstream } => self.armed(*upstream),
            Note::WindowOpened { upstream, failure } => self.window_opened(*upstream, *failure),
            Note::WindowClosed { upstream, lasted } => self.window_closed(*upstream, *lasted),
            Note::Isolated => self.isolated(),
            Note::Reconnected => self.reconnected(),
            Note::NeverSeenHealthy => self.never_seen_healthy(),
            Note::PortHeld { verdict } => self.port_held(*verdict),
            Note::PortFree => self.port_free(),
            Note::Flapping { recent } => self.flapping(*recent),
            Note::Steady { recent } => self.steady(*recent),
            Note::ForeignAnswer { why } => self.foreign_answer(why),
            Note::AnswerUnverified { why } => self.answer_unverified(why),
            Note::AnswerVerified => self.answer_verified(),
            Note::Promoting { cause, window, failures, life } => self.promoting(*cause, *window, *failures, *life),
            Note::Aborted { why } => self.aborted(*why),
            Note::Promoted { cause, took, hold_down } => self.promoted(*cause, *took, *hold_down),
            Note::Adopted { cause } => self.adopted(*cause),
            Note::StartFailed { why, retry_in } => self.start_failed(why, *retry_in),
            Note::NotAnswering { waited } => self.not_answering(*waited),
            Note::StoppingSilent { waited } => self.stopping_silent(*waited),
            Note::ChannelsBroken => self.channels_broken(),
            Note::ChannelsWell => self.channels_well(),
            Note::WentDown => self.went_down(),
            Note::ServesAgain => self.serves_again(),
            Note::Demoting { reason } => self.demoting(*reason),
            Note::DrainCut { after } => self.drain_cut(*after),
            Note::StopFailed { why, retry_in } => self.stop_failed(why, *retry_in),
            Note::StopHangs { waited } => self.stop_hangs(*waited),
            Note::Demoted { reason, active_for } => self.demoted(*reason, *active_for),
            Note::HeldBack { kind } => self.held_back(*kind),
            Note::HoldSet { hold } => self.hold_set(*hold),
            Note::HoldEnded { kind, by_time } => self.hold_ended(*kind, *by_time),
            Note::HoldStands { hold } => self.hold_stands(*hold),
            Note::DrillRefused { why } => self.drill_refused(*why),
            Note::DrillEnded { drill } => self.drill_ended(drill),
        }
    }

    fn unit(&self) -> &str {
        &self.config.gateway.unit
    }

    /// Returns the name of an upstream, or its number if a reload has just removed it.
    fn upstream(&self, index: usize) -> String {
        let known = self.config.upstreams.get(index);
        known.map_or_else(|| format!("upstream {}", index + 1), |upstream| upstream.name.clone())
    }
}
