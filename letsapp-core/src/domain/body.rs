//! The body of a message, stored byte for byte as sent.
//!
//! A body is plain text: no markup, normalisation or trimming. U+2028, bidirectional controls and joiners are kept,
//! since Persian and emoji need some of them; clients must isolate the direction of a body when they display it.

use std::fmt;

use crate::domain::text::{TextError, graphemes_at_most, has_control, text_type};

/// Text of a message: 1–4,096 characters as a reader counts them (extended grapheme clusters), at most 64 KiB, without
/// control characters other than newline and tab.
///
/// `Debug` shows only the length, so that logs never contain messages.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::body::Body;
///
/// let body = Body::parse("Grüße 👩‍👩‍👧")?;
/// assert_eq!(body.as_str(), "Grüße 👩‍👩‍👧");
/// assert_eq!(Body::parse("\u{7}").unwrap_err().code(), "control_character");
/// # Ok::<(), letsapp_core::domain::text::TextError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Body(Box<str>);

impl Body {
    /// Maximum number of characters, as a reader counts them (extended grapheme clusters).
    pub const MAX: usize = 4_096;
    /// Maximum number of bytes: 16 per character, since a character can carry any number of combining marks.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Parses the body of a message without attachments, which must not be empty.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is empty, too long, or has control characters.
    pub fn parse(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        if text.is_empty() {
            Err(TextError::TooShort { min: 1 })
        } else {
            Self::parse_caption(text)
        }
    }

    /// Parses the body of a message with attachments, which may be empty.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is too long or has control characters.
    pub fn parse_caption(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        if text.len() > Self::MAX_BYTES {
            Err(TextError::TooLarge { max: Self::MAX_BYTES })
        // Counting characters costs most and comes last.
        } else if has_control(&text) {
            Err(TextError::Control)
        } else if !graphemes_at_most(&text, Self::MAX) {
            Err(TextError::TooLong { max: Self::MAX })
        } else {
            Ok(Self(text.into()))
        }
    }

    /// Returns the empty body, of a deleted message or one with attachments only.
    #[must_use]
    pub fn empty() -> Self {
        Self(Box::default())
    }

    /// Reports whether the body is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

text_type!(Body);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    use super::*;

    #[test]
    fn the_longest_body_fits_and_one_more_character_does_not() {
        for character in ["a", "é", "e\u{301}", "漢", "👍🏽", "🇩🇪", "\n"] {
            assert!(Body::parse(character.repeat(Body::MAX)).is_ok(), "{character:?}");
            assert_eq!(
                Body::parse(character.repeat(Body::MAX + 1)),
                Err(TextError::TooLong { max: Body::MAX }),
                "{character:?}"
            );
        }
    }

    #[test]
    fn few_characters_of_too_many_bytes_are_refused() {
        let towers = |bytes: usize| format!("a{}", "\u{301}".repeat(bytes / 2));
        assert!(Body::parse(towers(Body::MAX_BYTES - 1)).is_ok());
        assert_eq!(
            Body::parse(towers(Body::MAX_BYTES)),
            Err(TextError::TooLarge { max: Body::MAX_BYTES })
        );
    }

    #[test]
    fn control_characters_are_refused_but_newline_and_tab() {
        for code in (0..0x20).chain([0x7F]).chain(0x80..0xA0) {
            let c = char::from_u32(code).expect("no surrogate below U+00A0");
            let expected = if c == '\n' || c == '\t' {
                Ok(())
            } else {
                Err(TextError::Control)
            };
            assert_eq!(Body::parse(format!("a{c}b")).map(drop), expected, "{c:?}");
        }
    }

    #[test]
    fn joiners_selectors_directions_and_separators_are_kept() {
        for text in [
            "می\u{200C}خواهم",
            "👨\u{200D}👩\u{200D}👧",
            "❤\u{FE0F}",
            "\u{202E}abc\u{202C}",
            "a\u{2028}b",
            "\u{A0}",
        ] {
            assert_eq!(Body::parse(text).as_ref().map(Body::as_str), Ok(text));
        }
    }

    #[test]
    fn only_a_caption_may_be_empty() {
        assert_eq!(Body::parse(""), Err(TextError::TooShort { min: 1 }));
        assert_eq!(Body::parse_caption(""), Ok(Body::empty()));
        assert_eq!(Body::parse_caption("\u{0}"), Err(TextError::Control));
    }

    #[test]
    fn debug_does_not_show_what_was_written() {
        assert_eq!(format!("{:?}", Body::from_stored("secret")), "Body(6 bytes)");
    }

    #[test]
    fn a_body_is_a_plain_string_in_json() {
        assert_eq!(
            serde_json::to_string(&Body::from_stored("a\nb")).expect("a string"),
            r#""a\nb""#
        );
    }

    proptest! {
        #[test]
        fn an_accepted_body_is_kept_byte_for_byte(text in "\\PC{0,300}") {
            if let Ok(body) = Body::parse(text.clone()) {
                prop_assert_eq!(body.as_str(), text);
            }
        }

        #[test]
        fn the_rule_is_the_plain_count_of_clusters(unit in "\\PC{1,4}", count in 1000usize..5000) {
            let text = unit.repeat(count);
            let fits = text.graphemes(true).count() <= Body::MAX && text.len() <= Body::MAX_BYTES;
            prop_assert_eq!(Body::parse(text).is_ok(), fits);
        }
    }
}
