//! Resumable uploads: beginning one, telling how far it is, and making a file of it.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::domain::id::{MediaId, UserId};
use crate::domain::media::{ContentType, FileName, Media, Upload};
use crate::engine::media::Files;
use crate::engine::media::deposit::{Deposited, Description, NewFile};
use crate::engine::media::error::MediaError;
use crate::engine::media::sweeper::UNSENT;
use crate::ports::{BoxError, ByteStream, RepositoryError, UploadStarted};

/// A resumable upload that is about to begin.
pub(crate) struct NewUpload {
    pub(crate) id: Option<MediaId>,
    pub(crate) owner_id: UserId,
    pub(crate) name: FileName,
    pub(crate) declared: Option<ContentType>,
    /// Size of the whole in bytes.
    pub(crate) length: u64,
}

/// State of an upload.
pub(crate) struct UploadStanding {
    pub(crate) upload: Upload,
    /// File that the upload has become; `None` while bytes are missing.
    pub(crate) file: Option<Media>,
}

/// Result of adding an upload.
enum Added {
    Now(Upload),
    /// Another upload has its id.
    Before(Upload),
}

impl Files {
    /// Begins a resumable upload, or returns the one of an earlier attempt, also if it has become a file by now. The
    /// second value tells which.
    ///
    /// # Errors
    /// [`MediaError::TooLarge`] if there is no room for the file or the owner has too many uploads,
    /// [`MediaError::Conflict`] if the id belongs to another upload or file. For an empty file, which is made at once,
    /// the reasons for which files are refused.
    pub(crate) async fn start_upload(self: &Arc<Self>, new: NewUpload) -> Result<(UploadStanding, bool), MediaError> {
        // Before any limit: nobody is kept from going on.
        if let Some(id) = new.id
            && let Some(before) = self.stores.media.upload(id).await?
            && let Some(standing) = self.begun(before, &new).await?
        {
            return Ok((standing, false));
        }
        match self.add_upload(&new).await? {
            Added::Before(before) => {
                let standing = self.begun(before, &new).await?;
                Ok((standing.ok_or(MediaError::Conflict)?, false))
            }
            // A client has nothing to send, and asks no more.
            Added::Now(upload) if upload.is_complete() => {
                let file = self.complete(upload.clone()).await?.into_media();
                let file = Some(file);
                Ok((UploadStanding { upload, file }, true))
            }
            Added::Now(upload) => Ok((UploadStanding { upload, file: None }, true)),
        }
    }

    /// Returns an upload of a user.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] if the user has no such upload, [`MediaError::Ended`] if it has expired or was forgotten
    /// after it became a file.
    pub(super) async fn upload(&self, owner_id: UserId, id: MediaId) -> Result<Upload, MediaError> {
        let now = self.runtime.clock.now();
        let is_own = |upload: &Upload| upload.owner_id == owner_id && upload.length.is_some();
        match self.stores.media.upload(id).await?.filter(is_own) {
            Some(upload) if upload.expires_at > now => Ok(upload),
            Some(_) => Err(MediaError::Ended),
            None if self.made(owner_id, id).await?.is_some() => Err(MediaError::Ended),
            None => Err(MediaError::NotFound),
        }
    }

    /// Tells a user how far an upload is. If all bytes have arrived, but the server or a store failed before a file was
    /// made of them, it is made now: the client would send nothing more.
    ///
    /// # Errors
    /// As for [`upload`](Self::upload), and the reasons for which a complete file is refused.
    pub(crate) async fn resumed(self: &Arc<Self>, owner_id: UserId, id: MediaId) -> Result<UploadStanding, MediaError> {
        let upload = self.upload(owner_id, id).await?;
        self.standing(upload).await
    }

    /// Ends an upload of a user without a file.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] if the user has no such upload, [`MediaError::Ended`] if it is over.
    pub(crate) async fn end_upload(&self, owner_id: UserId, id: MediaId) -> Result<(), MediaError> {
        let upload = self.upload(owner_id, id).await?;
        if upload.is_over() {
            return Err(MediaError::Ended);
        }
        Ok(self.sweeper().give_up(&upload).await?)
    }

