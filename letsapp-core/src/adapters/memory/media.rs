//! Files, references and unfinished uploads in memory.

use std::collections::BTreeSet;
use std::sync::MutexGuard;

use async_trait::async_trait;

use super::gate::{Gate, lock};
use super::media_table::{MediaTable, Shared};
use crate::domain::id::{BlobId, ConversationId, MediaId, UserId};
use crate::domain::media::{Holder, Media, MediaFacts, MediaRef, MediaState, MediaStatus, Upload, UploadPart, Usage};
use crate::domain::timestamp::Timestamp;
use crate::ports::{MediaInserted, MediaRepository, RepositoryError, UploadStarted};

#[derive(Debug)]
pub(super) struct MemoryMedia {
    pub(super) gate: Gate,
    pub(super) table: Shared,
}

impl MemoryMedia {
    fn table(&self) -> Result<MutexGuard<'_, MediaTable>, RepositoryError> {
        self.gate.pass()?;
        Ok(lock(&self.table))
    }
}

#[async_trait]
impl MediaRepository for MemoryMedia {
    async fn insert(&self, media: &Media) -> Result<MediaInserted, RepositoryError> {
        let mut table = self.table()?;
        if let Some(stored) = table.get(media.id) {
            return Ok(MediaInserted::Exists(Box::new(stored.clone())));
        }
        table.put(media.clone());
        Ok(MediaInserted::Inserted)
    }

    async fn find(&self, ids: &[MediaId]) -> Result<Vec<Media>, RepositoryError> {
        let table = self.table()?;
        let ids: BTreeSet<_> = ids.iter().copied().collect();
        Ok(ids.into_iter().filter_map(|id| table.present(id).cloned()).collect())
    }

    async fn sibling(&self, owner_id: UserId, sha256: &[u8; 32]) -> Result<Option<Media>, RepositoryError> {
        let table = self.table()?;
        let same = |media: &&Media| media.state == MediaState::Live && media.sha256 == *sha256;
        let siblings = table.of_owner(owner_id, None).filter(same);
        Ok(siblings.min_by_key(|media| (media.created_at, media.id)).cloned())
    }

    async fn usage(&self, owner_id: UserId) -> Result<Usage, RepositoryError> {
        let table = self.table()?;
        let add = |usage: Usage, media: &Media| Usage {
            count: usage.count + 1,
            bytes: usage.bytes.saturating_add(media.size),
        };
        Ok(table.of_owner(owner_id, None).fold(Usage::default(), add))
    }

    async fn of_owner(
        &self,
        owner_id: UserId,
        after: Option<MediaId>,
        limit: usize,
    ) -> Result<Vec<Media>, RepositoryError> {
        Ok(self.table()?.of_owner(owner_id, after).take(limit).cloned().collect())
    }

