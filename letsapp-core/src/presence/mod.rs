//! Presence: who is there, on however many devices, and who is told.
//!
//! It is in memory, and costs what those cost who watch: a user who comes or goes makes one event for those of them who
//! may see it. A store is asked whom one lists when one comes, and who may see whom when a watch begins or what decides
//! it changes; it hears once a minute at most when a user was last seen, and when they leave.
//!
//! What this module is not: a say in who may see what, that is
//! [`Settings::last_seen`](crate::users::Settings::last_seen), contacts and blocks; nor does it know who is connected to
//! other servers.

mod board;
mod error;
mod inquiry;
mod seen;
mod service;
mod state;
#[cfg(test)]
mod tests;
mod watchers;

pub(crate) use board::{Board, Ports};
pub use error::PresenceError;
pub(crate) use inquiry::Listing;
pub use service::PresenceService;

/// How many users one connection watches: those that it named last.
pub const MAX_WATCHED: usize = 1_024;
