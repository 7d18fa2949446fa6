//! Presence on this server: counts the connections of each user and notifies their watchers.
//!
//! All state is in memory, and the cost follows the watchers: a user who comes online or goes offline makes one event,
//! for those watchers who may see it. The store is read when a user connects (for their contacts), when a watch begins,
//! and when a setting, a contact or a block changes. It is written at most once a minute per user, and when they go
//! offline.
//!
//! Other servers tell who is online there; each server notifies the watchers who are connected to it.

mod checks;
mod elsewhere;
mod last_seen;
mod registry;
mod remote;
#[cfg(test)]
mod tests;

pub(crate) use registry::PresenceRegistry;
