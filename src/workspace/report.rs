//! Reports of pulls and pushes.
//!
//! The workspace's owner writes them, and an agent runs arbitrary tools as that user, so the monitor does not trust
//! them. A report holds only times, object ids, terms from fixed lists and short printable text; the reader rejects
//! everything else.

mod fields;
pub mod list_file;
mod name_list;
mod outcome;
mod pull_report;
mod push_report;
mod read;

pub use crate::workspace::oid::Oid;
pub use crate::workspace::report::name_list::NameList;
pub use crate::workspace::report::outcome::{PullOutcome, PushOutcome};
pub(super) use crate::workspace::report::pull_report::read_own_pull_report;
pub use crate::workspace::report::pull_report::{PullReport, SecretResult, WorkspacePull, read_pull_report};
pub(super) use crate::workspace::report::push_report::read_own_push_report;
pub use crate::workspace::report::push_report::{PushReport, read_push_report};
pub use crate::workspace::report::read::ReportError;
pub(crate) use crate::workspace::report::read::read_untrusted;
