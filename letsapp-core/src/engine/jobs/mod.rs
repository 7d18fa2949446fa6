//! Background jobs: they finish what a request began, and undo what a crash left behind.

pub(crate) mod cleanup;
pub(crate) mod erasure;
pub(crate) mod session_recheck;
#[cfg(test)]
mod tests;
