//! Core state machine: every decision of this program, and nothing else.
//!
//! A [`Machine`] takes the time and one [`Event`] and returns [`Action`]s; it also returns the time at which it needs
//! the next [`Event::Tick`]. There is no clock, no I/O, no thread and no log in this module, so a test runs through ten
//! years of outages in a second, and a trace of a real night can be replayed.
//!
//! ```text
//!                 window due, armed, witnessed, not held
//!   standby ───────────────────────────────────────────► promoting(sync → start → verify)
//!      ▲                                                            │ answered twice, by the new process
//!      │ unit is down                                               ▼
//!   demoting ◄──────────────────────────────────────────────────  active
//!                 one upstream ready for the hold-down
//! ```
//!
//! The machine is level-triggered: after each event it decides from the facts as observed, never from what it requested
//! earlier. So the next observation corrects a lost event, a crash or a reboot.

mod accessors;
mod answerer;
mod availability;
mod demotion;
mod drill;
mod hold;
mod machine;
mod observation;
mod outage_window;
mod policy;
mod probe_schedule;
mod promotion;
mod promotion_decision;
mod sync_schedule;
mod types;
mod upstream;
mod upstream_verdict;
mod witness;

pub use crate::failover::availability::Availability;
pub use crate::failover::machine::{InitialFacts, Machine};
pub use crate::failover::policy::Policy;
pub use crate::failover::probe_schedule::ProbeSchedule;
pub use crate::failover::types::action::{
    Action, CancelReason, DrillRefusal, MachineNotice, PollMode, StartFailure, UnitAction,
};
pub use crate::failover::types::drill::{Drill, DrillOutcome, DrillOutcomeKind, DrillStep};
pub use crate::failover::types::event::{
    Answerer, Event, InvocationId, Observation, ObservedUnit, OperatorCommand, UnitActionError, UnitState,
};
pub use crate::failover::types::hold::{Hold, HoldKind};
pub use crate::failover::types::persistent_state::{Failover, PersistentState};
pub use crate::failover::types::role::{
    Active, Cause, CauseKind, Demoting, DemotionReason, DemotionReasonKind, Promoting, PromotionStep,
    PromotionStepKind, Role, RoleKind, Verification,
};
pub use crate::failover::upstream::UpstreamState;
pub use crate::text::timestamp::Time;
