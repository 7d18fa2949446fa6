//! The end of accounts and of groups. Either is marked in one step, and is gone for everybody from then on; what follows
//! from that is carried out here, step by step. Each step can be done again, so that what a fault or a crash has left
//! undone is done later.
//!
//! What this module is not: the place where it is decided that a group ends, which is its lane.

mod account;
pub(crate) mod ports;
pub(crate) mod remains;
pub(crate) mod service;
#[cfg(test)]
mod tests;

pub use service::ErasureService;
