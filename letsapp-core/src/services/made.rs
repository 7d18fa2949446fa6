//! The answer to whether a request has created its object or found it.

/// Whether an object was created by this request or existed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// Created by this request.
    Now,
    /// Created before: by an earlier attempt of the same request or, for a direct conversation, by either user.
    Before,
}
