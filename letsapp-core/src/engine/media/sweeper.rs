//! Removing files that nothing shows, and uploads that were given up. Each step can be repeated, and another server may
//! do the same at the same time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::domain::id::{BlobId, MediaId};
use crate::domain::media::{Holder, Media, MediaRef, MediaState, Upload};
use crate::domain::timestamp::Timestamp;
use crate::engine::cluster::duties::{Duties, Job};
use crate::engine::media::opened::OpenedFiles;
use crate::engine::media::processing::thumbnail_blob;
use crate::engine::panics::{Panic, catch_panic};
use crate::ports::{BlobError, BlobStore, Clock, RepositoryError, Stores, UploadStarted};

/// Removes files and uploads that are not needed any more.
pub(crate) struct Sweeper {
    pub(super) stores: Stores,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) opened: Arc<OpenedFiles>,
}

/// Time for which a file that nothing shows is kept, so that it can still be sent, and for which a reference counts
/// whose holder does not show the file: its message may be on the way.
pub(crate) const UNSENT: Duration = Duration::from_secs(24 * 3600);

/// Time after which a file in use is looked at again, although no one said that it was released. A crash may have kept
/// somebody from saying so.
const RECHECK: Duration = Duration::from_secs(30 * 24 * 3600);

/// Longest time from a reference to the commit of the message that it is for.
const IN_FLIGHT: Duration = Duration::from_secs(60);

/// Interval between two rounds.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// Rounds between two recoveries of the blob store: half an hour. The first is at start.
const RECOVERY_ROUNDS: u32 = 180;

/// Pause before a file is looked at again after an error in a step.
const RETRY: Duration = Duration::from_secs(60);

/// Maximum number of files, and of uploads, in one query.
const BATCH: usize = 100;

/// Runs the sweeper now and at each interval, where it is this server's job, until it is aborted. The recovery of the
/// blob store is every server's: it knows what its own writes have left. Aborting at any point is safe.
pub(crate) async fn run(sweeper: Arc<Sweeper>, duties: Duties) {
    let mut tick = tokio::time::interval(SWEEP_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rounds = 0_u32;
    loop {
        tick.tick().await;
        if rounds.is_multiple_of(RECOVERY_ROUNDS)
            && let Err(error) = sweeper.blobs.recover().await
        {
            tracing::warn!(%error, "removing what interrupted writes have left failed; it is tried again later");
        }
        rounds = rounds.wrapping_add(1);
        if !duties.has(Job::Sweep) {
            continue;
        }
        match catch_panic(sweeper.round()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "removing unused files failed; it is tried again later"),
            Err(Panic(panic)) => tracing::error!(panic, "removing unused files panicked; it is tried again later"),
        }
    }
}

impl Sweeper {
    /// Looks at everything that is due. A file or an upload whose check fails is looked at later, so that it keeps no
    /// other waiting.
    ///
    /// # Errors
    /// [`RepositoryError`] of the last step that failed. What was not looked at is due still.
    pub(crate) async fn round(&self) -> Result<(), RepositoryError> {
        let now = self.clock.now();
        let mut outcome = Ok(());
        loop {
            let due = self.stores.media.due(now, BATCH).await?;
            let is_last = due.len() < BATCH;
            for media in due {
                let id = media.id;
                if let Err(error) = self.check(media, now).await {
                    self.postpone(id, now).await?;
                    outcome = Err(error);
                }
            }
            if is_last {
                break;
            }
        }
        loop {
            let expired = self.stores.media.expired_uploads(now, BATCH).await?;
            let is_last = expired.len() < BATCH;
            for upload in expired {
                if let Err(error) = self.give_up(&upload).await {
                    let later = now.plus(RETRY);
                    self.stores.media.retire_upload(upload.id, later).await?;
                    outcome = Err(error);
                }
            }
            if is_last {
                return outcome;
            }
        }
    }

