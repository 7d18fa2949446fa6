//! Uploads, at once and in parts.

use std::time::Duration;

use super::{Bench, HOUR, chunks};
use crate::domain::id::{BlobId, MediaId};
use crate::domain::media::{Upload, UploadPart};
use crate::engine::media::sweeper::UNSENT;
use crate::ports::BlobStore as _;
use crate::services::media::{AppendedPart, NewFile, NewUpload, UploadState};
use crate::services::{Made, MediaError};

impl Bench {
    pub(super) async fn start(
        &self,
        id: Option<MediaId>,
        name: &str,
        length: u64,
    ) -> Result<(UploadState, Made), MediaError> {
        let file = NewFile::named(name);
        let new = NewUpload { id, file, length };
        self.app.media().start_upload(&self.ana, new).await
    }

    pub(super) async fn append(
        &self,
        id: MediaId,
        offset: u64,
        bytes: &'static [&'static str],
    ) -> Result<AppendedPart, MediaError> {
        let bytes = chunks(bytes, None);
        self.app.media().append(&self.ana, id, offset, None, bytes).await
    }

    pub(super) async fn stored(&self, id: MediaId) -> Option<Upload> {
        self.app.engine().stores.media.upload(id).await.unwrap()
    }

    pub(super) async fn state(&self, id: MediaId) -> Result<UploadState, MediaError> {
        self.app.media().upload(&self.ana, id).await
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
    bench.after(UNSENT + HOUR).await;
    let left = bench.notes().await;
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
