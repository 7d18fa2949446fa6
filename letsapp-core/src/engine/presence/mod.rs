//! Presence on this server: counts the connections of each user, and notifies those who watch.
//!
//! Everything is in memory, and costs what those cost who watch: a user who comes or goes makes one event for those of
//! them who may see it. The store is read when a user connects (their contacts), when a watch begins, and when a
//! setting, a contact or a block changes; it is written at most once a minute for each user, and when they leave.
//!
//! Users who are connected to other servers only are unknown here.

mod checks;
mod last_seen;
mod registry;
#[cfg(test)]
mod tests;

pub(crate) use checks::Listing;
pub(crate) use registry::PresenceRegistry;
