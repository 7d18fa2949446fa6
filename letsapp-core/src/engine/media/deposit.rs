//! Depositing a file: from its bytes to its record.

use std::sync::Arc;

use crate::domain::id::{BlobId, MediaId, UserId};
use crate::domain::media::{ContentType, FileName, Media, MediaFacts, MediaState, MediaStatus, Waveform};
use crate::engine::media::Files;
use crate::engine::media::error::MediaError;
use crate::engine::media::ingest::{Claims, Received};
use crate::engine::media::inspection::Inspected;
use crate::engine::media::rendering::{Preview, can_render};
use crate::engine::media::sweeper::UNSENT;
use crate::ports::{ByteStream, MediaInserted};

/// A file that is about to be uploaded.
pub(crate) struct NewFile {
    pub(crate) owner_id: UserId,
    pub(crate) name: FileName,
    /// Type that the uploader claims.
    pub(crate) declared: Option<ContentType>,
}

/// A file whose bytes have arrived. Unless it is [deposited](Files::deposit), its bytes are deleted when it is dropped.
pub(crate) struct Arrived {
    owner_id: UserId,
    name: FileName,
    inspected: Inspected,
    is_scanned: bool,
    bytes: UnclaimedBytes,
}

/// Bytes that no file has yet. Dropping it deletes them, unless a file may have them by now.
struct UnclaimedBytes {
    files: Arc<Files>,
    blob: BlobId,
    may_have_a_file: bool,
}

/// Claims of the uploader about a file beside its bytes.
#[derive(Default)]
pub(crate) struct Description {
    pub(crate) id: Option<MediaId>,
    pub(crate) waveform: Option<Waveform>,
    /// Preview that was made from a picture of the uploader.
    pub(crate) preview: Option<Preview>,
}

/// The record of a file that was uploaded now, or by an earlier attempt.
pub(crate) enum Deposited {
    Now(Media),
    Before(Media),
}

impl Files {
    /// Receives the bytes of a file.
    ///
    /// # Errors
    /// [`MediaError`] that says why the file is refused; nothing of it is kept then.
    pub(crate) async fn receive(self: &Arc<Self>, file: NewFile, bytes: ByteStream) -> Result<Arrived, MediaError> {
        let NewFile {
            owner_id,
            name,
            declared,
        } = file;
        let room = self.rooms.room(owner_id).await?;
        // Noted before the bytes are complete, so that a crash leaves nothing behind that nobody knows of. What it leaves
        // of incomplete ones is found by the blob store.
        let blob = self.reservations.next(owner_id).await?;
        let claims = Claims {
            name: &name,
            declared: declared.as_ref(),
            room,
        };
        let bytes_stored = UnclaimedBytes {
            files: Arc::clone(self),
            blob,
            may_have_a_file: false,
        };
        let Received { inspected, is_scanned } = self.ingest.receive(blob, claims, bytes).await?;
        Ok(Arrived {
            owner_id,
            name,
            inspected,
            is_scanned,
            bytes: bytes_stored,
        })
    }

    /// Adds the record of a file that has arrived.
    ///
    /// # Errors
    /// [`MediaError::Conflict`] if the id belongs to another file, [`MediaError::TooLarge`] if the owner has no room for
    /// it, [`MediaError::Store`] when the store fails.
    pub(crate) async fn deposit(
        self: &Arc<Self>,
        mut arrived: Arrived,
        mut description: Description,
    ) -> Result<Deposited, MediaError> {
        let owner_id = arrived.owner_id;
        let owner = self.rooms.lock(owner_id).await;
        if let Some(id) = description.id
            && let Some(before) = self.stores.media.find(&[id]).await?.pop()
        {
            return arrived.same_as(before).map(Deposited::Before);
        }
        let room = owner.room().await?;
        if !room.has(arrived.inspected.size) {
            return Err(room.exceeded());
        }
        let repository = &self.stores.media;
        let sibling = repository.sibling(owner_id, &arrived.inspected.sha256).await?;
        let preview = description.preview.take();
        let mut media = self.record(&arrived, &description);
        if preview.is_some() {
            media.status = MediaStatus::Processing;
        }
        if let Some(sibling) = &sibling {
            media.share(sibling);
        }
        owner.adds(media.size);
        if let Some(before) = self.insert(&media, &mut arrived).await? {
            return arrived.same_as(before).map(Deposited::Before);
        }
        if let Some(sibling) = sibling {
            // Only after the record is there: whoever removes the sibling from now on finds that its bytes are needed.
            let is_live = |media: &Media| media.state == MediaState::Live;
            let shares = repository.find(&[sibling.id]).await?.iter().any(is_live);
            if !shares {
                repository
                    .set_state(media.id, MediaState::Live, MediaState::Removed, media.check_at)
                    .await?;
                repository.remove(media.id).await?;
                media = Media {
                    blob: arrived.bytes.blob,
                    facts: arrived.facts(&media),
                    status: arrived.status(),
                    ..media
                };
                if let Some(before) = self.insert(&media, &mut arrived).await? {
                    return arrived.same_as(before).map(Deposited::Before);
                }
            }
        }
        if let Some(preview) = preview.filter(|_| media.facts.thumbnail.is_none()) {
            media = self.processing.preview_by_hand(media, preview).await?;
        } else if media.status == MediaStatus::Processing {
            self.processing.add(media.id);
        }
        Ok(Deposited::Now(media))
    }

