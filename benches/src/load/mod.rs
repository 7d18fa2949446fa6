//! The lean load client: it shares the machine with the server that it measures, so each of its cycles counts.
//!
//! One thread, a hand-written WebSocket client, frames put together from prepared parts and read by looking for the
//! few fields that matter. It is no client to imitate, but it checks what it counts: an error, a message out of order,
//! one that is missing or comes twice ends the run.

mod frame;
mod histogram;
mod http;
mod meter;
mod pacer;
mod pairs;
mod room;
mod socket;
#[cfg(test)]
mod tests;

pub use self::{
    histogram::Histogram,
    http::Http,
    meter::{Outcome, Span},
    pairs::{Pace, Pair, PairLoad, Receipts},
    room::{Room, RoomLoad},
    socket::{Seat, Socket},
};
