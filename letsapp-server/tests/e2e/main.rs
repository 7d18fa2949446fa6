//! End-to-end tests of the real binary: starting and stopping, HTTP, sockets, browsers, and crashes.
//!
//! The responses to single requests are tested next to the routes.

#![allow(clippy::unwrap_used, reason = "what goes wrong in a test is a panic")]

mod browser;
mod cluster;
mod crash;
mod files;
mod follower;
mod http;
mod load;
mod mongodb;
mod people;
mod random;
mod rescan;
mod server;
mod socket;
mod start;
mod uploads;
mod verdict;
