//! What people rely on, through the services, on the store in memory and in virtual time.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]

mod accounts;
mod contacts;
mod conversations;
mod events;
mod messages;
mod search;
mod presence;
mod sync;
mod two_servers;
mod world;

use letsapp_core::LetsAppBuilder;

/// Puts the store in memory under an application; nothing has to be kept for it.
async fn store(builder: LetsAppBuilder) -> (LetsAppBuilder, world::Kept) {
    (builder, Box::new(()))
}
