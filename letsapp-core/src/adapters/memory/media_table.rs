//! Files, references and unfinished uploads behind one lock, with the indexes that find them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use crate::domain::id::{BlobId, ConversationId, MediaId, MessageId, UserId};
use crate::domain::media::{Holder, Media, MediaState, Upload};
use crate::domain::timestamp::Timestamp;

pub(super) type Shared = Arc<Mutex<MediaTable>>;

/// All files by id, the references to them, and unfinished uploads.
#[derive(Debug, Default)]
pub(super) struct MediaTable {
    media: BTreeMap<MediaId, Media>,
    by_owner: BTreeSet<(UserId, MediaId)>,
    by_blob: BTreeSet<(BlobId, MediaId)>,
    by_check: BTreeSet<(Timestamp, MediaId)>,
    /// Time of each reference, ordered by file, so that those of a file are one range.
    refs: BTreeMap<(MediaId, Holder), Timestamp>,
    by_conversation: BTreeSet<(ConversationId, MediaId, Holder)>,
    pub(super) uploads: BTreeMap<MediaId, Upload>,
}

/// First holder in order, with which ranges begin.
const SMALLEST: Holder = Holder::Message {
    conversation_id: ConversationId::from_bytes([0; 16]),
    message_id: MessageId::from_bytes([0; 16]),
};

impl MediaTable {
    pub(super) fn get(&self, id: MediaId) -> Option<&Media> {
        self.media.get(&id)
    }

    /// Returns a file that is not removed.
    pub(super) fn present(&self, id: MediaId) -> Option<&Media> {
        self.get(id).filter(|media| media.state != MediaState::Removed)
    }

    /// Stores a file in place of the one with its id.
    pub(super) fn put(&mut self, media: Media) {
        self.take(media.id);
        self.by_owner.insert((media.owner_id, media.id));
        self.by_blob.extend(blobs(&media));
        self.by_check.extend(check(&media));
        self.media.insert(media.id, media);
    }

    /// Takes a file out.
    pub(super) fn take(&mut self, id: MediaId) -> Option<Media> {
        let media = self.media.remove(&id)?;
        self.by_owner.remove(&(media.owner_id, id));
        for entry in blobs(&media) {
            self.by_blob.remove(&entry);
        }
        if let Some(entry) = check(&media) {
            self.by_check.remove(&entry);
        }
        Some(media)
    }

    /// Lowers the time of a file's next check.
    pub(super) fn schedule(&mut self, id: MediaId, at: Timestamp) {
        if let Some(media) = self.media.get_mut(&id)
            && media.check_at.is_none_or(|check_at| check_at > at)
        {
            if let Some(check_at) = media.check_at.replace(at) {
                self.by_check.remove(&(check_at, id));
            }
            self.by_check.insert((at, id));
        }
    }

    /// Returns the files that are not removed, by id, only those after `after`.
    pub(super) fn after(&self, after: Option<MediaId>) -> impl Iterator<Item = &Media> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let media = self.media.range((start, Bound::Unbounded)).map(|(_, media)| media);
        media.filter(|media| media.state != MediaState::Removed)
    }

    /// Returns an owner's files that are not removed, by id, only those after `after`.
    pub(super) fn of_owner(&self, owner_id: UserId, after: Option<MediaId>) -> impl Iterator<Item = &Media> {
        let start = match after {
            Some(after) => Bound::Excluded((owner_id, after)),
            None => Bound::Included((owner_id, MediaId::from_bytes([0; 16]))),
        };
        let entries = self.by_owner.range((start, Bound::Unbounded));
        entries
            .take_while(move |(owner, _)| *owner == owner_id)
            .filter_map(|(_, id)| self.present(*id))
    }

    /// Returns the files that have these bytes and are not removed.
    pub(super) fn of_blob(&self, blob: BlobId) -> impl Iterator<Item = &Media> {
        let entries = self.by_blob.range((blob, MediaId::from_bytes([0; 16]))..);
        entries
            .take_while(move |(other, _)| *other == blob)
            .filter_map(|(_, id)| self.present(*id))
    }

    /// Returns the files to be checked by `now`, in order.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = &Media> {
        let entries = self.by_check.iter().take_while(move |(at, _)| *at <= now);
        entries.filter_map(|(_, id)| self.get(*id))
    }

    /// Adds a reference, or raises its time.
    pub(super) fn refer(&mut self, media_id: MediaId, holder: Holder, at: Timestamp) {
        if let Some(conversation_id) = holder.conversation_id() {
            self.by_conversation.insert((conversation_id, media_id, holder));
        }
        let stored = self.refs.entry((media_id, holder)).or_insert(at);
        *stored = (*stored).max(at);
    }

    /// Removes a reference.
    pub(super) fn release(&mut self, media_id: MediaId, holder: Holder) {
        self.refs.remove(&(media_id, holder));
        if let Some(conversation_id) = holder.conversation_id() {
            self.by_conversation.remove(&(conversation_id, media_id, holder));
        }
    }

    /// Returns the time of a reference.
    pub(super) fn referred_at(&self, media_id: MediaId, holder: Holder) -> Option<Timestamp> {
        self.refs.get(&(media_id, holder)).copied()
    }

    /// Returns the references to a file with their times.
    pub(super) fn refs(&self, media_id: MediaId) -> impl Iterator<Item = (Holder, Timestamp)> {
        let refs = self.refs.range((media_id, SMALLEST)..);
        refs.take_while(move |((id, _), _)| *id == media_id)
            .map(|((_, holder), at)| (*holder, *at))
    }

    /// Returns the references by a conversation and its messages.
    pub(super) fn refs_in(&self, conversation_id: ConversationId) -> impl Iterator<Item = (MediaId, Holder)> {
        let entries = self
            .by_conversation
            .range((conversation_id, MediaId::from_bytes([0; 16]), SMALLEST)..);
        entries
            .take_while(move |(id, ..)| *id == conversation_id)
            .map(|(_, media_id, holder)| (*media_id, *holder))
    }
}

/// Returns the entries of a file in the index of bytes.
fn blobs(media: &Media) -> impl Iterator<Item = (BlobId, MediaId)> {
    let thumbnail = media.facts.thumbnail.as_ref().map(|thumbnail| thumbnail.blob);
    let id = media.id;
    [Some(media.blob), thumbnail]
        .into_iter()
        .flatten()
        .map(move |blob| (blob, id))
}

/// Returns the entry of a file in the index of checks, if it has one.
fn check(media: &Media) -> Option<(Timestamp, MediaId)> {
    Some((media.check_at?, media.id))
}
