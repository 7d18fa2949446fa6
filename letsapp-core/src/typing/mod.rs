//! Typing: who writes something at this moment, and who is told.
//!
//! It is in memory alone, and lost with it. What this module is not: the place of what is written, see
//! [`messages`](crate::messages).

mod service;
mod state;
#[cfg(test)]
mod tests;
mod typists;

pub(crate) use service::Ports;
pub use service::TypingService;
pub(crate) use typists::{Told, Typists};

/// Whether somebody types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// They do; to be said again while it lasts, as often as one likes.
    Goes,
    /// They don't any more.
    Stopped,
}
