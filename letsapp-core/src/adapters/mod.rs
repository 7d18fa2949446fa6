//! Implementations of the repository traits: in memory, on SQLite and on MongoDB; of the store of bytes; and of the bus
//! between servers: in memory, on Redis and on MongoDB.
//!
//! Every store has one file (or folder) per repository trait, named like the port: `users`, `sessions`, `contacts`,
//! `conversations`, `messages`, `keys`. The remaining files are specific to the database.
//!
//! Stores contain no business rules. They carry out one atomic operation at a time; permissions are checked before a
//! store is called.

pub mod blobs;
#[cfg(feature = "clamd")]
pub mod clamd;
mod deadline;
pub mod memory;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
pub mod sqlite;
