//! Resumable uploads: parts that arrive one after the other, and the file that they become.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use crate::domain::id::{BlobId, MediaId, UserId};
use crate::domain::media::{ContentType, FileName, Upload, UploadPart};
use crate::engine::media::Files;
use crate::engine::media::deposit::{Deposited, Description, NewFile};
use crate::engine::media::error::MediaError;
use crate::engine::media::sweeper::UNSENT;
use crate::ports::{BoxError, ByteStream, RepositoryError, UploadStarted};

/// Maximum number of parts of one upload, each of which is a blob until the upload is complete.
const MAX_PARTS: usize = 1_000;

/// A resumable upload that is about to begin.
pub(crate) struct NewUpload {
    pub(crate) id: Option<MediaId>,
    pub(crate) owner_id: UserId,
    pub(crate) name: FileName,
    pub(crate) declared: Option<ContentType>,
    /// Size of the whole in bytes.
    pub(crate) length: u64,
}

/// Result of a part.
pub(crate) enum Progress {
    /// More is to come, from this offset on.
    Continues(Upload),
    /// The file is complete, with this number of bytes.
    Complete(Box<Deposited>, u64),
}

/// Bytes of a part that have arrived.
#[derive(Default)]
struct Arrival {
    hash: Sha256,
    size: u64,
    /// Error in which the client's stream ended.
    broken: Option<BoxError>,
    is_too_long: bool,
}

impl Files {
    /// Begins a resumable upload, or returns the one of an earlier attempt.
    ///
    /// # Errors
    /// [`MediaError::TooLarge`] if there is no room for the file, [`MediaError::Conflict`] if the id belongs to another
    /// upload or file.
    pub(crate) async fn start_upload(&self, new: NewUpload) -> Result<(Upload, bool), MediaError> {
        let room = self.room(new.owner_id).await?;
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
            content_type: new.declared.map(|declared| declared.to_string()),
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
        match self.stores.media.start_upload(&upload).await? {
            UploadStarted::Started => Ok((upload, true)),
            UploadStarted::Exists(before) => {
                let is_same = before.owner_id == upload.owner_id
                    && before.length == upload.length
                    && before.file_name == upload.file_name;
                if is_same {
                    Ok((*before, false))
                } else {
                    Err(MediaError::Conflict)
                }
            }
        }
    }

    /// Returns an upload of a user.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] if the user has no such upload, [`MediaError::Ended`] if it is over.
    pub(crate) async fn upload(&self, owner_id: UserId, id: MediaId) -> Result<Upload, MediaError> {
        let now = self.runtime.clock.now();
        let is_own = |upload: &Upload| upload.owner_id == owner_id && upload.length.is_some();
        match self.stores.media.upload(id).await?.filter(is_own) {
            Some(upload) if upload.expires_at > now => Ok(upload),
            Some(_) => Err(MediaError::Ended),
            None => {
                let became = self.stores.media.find(&[id]).await?;
                let is_over = became.iter().any(|media| media.owner_id == owner_id);
                Err(if is_over {
                    MediaError::Ended
                } else {
                    MediaError::NotFound
                })
            }
        }
    }

    /// Returns an upload of a user who asks how far it is. If all bytes have arrived, but the server or a store failed
    /// before a file was made of them, it is made now: the client would send nothing more.
    ///
    /// # Errors
    /// As for [`upload`](Self::upload), and the reasons for which a complete file is refused.
    pub(crate) async fn resumed(self: &Arc<Self>, owner_id: UserId, id: MediaId) -> Result<Upload, MediaError> {
        let upload = self.upload(owner_id, id).await?;
        if upload.offset > 0 && upload.length == Some(upload.offset) {
            self.complete(upload.clone()).await?;
        }
        Ok(upload)
    }

