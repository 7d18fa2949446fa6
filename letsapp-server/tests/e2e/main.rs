//! The real binary, end to end: started, talked to over HTTP, sockets and two browsers, killed, and asked again.
//!
//! What is not here: what one request answers. That is tested beside the routes.

#![allow(clippy::unwrap_used, reason = "what goes wrong in a test is a panic")]

mod browser;
mod chance;
mod crash;
mod follower;
mod http;
mod load;
mod mongodb;
mod people;
mod server;
mod socket;
mod start;
mod verdict;
