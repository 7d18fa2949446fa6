//! The client and the command line against a real server.

mod client;
mod command_line;
mod live;
mod support;
