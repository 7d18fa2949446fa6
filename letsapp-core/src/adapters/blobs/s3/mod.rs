//! Blobs in a bucket of S3, or of a server that speaks its protocol.
//!
//! A blob that fits into one part is put in one request, a larger one part by part. Both requests that make it visible
//! carry `If-None-Match: *`, by which the bucket refuses an id that is taken. A server that ignores this header replaces
//! the blob instead; ids are random, so that takes a mistake.
//!
//! A program that is killed while it writes leaves the parts that it has uploaded, which only a rule of the bucket
//! (`AbortIncompleteMultipartUpload`, by their age) removes. Nobody can read them.

mod client;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::Method;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};
use object_store::{
    BackoffConfig, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode,
    PutMultipartOptions, PutOptions, RetryConfig,
};

use self::client::Connector;
use super::read::within;
use super::upload::{Upload, store};
use crate::domain::id::BlobId;
use crate::ports::{BlobError, BlobRead, BlobStore, ByteStream, Presentation};

/// Beginning of the addresses of buckets.
const SCHEME: &str = "s3://";

/// Number of times that a failed request is sent again, and the time after which none is.
const RETRIES: usize = 4;
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

/// A store that keeps each blob in an object of a bucket. Clones share it.
///
/// # Examples
/// ```
/// # use letsapp_core::adapters::blobs::S3Blobs;
/// let settings = [("AWS_ACCESS_KEY_ID", "AKIA…"), ("AWS_SECRET_ACCESS_KEY", "…"), ("AWS_REGION", "eu-central-1")];
/// let store = S3Blobs::open("s3://bucket/some/prefix", settings)?;
/// # Ok::<(), letsapp_core::ports::BlobError>(())
/// ```
#[derive(Clone, Debug)]
pub struct S3Blobs {
    bucket: Arc<AmazonS3>,
    prefix: Path,
}

impl S3Blobs {
    /// Opens a bucket by an address such as `s3://BUCKET/PREFIX`, with settings that are named like the environment
    /// variables of AWS: `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and so on. Those
    /// with other names are ignored, so [`std::env::vars`] can be passed. Without a key, the credentials come from the
    /// machine: its role, its container or its web identity.
    ///
    /// Nothing is sent; [`ping`](BlobStore::ping) tells whether the bucket can be used.
    ///
    /// # Errors
    /// [`BlobError::Internal`] if the address or a setting is not valid.
    pub fn open<K: AsRef<str>, V: Into<String>>(
        address: &str,
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, BlobError> {
        let rest = address.strip_prefix(SCHEME).unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(BlobError::internal(format!(
                "`{address}` does not have the form s3://BUCKET/PREFIX"
            )));
        }
        let prefix = Path::parse(prefix.trim_matches('/')).map_err(BlobError::internal)?;
        let mut builder = AmazonS3Builder::new();
        for (name, value) in settings {
            let name = name.as_ref();
            if let Some(key) = name
                .starts_with("AWS_")
                .then(|| name.to_ascii_lowercase().parse().ok())
                .flatten()
            {
                builder = builder.with_config(key, value);
            }
        }
        let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
            .iter()
            .find_map(|key| builder.get_config_value(key));
        let bucket = builder
            .with_bucket_name(bucket)
            // A plain connection only where the settings ask for it.
            .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
            .with_http_connector(Connector::new()?)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES,
                retry_timeout: RETRY_TIMEOUT,
            })
            // A request for one object, which servers other than AWS's know too.
            .with_disable_bulk_delete(true)
            .build()
            .map_err(BlobError::internal)?;
        Ok(Self {
            bucket: Arc::new(bucket),
            prefix,
        })
    }

    fn place(&self, id: BlobId) -> Path {
        self.prefix.clone().join(id.to_string())
    }

    /// Returns the size of a blob.
    async fn size(&self, id: BlobId) -> Result<u64, BlobError> {
        Ok(self.bucket.head(&self.place(id)).await.map_err(failure)?.size)
    }
}

#[async_trait]
impl BlobStore for S3Blobs {
    async fn put(&self, id: BlobId, bytes: ByteStream) -> Result<u64, BlobError> {
        let writing = Writing {
            store: self.clone(),
            id,
            stage: Stage::Begun,
        };
        store(std::future::ready(Ok(writing)), bytes).await
    }

