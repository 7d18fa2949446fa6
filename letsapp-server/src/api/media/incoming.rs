//! The body of an upload: a form, or the bytes of a file.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use letsapp_core::domain::id::MediaId;
use letsapp_core::domain::media::{ContentType, FileName, Waveform};
use letsapp_core::domain::principal::Principal;
use letsapp_core::ports::{BoxError, ByteStream};
use letsapp_core::protocol::{Code, Media};
use letsapp_core::services::Made;
use letsapp_core::services::media::{FileDetails, NewFile};
use warp::{Filter, Rejection};

use super::multipart;
use crate::api::request_context::RequestContext;
use crate::error::ApiError;

/// Longest time between two chunks of a body. A client that is slower is taken for gone.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(60);

/// The body of an upload, not read yet.
pub(crate) struct Incoming {
    headers: HeaderMap,
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>,
}

/// Returns a filter that extracts the body of an upload without reading it.
pub(crate) fn incoming() -> impl Filter<Extract = (Incoming,), Error = Rejection> + Clone {
    warp::header::headers_cloned()
        .and(warp::body::stream())
        .map(|headers, stream| Incoming {
            headers,
            stream: boxed(stream),
        })
}

impl Incoming {
    /// Returns the headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the bytes as they arrive. A pause that is too long is an error.
    pub(crate) fn bytes(self) -> ByteStream {
        futures_util::stream::unfold(Some(self.stream), |stream| async move {
            let mut stream = stream?;
            match tokio::time::timeout(CHUNK_TIMEOUT, stream.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(stream))),
                Ok(Some(Err(error))) => Some((Err(BoxError::from(error)), None)),
                Err(_) => Some((Err("the body did not arrive in time".into()), None)),
            }
        })
        .boxed()
    }

    /// Uploads the file that the body has.
    pub(super) async fn upload(
        self,
        context: &RequestContext,
        principal: &Principal,
    ) -> Result<(Media, Made), ApiError> {
        let content_type = text(&self.headers, &CONTENT_TYPE).unwrap_or_default().to_owned();
        if content_type.to_ascii_lowercase().starts_with("multipart/") {
            return multipart::upload(context, principal, &content_type, self.bytes()).await;
        }
        let query = context.query();
        let id = query.text("id").map(ToOwned::to_owned);
        let waveform = query.text("waveform").map(ToOwned::to_owned);
        let details = FileDetails {
            id: id.as_deref().map(self::id).transpose()?,
            waveform: waveform.as_deref().map(self::waveform).transpose()?,
            preview: None,
        };
        let name = text(&self.headers, &CONTENT_DISPOSITION).and_then(FileName::from_disposition);
        let file = NewFile {
            name: name.unwrap_or_else(|| FileName::new("file")),
            content_type: ContentType::parse(&content_type).ok(),
        };
        let media = context.app().media();
        let draft = media.receive(principal, file, self.bytes()).await?;
        Ok(media.finish(draft, details).await?)
    }
}

/// Parses the id that a client has chosen.
pub(crate) fn id(text: &str) -> Result<MediaId, ApiError> {
    let id: Option<MediaId> = text.trim().parse().ok();
    id.filter(|id| matches!(id.as_uuid().get_version_num(), 4 | 7))
        .ok_or_else(|| ApiError::field("id", "not_a_uuid", "must be a UUID of version 4 or 7"))
}

/// Parses a waveform: a JSON array of 64 numbers from 0 to 100.
pub(super) fn waveform(text: &str) -> Result<Waveform, ApiError> {
    let points: Option<Vec<u8>> = serde_json::from_str(text).ok();
    let points: Option<[u8; Waveform::POINTS]> = points.and_then(|points| points.try_into().ok());
    points.and_then(Waveform::new).ok_or_else(|| {
        ApiError::field(
            "waveform",
            "not_a_waveform",
            "must be a JSON array of 64 whole numbers from 0 to 100",
        )
    })
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &http::header::HeaderName) -> Option<&'a str> {
    // Names may be sent in UTF-8, although headers should be ASCII.
    headers
        .get(name)
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

pub(super) fn broken(detail: impl Into<String>) -> ApiError {
    ApiError::with_detail(Code::InvalidRequest, detail)
}

fn boxed(
    stream: impl Stream<Item = Result<impl Buf, warp::Error>> + Send + 'static,
) -> Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>> {
    Box::pin(stream.map(|part| part.map(|mut part| part.copy_to_bytes(part.remaining()))))
}
