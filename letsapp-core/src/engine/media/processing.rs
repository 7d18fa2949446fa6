//! Reading from a file after its upload was answered: the preview of a picture, the duration and the loudness of a
//! sound. A few files at a time, on threads that logins and messages never wait for.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::future::{join, join_all};
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::domain::id::{BlobId, MediaId};
use crate::domain::media::{ContentType, Holder, Media, MediaFacts, MediaStatus, StoredThumbnail, detect};
use crate::engine::media::backlog::{Added, Backlog, Next};
use crate::engine::media::error::MediaError;
use crate::engine::media::rendering::{Preview, Renderer};
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
    renderer: Renderer,
    backlog: Backlog,
    /// Whether there were errors since the store was asked.
    failed: AtomicBool,
}

/// Maximum number of files that wait in memory. The others are found in the store. Fewer in tests, whose decoders are slow.
const WAITING: usize = if cfg!(test) { 20 } else { 1_000 };

/// Interval in which the store is asked again for files that were not processed, after errors.
const RETRY: Duration = Duration::from_secs(60);

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
            renderer: Renderer::default(),
            backlog: Backlog::new(WAITING),
            failed: AtomicBool::new(false),
        })
    }

    /// Adds a file to those that wait.
    pub(super) fn add(&self, id: MediaId) {
        // One for which there is no room is found in the store later.
        self.backlog.add(id);
    }

    /// Processes files as they come until it is aborted; first those that an earlier run has left.
    pub(crate) async fn run(self: Arc<Self>) {
        let retry = async {
            let mut tick = tokio::time::interval(RETRY);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                if self.failed.swap(false, Ordering::Relaxed) {
                    self.backlog.look();
                }
            }
        };
        join(join_all((0..self.renderer.at_once()).map(|_| self.work())), retry).await;
    }

    /// Takes no more files. Those that wait are found in the store at the next start.
    pub(crate) fn close(&self) {
        self.renderer.close();
    }

    async fn work(&self) {
        loop {
            let next = self.backlog.next().await;
            let done = match next {
                Next::Look => catch_panic(self.look())
                    .await
                    .map(|looked| looked.map_err(MediaError::from)),
                Next::File(id) => catch_panic(self.process(id)).await,
            };
            if let Next::File(id) = next {
                self.backlog.done(id);
            }
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, ?next, "files were not processed; it is tried again within a minute");
                    self.failed.store(true, Ordering::Relaxed);
                }
                Err(Panic(panic)) => tracing::error!(panic, ?next, "processing files panicked"),
            }
        }
    }

    /// Adds files of the store that are not processed, as many as there is room for.
    async fn look(&self) -> Result<(), RepositoryError> {
        let mut after = None;
        loop {
            let found = self.stores.media.unprocessed(after, BATCH).await?;
            let Some(last) = found.last() else { return Ok(()) };
            after = Some(last.id);
            if found.iter().any(|media| self.backlog.add(media.id) == Added::Full) {
                return Ok(());
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
        let content_type = ContentType::from_stored(media.content_type.as_str());
        let rendered = self.renderer.render(content_type, self.read(media.blob)).await?;
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

    /// Reads all bytes of a file; none if it was removed in the meantime.
    async fn read(&self, blob: BlobId) -> Result<Vec<u8>, MediaError> {
        let read = match self.blobs.get(blob, None).await {
            Err(BlobError::NotFound) => return Ok(Vec::new()),
            read => read?,
        };
        let mut all = Vec::with_capacity(usize::try_from(read.size).unwrap_or_default());
        let mut bytes = read.bytes;
        while let Some(chunk) = bytes.try_next().await.map_err(RepositoryError::unavailable)? {
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// Makes a preview of a picture that an uploader has sent for a file.
    ///
    /// # Errors
    /// [`MediaError::Invalid`] if it is no picture that can be drawn; [`MediaError::Store`] if the application is
    /// shutting down.
    pub(crate) async fn render_preview(&self, picture: Bytes) -> Result<Preview, MediaError> {
        let content_type = detect(&picture);
        let bytes = std::future::ready(Ok(picture.into()));
        let rendered = self.renderer.render(content_type, bytes).await?;
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
}

/// Returns the id of the bytes of a file's own preview.
pub(super) fn thumbnail_blob(id: MediaId) -> BlobId {
    BlobId::from_uuid(Uuid::new_v5(id.as_uuid(), b"thumbnail"))
}

#[cfg(test)]
#[cfg(feature = "media")]
mod tests;
