//! A store that carries a step out and doesn't say so, or says that it is unavailable and has done nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;

use super::{Bench, HOUR, chunks};
use crate::LetsApp;
use crate::adapters::memory::MemoryStore;
use crate::domain::id::{BlobId, ConversationId, MediaId, UserId};
use crate::domain::media::{Holder, Media, MediaFacts, MediaRef, MediaState, Upload, UploadPart, Usage, Variant};
use crate::domain::timestamp::Timestamp;
use crate::engine::media::sweeper::UNSENT;
use crate::ports::{
    ContactRepository, ConversationRepository, KeyRepository, MediaInserted, MediaRepository, MessageRepository,
    MetaRepository, Repositories, RepositoryError, SessionRepository, UploadStarted, UserRepository,
};
use crate::protocol;
use crate::services::media::{AppendedPart, FileDetails, NewFile, NewUpload, UrlFor};
use crate::services::{Made, MediaError};

/// Next insertion of a file that fails.
#[derive(Clone, Copy)]
enum Fault {
    /// Carried out before the failure.
    Stored,
    /// Not carried out.
    NotStored,
}

struct UnsureStore {
    inner: MemoryStore,
    media: Arc<UnsureMedia>,
}

struct UnsureMedia {
    inner: Arc<dyn MediaRepository>,
    next: Mutex<Option<Fault>>,
}

/// Starts an application whose store fails when it is told to.
async fn bench() -> (Bench, Arc<UnsureMedia>) {
    let inner = MemoryStore::new();
    let media = Arc::new(UnsureMedia {
        inner: inner.media(),
        next: Mutex::new(None),
    });
    let store = UnsureStore {
        inner,
        media: Arc::clone(&media),
    };
    (Bench::with(LetsApp::builder().store(store)).await, media)
}

/// Uploads a file, always the same.
async fn upload(bench: &Bench, id: MediaId, bytes: &'static str) -> Result<(protocol::Media, Made), MediaError> {
    let media = bench.app.media();
    let draft = media.receive_bytes(&bench.ana, NewFile::named("a.txt"), bytes).await?;
    let details = FileDetails {
        id: Some(id),
        ..FileDetails::default()
    };
    media.finish(draft, details).await
}

async fn content(bench: &Bench, id: MediaId) -> String {
    let media = bench.app.media();
    let UrlFor::Link(link) = media.link(&bench.ana, id, Variant::Original, None).await.unwrap() else {
        panic!("the store has no addresses of its own");
    };
    let read = media.open(&link).await.unwrap().read(None).await.unwrap();
    let chunks: Vec<_> = read.collect().await;
    String::from_utf8(chunks.into_iter().flat_map(Result::unwrap).collect()).unwrap()
}

#[tokio::test]
async fn a_file_that_was_stored_without_an_answer_keeps_its_bytes() {
    let (bench, store) = bench().await;
    let id = MediaId::from_uuid(bench.app.ids().random());
    *store.next.lock().unwrap() = Some(Fault::Stored);
    let failed = upload(&bench, id, "some words").await;
    assert!(matches!(failed, Err(MediaError::Store(_))), "{failed:?}");
    bench.after(Duration::from_secs(1)).await;
    let (file, made) = upload(&bench, id, "some words").await.unwrap();
    assert_eq!((file.id, made), (id, Made::Before));
    assert_eq!(content(&bench, id).await, "some words");
    bench.send(&bench.ana, &[id]).await.unwrap();
    bench.after(2 * UNSENT).await;
    assert_eq!(
        content(&bench, id).await,
        "some words",
        "also when its upload has expired"
    );
    assert_eq!(bench.blobs.len(), 1, "and once");
}

#[tokio::test]
async fn a_file_that_shares_bytes_and_was_stored_without_an_answer_keeps_them() {
    let (bench, store) = bench().await;
    let first = bench.upload(&bench.ana, "a.txt", b"some words").await;
    let id = MediaId::from_uuid(bench.app.ids().random());
    *store.next.lock().unwrap() = Some(Fault::Stored);
    upload(&bench, id, "some words").await.unwrap_err();
    bench.send(&bench.ana, &[id]).await.unwrap();
    bench.app.media().delete(&bench.ana, first.id).await.unwrap();
    bench.after(2 * UNSENT).await;
    assert_eq!(content(&bench, id).await, "some words");
    assert_eq!(bench.blobs.len(), 1);
}

#[tokio::test]
async fn a_file_that_was_not_stored_leaves_no_bytes_and_can_be_uploaded_again() {
    let (bench, store) = bench().await;
    let id = MediaId::from_uuid(bench.app.ids().random());
    *store.next.lock().unwrap() = Some(Fault::NotStored);
    let failed = upload(&bench, id, "some words").await;
    assert!(matches!(failed, Err(MediaError::Store(_))), "{failed:?}");
    assert_eq!(bench.blobs.len(), 1, "nobody knows yet");
    bench.after(UNSENT + HOUR).await;
    assert!(bench.blobs.is_empty() && bench.notes().await.is_empty());
    let (file, made) = upload(&bench, id, "some words").await.unwrap();
    assert_eq!((file.id, made), (id, Made::Now));
    assert_eq!(content(&bench, id).await, "some words");
}

