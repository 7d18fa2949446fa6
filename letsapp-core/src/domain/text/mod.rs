//! Text that people type: the checks, the error and the folding that every text type shares.
//!
//! It is not where the types live: each stands in the folder of its feature (`users`, `messages`), except [`Title`],
//! which is as small as its rule. It never changes what was sent beyond trimming, and it knows no HTML, no Markdown and
//! no language.

mod fold;
#[cfg(test)]
mod tests;

use unicode_segmentation::UnicodeSegmentation;

pub use crate::domain::text::fold::fold;
pub(crate) use crate::domain::text::fold::{is_dropped, is_invisible, push_folded};

/// Why a short text (a name, a title, an address) was refused.
///
/// [`code`](Self::code) is for machines and stays; the message is for people.
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
    /// Fewer characters than it takes.
    #[error("must have at least {min} {}", plural(*.min, "character", "characters"))]
    TooShort {
        /// How many it takes.
        min: usize,
    },
    /// Nothing that can be seen.
    #[error("must have at least one visible character")]
    Invisible,
    /// More characters, as a person counts them, than fit.
    #[error("must have at most {max} characters")]
    TooLong {
        /// How many fit.
        max: usize,
    },
    /// Few enough characters, but made of too many bytes (one letter can carry any number of accents).
    #[error("must take at most {max} bytes")]
    TooLarge {
        /// How many bytes fit.
        max: usize,
    },
    /// A control character, or a line break where there is one line only.
    #[error("must not contain control characters")]
    Control,
    /// A character outside the few that are allowed.
    #[error("may contain only {allowed}")]
    Charset {
        /// The allowed ones, in words.
        allowed: &'static str,
    },
    /// Not of the form that it must have.
    #[error("must be {expected}")]
    Malformed {
        /// The form, in words.
        expected: &'static str,
    },
}

impl TextError {
    /// The stable machine word for it.
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

/// The title of a group: one line of 1–100 characters, trimmed.
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
    /// How many characters fit.
    pub const MAX: usize = 100;

    /// Reads a title.
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

/// Gives a newtype over `Box<str>` what all of them have.
macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// Takes what a store hands back: a text that [`parse`](Self::parse) let through before.
            ///
            /// It is not checked again, so that what was written once can be read for ever.
            #[must_use]
            pub fn from_stored(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, owned.
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

/// A character as a person counts it may take this many bytes on average; the largest family emoji takes 41.
const BYTES_PER_CHARACTER: usize = 16;

/// Trims and checks a text of one line, of which something can be seen.
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

/// Trims and checks a text of any number of lines, none included.
pub(crate) fn many_lines(text: &str, max: usize) -> Result<&str, TextError> {
    let text = fitting(text.trim(), max)?;
    if has_control(text) {
        return Err(TextError::Control);
    }
    Ok(text)
}

/// Whether there is a control character (C0, DEL, C1) other than newline and tab.
pub(crate) fn has_control(text: &str) -> bool {
    // Bytes first: C1 is C2 80 … C2 9F in UTF-8, so a text without C2 needs no decoding.
    let mut suspect = false;
    for &byte in text.as_bytes() {
        suspect |= (byte < 0x20 && byte != b'\n' && byte != b'\t') || byte == 0x7F || byte == 0xC2;
    }
    suspect && text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}

/// Whether a text has at most `max` characters as a person counts them (extended grapheme clusters).
pub(crate) fn graphemes_at_most(text: &str, max: usize) -> bool {
    // No cluster is shorter than a byte, or than a code point: most texts are decided without segmentation.
    text.len() <= max || text.chars().nth(max).is_none() || text.graphemes(true).nth(max).is_none()
}

/// Checks that a text is not too long.
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
