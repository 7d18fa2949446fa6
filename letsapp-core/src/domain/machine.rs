//! EncodedEvent by the state machines of this layer.

/// An input that can't come to a machine as it stands, or not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this can't happen now")]
pub struct Invalid;
