//! Parts of resumable uploads, which arrive one after the other. Each is a blob until the upload is complete.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use crate::domain::id::{BlobId, MediaId, UserId};
use crate::domain::media::{Upload, UploadPart};
use crate::engine::media::Files;
use crate::engine::media::deposit::Deposited;
use crate::engine::media::error::MediaError;
use crate::engine::media::sweeper::UNSENT;
use crate::ports::{BoxError, ByteStream};

/// Maximum number of parts of one upload, with those that are arriving.
const MAX_PARTS: usize = 1_000;

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
    /// Takes the next part of an upload. If the client's stream breaks off, what has arrived is kept, unless it came
    /// with a checksum. The last part completes the file.
    ///
    /// # Errors
    /// [`MediaError::Ended`] if the upload is over, [`MediaError::WrongOffset`] if it goes on elsewhere,
    /// [`MediaError::TooLarge`] if there is no room for the part, [`MediaError::Checksum`] if the bytes are not those
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
        if upload.is_over() {
            return Err(MediaError::Ended);
        }
        if upload.offset != offset {
            return Err(MediaError::WrongOffset(upload.offset));
        }
        let length = upload.length.unwrap_or_default();
        let blob = BlobId::from_uuid(self.runtime.ids.random());
        let noted = self.stores.media.reserve_part(id, blob).await?;
        let noted = noted.ok_or(MediaError::NotFound)?;
        let received = if noted.parts.len() + noted.reserved.len() > MAX_PARTS {
            let detail = format!("an upload has at most {MAX_PARTS} parts");
            Err(MediaError::too_large("upload", "too_many_parts", detail))
        } else {
            self.receive_part(&upload, blob, checksum, bytes).await
        };
        let kept = match received {
            Ok((0, broken)) => {
                self.drop_part(id, blob).await;
                Ok((upload, broken))
            }
            Ok((size, broken)) => {
                let part = UploadPart { blob, size };
                match self.keep_part(owner_id, id, offset, part).await {
                    // Whether the part was added is not known, so its bytes stay.
                    Err(error @ MediaError::Store(_)) => return Err(error),
                    kept => kept.map(|upload| (upload, broken)),
                }
            }
            Err(refused) => Err(refused),
        };
        let (upload, broken) = match kept {
            Ok(kept) => kept,
            Err(refused) => {
                self.drop_part(id, blob).await;
                return Err(refused);
            }
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

    /// Stores the bytes of a part. Returns how many there are, and the error in which the client's stream ended.
    async fn receive_part(
        &self,
        upload: &Upload,
        blob: BlobId,
        checksum: Option<[u8; 32]>,
        bytes: ByteStream,
    ) -> Result<(u64, Option<BoxError>), MediaError> {
        let length = upload.length.unwrap_or_default();
        let missing = length - upload.offset;
        let room = self.rooms.room(upload.owner_id).await?;
        let arrival = Arc::new(Mutex::new(Arrival::default()));
        let counted = counted(bytes, Arc::clone(&arrival), missing.min(room.bytes()));
        let stored = self.blobs.put(blob, counted).await;
        let Arrival {
            hash,
            size,
            broken,
            is_too_long,
        } = std::mem::take(&mut *arrival.lock().unwrap_or_else(PoisonError::into_inner));
        if is_too_long {
            return Err(if room.has(missing) {
                let detail = format!("the upload was announced with {length} bytes");
                MediaError::too_large("upload", "too_large", detail)
            } else {
                room.exceeded()
            });
        }
        let sum: [u8; 32] = hash.finalize().into();
        if checksum.is_some_and(|checksum| checksum != sum) {
            return Err(MediaError::Checksum);
        }
        stored?;
        Ok((size, broken))
    }

    /// Adds a part whose bytes are stored, and returns the upload.
    async fn keep_part(
        &self,
        owner_id: UserId,
        id: MediaId,
        offset: u64,
        part: UploadPart,
    ) -> Result<Upload, MediaError> {
        let added = {
            // Others may have arrived meanwhile: all that are kept have room.
            let owner = self.rooms.lock(owner_id).await;
            let room = owner.room().await?;
            if !room.has(part.size) {
                return Err(room.exceeded());
            }
            owner.adds(part.size);
            let expires_at = self.runtime.clock.now().plus(UNSENT);
            self.stores.media.add_part(id, offset, part, expires_at).await?
        };
        match added {
            Some(upload) => Ok(upload),
            None => {
                let now = self.upload(owner_id, id).await?;
                Err(MediaError::WrongOffset(now.offset))
            }
        }
    }

    /// Deletes the bytes of a part that is not kept, and forgets its id. What fails is done when the upload ends.
    async fn drop_part(&self, id: MediaId, blob: BlobId) {
        let dropped = match self.blobs.delete(blob).await {
            Ok(()) => self
                .stores
                .media
                .release_parts(id, &[blob])
                .await
                .map_err(MediaError::from),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = dropped {
            tracing::debug!(%error, "the bytes of a part that was refused are deleted later");
        }
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
                    Some((Err::<Bytes, BoxError>("more bytes than there may be".into()), bytes))
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
