//! Contract of stores of bytes, in a bucket of S3; and what only that store has: URLs of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use letsapp_core::adapters::blobs::{MemoryBlobs, S3Blobs};
use letsapp_core::contract::blobs::BlobSubject;
use letsapp_core::domain::id::BlobId;
use letsapp_core::ports::{BlobError, BlobStore, Presentation};
use letsapp_testkit::s3::Moto;

/// Bucket of one case.
enum Bucket {
    Named(&'static Moto, String),
    /// No server for S3 is available. The test kit prints a warning, and the cases run in memory.
    Absent(MemoryBlobs),
}

impl Bucket {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        match letsapp_testkit::s3::shared() {
            Some(moto) => {
                let name = format!("case-{}", NEXT.fetch_add(1, Ordering::Relaxed));
                moto.create_bucket(&name);
                Self::Named(moto, name)
            }
            None => Self::Absent(MemoryBlobs::new()),
        }
    }
}

fn open(moto: &Moto, bucket: &str) -> S3Blobs {
    let settings = [
        ("AWS_ENDPOINT_URL", moto.url()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("HOME", "not a setting".to_owned()),
    ];
    S3Blobs::open(&format!("s3://{bucket}/some/prefix"), settings).expect("the settings are valid")
}

#[async_trait]
impl BlobSubject for Bucket {
    async fn open(&self) -> Arc<dyn BlobStore> {
        match self {
            Self::Named(moto, name) => Arc::new(open(moto, name)),
            Self::Absent(store) => Arc::new(store.clone()),
        }
    }

    async fn footprint(&self) -> Option<usize> {
        match self {
            Self::Named(moto, name) => Some(moto.count(name)),
            Self::Absent(store) => Some(store.len()),
        }
    }
}

letsapp_core::blob_contract_suite!(s3, Bucket::new());

#[tokio::test]
async fn a_signed_url_leads_to_the_blob_and_names_its_headers() {
    let Some(moto) = letsapp_testkit::s3::shared() else {
        return;
    };
    moto.create_bucket("signed");
    let store = open(moto, "signed");
    let id = BlobId::from_bytes([7; 16]);
    let bytes = stream::iter([Ok(Bytes::from("Hello"))]).boxed();
    store.put(id, bytes).await.unwrap();
    let presentation = Presentation {
        content_type: "text/plain".to_owned(),
        content_disposition: "attachment; filename=\"a b.txt\"; filename*=UTF-8''%C3%A4.txt".to_owned(),
    };
    let url = store
        .signed_url(id, Duration::from_secs(60), &presentation)
        .await
        .unwrap();
    let url = url.expect("a bucket has URLs of its own");
    // The server of the tests checks no signature and takes no headers from a URL, but S3 does both: all that is asked of
    // it has to be in the URL, which is signed as a whole.
    for part in [
        "response-content-type=text%2Fplain&",
        "response-content-disposition=attachment%3B%20filename%3D%22a%20b.txt%22",
        "X-Amz-Expires=60&",
        "X-Amz-SignedHeaders=host&",
        "X-Amz-Signature=",
    ] {
        assert!(url.contains(part), "{part} in {url}");
    }
    let answer = moto.read(&url);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer with headers");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, "Hello");
}

#[tokio::test]
async fn a_bucket_that_is_missing_does_not_answer_a_ping() {
    let Some(moto) = letsapp_testkit::s3::shared() else {
        return;
    };
    moto.create_bucket("pinged");
    open(moto, "pinged").ping().await.unwrap();
    let missing = open(moto, "missing").ping().await;
    assert!(missing.is_err(), "{missing:?}");
}

#[test]
fn an_address_that_names_no_bucket_is_refused() {
    for address in ["s3://", "s3:///prefix", "bucket/prefix", "https://bucket"] {
        let Err(BlobError::Internal(cause)) = S3Blobs::open(address, [("AWS_REGION", "x")]) else {
            panic!("{address} was accepted");
        };
        assert!(cause.to_string().contains("s3://BUCKET/PREFIX"), "{cause}");
    }
}
