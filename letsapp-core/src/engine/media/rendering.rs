//! Reading what can be shown or heard from the bytes of a file, on threads that give way to all others.

#[cfg(feature = "media")]
use std::io::Cursor;

use bytes::Bytes;

#[cfg(feature = "media")]
use crate::domain::media::Family;
use crate::domain::media::{ContentType, Thumbnail, Waveform};
#[cfg(feature = "media")]
use crate::engine::media::audio::measure;
use crate::engine::media::error::MediaError;
#[cfg(feature = "media")]
use crate::engine::media::low_priority::{LowPriorityThreads, NotDone};
#[cfg(feature = "media")]
use crate::engine::media::preview::preview;
#[cfg(feature = "media")]
use crate::ports::RepositoryError;

/// Decodes files, a few at a time.
#[cfg_attr(not(feature = "media"), derive(Default))]
pub(super) struct Renderer {
    #[cfg(feature = "media")]
    threads: LowPriorityThreads,
}

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

impl Renderer {
    /// Returns the number of files that are decoded at once.
    pub(super) fn at_once(&self) -> usize {
        #[cfg(feature = "media")]
        {
            self.threads.count()
        }
        #[cfg(not(feature = "media"))]
        {
            1
        }
    }

    /// Reads what can be shown or heard from a file. Its bytes are asked for once a thread is idle, so that no more
    /// files are in memory than are decoded.
    ///
    /// # Errors
    /// The error of the bytes; [`MediaError::Store`] if the application is shutting down.
    #[cfg(feature = "media")]
    pub(super) async fn render(
        &self,
        content_type: ContentType,
        bytes: impl Future<Output = Result<Vec<u8>, MediaError>>,
    ) -> Result<Rendered, MediaError> {
        let thread = self.threads.reserve().await.map_err(unavailable)?;
        let bytes = bytes.await?;
        let family = content_type.family();
        let decode = move || match family {
            Family::Picture => picture(&bytes),
            Family::Audio | Family::Video => sound(bytes),
            _ => Rendered::default(),
        };
        match self.threads.run(thread, decode).await {
            Err(NotDone::Panicked(panic)) => {
                tracing::error!(panic, content_type = %content_type.as_str(), "a decoder panicked");
                Ok(Rendered::default())
            }
            done => done.map_err(unavailable),
        }
    }

    /// Reads nothing, as there are no decoders without the feature `media`.
    #[cfg(not(feature = "media"))]
    pub(super) async fn render(
        &self,
        _: ContentType,
        _: impl Future<Output = Result<Vec<u8>, MediaError>>,
    ) -> Result<Rendered, MediaError> {
        Ok(Rendered::default())
    }

    /// Ends the threads. Each leaves off after the file that it is at.
    pub(super) fn close(&self) {
        #[cfg(feature = "media")]
        self.threads.close();
    }
}

#[cfg(feature = "media")]
impl Default for Renderer {
    fn default() -> Self {
        Self {
            threads: LowPriorityThreads::for_this_computer(),
        }
    }
}

#[cfg(feature = "media")]
fn unavailable(error: NotDone) -> MediaError {
    RepositoryError::unavailable(error).into()
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