    /// Removes an upload with all bytes that have arrived for it.
    ///
    /// # Errors
    /// [`RepositoryError`] when a store fails. The upload stays then, but nothing can be made of it.
    pub(crate) async fn give_up(&self, upload: &Upload) -> Result<(), RepositoryError> {
        let repository = &self.stores.media;
        let now = self.clock.now();
        let Some(retired) = repository.retire_upload(upload.id, now).await? else {
            return Ok(());
        };
        for blob in retired.blobs() {
            self.delete(blob).await?;
        }
        if let Some(ended) = repository.end_upload(upload.id).await? {
            let known: HashSet<_> = retired.blobs().collect();
            let late = ended.blobs().filter(|blob| !known.contains(blob)).collect();
            self.note_late_parts(ended, late).await?;
        }
        Ok(())
    }

    /// Deletes the parts of an upload that has become a file. The rest of it stays for a day.
    ///
    /// # Errors
    /// [`RepositoryError`] when a store fails. The bytes go with the upload then.
    pub(super) async fn take_parts(&self, upload: &Upload) -> Result<(), RepositoryError> {
        let until = self.clock.now().plus(UNSENT);
        let Some(retired) = self.stores.media.retire_upload(upload.id, until).await? else {
            return Ok(());
        };
        let mut deleted = Vec::new();
        for blob in retired.blobs() {
            self.delete(blob).await?;
            deleted.push(blob);
        }
        self.stores.media.release_parts(upload.id, &deleted).await
    }

    /// Notes parts that were arriving while their upload was ended. They are refused, and whoever receives them deletes
    /// their bytes; but if that server stops first, somebody else has to know of them.
    async fn note_late_parts(&self, ended: Upload, late: Vec<BlobId>) -> Result<(), RepositoryError> {
        if late.is_empty() {
            return Ok(());
        }
        let note = Upload {
            id: MediaId::from_uuid(Uuid::new_v5(ended.id.as_uuid(), b"late parts")),
            length: None,
            offset: 0,
            parts: Vec::new(),
            reserved: late,
            expires_at: self.clock.now().plus(UNSENT),
            ..ended
        };
        if let UploadStarted::Exists(_) = self.stores.media.start_upload(&note).await? {
            for blob in note.reserved {
                self.stores.media.reserve_part(note.id, blob).await?;
            }
        }
        Ok(())
    }

    /// Removes a file at once, unless something shows it or is about to. Returns whether it was removed.
    ///
    /// # Errors
    /// [`RepositoryError`] when a store fails. The sweeper goes on later then.
    pub(crate) async fn remove_now(&self, media: &Media) -> Result<bool, RepositoryError> {
        let repository = &self.stores.media;
        let now = self.clock.now();
        let (live, deleting) = (MediaState::Live, MediaState::Deleting);
        // From here on nothing new can refer to it.
        if !repository.set_state(media.id, live, deleting, Some(now)).await? {
            return Ok(false);
        }
        for reference in repository.refs(&[media.id]).await? {
            if reference.at.plus(IN_FLIGHT) > now || self.is_shown(&reference).await? {
                repository
                    .set_state(media.id, deleting, live, Some(now.plus(RETRY)))
                    .await?;
                return Ok(false);
            }
        }
        let removed = MediaState::Removed;
        if repository.set_state(media.id, deleting, removed, Some(now)).await? {
            self.remove(media).await?;
        }
        Ok(true)
    }

    /// Removes a file at once, also if something shows it: malware was found in it. Whatever shows it leads nowhere from
    /// then on.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. If the file is removed by then, the sweeper deletes what is left.
    pub(super) async fn condemn(&self, media: &Media) -> Result<(), RepositoryError> {
        let now = self.clock.now();
        // Somebody who is deciding on the file may move it back and forth meanwhile. Nothing leaves the last state.
        for _ in 0..3 {
            for from in [MediaState::Live, MediaState::Deleting] {
                let removed = MediaState::Removed;
                if self.stores.media.set_state(media.id, from, removed, Some(now)).await? {
                    return self.remove(media).await;
                }
            }
        }
        Ok(())
    }

    /// Puts off the next check of a file, in whatever state a failed one has left it.
    async fn postpone(&self, id: MediaId, now: Timestamp) -> Result<(), RepositoryError> {
        for state in MediaState::ALL {
            let later = Some(now.plus(RETRY));
            if self.stores.media.set_state(id, state, state, later).await? {
                break;
            }
        }
        Ok(())
    }

