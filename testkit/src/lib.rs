//! Real services for LetsApp's tests: MongoDB, Redis, Chromium and our own server, each on loopback, each started by
//! the test that needs it, and none left behind, not even by a test process that is killed.
//!
//! ```no_run
//! # async fn test() {
//! let Some(mongodb) = letsapp_testkit::mongodb::shared() else { return };
//! let uri = mongodb.unique_database_uri();
//! # }
//! ```
//!
//! Everything here works from a plain `#[test]` and from any tokio runtime: what needs a runtime runs on the kit's own.
//! A service that can't be had on this machine is skipped loudly, and is a failure where `CI` is set.
//!
//! The kit is for tests only: it is never published, panics instead of returning errors, and runs on Unix.

pub mod chromium;
pub mod mongodb;
pub mod redis;
pub mod server;

mod missing;
mod process;
mod runtime;
mod wait;

pub use process::free_port;
pub use runtime::block_on;
pub use wait::{until, until_some};
