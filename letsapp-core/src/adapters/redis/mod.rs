//! Sharing between several servers through Redis, version 7 or later: a single node, or a cluster.
//!
//! Nothing in Redis is the only copy of anything: all of it may be lost at any time, and is made again by the servers.

mod address;
mod bus;
mod connect_error;
mod connector;
mod link;
mod paces;

pub use self::bus::RedisBus;
pub use self::connect_error::ConnectError;
pub use self::paces::RedisPaces;
