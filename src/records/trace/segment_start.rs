//! First line of a segment: the configuration and the machine's initial state.

use crate::config::{self, Config};
use crate::failover::{InitialFacts, Machine, Policy};
use crate::os::clock::WallClockOffset;
use crate::records::state;
use crate::records::trace::event_codec::{read_unit, unit_to_json};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::json_fields::{as_list, nullable_field, required_field};

/// Start of a machine, or a change of its configuration.
#[derive(Clone, Debug)]
pub struct SegmentStart {
    /// Time of the start, by the machine's clock.
    pub at: Time,
    /// The configuration in force.
    pub config: Config,
    /// True if the configuration names witnesses that apply.
    pub has_witnesses: bool,
    /// Initial state of the machine.
    pub start: InitialFacts,
    /// For a configuration change: true if the upstreams are the same. `None` for a machine that starts.
    pub same_upstreams: Option<bool>,
}

impl SegmentStart {
    /// Returns a machine in this initial state.
    #[must_use]
    pub fn new_machine(&self) -> Machine {
        Machine::new(self.policy(), self.at, self.start.clone())
    }

    /// Returns the policy that the configuration implies.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy::new(&self.config, self.has_witnesses)
    }

    pub(super) fn to_json(&self) -> Value {
        let persistent_state = state::to_json(&self.start.persistent_state, WallClockOffset::new(self.at, self.at));
        Value::from_entries([
            ("at", self.at.as_millis().into()),
            (
                "begin",
                Value::from_entries([
                    ("version", env!("CARGO_PKG_VERSION").into()),
                    ("config", self.config.to_json()),
                    ("witnessed", self.has_witnesses.into()),
                    ("memory", persistent_state),
                    ("armed", Value::from_items(self.start.armed.iter().copied())),
                    ("unit", self.start.unit.map(unit_to_json).into()),
                    ("same_upstreams", self.same_upstreams.map_or(Value::Null, Into::into)),
                ]),
            ),
        ])
    }

    pub(super) fn from_json(at: Time, node: &Value) -> Result<Self, String> {
        let config = config::parse(&required_field(node, "config")?.value.to_string(), "the trace's configuration");
        let truth =
            |node: &Value, key: &str| node.as_bool().ok_or_else(|| format!("`{key}` is neither true nor false"));
        let armed_flags = as_list(required_field(node, "armed")?, "armed")?.iter().map(|node| truth(node, "armed"));
        Ok(Self {
            at,
            config: config.map_err(|problems| problems.to_string())?,
            has_witnesses: truth(required_field(node, "witnessed")?, "witnessed")?,
            start: InitialFacts {
                persistent_state: state::parse_memory(required_field(node, "memory")?)?,
                armed: armed_flags.collect::<Result<_, _>>()?,
                unit: nullable_field(node, "unit", |node, _| read_unit(node))?,
            },
            same_upstreams: nullable_field(node, "same_upstreams", |node, key| truth(node, key))?,
        })
    }
}
