//! The one record that describes a store as a whole.

use crate::domain::id::Epoch;

/// Description of a store, made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Random id of this history of the data. Replaced when the store is restored from a backup, so that clients know
    /// that what they hold may not be there any more.
    pub epoch: Epoch,
    /// Version of the store's tables or documents, counted from 1 by each store for itself.
    pub schema: u32,
    /// [`ANALYSIS_VERSION`](crate::domain::search::ANALYSIS_VERSION) of the program that made the store: the rules by
    /// which the terms in its search index were computed.
    pub analysis: u32,
}
