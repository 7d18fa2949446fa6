//! Whether a request to create something found it already made.

/// Whether something was made now or was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// Now.
    Now,
    /// Before, by the same request.
    Before,
}
