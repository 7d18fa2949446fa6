//! The variants in which a file can be read.

use serde::Serialize;

/// Variant of a file that a link leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// The file itself.
    #[default]
    Original,
    /// Preview of the file.
    Thumbnail,
}

impl Variant {
    /// Returns the word for the variant in JSON and in links.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Thumbnail => "thumbnail",
        }
    }

    /// Parses a word returned by [`as_str`](Self::as_str); `None` for any other.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Original, Self::Thumbnail]
            .into_iter()
            .find(|variant| variant.as_str() == word)
    }
}
