//! What users call one another.

use crate::text::{TextError, one_line, text_type};

/// The name under which somebody lists a contact: one line of 1–64 characters, trimmed, of which something can be seen.
///
/// # Examples
///
/// ```
/// use letsapp_core::contacts::Alias;
///
/// assert_eq!(Alias::parse(" Mum 💛 ")?.as_str(), "Mum 💛");
/// assert_eq!(Alias::parse("\u{200B}").unwrap_err().code(), "too_short");
/// # Ok::<(), letsapp_core::text::TextError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(Box<str>);

impl Alias {
    /// How many characters fit: as many as in a name that people give themselves.
    pub const MAX: usize = 64;

    /// Reads an alias.
    ///
    /// # Errors
    ///
    /// [`TextError`] if nothing visible is left after trimming, if it is too long, or if it has control characters or
    /// line breaks.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        one_line(text.as_ref(), Self::MAX).map(|alias| Self(alias.into()))
    }
}

text_type!(Alias);
