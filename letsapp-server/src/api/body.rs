//! Request bodies: their type is checked and their bytes are counted before they are read.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use letsapp_core::protocol::Code;
use letsapp_core::protocol::fields::FromFields;
use warp::{Filter, Rejection};

use crate::error::ApiError;

/// The longest JSON body that is taken: room for the longest message with every character escaped.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON body that was not read yet.
pub(crate) struct Json {
    content_type: Option<HeaderValue>,
    content_length: Option<HeaderValue>,
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>,
}

impl Json {
    /// Reads the body as a request.
    ///
    /// # Errors
    /// - `unsupported_media_type` when it says that it is not JSON;
    /// - `payload_too_large` when it is longer than [`MAX_BODY_BYTES`], before more than that is read;
    /// - `invalid_request` when it is no JSON, or stops half-way;
    /// - `validation_failed` with every field at fault.
    pub(super) async fn read<T: FromFields>(self) -> Result<T, ApiError> {
        if !self.content_type.as_ref().is_some_and(is_json) {
            return Err(unsupported());
        }
        parse(&self.collect().await?)
    }

    /// Reads the body as a request of which every field may be missing; so may the body.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub(super) async fn read_if_any<T: FromFields + Default>(self) -> Result<T, ApiError> {
        let claim = self.content_type.clone();
        if claim.as_ref().is_some_and(|claim| !is_json(claim)) {
            return Err(unsupported());
        }
        let body = self.collect().await?;
        if body.is_empty() {
            Ok(T::default())
        } else if claim.is_some() {
            parse(&body)
        } else {
            Err(unsupported())
        }
    }

    async fn collect(mut self) -> Result<Bytes, ApiError> {
        let announced = self
            .content_length
            .as_ref()
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > MAX_BODY_BYTES) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        let arrival = async {
            while let Some(part) = self.stream.next().await {
                let part = part.map_err(|_| ApiError::with_detail(Code::InvalidRequest, "the body stops half-way"))?;
                if body.len() + part.len() > MAX_BODY_BYTES {
                    return Err(too_large());
                }
                body.extend_from_slice(&part);
            }
            Ok(())
        };
        let late = |_| ApiError::with_detail(Code::InvalidRequest, "the body took too long to arrive");
        tokio::time::timeout(BODY_TIMEOUT, arrival).await.map_err(late)??;
        Ok(body.freeze())
    }
}

/// Takes the body along without reading it.
pub(super) fn json() -> impl Filter<Extract = (Json,), Error = Rejection> + Clone {
    warp::header::headers_cloned()
        .and(warp::body::stream())
        .map(|headers: http::HeaderMap, stream: _| Json {
            content_type: headers.get(CONTENT_TYPE).cloned(),
            content_length: headers.get(CONTENT_LENGTH).cloned(),
            stream: boxed(stream),
        })
}

fn boxed(
    stream: impl Stream<Item = Result<impl Buf, warp::Error>> + Send + 'static,
) -> Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>> {
    Box::pin(stream.map(|part| part.map(|mut part| part.copy_to_bytes(part.remaining()))))
}

fn is_json(content_type: &HeaderValue) -> bool {
    let essence = content_type.to_str().ok().and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn parse<T: FromFields>(body: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| ApiError::with_detail(Code::InvalidRequest, format!("not UTF-8: {error}")))?;
    Ok(T::parse_json(text)?)
}

fn unsupported() -> ApiError {
    ApiError::with_detail(Code::UnsupportedMediaType, "send application/json")
}

fn too_large() -> ApiError {
    ApiError::with_detail(
        Code::PayloadTooLarge,
        format!("a body has at most {MAX_BODY_BYTES} bytes"),
    )
}
