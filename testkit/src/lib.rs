//! Starts real services for LetsApp's tests: MongoDB, Redis, a server for S3, ClamAV, Chromium and LetsApp's own server.
//!
//! Each listens on loopback, is started by the first test that needs it, and ends with the test process, even if that is
//! killed.
//!
//! ```no_run
//! # async fn test() {
//! let Some(mongodb) = letsapp_testkit::mongodb::shared() else { return };
//! let uri = mongodb.unique_database_uri();
//! # }
//! ```
//!
//! All functions work in a plain `#[test]` and in any tokio runtime, since the crate has a runtime of its own. If a
//! service isn't available on the machine, its tests are skipped with a message on standard error; with `CI` set, they
//! fail.
//!
//! The crate is for tests only: it isn't published, panics instead of returning errors, and runs on Unix.

pub mod chromium;
pub mod clamd;
pub mod mongodb;
pub mod node;
pub mod proxy;
pub mod redis;
pub mod s3;
pub mod server;

mod cache;
mod missing;
mod process;
mod runtime;
mod wait;

pub use process::free_port;
pub use runtime::block_on;
pub use wait::{until, until_some};
