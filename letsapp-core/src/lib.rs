#![doc = include_str!("../README.md")]
//!
//! # Layers
//!
//! The code is split by layer, and in each layer by feature, with the feature as the file name. A layer imports only
//! from itself and the layers in the last column; `tests/architecture.rs` checks it.
//!
//! | module | provides | imports from |
//! |---|---|---|
//! | [`domain`] | values, rules and state machines, without I/O | |
//! | [`protocol`] | requests, replies, events and errors as JSON | `domain` |
//! | [`ports`] | traits of what the engine needs from outside: stores, the clock, ids, the event bus | `domain` |
//! | [`engine`] | the running parts: commit path, caches, events, presence, jobs | `ports`, `protocol`, `domain` |
//! | [`services`] | the operations of users, for HTTP, sockets and embedding programs | `engine` and below |
//! | [`adapters`] | the stores: in memory, SQLite, MongoDB; the bus: in memory, Redis, MongoDB | `ports`, `domain` |
//! | `contract` | the test suites for stores and buses (feature `contract`) | `ports`, `domain`, the in-memory store |
//!
//! [`LetsApp`] and its builder wire the layers together, and may import from all of them. The [`prelude`] re-exports
//! the types that a program needs first.

pub mod adapters;
mod app;
#[cfg(feature = "contract")]
pub mod contract;
pub mod domain;
pub mod engine;
pub mod ports;
pub mod prelude;
pub mod protocol;
pub mod services;

pub use app::{LetsApp, LetsAppBuilder, SignUpError};
pub use domain::rules::Rules;

/// The README of the repository, whose example is compiled and run as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;