#[tokio::test]
async fn an_upload_in_parts_whose_file_was_stored_without_an_answer_is_complete() {
    let (bench, store) = bench().await;
    let media = bench.app.media();
    let new = NewUpload {
        id: None,
        file: NewFile::named("a.txt"),
        length: 10,
    };
    let id = media.start_upload(&bench.ana, new).await.unwrap().0.id;
    *store.next.lock().unwrap() = Some(Fault::NotStored);
    let append = async |offset, bytes| media.append(&bench.ana, id, offset, None, chunks(bytes, None)).await;
    let failed = append(0, &["some words"]).await;
    assert!(matches!(failed, Err(MediaError::Store(_))), "{failed:?}");
    *store.next.lock().unwrap() = Some(Fault::Stored);
    let again = append(10, &[]).await;
    assert!(matches!(again, Ok(AppendedPart::Complete { .. })), "{again:?}");
    assert_eq!(media.upload(&bench.ana, id).await.unwrap().media_id, Some(id));
    bench.send(&bench.ana, &[id]).await.unwrap();
    bench.after(2 * UNSENT).await;
    assert_eq!(content(&bench, id).await, "some words");
    assert_eq!(bench.blobs.len(), 1);
}

#[async_trait]
impl Repositories for UnsureStore {
    fn users(&self) -> Arc<dyn UserRepository> {
        self.inner.users()
    }

    fn sessions(&self) -> Arc<dyn SessionRepository> {
        self.inner.sessions()
    }

    fn contacts(&self) -> Arc<dyn ContactRepository> {
        self.inner.contacts()
    }

    fn conversations(&self) -> Arc<dyn ConversationRepository> {
        self.inner.conversations()
    }

    fn messages(&self) -> Arc<dyn MessageRepository> {
        self.inner.messages()
    }

    fn media(&self) -> Arc<dyn MediaRepository> {
        Arc::clone(&self.media) as _
    }

    fn keys(&self) -> Arc<dyn KeyRepository> {
        self.inner.keys()
    }

    fn meta(&self) -> Arc<dyn MetaRepository> {
        self.inner.meta()
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        self.inner.ping().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// Passes methods on as they are.
macro_rules! passed_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        #[async_trait]
        impl MediaRepository for UnsureMedia {
            async fn insert(&self, media: &Media) -> Result<MediaInserted, RepositoryError> {
                let fault = self.next.lock().unwrap().take();
                match fault {
                    None => return self.inner.insert(media).await,
                    Some(Fault::Stored) => {
                        self.inner.insert(media).await?;
                    }
                    Some(Fault::NotStored) => {}
                }
                Err(RepositoryError::unavailable("the answer was lost"))
            }

            $(async fn $name(&self, $($argument: $type),*) -> Result<$result, RepositoryError> {
                self.inner.$name($($argument),*).await
            })*
        }
    };
}

passed_on! {
    find(ids: &[MediaId]) -> Vec<Media>;
    sibling(owner_id: UserId, sha256: &[u8; 32]) -> Option<Media>;
    usage(owner_id: UserId) -> Usage;
    of_owner(owner_id: UserId, after: Option<MediaId>, limit: usize) -> Vec<Media>;
    all(after: Option<MediaId>, limit: usize) -> Vec<Media>;
    process(id: MediaId, facts: &MediaFacts) -> Option<Media>;
    unprocessed(after: Option<MediaId>, limit: usize) -> Vec<Media>;
    scanned(id: MediaId, at: Timestamp) -> ();
    refer(refs: &[MediaRef]) -> ();
    refs(ids: &[MediaId]) -> Vec<MediaRef>;
    refs_in(conversation_id: ConversationId, limit: usize) -> Vec<MediaRef>;
    release(refs: &[(MediaId, Holder)], check_at: Timestamp) -> ();
    expire(refs: &[MediaRef], check_at: Timestamp) -> ();
    schedule(ids: &[MediaId], at: Timestamp) -> ();
    due(now: Timestamp, limit: usize) -> Vec<Media>;
    set_state(id: MediaId, from: MediaState, to: MediaState, check_at: Option<Timestamp>) -> bool;
    holds_blob(blob: BlobId) -> bool;
    remove(id: MediaId) -> ();
    start_upload(upload: &Upload) -> UploadStarted;
    upload(id: MediaId) -> Option<Upload>;
    reserve_part(id: MediaId, blob: BlobId) -> Option<Upload>;
    release_parts(id: MediaId, blobs: &[BlobId]) -> ();
    retire_upload(id: MediaId, expires_at: Timestamp) -> Option<Upload>;
    unfinished(owner_id: UserId) -> Usage;
    add_part(id: MediaId, offset: u64, part: UploadPart, expires_at: Timestamp) -> Option<Upload>;
    end_upload(id: MediaId) -> Option<Upload>;
    expired_uploads(now: Timestamp, limit: usize) -> Vec<Upload>;
}
