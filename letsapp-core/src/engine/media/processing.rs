//! Reading from a file after its upload was answered: the preview of a picture, the duration and the loudness of a
//! sound. One file at a time, on a thread of its own, so that logins and messages never wait for it.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::id::{BlobId, MediaId};
use crate::domain::media::{ContentType, Holder, Media, MediaFacts, MediaStatus, StoredThumbnail, detect};
use crate::engine::media::error::MediaError;
use crate::engine::media::rendering::{Preview, render};
use crate::engine::panics::{Panic, catch_panic};
use crate::engine::rosters::Rosters;
use crate::ports::{BlobError, BlobStore, Envelope, RepositoryError, Runtime, Stores};
use crate::protocol;
use crate::protocol::Event;

/// Processes files in the background.
pub(crate) struct Processing {
    stores: Stores,
    runtime: Runtime,
    rosters: Arc<Rosters>,
    blobs: Arc<dyn BlobStore>,
    waiting: Mutex<VecDeque<MediaId>>,
    added: Notify,
}

/// Maximum number of files that wait in memory. The others are found in the store.
const WAITING: usize = 10_000;

/// Maximum number of files in one query.
const BATCH: usize = 100;

impl Processing {
    pub(super) fn start(
        stores: Stores,
        runtime: Runtime,
        rosters: Arc<Rosters>,
        blobs: Arc<dyn BlobStore>,
    ) -> Arc<Self> {
        Arc::new(Self {
            stores,
            runtime,
            rosters,
            blobs,
            waiting: Mutex::default(),
            added: Notify::new(),
        })
    }

    /// Adds a file to those that wait.
    pub(super) fn add(&self, id: MediaId) {
        let mut waiting = self.lock();
        if waiting.len() < WAITING {
            waiting.push_back(id);
        }
        drop(waiting);
        self.added.notify_one();
    }

