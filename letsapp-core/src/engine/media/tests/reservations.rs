//! Ids of bytes that are noted many at a time.

use std::time::Duration;

use super::{Bench, HOUR};
use crate::domain::media::Upload;
use crate::engine::media::sweeper::UNSENT;
use crate::services::media::NewFile;

impl Bench {
    pub(super) async fn notes(&self) -> Vec<Upload> {
        let far = self.clock_at(100 * UNSENT);
        self.app.engine().stores.media.expired_uploads(far, 100).await.unwrap()
    }
}

#[tokio::test]
async fn many_files_share_a_note() {
    let bench = Bench::new().await;
    let mut files = Vec::new();
    for bytes in [b"one", b"two", b"six"] {
        files.push(bench.upload(&bench.ana, "a.txt", bytes).await.id);
    }
    assert_eq!(bench.notes().await.len(), 1);
    bench.send(&bench.ana, &files).await.unwrap();
    bench.after(2 * UNSENT).await;
    assert!(bench.notes().await.is_empty(), "nothing is to be deleted any more");
    assert_eq!(bench.blobs.len(), 3, "the files have their bytes");
}

#[tokio::test]
async fn bytes_that_a_crash_has_kept_from_becoming_a_file_are_deleted_a_day_later() {
    let bench = Bench::new().await;
    let received = bench
        .app
        .media()
        .receive_bytes(&bench.ana, NewFile::named("a.txt"), "some words")
        .await;
    // Nobody deletes them, as if the server had stopped.
    std::mem::forget(received.unwrap());
    bench.after(UNSENT).await;
    assert_eq!(bench.blobs.len(), 1, "the file may still be made");
    bench.after(2 * HOUR).await;
    assert!(bench.blobs.is_empty());
}

#[tokio::test]
async fn an_id_is_given_out_only_while_its_bytes_have_a_day_to_become_a_file() {
    let bench = Bench::new().await;
    bench.upload(&bench.ana, "a.txt", b"some words").await;
    bench.clock.advance(HOUR - Duration::from_secs(1));
    bench.upload(&bench.ana, "b.txt", b"other words").await;
    assert_eq!(bench.notes().await.len(), 1);
    bench.clock.advance(Duration::from_secs(1));
    let file = bench.upload(&bench.ana, "c.txt", b"late words").await;
    let notes = bench.notes().await;
    assert_eq!(notes.len(), 2);
    assert!(notes[1].expires_at >= bench.clock_at(UNSENT));
    bench.send(&bench.ana, &[file.id]).await.unwrap();
    bench.after(2 * UNSENT).await;
    assert_eq!(bench.blobs.len(), 1);
}
