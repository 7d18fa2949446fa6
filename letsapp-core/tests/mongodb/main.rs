//! What only the MongoDB store promises, tried out on real replica sets.

#![allow(clippy::print_stdout, reason = "the counts of a run are for whoever reads the log")]

mod connect;
mod failover;
mod fight;
mod membership;
mod outage;
mod plans;
mod retry;
mod shards;
mod stale;
mod world;
