//! Entries of the history, with the sentence that the log and the notifications share.
//!
//! A sentence is for an operator who was woken by it: state, cause, what happens next, and what to do. Programs read
//! the fields instead; durations are in seconds.

pub(crate) mod codec;
mod demotion;
mod drill_marker;
mod drills;
mod entry;
mod holds;
mod kind;
mod monitor;
mod probing;
mod promotion;
mod workspace;

use crate::config::Config;
pub use crate::events::drill_marker::DrillMarker;
pub use crate::events::entry::{HistoryEntry, Severity};
pub use crate::events::kind::EventKind;
pub use crate::events::monitor::MonitorNotice;
pub(crate) use crate::events::probing::availability_in_words;
use crate::failover::MachineNotice;
use crate::os::clock::WallClockOffset;
use crate::text::Time;

impl HistoryEntry {
    /// Describes a notice of the machine. `at` is the machine's time, `config` the configuration in force.
    #[must_use]
    pub fn from_machine_notice(notice: &MachineNotice, at: Time, wall: WallClockOffset, config: &Config) -> Self {
        let entry = NoticeDescriber { config, wall }.describe_notice(notice);
        Self { at: wall.to_wall_clock(at), boot: wall.to_boot_time(at), ..entry }
    }

    /// Describes a notice of the monitor. `at` is the machine's time.
    #[must_use]
    pub fn from_monitor_notice(notice: &MonitorNotice, at: Time, wall: WallClockOffset) -> Self {
        Self { at: wall.to_wall_clock(at), boot: wall.to_boot_time(at), ..monitor::describe_notice(notice) }
    }
}

/// Describes the machine's notices. The configuration supplies the names; the machine only has indices.
struct NoticeDescriber<'a> {
    config: &'a Config,
    wall: WallClockOffset,
}

impl NoticeDescriber<'_> {
    fn describe_notice(&self, notice: &MachineNotice) -> HistoryEntry {
        match notice {
            MachineNotice::Armed { upstream } => self.describe_armed(*upstream),
            MachineNotice::WindowOpened { upstream, failure } => self.describe_window_opened(*upstream, *failure),
            MachineNotice::WindowClosed { upstream, lasted } => self.describe_window_closed(*upstream, *lasted),
            MachineNotice::Isolated => self.describe_isolated(),
            MachineNotice::Reconnected => self.describe_reconnected(),
            MachineNotice::NeverSeenHealthy => self.describe_never_seen_healthy(),
            MachineNotice::PortHeld { verdict } => self.describe_port_held(*verdict),
            MachineNotice::PortFree => self.describe_port_free(),
            MachineNotice::Flapping { recent } => self.describe_flapping(*recent),
            MachineNotice::Steady { recent } => self.describe_steady(*recent),
            MachineNotice::ForeignAnswer { why } => self.describe_foreign_answer(why),
            MachineNotice::AnswerUnverified { why } => self.describe_answer_unverified(why),
            MachineNotice::AnswerVerified => self.describe_answer_verified(),
            MachineNotice::Promoting { cause, window, failures, last_healthy_at, waits_for_pull } => {
                self.describe_promoting(*cause, *window, *failures, *last_healthy_at, *waits_for_pull)
            }
            MachineNotice::Aborted { why } => self.describe_aborted(*why),
            MachineNotice::Promoted { cause, took, hold_down } => self.describe_promoted(*cause, *took, *hold_down),
            MachineNotice::Adopted { cause } => self.describe_adopted(*cause),
            MachineNotice::StartFailed { why, retry_in } => self.describe_start_failed(&why.to_string(), *retry_in),
            MachineNotice::NotAnswering { waited } => self.describe_not_answering(*waited),
            MachineNotice::StoppingSilent { waited } => self.describe_stopping_silent(*waited),
            MachineNotice::ChannelsBroken => self.describe_channels_broken(),
            MachineNotice::ChannelsRecovered => self.describe_channels_recovered(),
            MachineNotice::GatewayDown => self.describe_gateway_down(),
            MachineNotice::ServesAgain => self.describe_serves_again(),
            MachineNotice::Demoting { reason } => self.describe_demoting(*reason),
            MachineNotice::DrainCut { after } => self.describe_drain_cut(*after),
            MachineNotice::StopFailed { why, retry_in } => self.describe_stop_failed(why, *retry_in),
            MachineNotice::StopHangs { waited } => self.describe_stop_hangs(*waited),
            MachineNotice::Demoted { reason, active_for } => self.describe_demoted(*reason, *active_for),
            MachineNotice::HeldBack { hold } => self.describe_held_back(hold),
            MachineNotice::HoldSet { hold } => self.describe_hold_set(hold),
            MachineNotice::HoldEnded { kind, by_time } => self.describe_hold_ended(*kind, *by_time),
            MachineNotice::HoldStands { hold } => self.describe_hold_reminder(hold),
            MachineNotice::DrillRefused { why } => self.describe_drill_refused(*why),
            MachineNotice::DrillEnded { drill } => self.describe_drill_ended(drill),
        }
    }

    fn gateway_unit(&self) -> &str {
        &self.config.gateway.unit
    }

    /// Returns the name of an upstream, or its number if a reload has just removed it.
    fn upstream_name(&self, index: usize) -> String {
        let known = self.config.upstreams.get(index);
        known.map_or_else(|| format!("upstream {}", index + 1), |upstream| upstream.name.clone())
    }
}
