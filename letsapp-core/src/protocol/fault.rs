//! Reasons why a field of a request is invalid.

use crate::domain::text::TextError;
use crate::protocol::problem::FieldError;

/// Reason why a field is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Missing.
    Required,
    /// Not of the expected type, named here.
    Type(&'static str),
    /// Not one of the allowed words, listed here.
    Word(&'static str),
    /// Not a UUID.
    Uuid,
    /// A UUID of a version that clients must not choose.
    IdVersion,
    /// More items than this.
    TooMany(usize),
    /// Fewer characters than this.
    TooShort(usize),
    /// More characters than this.
    TooLong(usize),
    /// Not an RFC 3339 time.
    Time,
    /// Not the mark of a sync.
    Mark,
    /// Breaks a rule of its text type.
    Text(TextError),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.at("").detail)
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// Returns the error for the field at `path`.
    pub fn at(&self, path: &str) -> FieldError {
        let (code, detail) = match self {
            Self::Required => ("required", "is missing".to_owned()),
            Self::Type(expected) => ("invalid_type", format!("must be {expected}")),
            Self::Word(words) => ("invalid_value", format!("must be one of {words}")),
            Self::Uuid => ("invalid_uuid", "must be a UUID".to_owned()),
            Self::IdVersion => ("invalid_uuid", "must be a UUID of version 4 or 7".to_owned()),
            Self::TooMany(max) => ("too_many", format!("must have at most {max} items")),
            Self::TooShort(min) => ("too_short", format!("must have at least {min} characters")),
            Self::TooLong(max) => ("too_long", format!("must have at most {max} characters")),
            Self::Time => (
                "invalid_time",
                "must be an RFC 3339 time such as 2026-11-22T09:00:00.000Z".to_owned(),
            ),
            Self::Mark => ("invalid_value", "must be the mark of an earlier sync".to_owned()),
            Self::Text(error) => (error.code(), error.to_string()),
        };
        FieldError::new(path, code, detail)
    }
}
