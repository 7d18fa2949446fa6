//! Marks: points in the order in which a store changes the records of members.

use crate::domain::timestamp::Timestamp;

/// Point in the order of a store's changes to member records. Set by the store in the same step as the change, so that
/// no clock of a server decides what a sync lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub u64);

impl Mark {
    /// Mark before every change.
    pub const ZERO: Self = Self(0);
}

/// Point from which changes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// All changes.
    Beginning,
    /// Changes after a mark that the store returned.
    Mark(Mark),
    /// Changes from a time of the servers' clocks on, for clients that know no marks.
    Time(Timestamp),
}
