//! Links to files, and the bytes behind them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};

use crate::domain::id::{BlobId, MediaId};
use crate::domain::media::{ContentType, Disposition, Family, FileName, Media, Variant};
use crate::domain::principal::Principal;
use crate::domain::timestamp::Timestamp;
use crate::engine::media::{Link, MediaError, SignedLink};
use crate::ports::{BlobError, BlobStore, ByteStream, Presentation, RepositoryError};
use crate::services::media::{LINK_TTL, MediaService, variant};

/// A link to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlFor {
    /// Link that the application itself serves; see [`MediaService::open`].
    Link(SignedLink),
    /// URL of the place where the bytes are, with the time at which it expires.
    Elsewhere(String, Timestamp),
}

/// A file behind a link, ready to be read.
pub struct OpenFile {
    /// Media type of these bytes.
    pub content_type: String,
    /// Name under which a browser saves them.
    pub file_name: FileName,
    /// Size in bytes.
    pub size: u64,
    /// Strong entity tag, without quotes: the same bytes have the same.
    pub etag: String,
    /// Whether a browser may show the file, or has to save it.
    pub disposition: Disposition,
    blob: BlobId,
    blobs: Arc<dyn BlobStore>,
}

impl MediaService {
    /// Makes a link to a file that the caller may see. Whoever has the link can read the file until it expires.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] when the caller sees no such file, or it has no preview;
    /// [`MediaError::Invalid`] when `expires_in` is not 1–3,600 s.
    pub async fn link(
        &self,
        principal: &Principal,
        id: MediaId,
        which: Variant,
        expires_in: Option<Duration>,
    ) -> Result<UrlFor, MediaError> {
        let expires_in = expires_in.unwrap_or(LINK_TTL);
        if expires_in.as_secs() == 0 || expires_in > LINK_TTL {
            return Err(MediaError::invalid(
                "expires_in",
                "out_of_range",
                "must be 1 to 3600 seconds",
            ));
        }
        let media = self.visible(principal, id).await?;
        let (blob, content_type, _) = variant(&media, which).ok_or(MediaError::NotFound)?;
        let now = self.engine.runtime.clock.now();
        // Whole seconds, as the link has them.
        let expires_at = Timestamp::from_millis(now.plus(expires_in).as_millis() / 1000 * 1000);
        let name = FileName::from_stored(media.file_name.as_str());
        let presentation = Presentation {
            content_type: content_type.to_owned(),
            content_disposition: name.content_disposition(disposition(content_type)),
        };
        let files = self.files()?;
        if let Some(url) = files.blobs.signed_url(blob, expires_in, &presentation).await? {
            return Ok(UrlFor::Elsewhere(url, expires_at));
        }
        let link = Link {
            media_id: id,
            variant: which,
            expires_at,
        };
        let keys = self.engine.sessions.keyring.current();
        Ok(UrlFor::Link(link.sign(keys.newest_media_key())))
    }

    /// Returns the origin of the URLs at which files are read, such as `https://s3.eu-central-1.amazonaws.com`, if a bucket
    /// serves them: a page that shows them has to allow it. `None` if the application serves them itself, or has none.
    ///
    /// # Errors
    /// [`MediaError::Store`] when the credentials of the bucket can't be had.
    pub async fn origin(&self) -> Result<Option<String>, MediaError> {
        let Some(files) = &self.engine.files else {
            return Ok(None);
        };
        // Any URL tells. None is asked for, so the blob need not be there.
        let presentation = Presentation {
            content_type: String::new(),
            content_disposition: String::new(),
        };
        let any = BlobId::from_bytes([0; 16]);
        let url = files
            .blobs
            .signed_url(any, Duration::from_secs(1), &presentation)
            .await?;
        Ok(url.and_then(|url| origin_of(&url)))
    }

    /// Opens the file behind a link.
    ///
    /// # Errors
    /// [`MediaError::BadLink`] when the link was altered, has expired, or was signed with a key that is gone;
    /// [`MediaError::NotFound`] when the file is.
    pub async fn open(&self, signed: &SignedLink) -> Result<OpenFile, MediaError> {
        let now = self.engine.runtime.clock.now();
        let is_ours = self.engine.sessions.keyring.has_signed(signed).await?;
        if !is_ours || signed.link.expires_at <= now {
            return Err(MediaError::BadLink);
        }
        let found = self.files()?.opened.find(signed.link.media_id).await?;
        let media = found.ok_or(MediaError::NotFound)?;
        self.opened(&media, signed.link.variant)
    }

