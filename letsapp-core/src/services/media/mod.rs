//! Uploading, reading and deleting files.

mod download;
mod upload;

pub use download::{OpenFile, UrlFor};
pub use upload::{AppendedPart, FileDetails, FileDraft, NewFile, NewUpload, UploadState};

use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::MediaId;
use crate::domain::media::{Media, Variant};
use crate::domain::principal::Principal;
use crate::domain::timestamp::Timestamp;
use crate::engine::Engine;
use crate::engine::media::{Files, MediaError, Rescan, RescanError};
use crate::ports::RepositoryError;
use crate::protocol;

/// The service for files.
///
/// ```
/// # use letsapp_core::{LetsApp, services::media::{FileDetails, NewFile}};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let ana = app.sign_up("ana", "a long password").await?;
/// let draft = app.media().receive_bytes(&ana, NewFile::named("notes.txt"), "some words").await?;
/// let (media, _) = app.media().finish(draft, FileDetails::default()).await?;
/// assert_eq!(media.content_type, "text/plain");
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct MediaService {
    engine: Arc<Engine>,
}

/// Longest validity of a link, and the one that is taken unless the caller asks for less.
pub const LINK_TTL: Duration = Duration::from_secs(3600);

impl MediaService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Returns what is known of a file.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] unless the caller owns the file, or sees something that shows it: a message, a profile or
    /// a group.
    pub async fn find(&self, principal: &Principal, id: MediaId) -> Result<protocol::Media, MediaError> {
        Ok(protocol::Media::from(&self.visible(principal, id).await?))
    }

    /// Deletes a file of the caller.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] when there is none that the caller sees, [`MediaError::NotTheOwner`] when it is
    /// somebody else's, [`MediaError::InUse`] while a message, a profile or a group shows it.
    pub async fn delete(&self, principal: &Principal, id: MediaId) -> Result<(), MediaError> {
        let media = self.visible(principal, id).await?;
        if media.owner_id != principal.user_id {
            return Err(MediaError::NotTheOwner);
        }
        if self.files()?.sweeper().remove_now(&media).await? {
            Ok(())
        } else {
            Err(MediaError::InUse)
        }
    }

    /// Begins a scan of all stored files that were not scanned since `before`, one at a time. For whoever runs the
    /// installation: no user is asked.
    ///
    /// # Errors
    /// [`RescanError::NoScanner`] when the application has none, [`RescanError::Store`] when it has no place for files.
    ///
    /// # Examples
    ///
    /// ```
    /// # use letsapp_core::{LetsApp, engine::media::RescanError};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let app = LetsApp::in_memory().await?;
    /// let rescan = app.media().rescan(app.clock().now());
    /// assert!(matches!(rescan, Err(RescanError::NoScanner)));
    /// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
    /// ```
    pub fn rescan(&self, before: Timestamp) -> Result<Rescan, RescanError> {
        match &self.engine.files {
            Some(files) => files.rescan(before),
            None => Err(no_place().into()),
        }
    }

    /// Returns the maximum size of a file in bytes.
    pub fn max_file_bytes(&self) -> u64 {
        self.engine.files.as_ref().map_or(0, |files| files.limits.file_bytes)
    }

    /// Returns a file that the caller may see.
    async fn visible(&self, principal: &Principal, id: MediaId) -> Result<Media, MediaError> {
        let found = self.engine.stores.media.find(&[id]).await?.pop();
        let media = found.ok_or(MediaError::NotFound)?;
        let files = self.files()?;
        if media.owner_id == principal.user_id || files.access.shown(principal.user_id, &[id]).await?.contains(&id) {
            Ok(media)
        } else {
            Err(MediaError::NotFound)
        }
    }

    fn files(&self) -> Result<&Arc<Files>, MediaError> {
        self.engine.files.as_ref().ok_or_else(|| no_place().into())
    }
}

fn no_place() -> RepositoryError {
    RepositoryError::unavailable("this installation has no place for files")
}

/// Returns the blob, the type and the size of a variant of a file.
pub(crate) fn variant(media: &Media, variant: Variant) -> Option<(crate::domain::id::BlobId, &str, u64)> {
    match variant {
        Variant::Original => Some((media.blob, &media.content_type, media.size)),
        Variant::Thumbnail => {
            let thumbnail = media.facts.thumbnail.as_ref()?;
            Some((thumbnail.blob, &thumbnail.content_type, thumbnail.size))
        }
    }
}
