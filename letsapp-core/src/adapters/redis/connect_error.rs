//! Errors of connecting.

use crate::ports::BoxError;

/// Reason for which Redis can't be used. The text is one line and contains no password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not valid.
    #[error("the Redis address is not valid: {0}")]
    Address(String),
    /// No server answered at the address, or it refused what a bus needs.
    #[error("Redis at {hosts} can't be used: {cause}")]
    Unusable {
        /// Hosts of the address, separated by commas.
        hosts: String,
        /// Error of the client or the server.
        #[source]
        cause: BoxError,
    },
}
