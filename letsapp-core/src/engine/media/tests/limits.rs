//! Limits of what a user has: files, unfinished uploads, and the parts of these.

use std::sync::Arc;
use std::time::Duration;

use super::{Bench, chunks};
use crate::adapters::memory::MemoryStore;
use crate::domain::id::BlobId;
use crate::domain::timestamp::Timestamp;
use crate::ports::ManualClock;
use crate::services::media::{AppendedPart, FileDetails, NewFile};
use crate::services::{Made, MediaError};
use crate::{LetsApp, Rules};

fn code<T>(refused: Result<T, MediaError>) -> String {
    match refused {
        Err(MediaError::TooLarge(error)) => format!("{} {}", error.field, error.code),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it is not refused"),
    }
}

#[tokio::test]
async fn nobody_has_more_than_their_quota() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
    let rules = crate::Rules {
        media_quota: 100,
        media_file_bytes: 60,
        media_files: 3,
        ..crate::Rules::default()
    };
    let app = LetsApp::builder().clock(clock).rules(rules).build().await.unwrap();
    let ana = app.sign_up("ana", "a long password").await.unwrap();
    let upload = async |name: &str, size: usize| {
        let bytes = format!("{name} ").repeat(size)[..size].to_owned();
        let draft = app.media().receive_bytes(&ana, NewFile::named(name), bytes).await?;
        app.media().finish(draft, FileDetails::default()).await.map(drop)
    };
    let code = |refused: Result<(), MediaError>| match refused {
        Err(MediaError::TooLarge(error)) => error.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(upload("a.txt", 61).await), "too_large");
    upload("b.txt", 60).await.unwrap();
    assert_eq!(code(upload("c.txt", 41).await), "quota_exceeded");
    upload("c.txt", 20).await.unwrap();
    upload("d.txt", 20).await.unwrap();
    assert_eq!(code(upload("e.txt", 1).await), "too_many_files");
}

#[tokio::test]
async fn files_that_another_server_takes_count_within_five_seconds() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
    let store = MemoryStore::new();
    let server = || {
        let rules = Rules {
            media_quota: 100,
            media_file_bytes: 50,
            ..Rules::default()
        };
        let builder = LetsApp::builder().clock(clock.clone()).rules(rules);
        builder.store(store.another()).build()
    };
    let (east, west) = (server().await.unwrap(), server().await.unwrap());
    let ana = east.sign_up("ana", "a long password").await.unwrap();
    let upload = async |app: &LetsApp, name: &str, size: usize| {
        let bytes = format!("{name} ").repeat(size)[..size].to_owned();
        let draft = app.media().receive_bytes(&ana, NewFile::named(name), bytes).await?;
        app.media().finish(draft, FileDetails::default()).await.map(drop)
    };
    upload(&east, "a.txt", 10).await.unwrap();
    for name in ["b.txt", "c.txt"] {
        upload(&west, name, 40).await.unwrap();
    }
    clock.advance(Duration::from_secs(5));
    assert_eq!(code(upload(&east, "d.txt", 11).await), "file quota_exceeded");
    upload(&east, "d.txt", 10).await.unwrap();
}

#[tokio::test]
async fn a_part_that_is_refused_leaves_no_id_behind() {
    let bench = Bench::new().await;
    let id = bench.start(None, "a.txt", 10).await.unwrap().0.id;
    let media = bench.app.media();
    for _ in 0..3 {
        let wrong = media.append(&bench.ana, id, 0, Some([7; 32]), chunks(&["some"], None));
        assert!(matches!(wrong.await, Err(MediaError::Checksum)));
        assert_eq!(
            code(bench.append(id, 0, &["some words and more"]).await),
            "upload too_large"
        );
        bench.append(id, 0, &[]).await.unwrap();
    }
    let upload = bench.stored(id).await.unwrap();
    assert_eq!((upload.reserved.len(), upload.parts.len()), (0, 0));
    assert!(bench.blobs.is_empty());
}

#[tokio::test]
async fn the_parts_of_an_upload_are_bounded_with_those_that_are_arriving() {
    let bench = Bench::new().await;
    let id = bench.start(None, "a.txt", 10).await.unwrap().0.id;
    let repository = &bench.app.engine().stores.media;
    // As servers leave them that stop while a part arrives.
    for _ in 0..999 {
        let blob = BlobId::from_uuid(bench.app.ids().random());
        repository.reserve_part(id, blob).await.unwrap();
    }
    bench.append(id, 0, &["so"]).await.unwrap();
    assert_eq!(code(bench.append(id, 2, &["me"]).await), "upload too_many_parts");
    assert_eq!(bench.stored(id).await.unwrap().reserved.len(), 999);
}

#[tokio::test]
async fn unfinished_uploads_take_the_room_of_what_has_arrived() {
    let rules = Rules {
        media_quota: 100,
        media_file_bytes: 60,
        media_uploads: 3,
        ..Rules::default()
    };
    let bench = Bench::with(LetsApp::builder().rules(rules)).await;
    const FORTY: &str = "forty bytes, and no byte more than that.";
    let mut uploads = Vec::new();
    for _ in 0..3 {
        // What is announced is more than there is room for, and keeps nobody from beginning another.
        uploads.push(bench.start(None, "a.txt", 60).await.unwrap().0.id);
    }
    assert_eq!(code(bench.start(None, "a.txt", 1).await), "upload too_many_uploads");
    let again = bench.start(Some(uploads[0]), "a.txt", 60).await;
    assert_eq!(again.unwrap().1, Made::Before, "nobody is kept from going on");
    bench.append(uploads[0], 0, &[FORTY]).await.unwrap();
    bench.append(uploads[1], 0, &[FORTY]).await.unwrap();
    assert_eq!(code(bench.append(uploads[2], 0, &[FORTY]).await), "file quota_exceeded");
    let draft = bench
        .app
        .media()
        .receive_bytes(&bench.ana, NewFile::named("b.txt"), FORTY);
    assert_eq!(code(draft.await.map(drop)), "file quota_exceeded");
    assert_eq!(bench.blobs.len(), 2);
    bench
        .append(uploads[2], 0, &["twenty bytes, no more"])
        .await
        .unwrap_err();
    bench.append(uploads[2], 0, &["twenty bytes and out"]).await.unwrap();

    // Its own bytes are in no file's way, and make room once they are one.
    bench.app.media().end_upload(&bench.ana, uploads[1]).await.unwrap();
    let done = bench.append(uploads[0], 40, &["twenty bytes and out"]).await;
    assert!(matches!(done, Ok(AppendedPart::Complete { .. })), "{done:?}");
    assert_eq!(code(bench.start(None, "d.txt", 21).await), "file quota_exceeded");
    bench.start(None, "d.txt", 20).await.unwrap();
}

#[tokio::test]
async fn parts_that_arrive_at_once_share_the_room() {
    let rules = Rules {
        media_quota: 50,
        ..Rules::default()
    };
    let bench = Bench::with(LetsApp::builder().rules(rules)).await;
    let mut uploads = Vec::new();
    for _ in 0..4 {
        uploads.push(bench.start(None, "a.txt", 40).await.unwrap().0.id);
    }
    let appended = uploads
        .iter()
        .map(|id| bench.append(*id, 0, &["twenty bytes", " and out"]));
    let appended = futures_util::future::join_all(appended).await;
    assert_eq!(
        appended.iter().filter(|appended| appended.is_ok()).count(),
        2,
        "{appended:?}"
    );
    assert_eq!(bench.blobs.len(), 2);
}