    async fn get(&self, id: BlobId, range: Option<Range<u64>>) -> Result<BlobRead, BlobError> {
        if let Some(range) = range.as_ref().filter(|range| range.is_empty()) {
            // HTTP has no empty ranges.
            let size = self.size(id).await?;
            within(Some(range.clone()), size)?;
            let bytes = stream::empty().boxed();
            return Ok(BlobRead { size, bytes });
        }
        let options = GetOptions {
            range: range.clone().map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let found = match self.bucket.get_opts(&self.place(id), options).await {
            Ok(found) => found,
            // A range that begins beyond the end is refused without the size.
            Err(error) if range.is_some() && !matches!(error, object_store::Error::NotFound { .. }) => {
                within(range, self.size(id).await?)?;
                return Err(failure(error));
            }
            Err(error) => return Err(failure(error)),
        };
        // One that only ends beyond it is cut short.
        let size = found.meta.size;
        within(range, size)?;
        Ok(BlobRead {
            size,
            bytes: found.into_stream().map_err(Into::into).boxed(),
        })
    }

    async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        match self.bucket.delete(&self.place(id)).await.map_err(failure) {
            Err(BlobError::NotFound) => Ok(()),
            deleted => deleted,
        }
    }

    async fn signed_url(
        &self,
        id: BlobId,
        expires_in: Duration,
        presentation: &Presentation,
    ) -> Result<Option<String>, BlobError> {
        let options = SignedUrlOptions::new().with_query([
            ("response-content-type", &presentation.content_type),
            ("response-content-disposition", &presentation.content_disposition),
        ]);
        let url = self
            .bucket
            .signed_url_opts(Method::GET, &self.place(id), expires_in, &options)
            .await;
        Ok(Some(url.map_err(failure)?.into()))
    }

    async fn recover(&self) -> Result<(), BlobError> {
        Ok(())
    }

    async fn ping(&self) -> Result<(), BlobError> {
        // Any answer about an object says that the bucket is there and may be read.
        match self.size(BlobId::from_bytes([0; 16])).await {
            Err(BlobError::NotFound) => {}
            other => return other.map(drop),
        }
        // Only a list tells a missing object from a missing bucket.
        let first = self.bucket.list(Some(&self.prefix)).try_next().await;
        first.map(drop).map_err(failure)
    }
}

/// A blob that is being written.
struct Writing {
    store: S3Blobs,
    id: BlobId,
    stage: Stage,
}

/// State of a blob that is being written.
enum Stage {
    /// Nothing was sent yet: the blob may fit into one request.
    Begun,
    /// Some parts were sent.
    Parts(Box<dyn MultipartUpload>),
    /// The blob is in the bucket.
    Stored,
}

impl Upload for Writing {
    /// The smallest that S3 takes. A write holds the one that is sent, and so does a retry of it.
    const PART: usize = 5 * 1024 * 1024;

    async fn write(&mut self, part: Bytes) -> Result<(), BlobError> {
        let upload = match &mut self.stage {
            Stage::Parts(upload) => upload,
            stage => {
                let options = PutMultipartOptions::default();
                let begun = self
                    .store
                    .bucket
                    .put_multipart_opts(&self.store.place(self.id), options)
                    .await;
                *stage = Stage::Parts(begun.map_err(failure)?);
                let Stage::Parts(upload) = stage else {
                    return Err(BlobError::internal("the upload has just begun"));
                };
                upload
            }
        };
        upload.put_part(part.into()).await.map_err(failure)
    }

    async fn finish(&mut self, rest: Bytes) -> Result<(), BlobError> {
        let Stage::Parts(upload) = &mut self.stage else {
            let (place, options) = (self.store.place(self.id), PutOptions::from(PutMode::Create));
            let put = self.store.bucket.put_opts(&place, rest.into(), options).await;
            put.map_err(failure)?;
            self.stage = Stage::Stored;
            return Ok(());
        };
        if !rest.is_empty() {
            upload.put_part(rest.into()).await.map_err(failure)?;
        }
        upload.complete().await.map_err(failure)?;
        self.stage = Stage::Stored;
        Ok(())
    }

    async fn discard(self) {
        let removed = match self.stage {
            Stage::Begun => Ok(()),
            Stage::Parts(mut upload) => upload.abort().await.map_err(failure),
            Stage::Stored => self.store.delete(self.id).await,
        };
        if let Err(error) = removed {
            tracing::warn!(blob.id = %self.id, error = &error as &dyn std::error::Error, "an upload was not removed");
        }
    }
}

/// Classifies an error of the bucket. Those without a class of their own are failures of the connection or the server,
/// after several attempts.
fn failure(error: object_store::Error) -> BlobError {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => BlobError::NotFound,
        E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => BlobError::Exists,
        E::Generic { .. } | E::JoinError { .. } => BlobError::unavailable(error),
        _ => BlobError::internal(error),
    }
}
