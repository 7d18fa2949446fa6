//! Builds HTTP responses.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use warp::reply::Response;

/// Builds a JSON response with a content type such as `application/json` or `application/problem+json`.
pub(crate) fn json(status: StatusCode, content_type: &'static str, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("answers are plain data");
    bytes(status, content_type, body)
}

/// Builds a response of bytes.
pub(crate) fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<bytes::Bytes>) -> Response {
    let mut response = Response::new(body.into().into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
