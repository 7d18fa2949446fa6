//! Tests of the MongoDB store on real replica sets, beyond the contract that all stores share.

#![allow(clippy::print_stdout, reason = "the counts of a run belong in the log")]

mod connect;
mod failover;
mod fight;
mod membership;
mod migration;
mod outage;
mod plans;
mod retry;
mod shards;
mod stale;
mod stuck;
mod world;