    /// Processes files as they come until it is aborted; first those that an earlier run has left.
    pub(crate) async fn run(self: Arc<Self>) {
        if let Err(error) = self.recover().await {
            tracing::warn!(%error, "files that were not processed can't be read; the next start tries again");
        }
        loop {
            let next = self.lock().pop_front();
            let Some(id) = next else {
                self.added.notified().await;
                continue;
            };
            match catch_panic(self.process(id)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, media.id = %id, "a file was not processed; the next start tries again");
                }
                Err(Panic(panic)) => tracing::error!(panic, media.id = %id, "processing a file panicked"),
            }
        }
    }

    /// Adds all files of the store that are not processed.
    async fn recover(&self) -> Result<(), RepositoryError> {
        let mut after = None;
        let known: HashSet<_> = self.lock().iter().copied().collect();
        loop {
            let found = self.stores.media.unprocessed(after, BATCH).await?;
            let Some(last) = found.last() else { return Ok(()) };
            after = Some(last.id);
            for media in found.iter().filter(|media| !known.contains(&media.id)) {
                self.add(media.id);
            }
        }
    }

    /// Processes one file, and tells those who see it.
    async fn process(&self, id: MediaId) -> Result<(), MediaError> {
        let Some(media) = self.stores.media.find(&[id]).await?.pop() else {
            return Ok(());
        };
        if media.status == MediaStatus::Ready {
            return Ok(());
        }
        let facts = self.facts(&media).await?;
        match self.stores.media.process(id, &facts).await? {
            Some(ready) => self.tell(ready).await?,
            None => {
                // Removed in the meantime, or another server was faster, with the same preview.
                if self.stores.media.find(&[id]).await?.is_empty() {
                    self.blobs.delete(thumbnail_blob(id)).await?;
                }
            }
        }
        Ok(())
    }

    async fn facts(&self, media: &Media) -> Result<MediaFacts, MediaError> {
        let known = media.facts.clone();
        let bytes = match self.blobs.get(media.blob, None).await {
            Ok(read) => read.bytes.try_fold(Vec::new(), |mut all, chunk| async move {
                all.extend_from_slice(&chunk);
                Ok(all)
            }),
            Err(BlobError::NotFound) => return Ok(known),
            Err(error) => return Err(error.into()),
        };
        let bytes = bytes.await.map_err(RepositoryError::unavailable)?;
        let content_type = ContentType::from_stored(media.content_type.as_str());
        let rendered = render(content_type, bytes).await;
        let thumbnail = match rendered.preview {
            Some(preview) => Some(self.store_thumbnail(media.id, preview).await?),
            None => known.thumbnail,
        };
        Ok(MediaFacts {
            duration: rendered.duration.or(known.duration),
            waveform: rendered.waveform.or(known.waveform),
            thumbnail,
            ..known
        })
    }

    /// Makes a preview of a picture that an uploader has sent for a file.
    ///
    /// # Errors
    /// [`MediaError::Invalid`] if it is no picture that can be drawn.
    pub(crate) async fn render_preview(&self, picture: Bytes) -> Result<Preview, MediaError> {
        let content_type = detect(&picture);
        let rendered = render(content_type, picture.into()).await;
        rendered
            .preview
            .ok_or_else(|| MediaError::invalid("preview", "not_a_picture", "is no picture that can be drawn"))
    }

    /// Gives a file the preview that its uploader has sent, with which it is ready.
    pub(super) async fn preview_by_hand(&self, media: Media, preview: Preview) -> Result<Media, MediaError> {
        let thumbnail = Some(self.store_thumbnail(media.id, preview).await?);
        let facts = MediaFacts {
            thumbnail,
            ..media.facts.clone()
        };
        Ok(self.stores.media.process(media.id, &facts).await?.unwrap_or(media))
    }

    /// Stores a preview under an id that follows from the file's, so that a second attempt finds what a first has left.
    pub(super) async fn store_thumbnail(&self, id: MediaId, preview: Preview) -> Result<StoredThumbnail, MediaError> {
        let blob = thumbnail_blob(id);
        let size = preview.bytes.len() as u64;
        let bytes = preview.bytes;
        let stream = || Box::pin(futures_util::stream::once(std::future::ready(Ok(bytes.clone()))));
        match self.blobs.put(blob, stream()).await {
            Err(BlobError::Exists) => {
                self.blobs.delete(blob).await?;
                self.blobs.put(blob, stream()).await?;
            }
            stored => {
                stored?;
            }
        }
        Ok(StoredThumbnail {
            thumbnail: preview.thumbnail,
            blob,
            content_type: preview.content_type,
            size,
        })
    }

    /// Publishes that a file is ready, to its owner and to those who see a message that carries it.
    async fn tell(&self, media: Media) -> Result<(), MediaError> {
        let refs = self.stores.media.refs(&[media.id]).await?;
        let mut audience: HashSet<_> = std::iter::once(media.owner_id).collect();
        for reference in refs {
            let Holder::Message {
                conversation_id,
                message_id,
            } = reference.holder
            else {
                continue;
            };
            let message = self.stores.messages.find_by_id(conversation_id, message_id).await?;
            let Some(message) = message.filter(|message| message.carries(media.id)) else {
                continue;
            };
            let rosters = self.rosters.load(std::iter::once(conversation_id)).await?;
            if let Some(known) = rosters.get(&conversation_id) {
                let seeing = known.roster.members.iter().filter(|member| member.sees(message.seq));
                audience.extend(seeing.map(|member| member.user_id));
            }
        }
        let event = Event::MediaReady(Box::new(protocol::Media::from(&media)));
        self.runtime.sink.publish(Envelope::to_users(
            audience.into_iter().collect::<Vec<_>>(),
            None,
            event,
        ));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<MediaId>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the id of the bytes of a file's own preview.
pub(super) fn thumbnail_blob(id: MediaId) -> BlobId {
    BlobId::from_uuid(Uuid::new_v5(id.as_uuid(), b"thumbnail"))
}
