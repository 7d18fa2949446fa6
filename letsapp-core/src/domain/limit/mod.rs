//! Rate limits, as pure state machines: a [`Pace`] is stepped by a [`Quota`], [`Attempts`] by an [`Escalation`], and
//! the [`Table`] holds the quota of each [`Class`].
//!
//! The state of all clients is kept by the [`Limiter`](crate::engine::limiter::Limiter).

mod client;
mod escalation;
mod quota;
mod table;

pub use client::Client;
pub use escalation::{AttemptEvent, Attempts, Escalation, Wait};
pub use quota::{Decision, Pace, Quota, Verdict};
pub use table::{Class, LimitState, Per, Table};
