//! Why a command did not do what it was asked to, and the exit code that goes with it.

use std::io;

use letsapp_core::protocol::Code;

use crate::{ClientError, Server};

const REFUSED: u8 = 1;
pub(super) const USAGE: u8 = 2;
const SIGNED_OUT: u8 = 3;
const UNREACHABLE: u8 = 4;
const LOCAL: u8 = 5;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The client said so.
    Client(ClientError),
    /// Nobody is signed in there.
    SignedOut(Server),
    /// What was asked makes no sense.
    Usage(String),
    /// What was asked for is not there.
    Refused(String),
    /// Something on this computer failed.
    Local(String),
    /// Nobody reads what is written: `letsapp history ana | head`.
    BrokenPipe,
}

impl Failure {
    #[expect(clippy::needless_pass_by_value, reason = "the shape that map_err asks for")]
    pub(super) fn local(error: impl ToString) -> Self {
        Self::Local(error.to_string())
    }

    /// Returns the one line that says it, if anything needs to be said.
    pub(super) fn message(&self) -> Option<String> {
        let line = match self {
            Self::Client(ClientError::SignedOut) => "not signed in: run `letsapp login`".to_owned(),
            Self::Client(error) => error.to_string(),
            Self::SignedOut(server) => format!("not signed in at {server}: run `letsapp login`"),
            Self::Usage(line) | Self::Refused(line) | Self::Local(line) => line.clone(),
            Self::BrokenPipe => return None,
        };
        Some(line)
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::BrokenPipe => 0,
            Self::Refused(_) => REFUSED,
            Self::Usage(_) => USAGE,
            Self::SignedOut(_) => SIGNED_OUT,
            Self::Local(_) => LOCAL,
            Self::Client(error) => match error {
                ClientError::SignedOut => SIGNED_OUT,
                ClientError::Problem(problem) if problem.code == Code::Unavailable => UNREACHABLE,
                ClientError::Problem(_) | ClientError::Text(_) => REFUSED,
                ClientError::Unreachable { .. } | ClientError::Unexpected { .. } => UNREACHABLE,
                ClientError::Url(_) => USAGE,
                ClientError::Tokens(_) | ClientError::Closed => LOCAL,
            },
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::local(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use letsapp_core::protocol::Problem;

    #[test]
    fn exit_codes_are_as_documented() {
        let of = |error: ClientError| Failure::from(error).exit_code();
        assert_eq!(of(Problem::new(Code::Conflict).into()), 1);
        assert_eq!(of(ClientError::Url("x".to_owned())), 2);
        assert_eq!(of(ClientError::SignedOut), 3);
        assert_eq!(of(ClientError::unreachable(&"x", "y")), 4);
        assert_eq!(of(Problem::new(Code::Unavailable).into()), 4);
        assert_eq!(of(ClientError::Tokens(io::Error::other("full"))), 5);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit_code(), 0);
    }
}
