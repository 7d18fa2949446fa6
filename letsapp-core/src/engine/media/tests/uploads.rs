//! Uploads, at once and in parts.

use std::time::Duration;

use super::{Bench, HOUR, chunks};
use crate::domain::id::{BlobId, MediaId};
use crate::domain::media::{Upload, UploadPart};
use crate::engine::media::sweeper::{Sweeper, UNSENT};
use crate::ports::{BlobError, BlobStore as _, MockBlobStore};
use crate::services::media::{AppendedPart, NewFile, NewUpload, UploadState};
use crate::services::{Made, MediaError};
use crate::{LetsApp, Rules};

impl Bench {
    async fn start(&self, id: Option<MediaId>, name: &str, length: u64) -> Result<(UploadState, Made), MediaError> {
        let file = NewFile::named(name);
        let new = NewUpload { id, file, length };
        self.app.media().start_upload(&self.ana, new).await
    }

    async fn append(
        &self,
        id: MediaId,
        offset: u64,
        bytes: &'static [&'static str],
    ) -> Result<AppendedPart, MediaError> {
        let bytes = chunks(bytes, None);
        self.app.media().append(&self.ana, id, offset, None, bytes).await
    }

    async fn stored(&self, id: MediaId) -> Option<Upload> {
        self.app.engine().stores.media.upload(id).await.unwrap()
    }

    async fn state(&self, id: MediaId) -> Result<UploadState, MediaError> {
        self.app.media().upload(&self.ana, id).await
    }
}

fn code<T>(refused: Result<T, MediaError>) -> String {
    match refused {
        Err(MediaError::TooLarge(error)) => format!("{} {}", error.field, error.code),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it is not refused"),
    }
}

#[tokio::test]
async fn an_upload_that_became_a_file_tells_which_one_for_a_day() {
    let bench = Bench::new().await;
    let id = MediaId::from_uuid(bench.app.ids().random());
    // What follows the picture is not served, so the file is smaller than what was uploaded.
    const GIF: &str = "GIF89a\x01\0\x01\0\0\0\0\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3B and more";
    let length = GIF.len() as u64;
    let again = async || bench.start(Some(id), "a.gif", length).await;
    assert_eq!(again().await.unwrap().1, Made::Now);
    let last = bench.append(id, 0, &[GIF]).await;
    assert!(matches!(last, Ok(AppendedPart::Complete { .. })), "{last:?}");
    for _ in 0..2 {
        let state = bench.state(id).await.unwrap();
        assert_eq!((state.media_id, state.offset, state.length), (Some(id), length, length));
        assert_eq!(again().await.unwrap(), (state, Made::Before));
    }
    let file = bench.app.media().find(&bench.ana, id).await.unwrap();
    assert!(file.size < length);
    assert!(matches!(
        bench.start(Some(id), "b.gif", length).await,
        Err(MediaError::Conflict)
    ));
    let more = bench.append(id, length, &[]).await;
    assert!(matches!(more, Err(MediaError::Ended)), "{more:?}");
    let ended = bench.app.media().end_upload(&bench.ana, id).await;
    assert!(matches!(ended, Err(MediaError::Ended)), "{ended:?}");
    let foreign = bench.app.media().upload(&bench.ben, id).await;
    assert!(matches!(foreign, Err(MediaError::NotFound)), "{foreign:?}");
    assert_eq!(bench.blobs.len(), 1, "the parts are gone");

    bench.send(&bench.ana, &[id]).await.unwrap();
    bench.after(UNSENT - HOUR).await;
    assert_eq!(bench.state(id).await.unwrap().media_id, Some(id));
    bench.after(HOUR).await;
    assert!(matches!(bench.state(id).await, Err(MediaError::Ended)));
    assert_eq!(bench.stored(id).await, None);
    assert!(bench.exists(&bench.ana, id).await);
}

#[tokio::test]
async fn the_id_of_an_upload_whose_file_is_gone_is_free() {
    let bench = Bench::new().await;
    let id = MediaId::from_uuid(bench.app.ids().random());
    bench.start(Some(id), "a.txt", 4).await.unwrap();
    bench.append(id, 0, &["some"]).await.unwrap();
    bench.app.media().delete(&bench.ana, id).await.unwrap();
    assert!(matches!(bench.state(id).await, Err(MediaError::Ended)));
    let (state, made) = bench.start(Some(id), "a.txt", 4).await.unwrap();
    assert_eq!((state.offset, state.media_id, made), (0, None, Made::Now));
    bench.clock.advance(UNSENT);
    assert!(
        matches!(bench.state(id).await, Err(MediaError::Ended)),
        "it has expired"
    );
    let (_, made) = bench.start(Some(id), "a.txt", 4).await.unwrap();
    assert_eq!(made, Made::Now, "although the sweeper has not come yet");
}

