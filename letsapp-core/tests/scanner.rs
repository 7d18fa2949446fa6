//! Files that pass the real scanner ClamAV, and files that don't.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]

use std::sync::Arc;

use bytes::Bytes;
use letsapp_core::LetsApp;
use letsapp_core::adapters::clamd::{Clamd, ClamdAddress};
use letsapp_core::ports::{RepositoryError, Scanner as _, Verdict};
use letsapp_core::services::MediaError;
use letsapp_core::services::media::{FileDetails, NewFile};

const EICAR: &str = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

fn scanner(url: &str) -> Arc<Clamd> {
    Arc::new(Clamd::new(url.parse::<ClamdAddress>().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_scanned_while_it_arrives() {
    let Some(clamd) = letsapp_testkit::clamd::Clamd::start() else {
        return;
    };
    let app = LetsApp::builder().scanner(scanner(&clamd.url())).build().await.unwrap();
    let ana = app.sign_up("ana", "a long password").await.unwrap();
    let upload = async |bytes: Bytes| {
        let draft = app.media().receive_bytes(&ana, NewFile::named("a.txt"), bytes).await?;
        app.media().finish(draft, FileDetails::default()).await
    };
    let (clean, _) = upload(Bytes::from("some words ".repeat(1 << 20))).await.unwrap();
    assert!(clean.scanned_at.is_some());
    // Followed by more than the built-in test allows, so that only the scanner finds it.
    let infected = upload(Bytes::from(format!("{EICAR}{}", " and more".repeat(100)))).await;
    let name = match infected {
        Err(MediaError::Infected(name)) => name,
        other => panic!("{other:?}"),
    };
    assert!(name.starts_with("Eicar-Test-Signature"), "{name}");
}

#[tokio::test]
async fn without_the_scanner_that_is_asked_for_no_file_is_taken() {
    let nobody = format!("tcp://127.0.0.1:{}", letsapp_testkit::free_port());
    let app = LetsApp::builder().scanner(scanner(&nobody)).build().await.unwrap();
    let ana = app.sign_up("ana", "a long password").await.unwrap();
    let refused = app
        .media()
        .receive_bytes(&ana, NewFile::named("a.txt"), "some words")
        .await;
    let is_unavailable = matches!(
        refused.map(drop),
        Err(MediaError::Store(RepositoryError::Unavailable(_)))
    );
    assert!(is_unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_any_size_make_one_file() {
    let Some(clamd) = letsapp_testkit::clamd::Clamd::start() else {
        return;
    };
    let scanner = scanner(&clamd.url());
    for piece in [1, 7, 1_000] {
        let mut scan = scanner.begin().await.unwrap();
        for bytes in EICAR.as_bytes().chunks(piece) {
            scan.push(Bytes::copy_from_slice(bytes)).await.unwrap();
        }
        scan.push(Bytes::new()).await.unwrap();
        assert!(
            matches!(scan.finish().await.unwrap(), Verdict::Infected { .. }),
            "{piece}"
        );
    }
    let empty = scanner.begin().await.unwrap();
    assert_eq!(empty.finish().await.unwrap(), Verdict::Clean);
}
