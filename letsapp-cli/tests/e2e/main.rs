//! Tests of the client and the command line with a real server.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions only, not in their helpers"
)]

mod client;
mod command_line;
mod files;
mod live;
mod support;