#[tokio::test]
async fn an_empty_file_is_made_as_its_upload_begins() {
    let bench = Bench::new().await;
    let (begun, made) = bench.start(None, "a.txt", 0).await.unwrap();
    assert_eq!((begun.media_id, made), (Some(begun.id), Made::Now));
    assert_eq!(bench.app.media().find(&bench.ana, begun.id).await.unwrap().size, 0);
    let again = bench.start(Some(begun.id), "a.txt", 0).await.unwrap();
    assert_eq!(again, (begun.clone(), Made::Before));
    assert_eq!(bench.state(begun.id).await.unwrap(), begun);
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

#[tokio::test]
async fn an_upload_that_cannot_be_removed_keeps_no_other_waiting() {
    let bench = Bench::new().await;
    let mut uploads = Vec::new();
    for _ in 0..2 {
        let id = bench.start(None, "a.txt", 10).await.unwrap().0.id;
        bench.append(id, 0, &["some"]).await.unwrap();
        uploads.push(id);
    }
    bench.clock.advance(UNSENT);
    let mut blobs = MockBlobStore::new();
    let mut is_first = true;
    blobs.expect_delete().returning(move |_| {
        if std::mem::take(&mut is_first) {
            Err(BlobError::internal("the disk is broken"))
        } else {
            Ok(())
        }
    });
    let sweeper = Sweeper {
        stores: bench.app.engine().stores.clone(),
        blobs: std::sync::Arc::new(blobs),
        clock: bench.clock.clone(),
    };
    assert!(sweeper.round().await.is_err());
    let mut left = Vec::new();
    for id in &uploads {
        left.extend(bench.stored(*id).await);
    }
    let [left] = &left[..] else { panic!("{left:?}") };
    assert!(
        left.expires_at > bench.clock_at(Duration::ZERO),
        "it is tried again later"
    );
    assert!(
        matches!(bench.state(left.id).await, Err(MediaError::Ended)),
        "its parts may be gone"
    );
    let more = bench.append(left.id, 4, &[" words"]).await;
    assert!(matches!(more, Err(MediaError::Ended)), "{more:?}");
    bench.clock.advance(HOUR);
    sweeper.round().await.unwrap();
    assert_eq!(bench.stored(left.id).await, None);
}

#[tokio::test]
async fn a_part_that_arrives_while_its_upload_ends_is_known_to_somebody() {
    let bench = Bench::new().await;
    let id = bench.start(None, "a.txt", 10).await.unwrap().0.id;
    bench.append(id, 0, &["some"]).await.unwrap();
    // A server notes a part while the bytes of the others are deleted, stores it, and stops.
    let late = BlobId::from_uuid(bench.app.ids().random());
    let (repository, stored) = (bench.app.engine().stores.media.clone(), bench.blobs.clone());
    let (deleted, deletions) = std::sync::mpsc::channel();
    let mut blobs = MockBlobStore::new();
    blobs.expect_delete().returning(move |blob| {
        deleted.send(blob).unwrap();
        let noting = repository.reserve_part(id, late);
        let noted = futures_util::FutureExt::now_or_never(noting).expect("the store is in memory");
        assert!(noted.unwrap().is_some());
        Ok(())
    });
    stored.put(late, chunks(&[" words"], None)).await.unwrap();
    let sweeper = Sweeper {
        stores: bench.app.engine().stores.clone(),
        blobs: std::sync::Arc::new(blobs),
        clock: bench.clock.clone(),
    };
    let upload = bench.stored(id).await.unwrap();
    sweeper.give_up(&upload).await.unwrap();
    assert!(!deletions.try_iter().any(|blob| blob == late));
    assert_eq!(bench.stored(id).await, None);
    // The mocked store has deleted nothing: the first part is not asked for here.
    for blob in upload.blobs() {
        bench.blobs.delete(blob).await.unwrap();
    }
    assert_eq!(bench.blobs.len(), 1);
    bench.after(UNSENT).await;
    assert!(bench.blobs.is_empty());
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let bench = Bench::new().await;
    let receive = async |bytes| {
        bench
            .app
            .media()
            .receive(&bench.ana, NewFile::named("a.txt"), bytes)
            .await
            .map(drop)
    };
    let broken = receive(chunks(&["some ", "words"], Some("gone"))).await;
    assert!(matches!(broken, Err(MediaError::Broken(_))), "{broken:?}");
    let infected = receive(chunks(
        &[
            r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-",
            "ANTIVIRUS-TEST-FILE!$H+H*",
        ],
        None,
    ));
    assert!(matches!(infected.await, Err(MediaError::Infected(_))));
    let program = bench
        .app
        .media()
        .receive_bytes(&bench.ana, NewFile::named("a.jpg"), &b"\x7FELF\x02\x01\x01\0"[..]);
    assert!(matches!(program.await.map(drop), Err(MediaError::WrongType(_))));
    // Dropped before it is finished.
    receive(chunks(&["some words"], None)).await.unwrap();
    bench.after(Duration::from_secs(1)).await;
    assert!(bench.blobs.is_empty());
    let engine = bench.app.engine();
    let left = engine
        .stores
        .media
        .expired_uploads(bench.clock_at(UNSENT), 10)
        .await
        .unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_resumable_upload_goes_on_where_it_broke_off() {
    let bench = Bench::new().await;
    let media = bench.app.media();
    let new = NewUpload {
        id: None,
        file: NewFile::named("a.txt"),
        length: 10,
    };
    let (upload, _) = media.start_upload(&bench.ana, new).await.unwrap();
    let append = async |offset, bytes, checksum| media.append(&bench.ana, upload.id, offset, checksum, bytes).await;
    let offset = async || media.upload(&bench.ana, upload.id).await.unwrap().offset;

    let broken = append(0, chunks(&["some"], Some("gone")), None).await;
    assert!(matches!(broken, Err(MediaError::Broken(_))), "{broken:?}");
    assert_eq!(offset().await, 4, "what has arrived is kept");
    let elsewhere = append(0, chunks(&["some"], None), None).await;
    assert!(matches!(elsewhere, Err(MediaError::WrongOffset(4))));
    let wrong = append(4, chunks(&[" wo"], None), Some([7; 32])).await;
    assert!(matches!(wrong, Err(MediaError::Checksum)));
    let too_long = append(4, chunks(&[" words and more"], None), None).await;
    assert!(matches!(too_long, Err(MediaError::TooLarge(_))));
    assert_eq!(offset().await, 4);
    assert!(matches!(
        append(4, chunks(&[" wo"], None), None).await,
        Ok(AppendedPart::Continues(_))
    ));
    assert!(matches!(
        media.upload(&bench.ben, upload.id).await,
        Err(MediaError::NotFound)
    ));
    let Ok(AppendedPart::Complete { media: file, .. }) = append(7, chunks(&["rds"], None), None).await else {
        panic!("all bytes are there");
    };
    assert_eq!((file.id, file.size), (upload.id, 10));
    assert_eq!(offset().await, 10);
    bench.after(Duration::from_secs(1)).await;
    assert_eq!(bench.blobs.len(), 1, "the parts are gone");
}

#[tokio::test]
async fn an_upload_whose_bytes_have_all_arrived_becomes_a_file() {
    let bench = Bench::new().await;
    let media = bench.app.media();
    let start = async || {
        let new = NewUpload {
            id: None,
            file: NewFile::named("a.txt"),
            length: 10,
        };
        media.start_upload(&bench.ana, new).await.unwrap().0.id
    };
    // The client hangs up after the last byte, and before the answer.
    let cut = start().await;
    let last = media
        .append(&bench.ana, cut, 0, None, chunks(&["some words"], Some("gone")))
        .await;
    assert!(matches!(last, Ok(AppendedPart::Complete { .. })), "{last:?}");
    assert!(bench.exists(&bench.ana, cut).await);

    // The server stops after the last byte was stored.
    let stores = &bench.app.engine().stores;
    let stored = async |id: MediaId| {
        let blob = BlobId::from_uuid(bench.app.ids().random());
        stores.media.reserve_part(id, blob).await.unwrap();
        bench.blobs.put(blob, chunks(&["more words"], None)).await.unwrap();
        let part = UploadPart { blob, size: 10 };
        stores
            .media
            .add_part(id, 0, part, bench.clock_at(UNSENT))
            .await
            .unwrap()
            .unwrap();
    };
    let (asked, sent) = (start().await, start().await);
    stored(asked).await;
    assert_eq!(media.upload(&bench.ana, asked).await.unwrap().offset, 10);
    assert!(bench.exists(&bench.ana, asked).await);
    stored(sent).await;
    let nothing = media.append(&bench.ana, sent, 10, None, chunks(&[], None)).await;
    assert!(
        matches!(nothing, Ok(AppendedPart::Complete { length: 10, .. })),
        "{nothing:?}"
    );
    bench.after(Duration::from_secs(1)).await;
    assert_eq!(
        bench.blobs.len(),
        2,
        "one for the first file, one for the two others, and no part"
    );
}

#[tokio::test]
async fn an_upload_that_is_ended_or_given_up_leaves_nothing() {
    let bench = Bench::new().await;
    let media = bench.app.media();
    let start = async || {
        let new = NewUpload {
            id: None,
            file: NewFile::named("a.txt"),
            length: 10,
        };
        let (upload, _) = media.start_upload(&bench.ana, new).await.unwrap();
        media
            .append(&bench.ana, upload.id, 0, None, chunks(&["some"], None))
            .await
            .unwrap();
        upload.id
    };
    let (ended, given_up) = (start().await, start().await);
    assert_eq!(bench.blobs.len(), 2);
    media.end_upload(&bench.ana, ended).await.unwrap();
    assert!(matches!(
        media.upload(&bench.ana, ended).await,
        Err(MediaError::NotFound)
    ));
    bench.after(UNSENT).await;
    assert!(matches!(
        media.upload(&bench.ana, given_up).await,
        Err(MediaError::NotFound)
    ));
    assert!(bench.blobs.is_empty());
}