    fn opened(&self, media: &Media, which: Variant) -> Result<OpenFile, MediaError> {
        let (blob, content_type, size) = variant(media, which).ok_or(MediaError::NotFound)?;
        let hash: String = media.sha256[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(OpenFile {
            content_type: content_type.to_owned(),
            file_name: FileName::from_stored(media.file_name.as_str()),
            size,
            etag: format!("{hash}-{}", which.as_str()),
            disposition: disposition(content_type),
            blob,
            blobs: Arc::clone(&self.files()?.blobs),
        })
    }
}

impl OpenFile {
    /// Reads the file, or a range of it, in chunks as they are taken. The first chunk is read at once: a failure is an
    /// error then, where an answer that has begun could only be broken off, and a small file leaves with its headers.
    ///
    /// # Errors
    /// [`MediaError::NotFound`] when the file was removed in the meantime, [`MediaError::Store`] when the store fails.
    pub async fn read(&self, range: Option<Range<u64>>) -> Result<ByteStream, MediaError> {
        let mut bytes = self.blobs.get(self.blob, range).await?.bytes;
        match bytes.next().await {
            Some(Ok(first)) => Ok(stream::once(std::future::ready(Ok(first))).chain(bytes).boxed()),
            Some(Err(error)) => Err(match error.downcast::<BlobError>() {
                Ok(error) => (*error).into(),
                Err(error) => RepositoryError::unavailable(error).into(),
            }),
            None => Ok(bytes),
        }
    }
}

/// Returns the origin of a URL; `None` if it has none, or characters that no header carries.
fn origin_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let is_plain = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    is_plain.then(|| format!("{scheme}://{host}"))
}

/// Decides whether a browser may show a file: only what can execute nothing.
fn disposition(content_type: &str) -> Disposition {
    let content_type = ContentType::from_stored(content_type);
    match content_type.family() {
        Family::Picture | Family::Video | Family::Audio => Disposition::Inline,
        Family::Document if content_type.as_str() == "application/pdf" => Disposition::Inline,
        Family::Text if content_type.as_str() == "text/plain" => Disposition::Inline,
        _ => Disposition::Attachment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::blobs::MemoryBlobs;
    use crate::ports::{BlobRead, MockBlobStore};

    fn file(blobs: impl BlobStore + 'static) -> OpenFile {
        OpenFile {
            content_type: "text/plain".to_owned(),
            file_name: FileName::new("a.txt"),
            size: 10,
            etag: "tag".to_owned(),
            disposition: Disposition::Inline,
            blob: BlobId::from_bytes([1; 16]),
            blobs: Arc::new(blobs),
        }
    }

    #[tokio::test]
    async fn a_file_whose_bytes_are_gone_is_an_error_before_anything_is_answered() {
        let mut blobs = MockBlobStore::new();
        blobs.expect_get().returning(|_, _| {
            let gone = stream::once(std::future::ready(Err(BlobError::NotFound.into())));
            Ok(BlobRead {
                size: 10,
                bytes: gone.boxed(),
            })
        });
        let read = file(blobs).read(None).await.map(drop);
        assert!(matches!(read, Err(MediaError::NotFound)), "{read:?}");
    }

    #[tokio::test]
    async fn a_file_is_read_to_its_end_after_its_first_chunk() {
        let blobs = MemoryBlobs::new();
        let file = file(blobs.clone());
        let chunks = stream::iter(["some ", "words"].map(|part| Ok(part.into()))).boxed();
        blobs.put(file.blob, chunks).await.unwrap();
        for (range, expected) in [(None, "some words"), (Some(3..7), "e wo"), (Some(0..0), "")] {
            let read: Vec<_> = file.read(range).await.unwrap().map(Result::unwrap).collect().await;
            assert_eq!(read.concat(), expected.as_bytes());
        }
    }

    #[test]
    fn the_origin_of_a_url_is_its_scheme_host_and_port() {
        for (url, origin) in [
            (
                "https://b.s3.eu-central-1.amazonaws.com/of/us/1?X-Amz-Date=2",
                "https://b.s3.eu-central-1.amazonaws.com",
            ),
            ("http://127.0.0.1:9000/bucket/1", "http://127.0.0.1:9000"),
            ("http://[::1]:9000?a=/", "http://[::1]:9000"),
            ("https://user:secret@host/1", "https://host"),
        ] {
            assert_eq!(origin_of(url).as_deref(), Some(origin), "{url}");
        }
        for wrong in [
            "/v1/media",
            "https:///1",
            "https://a;b/1",
            "https://a b/1",
            "https://é/1",
        ] {
            assert_eq!(origin_of(wrong), None, "{wrong}");
        }
    }
}
