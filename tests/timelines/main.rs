//! Contract of the machine, as nights on a timeline.
//!
//! The name of each test states the behaviour. [`night::Night`] is fed by hand, one event at a time; [`play::Play`]
//! simulates a whole night, with the real probe schedule and a gateway that boots and drains; [`traces`] are such
//! nights in the format of the flight recorder.

mod active;
mod answerer;
mod armed;
mod demotion;
mod drain;
mod drills;
mod events;
mod flapping;
mod found;
mod hold_down;
mod holds;
mod night;
mod nights;
mod patience;
mod play;
mod promotion;
mod restart;
mod stalls;
mod traces;
mod unpushed;
mod upstreams;
mod verify;
mod window;
mod witnesses;
