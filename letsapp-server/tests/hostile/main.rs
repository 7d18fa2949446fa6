//! Clients that hold or waste what they get: connections that are never read or never used, sockets that flood.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod connections;
mod sockets;
