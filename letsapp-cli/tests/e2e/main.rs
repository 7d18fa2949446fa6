//! The client and the command line against a real server.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, and not what they share")]

mod client;
mod command_line;
mod live;
mod support;
