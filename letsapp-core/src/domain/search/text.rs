//! The text that a user enters to search for messages.

use std::fmt;

use crate::domain::text::{TextError, fitting, is_invisible, text_type};

/// Search text: 1–256 characters, at least one of them visible.
///
/// Not trimmed, since white space at the end marks the last word as finished. `Debug` shows only the length, so that
/// logs never contain what users search for.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::search::SearchText;
///
/// assert_eq!(SearchText::parse("tea at ")?.as_str(), "tea at ");
/// assert_eq!(SearchText::parse("  ").unwrap_err().code(), "too_short");
/// # Ok::<(), letsapp_core::domain::text::TextError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SearchText(Box<str>);

impl SearchText {
    /// Maximum number of characters, as a reader counts them (extended grapheme clusters).
    pub const MAX: usize = 256;

    /// Parses a search text.
    ///
    /// # Errors
    ///
    /// Returns [`TextError`] if it has no visible character or is too long.
    pub fn parse(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        fitting(&text, Self::MAX)?;
        if text.chars().all(|c| is_invisible(c) || c.is_control()) {
            return Err(TextError::Invisible);
        }
        Ok(Self(text.into()))
    }
}

text_type!(SearchText);

impl fmt::Debug for SearchText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SearchText({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_typed_text_is_accepted_unchanged() {
        for text in ["a", " tea at ", "\"a* OR -b", "東京", "👍🏽", "a\0\nb", "?!"] {
            assert_eq!(SearchText::parse(text).unwrap().as_str(), text);
        }
        assert!(
            SearchText::parse("👨‍👩‍👧".repeat(100)).is_ok(),
            "characters are what a person counts"
        );
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        for (text, code) in [
            (String::new(), "too_short"),
            (" \t\u{200B}".to_owned(), "too_short"),
            ("\u{19} \u{9F}".to_owned(), "too_short"),
            ("a".repeat(SearchText::MAX + 1), "too_long"),
            (format!("a{}", "\u{301}".repeat(4_096)), "too_long"),
        ] {
            assert_eq!(SearchText::parse(text).unwrap_err().code(), code);
        }
        assert!(SearchText::parse("a".repeat(SearchText::MAX)).is_ok());
    }

    #[test]
    fn debug_does_not_show_what_is_looked_for() {
        assert_eq!(
            format!("{:?}", SearchText::parse("secret").unwrap()),
            "SearchText(6 bytes)"
        );
    }
}
