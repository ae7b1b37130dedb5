//! The core: every decision this program takes, and nothing else.
//!
//! [`Machine::handle`] takes the time and one [`Event`] and answers with [`Action`]s; [`Machine::wake`] says when it
//! next wants a [`Event::Tick`]. There is no clock, no I/O, no thread and no log below this module, so a test can live
//! through ten years of outages in a second and any surprising night can be replayed.
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
//! The role is what the machine *wants and sees*, never what it once ordered: after each event the facts are read
//! again and the next order follows from them, so a lost event, a crash or a reboot is mended by the next look.

mod action;
mod answerer;
mod availability;
mod decide;
mod demoting;
mod drill;
mod duties;
mod event;
mod hold;
mod machine;
mod memory;
mod pace;
mod policy;
mod promoting;
mod role;
mod time;
mod upstream;
mod window;
mod witness;

pub use action::{Abort, Action, Look, Note, Order, Refusal};
pub use availability::Availability;
pub use drill::{Drill, DrillStep, Outcome};
pub use event::{Answerer, Command, Event, Invocation, Observation, Unit, UnitState};
pub use hold::{Hold, HoldKind};
pub use machine::{Machine, Start};
pub use memory::{Failover, Memory};
pub use pace::Pace;
pub use policy::Policy;
pub use promoting::PROCESS_EXITED;
pub use role::{Active, Cause, Demoting, Promoting, Reason, Role, Step, Verify};
pub use time::Time;
pub use upstream::Upstream;
