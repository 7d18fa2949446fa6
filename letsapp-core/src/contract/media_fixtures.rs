//! Files, references and uploads for the cases.

use super::Trial;
use super::fixtures::{at, blob_id, conversation_id, media_id, message_id, user_id};
use crate::domain::id::MediaId;
use crate::domain::media::{
    Holder, Media, MediaFacts, MediaRef, MediaState, MediaStatus, StoredThumbnail, Thumbnail, Upload, UploadPart,
    Waveform,
};
use crate::ports::{MediaInserted, UploadStarted};

/// Makes a file of a user, ready, with the required fields only, and bytes of its own.
pub(super) fn media(n: u64, owner: u64) -> Media {
    Media {
        id: media_id(n),
        owner_id: user_id(owner),
        state: MediaState::Live,
        status: MediaStatus::Ready,
        file_name: format!("file-{n}.bin"),
        content_type: "application/octet-stream".to_owned(),
        size: 1_000 + n,
        sha256: hash(n),
        request: hash(1_000 + n),
        blob: blob_id(n),
        facts: MediaFacts::default(),
        scanned_at: None,
        created_at: at(i64::try_from(n).expect("fixtures are few")),
        check_at: None,
    }
}

/// Makes a file with every optional field.
pub(super) fn media_in_full(n: u64, owner: u64) -> Media {
    Media {
        file_name: "Grüße 👩‍👩‍👧.webp".to_owned(),
        content_type: "image/webp".to_owned(),
        facts: facts(n),
        scanned_at: Some(at(70)),
        check_at: Some(at(80)),
        ..media(n, owner)
    }
}

/// Makes facts with every field, and bytes of a preview that no other file has.
pub(super) fn facts(n: u64) -> MediaFacts {
    let points = std::array::from_fn(|point| u8::try_from(point).expect("it is below 64") + 37);
    MediaFacts {
        width: Some(4_000),
        height: Some(3_000),
        duration: Some(1_234),
        animated: true,
        waveform: Waveform::new(points),
        thumbnail: Some(StoredThumbnail {
            thumbnail: Thumbnail {
                width: 640,
                height: 480,
                blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
            },
            blob: blob_id(1_000 + n),
            content_type: "image/jpeg".to_owned(),
            size: 30_000,
        }),
    }
}

pub(super) fn hash(n: u64) -> [u8; 32] {
    let mut hash = [0xa5; 32];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    hash
}

pub(super) fn message_holder(conversation: u64, message: u64) -> Holder {
    Holder::Message {
        conversation_id: conversation_id(conversation),
        message_id: message_id(message),
    }
}

pub(super) fn reference(n: u64, holder: Holder, millis: i64) -> MediaRef {
    MediaRef {
        media_id: media_id(n),
        holder,
        at: at(millis),
    }
}

/// Makes an upload that has just begun, with the required fields only.
pub(super) fn upload(n: u64) -> Upload {
    Upload {
        id: media_id(n),
        owner_id: user_id(1),
        file_name: format!("file-{n}.bin"),
        content_type: None,
        length: None,
        offset: 0,
        parts: Vec::new(),
        reserved: Vec::new(),
        created_at: at(0),
        expires_at: at(1_000),
    }
}

pub(super) fn part(n: u64, size: u64) -> UploadPart {
    UploadPart { blob: blob_id(n), size }
}

pub(super) fn ids(media: &[Media]) -> Vec<MediaId> {
    media.iter().map(|media| media.id).collect()
}

pub(super) fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items
}

/// Sorts references, which come in any order.
pub(super) fn sorted_refs(mut refs: Vec<MediaRef>) -> Vec<MediaRef> {
    refs.sort_unstable_by_key(|reference| (reference.media_id, reference.holder));
    refs
}

impl Trial {
    /// Adds a file that must be new.
    pub(super) async fn add_media(&self, media: &Media) {
        assert_eq!(self.media().insert(media).await.unwrap(), MediaInserted::Inserted);
    }

    /// Returns a file that is not removed.
    pub(super) async fn media_if_any(&self, n: u64) -> Option<Media> {
        self.media().find(&[media_id(n)]).await.unwrap().pop()
    }

    /// Moves a file through the states up to `Removed`.
    pub(super) async fn remove_media(&self, n: u64) {
        let media = self.media();
        for (from, to) in [
            (MediaState::Live, MediaState::Deleting),
            (MediaState::Deleting, MediaState::Removed),
        ] {
            assert!(media.set_state(media_id(n), from, to, None).await.unwrap());
        }
    }

    pub(super) async fn refs_of(&self, n: u64) -> Vec<MediaRef> {
        sorted_refs(self.media().refs(&[media_id(n)]).await.unwrap())
    }

    /// Begins an upload that must be new.
    pub(super) async fn begin(&self, upload: &Upload) {
        assert_eq!(self.media().start_upload(upload).await.unwrap(), UploadStarted::Started);
    }
}
