//! Data of the machine: its inputs, its outputs and its state. No rule is in here.

pub(super) mod action;
pub(super) mod drill;
pub(super) mod event;
pub(super) mod hold;
pub(super) mod persistent_state;
pub(super) mod role;
pub(super) mod sync;
