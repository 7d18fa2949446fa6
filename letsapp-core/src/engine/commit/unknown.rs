//! Changes whose outcome is unknown: the store failed, and may have carried them out nevertheless.
//!
//! Callers were answered with an error and will repeat the request, but nobody else would hear of a change that
//! was carried out. So each is looked up once the store answers again, and published if it is there.

use crate::engine::commit::draft::Draft;

/// Maximum number of unknown changes that are kept for a conversation. Beyond it, its members are asked to sync, which
/// covers any number of changes.
const MAX_UNKNOWN: usize = 64;

/// The changes of one conversation whose outcome is unknown.
#[derive(Default)]
pub(super) enum UnknownChanges {
    /// None.
    #[default]
    None,
    /// Changes, in the order in which they were submitted.
    Some(Vec<Draft>),
    /// More than are kept.
    TooMany,
}

impl UnknownChanges {
    /// Adds a change.
    pub(super) fn add(&mut self, change: Draft) {
        match self {
            Self::None => *self = Self::Some(vec![change]),
            Self::Some(changes) if changes.len() < MAX_UNKNOWN => changes.push(change),
            Self::Some(_) => *self = Self::TooMany,
            Self::TooMany => {}
        }
    }

    /// Tells whether there is nothing to look up.
    pub(super) const fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }
}
