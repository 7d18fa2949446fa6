//! The stores that come with LetsApp. Each folder has the same files, one per repository trait.
//!
//! What is not here: rules. An adapter carries out one atomic step at a time; whether anybody may take it was decided
//! before.

pub mod memory;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "sqlite")]
pub mod sqlite;
