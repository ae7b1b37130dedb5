//! One bounded health request to a gateway, answered by a verdict.
//!
//! The JSON contract decides, never the status code alone: OpenClaw answers 200 with a page of HTML on every path
//! it does not know.

mod verdict;

pub use verdict::{Channels, Failure, Verdict};
