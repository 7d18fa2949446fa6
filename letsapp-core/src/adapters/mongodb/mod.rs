//! The MongoDB store: a replica set or a sharded cluster.