    /// Deletes the bytes of a blob, unless a file has taken them over.
    async fn delete(&self, blob: BlobId) -> Result<(), RepositoryError> {
        if self.stores.media.holds_blob(blob).await? {
            return Ok(());
        }
        self.blobs.delete(blob).await.map_err(failed)
    }

    async fn check(&self, media: Media, now: Timestamp) -> Result<(), RepositoryError> {
        match media.state {
            MediaState::Live => self.check_live(&media, now).await,
            // A sweeper has stopped in between.
            MediaState::Deleting => self.go_on(&media, now).await,
            MediaState::Removed => self.remove(&media).await,
        }
    }

    /// Removes the file if nothing refers to it.
    async fn check_live(&self, media: &Media, now: Timestamp) -> Result<(), RepositoryError> {
        let repository = &self.stores.media;
        let refs = repository.refs(&[media.id]).await?;
        let mut waits_until: Option<Timestamp> = None;
        let mut is_shown = false;
        let mut stale = Vec::new();
        for reference in refs {
            let ends = reference.at.plus(UNSENT);
            if self.is_shown(&reference).await? {
                is_shown = true;
                break;
            } else if ends > now {
                waits_until = Some(waits_until.map_or(ends, |until| until.max(ends)));
            } else {
                stale.push(reference);
            }
        }
        if !is_shown && !stale.is_empty() {
            // The time of the check is set below.
            repository.expire(&stale, now.plus(RETRY)).await?;
        }
        let live = MediaState::Live;
        if is_shown {
            repository
                .set_state(media.id, live, live, Some(now.plus(RECHECK)))
                .await?;
        } else if let Some(until) = waits_until {
            repository.set_state(media.id, live, live, Some(until)).await?;
        } else if repository
            .set_state(media.id, live, MediaState::Deleting, Some(now))
            .await?
        {
            self.go_on(media, now).await?;
        }
        Ok(())
    }

    /// Decides on a file that is being deleted: a reference made in the meantime keeps it.
    async fn go_on(&self, media: &Media, now: Timestamp) -> Result<(), RepositoryError> {
        let repository = &self.stores.media;
        let (deleting, refs) = (MediaState::Deleting, repository.refs(&[media.id]).await?);
        if !refs.is_empty() {
            repository
                .set_state(media.id, deleting, MediaState::Live, Some(now.plus(RETRY)))
                .await?;
        } else if repository
            .set_state(media.id, deleting, MediaState::Removed, Some(now))
            .await?
        {
            self.remove(media).await?;
        }
        Ok(())
    }

    /// Deletes the bytes of a removed file, unless another file has them too, and then its record.
    async fn remove(&self, media: &Media) -> Result<(), RepositoryError> {
        self.opened.forget(media.id);
        self.delete(media.blob).await?;
        // Also one that a crash has kept out of the record.
        self.delete(thumbnail_blob(media.id)).await?;
        if let Some(thumbnail) = &media.facts.thumbnail {
            self.delete(thumbnail.blob).await?;
        }
        self.stores.media.remove(media.id).await
    }

    /// Reports whether the holder of a reference shows the file.
    async fn is_shown(&self, reference: &MediaRef) -> Result<bool, RepositoryError> {
        let id = reference.media_id;
        Ok(match reference.holder {
            Holder::Message {
                conversation_id,
                message_id,
            } => {
                let message = self.stores.messages.find_by_id(conversation_id, message_id).await?;
                message.is_some_and(|message| message.carries(id))
            }
            Holder::Profile(user_id) => {
                let users = self.stores.users.find(&[user_id]).await?;
                users.iter().any(|user| user.avatar_media_id == Some(id))
            }
            Holder::Group(conversation_id) => {
                let groups = self.stores.conversations.find(&[conversation_id]).await?;
                groups
                    .iter()
                    .any(|group| group.avatar_media_id == Some(id) && group.deleted_at.is_none())
            }
        })
    }
}

fn failed(error: BlobError) -> RepositoryError {
    match error {
        BlobError::Unavailable(_) => RepositoryError::unavailable(error),
        _ => RepositoryError::internal(error),
    }
}
