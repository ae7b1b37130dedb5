//! The machine's contract, sentence by sentence, as nights on a timeline.
//!
//! A test's name is the sentence that it shows. [`night::Night`] is fed by hand, one event at a time;
//! [`play::Play`] plays a whole night itself, with the real pace of the probes and a gateway that boots and drains.

mod events;
mod night;
mod stalls;
