//! Passwords and refresh tokens, which must not appear in logs.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::protocol::fields::{Fault, Scalar, text};

/// A password, as entered.
///
/// ```
/// # use letsapp_core::protocol::requests::Password;
/// let password = Password::parse("correct horse").unwrap();
/// assert_eq!(format!("{password:?}"), "Password(…)");
/// assert!(Password::parse("short").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Minimum number of characters of a new password.
    pub const MIN: usize = 8;

    /// Maximum number of characters. Bounds the cost of hashing.
    pub const MAX: usize = 128;

    /// Parses a new password.
    ///
    /// # Errors
    /// Returns [`Fault::TooShort`] or [`Fault::TooLong`] unless it has 8 to 128 characters.
    pub fn parse(text: impl Into<String>) -> Result<Self, Fault> {
        let password = Self::presented(text)?;
        if password.0.chars().count() < Self::MIN {
            return Err(Fault::TooShort(Self::MIN));
        }
        Ok(password)
    }

    /// Accepts a password that will be compared with the right one. May be too short for a new password, since it is
    /// not chosen here.
    ///
    /// # Errors
    /// Returns [`Fault::TooLong`] if it has more than 128 characters, and so cannot be right.
    pub fn presented(text: impl Into<String>) -> Result<Self, Fault> {
        let text = text.into();
        if text.chars().nth(Self::MAX).is_some() {
            return Err(Fault::TooLong(Self::MAX));
        }
        Ok(Self(text))
    }

    /// Returns the password, for hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A refresh token, as presented by a client.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// Wraps a token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// Returns the token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

impl Scalar for Password {
    fn read(value: &Value) -> Result<Self, Fault> {
        Self::parse(text(value)?)
    }
}

impl Scalar for RefreshToken {
    fn read(value: &Value) -> Result<Self, Fault> {
        text(value).map(Self::new)
    }
}

/// A password that will be compared with the right one; see [`Password::presented`].
pub(super) struct Presented(pub(super) Password);

impl Scalar for Presented {
    fn read(value: &Value) -> Result<Self, Fault> {
        Password::presented(text(value)?).map(Self)
    }
}
