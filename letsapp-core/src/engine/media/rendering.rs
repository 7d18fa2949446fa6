//! Reading what can be shown or heard from the bytes of a file, on a blocking thread.

#[cfg(feature = "media")]
use std::io::Cursor;

use bytes::Bytes;

#[cfg(feature = "media")]
use crate::domain::media::Family;
use crate::domain::media::{ContentType, Thumbnail, Waveform};
#[cfg(feature = "media")]
use crate::engine::media::audio::measure;
#[cfg(feature = "media")]
use crate::engine::media::preview::preview;

/// Facts that were read from a file; all are absent if it can't be decoded.
#[derive(Default)]
pub(super) struct Rendered {
    pub(super) preview: Option<Preview>,
    /// Duration in milliseconds.
    pub(super) duration: Option<u64>,
    pub(super) waveform: Option<Waveform>,
}

/// Small picture of a file.
pub(crate) struct Preview {
    pub(super) bytes: Bytes,
    pub(super) content_type: String,
    pub(super) thumbnail: Thumbnail,
}

/// Reports whether anything can be read from a file of this type; nothing without the feature `media`.
pub(super) fn can_render(content_type: &ContentType) -> bool {
    #[cfg(feature = "media")]
    {
        matches!(content_type.family(), Family::Picture | Family::Audio | Family::Video)
    }
    #[cfg(not(feature = "media"))]
    {
        let _ = content_type;
        false
    }
}

/// Reads what can be shown or heard.
#[cfg(feature = "media")]
pub(super) async fn render(content_type: ContentType, bytes: Vec<u8>) -> Rendered {
    let work = move || match content_type.family() {
        Family::Picture => picture(&bytes),
        Family::Audio | Family::Video => sound(bytes),
        _ => Rendered::default(),
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}

/// Reads nothing, as there are no decoders without the feature `media`.
#[cfg(not(feature = "media"))]
pub(super) async fn render(_: ContentType, _: Vec<u8>) -> Rendered {
    Rendered::default()
}

#[cfg(feature = "media")]
fn picture(bytes: &[u8]) -> Rendered {
    let drawn = match preview(bytes) {
        Ok(drawn) => drawn,
        Err(error) => {
            tracing::debug!(%error, "a picture has no preview");
            return Rendered::default();
        }
    };
    Rendered {
        preview: Some(Preview {
            bytes: drawn.bytes.into(),
            content_type: drawn.content_type.to_string(),
            thumbnail: Thumbnail {
                width: drawn.width,
                height: drawn.height,
                blurhash: drawn.blurhash,
            },
        }),
        ..Rendered::default()
    }
}

#[cfg(feature = "media")]
fn sound(bytes: Vec<u8>) -> Rendered {
    match measure(Cursor::new(bytes)) {
        Ok(sound) => Rendered {
            preview: None,
            duration: Some(sound.duration_ms),
            waveform: sound.waveform.and_then(Waveform::new),
        },
        Err(error) => {
            tracing::debug!(%error, "nothing was read from a sound");
            Rendered::default()
        }
    }
}
