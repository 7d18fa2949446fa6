//! Failures of commands, with their messages and exit codes.

use std::io;

use letsapp_core::protocol::Code;

use crate::{ClientError, Server};

const REFUSED: u8 = 1;
pub(super) const USAGE: u8 = 2;
const SIGNED_OUT: u8 = 3;
const UNREACHABLE: u8 = 4;
const LOCAL: u8 = 5;

/// The reason why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error of the client.
    Client(ClientError),
    /// No account is signed in at this server.
    SignedOut(Server),
    /// The arguments are not valid together, or not in this situation.
    Usage(String),
    /// The command can't be carried out, for example because there is no such user.
    Refused(String),
    /// A failure on this computer, such as a file that can't be written.
    Local(String),
    /// A failure with one of several things, with the name of that thing.
    About(String, Box<Failure>),
    /// The reader of the output has gone, as in `letsapp history ana | head`. Not an error.
    BrokenPipe,
}

impl Failure {
    #[expect(clippy::needless_pass_by_value, reason = "the signature that map_err needs")]
    pub(super) fn local(error: impl ToString) -> Self {
        Self::Local(error.to_string())
    }

    /// Says with which of several things the command failed.
    #[expect(clippy::needless_pass_by_value, reason = "displays are passed as they are made")]
    pub(super) fn about(self, subject: impl ToString) -> Self {
        Self::About(subject.to_string(), Box::new(self))
    }

    /// Returns the message for the user, on one line. `None` if there is nothing to report.
    pub(super) fn message(&self) -> Option<String> {
        let line = match self {
            Self::Client(ClientError::SignedOut) => "not signed in: run `letsapp login`".to_owned(),
            Self::Client(error) => error.to_string(),
            Self::SignedOut(server) => format!("not signed in at {server}: run `letsapp login`"),
            Self::Usage(line) | Self::Refused(line) | Self::Local(line) => line.clone(),
            Self::About(subject, failure) => format!("{subject}: {}", failure.message()?),
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
            Self::About(_, failure) => failure.exit_code(),
            Self::Client(error) => match error {
                ClientError::SignedOut => SIGNED_OUT,
                ClientError::Problem(problem) if problem.code == Code::Unavailable => UNREACHABLE,
                ClientError::Problem(_) | ClientError::Text(_) => REFUSED,
                ClientError::Unreachable { .. } | ClientError::Unexpected { .. } => UNREACHABLE,
                ClientError::Url(_) => USAGE,
                ClientError::Tokens(_) | ClientError::File { .. } | ClientError::Closed => LOCAL,
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