    /// Adds a record, or returns the one that has its id. After an error the record may be there, so the bytes stay: the
    /// sweeper looks once their note expires.
    async fn insert(&self, media: &Media, arrived: &mut Arrived) -> Result<Option<Media>, MediaError> {
        arrived.bytes.may_have_a_file |= media.blob == arrived.bytes.blob;
        match self.stores.media.insert(media).await? {
            MediaInserted::Inserted => Ok(None),
            MediaInserted::Exists(before) => {
                arrived.bytes.may_have_a_file = before.blob == arrived.bytes.blob;
                Ok(Some(*before))
            }
        }
    }

    fn record(&self, arrived: &Arrived, description: &Description) -> Media {
        let now = self.runtime.clock.now();
        let inspected = &arrived.inspected;
        Media {
            id: description
                .id
                .unwrap_or_else(|| MediaId::from_uuid(self.runtime.ids.timed(now))),
            owner_id: arrived.owner_id,
            state: MediaState::Live,
            status: arrived.status(),
            file_name: arrived.name.as_str().to_owned(),
            content_type: inspected.content_type.to_string(),
            size: inspected.size,
            sha256: inspected.sha256,
            request: inspected.request,
            blob: arrived.bytes.blob,
            facts: MediaFacts {
                waveform: description.waveform,
                ..arrived.declared_facts()
            },
            scanned_at: arrived.is_scanned.then_some(now),
            created_at: now,
            check_at: Some(now.plus(UNSENT)),
        }
    }
}

impl Deposited {
    pub(crate) fn into_media(self) -> Media {
        match self {
            Self::Now(media) | Self::Before(media) => media,
        }
    }
}

impl Arrived {
    /// Returns a file of an earlier attempt if this is the same one.
    fn same_as(&self, before: Media) -> Result<Media, MediaError> {
        let is_same = before.owner_id == self.owner_id
            && before.request == self.inspected.request
            && before.file_name == self.name.as_str()
            && before.state == MediaState::Live;
        if is_same { Ok(before) } else { Err(MediaError::Conflict) }
    }

    fn status(&self) -> MediaStatus {
        if can_render(&self.inspected.content_type) {
            MediaStatus::Processing
        } else {
            MediaStatus::Ready
        }
    }

    /// Returns the facts that the headers of a picture declare.
    fn declared_facts(&self) -> MediaFacts {
        let picture = self.inspected.picture;
        MediaFacts {
            width: picture.map(|facts| facts.width),
            height: picture.map(|facts| facts.height),
            animated: picture.is_some_and(|facts| facts.animated),
            ..MediaFacts::default()
        }
    }

    fn facts(&self, described: &Media) -> MediaFacts {
        MediaFacts {
            waveform: described.facts.waveform,
            ..self.declared_facts()
        }
    }
}

impl Media {
    /// Takes over the bytes of a file with the same ones, and all that is known of them.
    fn share(&mut self, sibling: &Self) {
        self.blob = sibling.blob;
        self.status = sibling.status;
        let waveform = sibling.facts.waveform.or(self.facts.waveform);
        self.facts = MediaFacts {
            waveform,
            ..sibling.facts.clone()
        };
    }
}

impl Drop for UnclaimedBytes {
    /// Deletes the bytes. If that fails, the sweeper does it once their note expires.
    fn drop(&mut self) {
        if self.may_have_a_file {
            return;
        }
        let (files, blob) = (Arc::clone(&self.files), self.blob);
        tokio::spawn(async move {
            if let Err(error) = files.blobs.delete(blob).await {
                tracing::debug!(%error, "the bytes of an upload that broke off are deleted later");
            }
        });
    }
}
