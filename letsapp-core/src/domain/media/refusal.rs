//! Reasons why an uploaded file is refused.

use crate::domain::media::content_type::{ContentType, Family};

/// Reason why the content of a file was refused.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::media::Refusal;
///
/// let refusal = Refusal::TooManyPixels { width: 60_000, height: 2 };
/// assert_eq!(refusal.code(), "picture_too_large");
/// assert!(refusal.to_string().contains("60000 × 2"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Extension of the name that claims another family than the content has.
    #[error("has a name like {claimed}, but contains {found}")]
    Mismatch {
        /// Family that the extension stands for.
        claimed: Family,
        /// Family of the content.
        found: Family,
    },
    /// Type outside the list of allowed types.
    #[error("is of the type {0}, which is not allowed here")]
    NotAllowed(ContentType),
    /// Kind of picture that can carry a place and device data which cannot be removed here.
    #[error(
        "is a picture of the type {0}, from which place and device data cannot be removed: send it as JPEG, PNG, WebP or GIF"
    )]
    Uncleanable(ContentType),
    /// Picture whose declared dimensions are too large, or zero.
    #[error("declares {width} × {height} pixels: a picture has at most 16,384 on a side and 64 megapixels in all")]
    TooManyPixels {
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
    },
    /// Animation with more frames than allowed.
    #[error("has more than {max} frames")]
    TooManyFrames {
        /// Maximum number of frames.
        max: u32,
    },
    /// Picture made of more segments or chunks than any honest one.
    #[error("has more than {max} parts")]
    TooManyParts {
        /// Maximum number of parts.
        max: u32,
    },
    /// Picture that ends before its format says so.
    #[error("ends too early")]
    Truncated,
    /// Picture that breaks the rules of its format.
    #[error("is damaged: {0}")]
    Damaged(&'static str),
}

impl Refusal {
    /// Returns the stable code of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Mismatch { .. } => "name_mismatch",
            Self::NotAllowed(_) => "type_not_allowed",
            Self::Uncleanable(_) => "picture_type_not_supported",
            Self::TooManyPixels { .. } => "picture_too_large",
            Self::TooManyFrames { .. } => "too_many_frames",
            Self::TooManyParts { .. } => "too_many_parts",
            Self::Truncated => "truncated",
            Self::Damaged(_) => "damaged",
        }
    }
}
