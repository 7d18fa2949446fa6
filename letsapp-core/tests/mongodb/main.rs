//! Tests of promises that only the MongoDB store makes, on real replica sets and a sharded cluster.

#![allow(clippy::print_stdout, reason = "the counts of a run belong in the log")]

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
