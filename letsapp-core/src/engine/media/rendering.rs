//! Reading what can be shown or heard from the bytes of a file, on a thread of its own.

use bytes::Bytes;

use crate::domain::media::{Thumbnail, Waveform};

/// What was read from a file.
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

#[cfg(feature = "media")]
pub(super) use with_decoders::{can_render, render};
#[cfg(not(feature = "media"))]
pub(super) use without_decoders::{can_render, render};

#[cfg(feature = "media")]
mod with_decoders {
    use std::io::Cursor;

    use super::{Preview, Rendered};
    use crate::domain::media::{ContentType, Family, Thumbnail, Waveform};
    use crate::engine::media::audio::measure;
    use crate::engine::media::preview::preview;

    /// Reports whether anything can be read from a file of this type.
    pub(in crate::engine::media) fn can_render(content_type: &ContentType) -> bool {
        matches!(content_type.family(), Family::Picture | Family::Audio | Family::Video)
    }

    /// Reads what can be shown or heard. What can't be decoded has nothing.
    pub(in crate::engine::media) async fn render(content_type: ContentType, bytes: Vec<u8>) -> Rendered {
        let work = move || match content_type.family() {
            Family::Picture => picture(&bytes),
            Family::Audio | Family::Video => sound(bytes),
            _ => Rendered::default(),
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_default()
    }

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
}

#[cfg(not(feature = "media"))]
mod without_decoders {
    use super::Rendered;
    use crate::domain::media::ContentType;

    /// Reports that nothing can be read without the feature `media`.
    pub(in crate::engine::media) fn can_render(_: &ContentType) -> bool {
        false
    }

    pub(in crate::engine::media) async fn render(_: ContentType, _: Vec<u8>) -> Rendered {
        Rendered::default()
    }
}