    /// Makes the file of an upload whose parts have all arrived. The upload stays for a day without its parts: a client
    /// that has lost the answer asks again.
    pub(super) async fn complete(self: &Arc<Self>, upload: Upload) -> Result<Deposited, MediaError> {
        let file = NewFile {
            owner_id: upload.owner_id,
            name: FileName::from_stored(upload.file_name.as_str()),
            declared: upload
                .content_type
                .as_deref()
                .and_then(|declared| ContentType::parse(declared).ok()),
        };
        let arrived = self.receive(file, self.whole(&upload)).await;
        // Here the bytes come from the store, so that it is the store that broke off.
        let arrived = arrived.map_err(|error| match error {
            MediaError::Broken(cause) => MediaError::Store(RepositoryError::unavailable(cause)),
            other => other,
        });
        let deposited = match arrived {
            Ok(arrived) => {
                let description = Description {
                    id: Some(upload.id),
                    ..Description::default()
                };
                self.deposit(arrived, description).await
            }
            Err(error) => Err(error),
        };
        let deposited = match deposited {
            Ok(deposited) => deposited,
            // The client asks again, and the parts are still there. Unless the file was stored without an answer, or
            // another request has made it meanwhile, and taken the parts away.
            Err(MediaError::Store(error)) => {
                let made = self.made(upload.owner_id, upload.id).await?;
                Deposited::Before(made.ok_or(error)?)
            }
            Err(refused) => {
                self.sweeper().give_up(&upload).await?;
                return Err(refused);
            }
        };
        if let Err(error) = self.sweeper().take_parts(&upload).await {
            tracing::debug!(%error, "the parts of an upload that became a file are deleted later");
        }
        Ok(deposited)
    }

    /// Adds an upload, unless another has its id.
    async fn add_upload(&self, new: &NewUpload) -> Result<Added, MediaError> {
        let owner = self.rooms.lock(new.owner_id).await;
        let unfinished = self.stores.media.unfinished(new.owner_id).await?;
        if unfinished.count >= self.limits.owner_uploads {
            let count = unfinished.count;
            let detail = format!("you have {count} unfinished uploads, which is the most: finish or delete some");
            return Err(MediaError::too_large("upload", "too_many_uploads", detail));
        }
        let room = owner.room().await?;
        if !room.has(new.length) {
            return Err(room.exceeded());
        }
        let now = self.runtime.clock.now();
        let upload = Upload {
            id: new
                .id
                .unwrap_or_else(|| MediaId::from_uuid(self.runtime.ids.timed(now))),
            owner_id: new.owner_id,
            file_name: new.name.as_str().to_owned(),
            content_type: new.declared.as_ref().map(ToString::to_string),
            length: Some(new.length),
            offset: 0,
            parts: Vec::new(),
            reserved: Vec::new(),
            created_at: now,
            expires_at: now.plus(UNSENT),
        };
        if new.id.is_some() && !self.stores.media.find(&[upload.id]).await?.is_empty() {
            return Err(MediaError::Conflict);
        }
        Ok(match self.stores.media.start_upload(&upload).await? {
            UploadStarted::Started => Added::Now(upload),
            UploadStarted::Exists(before) => Added::Before(*before),
        })
    }

    /// Tells how far the upload of an earlier attempt is. Returns `None` once it is over without a file: then its id is
    /// free.
    async fn begun(self: &Arc<Self>, before: Upload, new: &NewUpload) -> Result<Option<UploadStanding>, MediaError> {
        let is_same = before.owner_id == new.owner_id
            && before.length == Some(new.length)
            && before.file_name == new.name.as_str();
        if !is_same {
            return Err(MediaError::Conflict);
        }
        if before.expires_at > self.runtime.clock.now() {
            match self.standing(before.clone()).await {
                Err(MediaError::Ended) => {}
                standing => return standing.map(Some),
            }
        }
        self.sweeper().give_up(&before).await?;
        Ok(None)
    }

    /// Tells how far an upload is, and makes its file if that is not done yet.
    async fn standing(self: &Arc<Self>, upload: Upload) -> Result<UploadStanding, MediaError> {
        let file = if upload.is_over() {
            let made = self.made(upload.owner_id, upload.id).await?;
            Some(made.ok_or(MediaError::Ended)?)
        } else if upload.is_complete() {
            Some(self.complete(upload.clone()).await?.into_media())
        } else {
            None
        };
        Ok(UploadStanding { upload, file })
    }

    /// Returns the file that an upload of a user has become.
    async fn made(&self, owner_id: UserId, id: MediaId) -> Result<Option<Media>, MediaError> {
        let found = self.stores.media.find(&[id]).await?.pop();
        Ok(found.filter(|media| media.owner_id == owner_id))
    }

    /// Returns the bytes of all parts, one after the other.
    fn whole(&self, upload: &Upload) -> ByteStream {
        let blobs = Arc::clone(&self.blobs);
        stream::iter(upload.parts.clone())
            .filter(|part| std::future::ready(part.size > 0))
            .then(move |part| {
                let blobs = Arc::clone(&blobs);
                async move {
                    blobs
                        .get(part.blob, None)
                        .await
                        .map(|read| read.bytes)
                        .map_err(BoxError::from)
                }
            })
            .try_flatten()
            .boxed()
    }
}
