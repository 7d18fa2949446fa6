//! Validation, errors and folding shared by all text types.
//!
//! The types themselves are defined in the file of their feature (`domain::user`, `domain::body` and so on), except
//! [`Title`], which is too small for a file of its own. Text is trimmed where its type says so and otherwise never
//! changed; no markup or language is interpreted.

mod fold;
#[cfg(test)]
mod tests;

use unicode_segmentation::UnicodeSegmentation;

pub use crate::domain::text::fold::fold;
pub(crate) use crate::domain::text::fold::{is_dropped, is_invisible, push_folded};

/// Reason why a text was refused.
///
/// [`code`](Self::code) is stable, for programs; the message is for people.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::text::{TextError, Title};
///
/// let error = Title::parse("   ").unwrap_err();
/// assert_eq!(error, TextError::Invisible);
/// assert_eq!(error.code(), "too_short");
/// assert_eq!(error.to_string(), "must have at least one visible character");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// Fewer characters than required.
    #[error("must have at least {min} {}", plural(*.min, "character", "characters"))]
    TooShort {
        /// Minimum number of characters.
        min: usize,
    },
    /// No visible character.
    #[error("must have at least one visible character")]
    Invisible,
    /// More characters than allowed, counted as a reader counts them (extended grapheme clusters).
    #[error("must have at most {max} characters")]
    TooLong {
        /// Maximum number of characters.
        max: usize,
    },
    /// More bytes than allowed, although the number of characters is within bounds: one letter can carry any number of
    /// combining marks.
    #[error("must take at most {max} bytes")]
    TooLarge {
        /// Maximum number of bytes.
        max: usize,
    },
    /// A control character, or a line break in a text of one line.
    #[error("must not contain control characters")]
    Control,
    /// A character outside the allowed set.
    #[error("may contain only {allowed}")]
    Charset {
        /// Allowed characters, in words.
        allowed: &'static str,
    },
    /// Text without the required form.
    #[error("must be {expected}")]
    Malformed {
        /// Required form, in words.
        expected: &'static str,
    },
}

impl TextError {
    /// Returns the stable error code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } | Self::Invisible => "too_short",
            Self::TooLong { .. } | Self::TooLarge { .. } => "too_long",
            Self::Control => "control_character",
            Self::Charset { .. } => "invalid_character",
            Self::Malformed { .. } => "invalid_format",
        }
    }
}

/// Title of a group: one line of 1–100 characters, trimmed.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::text::Title;
///
/// let title = Title::parse("  Família 👨‍👩‍👧‍👦 ")?;
/// assert_eq!(title.as_str(), "Família 👨‍👩‍👧‍👦");
/// # Ok::<(), letsapp_core::domain::text::TextError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Title(Box<str>);

impl Title {
    /// Maximum number of characters, as a reader counts them (extended grapheme clusters).
    pub const MAX: usize = 100;

    /// Parses a title.
    ///
    /// # Errors
    ///
    /// [`TextError`] if nothing visible is left after trimming, if it is too long, or if it has control characters or
    /// line breaks.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        one_line(text.as_ref(), Self::MAX).map(|title| Self(title.into()))
    }
}

text_type!(Title);

/// Implements the accessors, `Display`, `AsRef` and `Serialize` for a newtype over `Box<str>`.
macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// Wraps a text read from a store, which [`parse`](Self::parse) accepted when it was written.
            ///
            /// Not validated again: a rule that becomes stricter must not make stored texts unreadable.
            #[must_use]
            pub fn from_stored(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the text as an owned string.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0.into_string()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}
pub(crate) use text_type;

/// Maximum number of bytes per allowed character, on average. The largest recommended emoji takes 41 bytes, but no
/// ordinary text consists of those alone; a bound is needed because a character can carry any number of combining
/// marks.
const BYTES_PER_CHARACTER: usize = 16;

/// Trims a text and checks that it is one line of at most `max` characters, at least one of them visible.
pub(crate) fn one_line(text: &str, max: usize) -> Result<&str, TextError> {
    let text = fitting(text.trim(), max)?;
    if text
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return Err(TextError::Control);
    }
    if text.chars().all(is_invisible) {
        return Err(TextError::Invisible);
    }
    Ok(text)
}

/// Trims a text and checks that it has at most `max` characters, in any number of lines; may be empty.
pub(crate) fn many_lines(text: &str, max: usize) -> Result<&str, TextError> {
    let text = fitting(text.trim(), max)?;
    if has_control(text) {
        return Err(TextError::Control);
    }
    Ok(text)
}

/// Reports whether a text contains a control character (C0, DEL, C1) other than newline and tab.
pub(crate) fn has_control(text: &str) -> bool {
    // The bytes are scanned first, in a loop without branches. C1 is C2 80 … C2 9F in UTF-8, so a text without the byte
    // C2 needs no decoding.
    let mut suspect = false;
    for &byte in text.as_bytes() {
        suspect |= (byte < 0x20 && byte != b'\n' && byte != b'\t') || byte == 0x7F || byte == 0xC2;
    }
    suspect && text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}

/// Reports whether a text has at most `max` extended grapheme clusters, which is how a reader counts characters.
pub(crate) fn graphemes_at_most(text: &str, max: usize) -> bool {
    // A cluster has at least one code point, and a code point at least one byte. The two cheap counts decide for most
    // texts, without segmentation.
    text.len() <= max || text.chars().nth(max).is_none() || text.graphemes(true).nth(max).is_none()
}

/// Checks that a text has at most `max` characters, and at most [`BYTES_PER_CHARACTER`] bytes for each of them.
pub(crate) fn fitting(text: &str, max: usize) -> Result<&str, TextError> {
    let max_bytes = max * BYTES_PER_CHARACTER;
    if !graphemes_at_most(text, max) {
        Err(TextError::TooLong { max })
    } else if text.len() > max_bytes {
        Err(TextError::TooLarge { max: max_bytes })
    } else {
        Ok(text)
    }
}

fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}
