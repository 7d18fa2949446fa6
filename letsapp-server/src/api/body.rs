//! JSON request bodies. The content type and the length are checked before a body is read.

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

/// Maximum size of a JSON body in bytes: room for the longest message with every character escaped.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Time that a body has to arrive: 1 MiB at 35 KB/s, which a poor mobile connection reaches.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON body that has not been read yet.
pub(crate) struct Json {
    content_type: Option<HeaderValue>,
    content_length: Option<HeaderValue>,
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>,
}

impl Json {
    /// Reads and parses the body.
    ///
    /// # Errors
    /// - `unsupported_media_type` if the content type is not `application/json`;
    /// - `payload_too_large` if the body is longer than [`MAX_BODY_BYTES`]; the rest is not read;
    /// - `invalid_request` if the body is not JSON, is incomplete, or does not arrive in time;
    /// - `validation_failed` with every invalid field.
    pub(super) async fn read<T: FromFields>(self) -> Result<T, ApiError> {
        if !self.content_type.as_ref().is_some_and(is_json) {
            return Err(unsupported());
        }
        parse(&self.collect().await?)
    }

    /// Reads and parses a body whose fields are all optional. An empty body counts as one without fields.
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
        // A large body is refused at once if its length is announced; that may be absent or wrong, so bytes are
        // counted, too.
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
                let part = part.map_err(|_| ApiError::with_detail(Code::InvalidRequest, "the body is incomplete"))?;
                if body.len() + part.len() > MAX_BODY_BYTES {
                    return Err(too_large());
                }
                body.extend_from_slice(&part);
            }
            Ok(())
        };
        let late = |_| ApiError::with_detail(Code::InvalidRequest, "the body did not arrive in time");
        tokio::time::timeout(BODY_TIMEOUT, arrival).await.map_err(late)??;
        Ok(body.freeze())
    }
}

/// Returns a filter that extracts the body without reading it, so that limits are checked first.
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

/// Returns whether a content type is JSON in UTF-8. Other parameters mean nothing here.
fn is_json(content_type: &HeaderValue) -> bool {
    let mut parts = content_type.to_str().unwrap_or_default().split(';').map(str::trim);
    let is_json = |essence: &str| essence.eq_ignore_ascii_case("application/json");
    let is_readable = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    parts.next().is_some_and(is_json) && parts.all(is_readable)
}

fn parse<T: FromFields>(body: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| ApiError::with_detail(Code::InvalidRequest, format!("not UTF-8: {error}")))?;
    Ok(T::parse_json(text)?)
}

fn unsupported() -> ApiError {
    ApiError::with_detail(
        Code::UnsupportedMediaType,
        "the content type must be application/json, in UTF-8",
    )
}

fn too_large() -> ApiError {
    ApiError::with_detail(
        Code::PayloadTooLarge,
        format!("the body is longer than {MAX_BODY_BYTES} bytes"),
    )
}