    /// Takes the next part of an upload. If the client's stream breaks off, what has arrived is kept, unless it came
    /// with a checksum. The last part completes the file.
    ///
    /// # Errors
    /// [`MediaError::WrongOffset`] if the upload goes on elsewhere, [`MediaError::Checksum`] if the bytes are not those
    /// that were sent, [`MediaError::Broken`] after a stream that broke off, and the reasons for which a complete file is
    /// refused, with which the upload ends.
    pub(crate) async fn append(
        self: &Arc<Self>,
        owner_id: UserId,
        id: MediaId,
        offset: u64,
        checksum: Option<[u8; 32]>,
        bytes: ByteStream,
    ) -> Result<Progress, MediaError> {
        let upload = self.upload(owner_id, id).await?;
        let length = upload.length.unwrap_or_default();
        if upload.offset != offset {
            return Err(MediaError::WrongOffset(upload.offset));
        }
        if upload.parts.len() >= MAX_PARTS {
            let detail = format!("an upload has at most {MAX_PARTS} parts");
            return Err(MediaError::too_large("upload", "too_many_parts", detail));
        }
        let blob = BlobId::from_uuid(self.runtime.ids.random());
        let noted = self.stores.media.reserve_part(id, blob).await?;
        noted.ok_or(MediaError::NotFound)?;
        let arrival = Arc::new(Mutex::new(Arrival::default()));
        let stored = self
            .blobs
            .put(blob, counted(bytes, Arc::clone(&arrival), length - offset))
            .await;
        let Arrival {
            hash,
            size,
            broken,
            is_too_long,
        } = std::mem::take(&mut *arrival.lock().unwrap_or_else(PoisonError::into_inner));
        let sum: [u8; 32] = hash.finalize().into();
        let refused = if is_too_long {
            Some(MediaError::too_large(
                "upload",
                "too_large",
                format!("the upload was announced with {length} bytes"),
            ))
        } else {
            let is_other = checksum.is_some_and(|checksum| checksum != sum);
            is_other.then_some(MediaError::Checksum)
        };
        if let Some(refused) = refused {
            self.blobs.delete(blob).await?;
            return Err(refused);
        }
        stored?;
        let upload = if size == 0 && length > 0 {
            self.blobs.delete(blob).await?;
            upload
        } else {
            let part = UploadPart { blob, size };
            let expires_at = self.runtime.clock.now().plus(UNSENT);
            let Some(upload) = self.stores.media.add_part(id, offset, part, expires_at).await? else {
                self.blobs.delete(blob).await?;
                let now = self.upload(owner_id, id).await?;
                return Err(MediaError::WrongOffset(now.offset));
            };
            upload
        };
        if upload.offset < length {
            return broken.map_or(Ok(Progress::Continues(upload)), |broken| {
                Err(MediaError::Broken(broken))
            });
        }
        // Also when the stream broke off after the last byte, and for a part without a byte that asks again after a
        // failure: a client that knows that all has arrived sends no more.
        let deposited = self.complete(upload).await?;
        Ok(Progress::Complete(Box::new(deposited), length))
    }

    /// Ends an upload of a user without a file.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] if the user has no such upload.
    pub(crate) async fn end_upload(&self, owner_id: UserId, id: MediaId) -> Result<(), MediaError> {
        let upload = self.upload(owner_id, id).await?;
        Ok(self.sweeper().give_up(&upload).await?)
    }

    /// Makes the file of an upload whose parts have all arrived.
    async fn complete(self: &Arc<Self>, upload: Upload) -> Result<Deposited, MediaError> {
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
        // After a failure of the store, the client asks again, and the parts are still there.
        let Err(MediaError::Store(error)) = deposited else {
            self.sweeper().give_up(&upload).await?;
            return deposited;
        };
        // Unless another request has made the file meanwhile, and removed the parts.
        let made = self.stores.media.find(&[upload.id]).await?.pop();
        let made = made.filter(|media| media.owner_id == upload.owner_id);
        made.map_or(Err(error.into()), |media| Ok(Deposited::Before(media)))
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

/// Passes a client's bytes on, and notes what has arrived. An error of the client is the end, since what came before it
/// is kept.
fn counted(bytes: ByteStream, arrival: Arc<Mutex<Arrival>>, room: u64) -> ByteStream {
    let next = move |mut bytes: ByteStream| {
        let arrival = Arc::clone(&arrival);
        async move {
            let chunk = bytes.next().await?;
            let mut arrival = arrival.lock().unwrap_or_else(PoisonError::into_inner);
            match chunk {
                Ok(chunk) if arrival.size + chunk.len() as u64 > room => {
                    arrival.is_too_long = true;
                    Some((Err::<Bytes, BoxError>("more bytes than announced".into()), bytes))
                }
                Ok(chunk) => {
                    arrival.size += chunk.len() as u64;
                    arrival.hash.update(&chunk);
                    Some((Ok(chunk), bytes))
                }
                Err(error) => {
                    arrival.broken = Some(error);
                    None
                }
            }
        }
    };
    stream::unfold(bytes, next).boxed()
}
