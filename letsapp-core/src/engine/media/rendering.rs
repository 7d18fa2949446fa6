//! Reading what can be shown or heard from the bytes of a file, without keeping anybody from their work.

use bytes::Bytes;

use crate::domain::media::{ContentType, Thumbnail, Waveform};

/// What was read from a file.
#[derive(Default)]
pub(super) struct Rendered {
    pub(super) preview: Option<Preview>,
    /// Duration in milliseconds.
    pub(super) duration: Option<u64>,
    pub(super) waveform: Option<Waveform>,
}

/// Small picture of a file.
pub(super) struct Preview {
    pub(super) bytes: Bytes,
    pub(super) content_type: &'static str,
    pub(super) thumbnail: Thumbnail,
}

/// Reports whether anything can be read from a file of this type.
#[cfg(not(feature = "media"))]
pub(super) fn can_render(_: &ContentType) -> bool {
    false
}

/// Reads what can be shown; nothing without the feature `media`.
#[cfg(not(feature = "media"))]
pub(super) async fn render(_: ContentType, _: Vec<u8>) -> Rendered {
    Rendered::default()
}