    async fn all(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Media>, RepositoryError> {
        Ok(self.table()?.after(after).take(limit).cloned().collect())
    }

    async fn process(&self, id: MediaId, facts: &MediaFacts) -> Result<Option<Media>, RepositoryError> {
        let mut table = self.table()?;
        let Some(mut media) = table.present(id).cloned() else {
            return Ok(None);
        };
        if media.status != MediaStatus::Processing {
            return Ok(None);
        }
        media.status = MediaStatus::Ready;
        media.facts = facts.clone();
        table.put(media.clone());
        Ok(Some(media))
    }

    async fn unprocessed(&self, after: Option<MediaId>, limit: usize) -> Result<Vec<Media>, RepositoryError> {
        let table = self.table()?;
        let unprocessed = table
            .after(after)
            .filter(|media| media.status == MediaStatus::Processing);
        Ok(unprocessed.take(limit).cloned().collect())
    }

    async fn scanned(&self, id: MediaId, at: Timestamp) -> Result<(), RepositoryError> {
        let mut table = self.table()?;
        if let Some(mut media) = table.get(id).cloned() {
            media.scanned_at = media.scanned_at.max(Some(at));
            table.put(media);
        }
        Ok(())
    }

    async fn refer(&self, refs: &[MediaRef]) -> Result<(), RepositoryError> {
        let mut table = self.table()?;
        for MediaRef { media_id, holder, at } in refs {
            table.refer(*media_id, *holder, *at);
        }
        Ok(())
    }

    async fn refs(&self, ids: &[MediaId]) -> Result<Vec<MediaRef>, RepositoryError> {
        let table = self.table()?;
        let ids: BTreeSet<_> = ids.iter().copied().collect();
        let of = |media_id| {
            let refs = table.refs(media_id);
            refs.map(move |(holder, at)| MediaRef { media_id, holder, at })
        };
        Ok(ids.into_iter().flat_map(of).collect())
    }

    async fn refs_in(&self, conversation_id: ConversationId, limit: usize) -> Result<Vec<MediaRef>, RepositoryError> {
        let table = self.table()?;
        let refs = table.refs_in(conversation_id).filter_map(|(media_id, holder)| {
            let at = table.referred_at(media_id, holder)?;
            Some(MediaRef { media_id, holder, at })
        });
        Ok(refs.take(limit).collect())
    }

    async fn release(&self, refs: &[(MediaId, Holder)], check_at: Timestamp) -> Result<(), RepositoryError> {
        let mut table = self.table()?;
        for (media_id, holder) in refs {
            table.schedule(*media_id, check_at);
            table.release(*media_id, *holder);
        }
        Ok(())
    }

    async fn expire(&self, refs: &[MediaRef], check_at: Timestamp) -> Result<(), RepositoryError> {
        let mut table = self.table()?;
        for MediaRef { media_id, holder, at } in refs {
            table.schedule(*media_id, check_at);
            if table
                .referred_at(*media_id, *holder)
                .is_some_and(|stored| stored <= *at)
            {
                table.release(*media_id, *holder);
            }
        }
        Ok(())
    }

    async fn schedule(&self, ids: &[MediaId], at: Timestamp) -> Result<(), RepositoryError> {
        let mut table = self.table()?;
        for id in ids {
            table.schedule(*id, at);
        }
        Ok(())
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Media>, RepositoryError> {
        Ok(self.table()?.due(now).take(limit).cloned().collect())
    }

    async fn set_state(
        &self,
        id: MediaId,
        from: MediaState,
        to: MediaState,
        check_at: Option<Timestamp>,
    ) -> Result<bool, RepositoryError> {
        let mut table = self.table()?;
        let found = table.get(id).filter(|media| media.state == from).cloned();
        let moved = found.map(|media| Media {
            state: to,
            check_at,
            ..media
        });
        let is_moved = moved.is_some();
        moved.into_iter().for_each(|media| table.put(media));
        Ok(is_moved)
    }

    async fn holds_blob(&self, blob: BlobId) -> Result<bool, RepositoryError> {
        Ok(self.table()?.of_blob(blob).next().is_some())
    }

    async fn remove(&self, id: MediaId) -> Result<(), RepositoryError> {
        let mut table = self.table()?;
        if table.get(id).is_some_and(|media| media.state == MediaState::Removed) {
            let holders: Vec<_> = table.refs(id).map(|(holder, _)| holder).collect();
            for holder in holders {
                table.release(id, holder);
            }
            table.take(id);
        }
        Ok(())
    }

    async fn start_upload(&self, upload: &Upload) -> Result<UploadStarted, RepositoryError> {
        let mut table = self.table()?;
        if let Some(stored) = table.uploads.get(&upload.id) {
            return Ok(UploadStarted::Exists(Box::new(stored.clone())));
        }
        table.uploads.insert(upload.id, upload.clone());
        Ok(UploadStarted::Started)
    }

    async fn upload(&self, id: MediaId) -> Result<Option<Upload>, RepositoryError> {
        Ok(self.table()?.uploads.get(&id).cloned())
    }

    async fn reserve_part(&self, id: MediaId, blob: BlobId) -> Result<Option<Upload>, RepositoryError> {
        let mut table = self.table()?;
        Ok(table.uploads.get_mut(&id).map(|upload| {
            upload.reserve(blob);
            upload.clone()
        }))
    }

    async fn add_part(
        &self,
        id: MediaId,
        offset: u64,
        part: UploadPart,
        expires_at: Timestamp,
    ) -> Result<Option<Upload>, RepositoryError> {
        let mut table = self.table()?;
        let upload = table.uploads.get_mut(&id).filter(|upload| upload.offset == offset);
        Ok(upload.map(|upload| {
            upload.append(part);
            upload.expires_at = expires_at;
            upload.clone()
        }))
    }

    async fn release_parts(&self, id: MediaId, blobs: &[BlobId]) -> Result<(), RepositoryError> {
        if let Some(upload) = self.table()?.uploads.get_mut(&id) {
            upload.reserved.retain(|blob| !blobs.contains(blob));
        }
        Ok(())
    }

    async fn retire_upload(&self, id: MediaId, expires_at: Timestamp) -> Result<Option<Upload>, RepositoryError> {
        let mut table = self.table()?;
        Ok(table.uploads.get_mut(&id).map(|upload| {
            upload.retire();
            upload.expires_at = expires_at;
            upload.clone()
        }))
    }

    async fn unfinished(&self, owner_id: UserId) -> Result<Usage, RepositoryError> {
        let table = self.table()?;
        let is_unfinished = |upload: &&Upload| upload.owner_id == owner_id && upload.length > Some(upload.offset);
        let add = |usage: Usage, upload: &Upload| Usage {
            count: usage.count + 1,
            bytes: usage.bytes.saturating_add(upload.offset),
        };
        Ok(table.uploads.values().filter(is_unfinished).fold(Usage::default(), add))
    }

    async fn end_upload(&self, id: MediaId) -> Result<Option<Upload>, RepositoryError> {
        Ok(self.table()?.uploads.remove(&id))
    }

    async fn expired_uploads(&self, now: Timestamp, limit: usize) -> Result<Vec<Upload>, RepositoryError> {
        let table = self.table()?;
        let expired = table.uploads.values().filter(|upload| upload.expires_at <= now);
        let mut expired: Vec<_> = expired.collect();
        expired.sort_by_key(|upload| (upload.expires_at, upload.id));
        Ok(expired.into_iter().take(limit).cloned().collect())
    }
}
