//! The machine's contract, sentence by sentence, as nights on a timeline.
//!
//! A test's name is the sentence that it shows. [`night::Night`] is fed by hand, one event at a time;
//! [`play::Play`] plays a whole night itself, with the real pace of the probes and a gateway that boots and drains;
//! [`traces`] are such nights as the flight recorder has written them down.

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
mod unreturned;
mod upstreams;
mod verify;
mod window;
mod witnesses;
