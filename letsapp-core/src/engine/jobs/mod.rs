//! Background jobs that finish what a request began, or what a crash interrupted.

pub(crate) mod cleanup;
pub(crate) mod clock_anchor;
pub(crate) mod erasure;
pub(crate) mod key_reload;
pub(crate) mod session_recheck;
#[cfg(test)]
mod tests;
