//! Rate limits that several servers count together.

use async_trait::async_trait;

use crate::domain::limit::{Decision, Quota};
use crate::ports::bus::BusError;

/// Keeps the [`Pace`](crate::domain::limit::Pace) of each key for several servers, by its own time.
#[async_trait]
pub trait SharedPaces: Send + Sync {
    /// Steps the paces of these keys, each in one atomic step, as [`Pace::step`](crate::domain::limit::Pace::step) does.
    /// Returns one decision for each step, in the same order.
    ///
    /// # Errors
    /// [`BusError`] when nobody answers. Each step may or may not have been made.
    async fn step(&self, steps: &[PaceStep]) -> Result<Vec<Decision>, BusError>;
}

/// A step of the pace of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaceStep {
    /// Name of what is limited: at most 128 bytes of ASCII.
    pub key: String,
    /// The quota.
    pub quota: Quota,
    /// Number of uses.
    pub cost: u32,
    /// Treatment of a cost above what is left.
    pub excess: Excess,
}

/// Treatment of a cost above what is left of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// The use is denied, and counts for nothing.
    Denied,
    /// The use has happened already, so that what is left is used up.
    Charged,
}
