//! First line of a segment: the configuration and the machine's initial state.

use crate::config::{self, Config};
use crate::failover::{InitialFacts, Machine, Policy};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::json_fields::{JsonField, RecordError, read_field};

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
    pub fn new_machine(&self) -> Machine {
        Machine::new(self.policy(), self.at, self.start.clone())
    }

    /// Returns the policy that the configuration implies.
    pub fn policy(&self) -> Policy {
        Policy::new(&self.config, self.has_witnesses)
    }

    pub(super) fn to_json(&self) -> Value {
        let begin = Value::from_entries([
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("config", self.config.to_json()),
            ("witnessed", self.has_witnesses.to_json()),
            ("memory", self.start.persistent_state.to_json()),
            ("armed", self.start.armed.to_json()),
            ("unit", self.start.unit.to_json()),
            ("same_upstreams", self.same_upstreams.to_json()),
        ]);
        Value::from_entries([("at", self.at.as_millis().into()), ("begin", begin)])
    }

    pub(super) fn from_json(at: Time, node: &Value) -> Result<Self, RecordError> {
        let config = node.get("config").map(|node| node.value.to_string()).unwrap_or_default();
        let config = config::parse(&config, "the trace's configuration");
        Ok(Self {
            at,
            config: config.map_err(|problems| RecordError::new(problems.to_string()))?,
            has_witnesses: read_field(node, "witnessed")?,
            start: InitialFacts {
                persistent_state: read_field(node, "memory")?,
                armed: read_field(node, "armed")?,
                unit: read_field(node, "unit")?,
            },
            same_upstreams: read_field(node, "same_upstreams")?,
        })
    }
}
