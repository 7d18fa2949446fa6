use futures_util::StreamExt as _;

use super::*;
use crate::LetsApp;
use crate::adapters::blobs::MemoryBlobs;
use crate::domain::media::MediaState;
use crate::engine::fixtures::{ANA, NOW};
use crate::ports::{BlobRead, MediaInserted, MockBlobStore};

const GIF: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/media/still.gif"));
const PICTURE: BlobId = BlobId::from_bytes([7; 16]);
/// Time for everything, far longer than any of it takes.
const SOON: Duration = Duration::from_secs(120);

fn bytes() -> crate::ports::ByteStream {
    futures_util::stream::once(async { Ok(Bytes::from_static(GIF)) }).boxed()
}

async fn on(blobs: Arc<dyn BlobStore>) -> LetsApp {
    LetsApp::builder().blobs(blobs).build().await.unwrap()
}

/// Adds the record of a picture that is not processed.
async fn picture(app: &LetsApp, number: u16) -> MediaId {
    let mut id = [9; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    let media = Media {
        id: MediaId::from_bytes(id),
        owner_id: ANA,
        state: MediaState::Live,
        status: MediaStatus::Processing,
        file_name: "dot.gif".to_owned(),
        content_type: "image/gif".to_owned(),
        size: GIF.len() as u64,
        sha256: [0; 32],
        request: [0; 32],
        blob: PICTURE,
        facts: MediaFacts::default(),
        scanned_at: None,
        created_at: NOW,
        check_at: None,
    };
    let inserted = app.engine().stores.media.insert(&media).await.unwrap();
    assert!(matches!(inserted, MediaInserted::Inserted));
    media.id
}

async fn all_are_processed(app: &LetsApp) {
    let unprocessed = async || app.engine().stores.media.unprocessed(None, 1).await.unwrap();
    let wait = async {
        while !unprocessed().await.is_empty() {
            // The threads are no part of the runtime.
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("an end in time");
}

#[tokio::test]
async fn files_for_which_the_queue_has_no_room_are_processed_without_a_restart() {
    let blobs = Arc::new(MemoryBlobs::new());
    let app = on(blobs.clone()).await;
    blobs.put(PICTURE, bytes()).await.unwrap();
    // Until the store has been looked at for the first time.
    all_are_processed(&app).await;
    let count = u16::try_from(WAITING).unwrap() + 2 * u16::try_from(BATCH).unwrap();
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(picture(&app, number).await);
    }
    let processing = &app.engine().files.as_ref().unwrap().processing;
    for id in &ids {
        processing.add(*id);
    }
    all_are_processed(&app).await;
    let last = app.engine().stores.media.find(&ids[ids.len() - 1..]).await.unwrap();
    assert!(last[0].facts.thumbnail.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_file_is_processed_after_the_store_was_away() {
    let mut blobs = MockBlobStore::new();
    blobs.expect_recover().returning(|| Ok(()));
    blobs
        .expect_get()
        .times(1)
        .returning(|_, _| Err(BlobError::unavailable("away")));
    blobs.expect_get().returning(|_, _| {
        Ok(BlobRead {
            size: GIF.len() as u64,
            bytes: bytes(),
        })
    });
    blobs.expect_put().returning(|_, _| Ok(1));
    let app = on(Arc::new(blobs)).await;
    let id = picture(&app, 1).await;
    app.engine().files.as_ref().unwrap().processing.add(id);
    all_are_processed(&app).await;
}

#[tokio::test]
async fn a_preview_of_a_client_is_refused_once_the_application_shuts_down() {
    let app = on(Arc::new(MemoryBlobs::new())).await;
    let processing = Arc::clone(&app.engine().files.as_ref().unwrap().processing);
    let preview = processing.render_preview(Bytes::from_static(GIF)).await;
    assert!(preview.is_ok());
    app.shutdown().await;
    let refused = processing.render_preview(Bytes::from_static(GIF)).await;
    assert!(matches!(
        refused,
        Err(MediaError::Store(RepositoryError::Unavailable(_)))
    ));
}
