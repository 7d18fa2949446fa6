//! Security events in the log: who signed in or tried to, from where, and with what outcome.
//!
//! An event is a line with the field `security`, inside of the span `request`, which has the client's address and the
//! request's id. `security=login outcome=refused` finds guesses at passwords. The reuse of an old refresh token is
//! logged by the core, which alone notices it. No line has a password, a token, or what was typed in the place of a
//! username unless it could be one.

use std::fmt;
use std::time::Duration;

use letsapp_core::domain::id::UserId;
use letsapp_core::domain::user::{Email, Username};

/// An action that concerns the security of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecurityEvent {
    /// An account was created.
    Registration,
    /// A sign-in.
    Login,
    /// An exchange of a refresh token.
    Refresh,
    /// The end of the own session.
    Logout,
    /// The end of another session.
    Revocation,
    /// A change of the email address.
    EmailChange,
    /// A change of the password.
    PasswordChange,
    /// The erasure of the account.
    AccountDeletion,
}

/// The outcome of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Carried out.
    Done,
    /// Refused because of the password, the token, or an address that is taken.
    Refused,
    /// Refused without a look at the password, after too many failures; possible again after this time.
    LockedOut(Duration),
    /// Not carried out for a reason on the server's side.
    Failed,
}

/// An account in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Account<'a> {
    /// The id of an existing account.
    Id(UserId),
    /// The name that a client gave, whether or not there is such an account.
    Named(&'a str),
    /// Not known, as with a refresh token that is not valid.
    Unknown,
}

/// Logs an event. Refusals are warnings, so that they can be counted apart.
pub(crate) fn record(event: SecurityEvent, account: &Account<'_>, outcome: Outcome) {
    let security = event.as_str();
    match outcome {
        Outcome::Done => tracing::info!(security, %account, outcome = "done", "security event"),
        Outcome::Refused => tracing::warn!(security, %account, outcome = "refused", "security event"),
        Outcome::LockedOut(wait) => {
            let wait_seconds = wait.as_secs();
            tracing::warn!(security, %account, outcome = "locked_out", wait_seconds, "security event");
        }
        Outcome::Failed => tracing::info!(security, %account, outcome = "failed", "security event"),
    }
}

impl SecurityEvent {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::Logout => "logout",
            Self::Revocation => "revocation",
            Self::EmailChange => "email_change",
            Self::PasswordChange => "password_change",
            Self::AccountDeletion => "account_deletion",
        }
    }
}

impl fmt::Display for Account<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            // Anything else may be a password in the wrong field.
            Self::Named(name) => match (Username::parse(name), Email::parse(name)) {
                (Ok(username), _) => f.write_str(username.as_str()),
                (_, Ok(email)) => f.write_str(email.as_str()),
                _ => f.write_str("(no name)"),
            },
            Self::Unknown => f.write_str("(unknown)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_name_is_written() {
        let written = |name| Account::Named(name).to_string();
        assert_eq!(written("Ana"), "ana");
        assert_eq!(written("ana@example.org"), "ana@example.org");
        assert_eq!(written("correct horse battery"), "(no name)");
        assert_eq!(written("an\nother line"), "(no name)");
    }
}
