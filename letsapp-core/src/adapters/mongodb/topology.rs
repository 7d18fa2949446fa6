//! Arrangement of the database's servers.

/// Arrangement of the database's servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    /// Replica set: one server carries out a command.
    ReplicaSet,
    /// Sharded cluster: a router splits a command by shard, and carries out an ordered one shard by shard.
    Sharded,
}
