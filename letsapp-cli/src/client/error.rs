//! Errors of the client, grouped by how a caller can react to them.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use letsapp_core::domain::text::TextError;
use letsapp_core::protocol::{Code, Problem};

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No tokens are stored, or their session has ended. The user must sign in again.
    #[error("not signed in")]
    SignedOut,
    /// The server refused the request. [`Problem::code`] is the machine-readable reason.
    #[error("{}", problem_line(.0))]
    Problem(Box<Problem>),
    /// The server can't be reached or did not respond. Retrying later may help; the request may have been carried out.
    #[error("can't reach {server}: {}", root_cause(.source.as_ref()))]
    Unreachable {
        /// URL of the server.
        server: String,
        /// Cause as reported by the HTTP client.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The response does not follow LetsApp's protocol, so the address probably belongs to another kind of server.
    #[error("unexpected response from {server}: {detail}")]
    Unexpected {
        /// URL of the server.
        server: String,
        /// Description of the response.
        detail: String,
    },
    /// The text breaks a rule for message bodies. Nothing was sent to the server.
    #[error("the text {0}")]
    Text(#[from] TextError),
    /// The string is not the URL of a server.
    #[error("{0:?} is not the URL of a server, such as https://chat.example.org")]
    Url(String),
    /// The [`TokenStore`](crate::TokenStore) failed.
    #[error("can't store the tokens: {0}")]
    Tokens(#[source] io::Error),
    /// A file on this computer can't be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Cause as reported by the system.
        #[source]
        source: io::Error,
    },
    /// [`Live::close`](crate::Live::close) was called, or the connection's task has ended.
    #[error("the connection is closed")]
    Closed,
}

impl ClientError {
    /// Returns the server's machine-readable error code, if the server refused the request.
    ///
    /// ```
    /// # use letsapp_cli::{ClientError, protocol::{Code, Problem}};
    /// let error = ClientError::from(Problem::new(Code::Conflict));
    /// assert_eq!(error.code(), Some(Code::Conflict));
    /// assert_eq!(ClientError::SignedOut.code(), None);
    /// ```
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// Returns `true` if the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => is_temporary(problem),
            _ => false,
        }
    }

    /// Returns how long the server asks the client to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem(problem) => problem.retry_after.map(Duration::from_secs),
            _ => None,
        }
    }

    pub(crate) fn unreachable(server: &impl ToString, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unreachable {
            server: server.to_string(),
            source: source.into(),
        }
    }

    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn unexpected(server: &impl ToString, detail: &impl ToString) -> Self {
        Self::Unexpected {
            server: server.to_string(),
            detail: detail.to_string(),
        }
    }
}

impl From<Problem> for ClientError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// Returns `true` if the server may accept the same request later.
pub(crate) fn is_temporary(problem: &Problem) -> bool {
    matches!(problem.code, Code::Unavailable | Code::RateLimited)
}

/// Formats a problem as one line: the detail or the title, then each invalid field.
fn problem_line(problem: &Problem) -> String {
    let mut line = problem.detail.clone().unwrap_or_else(|| problem.title.clone());
    for error in &problem.errors {
        line.push_str(&format!("; {} {}", error.field, error.detail));
    }
    line
}

/// Returns the innermost cause. The outer ones only say that an HTTP request failed, which the user knows already.
fn root_cause<'a>(error: &'a (dyn Error + Send + Sync + 'static)) -> &'a dyn Error {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

#[cfg(test)]
mod tests {
    use super::*;
    use letsapp_core::protocol::FieldError;

    #[test]
    fn a_refusal_names_each_field_in_one_line() {
        let mut problem = Problem::new(Code::ValidationFailed);
        problem.errors.push(FieldError::new(
            "username",
            "too_short",
            "must have at least 3 characters",
        ));
        let line = ClientError::from(problem).to_string();
        assert_eq!(
            line,
            "Some fields are not valid; username must have at least 3 characters"
        );
    }

    #[test]
    fn an_unreachable_server_is_named_with_the_root_cause() {
        let cause = io::Error::other(io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused"));
        let error = ClientError::unreachable(&"http://localhost:1", cause);
        assert_eq!(error.to_string(), "can't reach http://localhost:1: connection refused");
        assert!(error.is_temporary());
    }

    #[test]
    fn only_rate_limits_and_unavailability_are_temporary() {
        for code in Code::ALL {
            let expected = matches!(code, Code::RateLimited | Code::Unavailable);
            assert_eq!(
                ClientError::from(Problem::new(*code)).is_temporary(),
                expected,
                "{code:?}"
            );
        }
    }
}
