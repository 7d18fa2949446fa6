//! Load client that costs as little as possible, as it shares the machine with the server that it measures.
//!
//! The generator has one thread and a WebSocket client written by hand; frames are put together from prepared parts,
//! and read by looking for the few fields that matter. It is no client to imitate, but it checks what it counts: an
//! error, or a message that is out of order, missing or duplicated, ends the run.

mod attack;
mod dial;
mod frame;
mod group;
mod http;
mod meter;
mod pairs;
mod schedule;
mod socket;
#[cfg(test)]
#[allow(
    dead_code,
    reason = "cargo sets `cfg(test)` for `main.rs` too, where no harness runs the tests"
)]
mod tests;
mod transfer;

use std::time::Duration;

pub use self::{
    attack::{Attack, Attackers},
    dial::loopback,
    group::{Group, GroupLoad},
    http::Http,
    meter::{Outcome, Span},
    pairs::{Pace, Pair, PairLoad, Receipts},
    socket::{Endpoint, Socket},
    transfer::{Content, Transfer, repeat},
};

/// Time that messages in flight have to arrive after the measured phase: far more than a server needs that works.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Number of the first request, the smallest of ten digits, so that all frames have one length.
const FIRST_REQUEST: u64 = 1_000_000_000;
