//! The error shared by the state machines of this layer.

/// Error for an input that a state machine does not accept in its current state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the input is not valid in the current state")]
pub(crate) struct Invalid;
