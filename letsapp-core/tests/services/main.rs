//! What people rely on, through the services, on the store in memory and in virtual time.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]

mod accounts;
mod conversations;
mod events;
mod messages;
mod sync;
mod world;
