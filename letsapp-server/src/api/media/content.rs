//! Reading a file behind a link: ranges, entity tags, and headers that keep a browser from executing anything.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use letsapp_core::domain::id::MediaId;
use letsapp_core::protocol::Code;
use letsapp_core::services::MediaError;
use letsapp_core::services::media::OpenFile;
use warp::reply::Response;

use super::links;
use super::range::{self, Wanted};
use crate::api::reply::Answer;
use crate::api::request_context::RequestContext;
use crate::error::ApiError;
use crate::streamed_body;

/// Policy of a file that is opened in a tab: it may show itself and style itself, and nothing else.
const POLICY: &str = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox; \
                      frame-ancestors 'none'";

/// Reads a file behind a link of `POST /v1/media/{id}/url`.
// The parameters are described as optional texts, since a link without one of them is an altered one like any other.
#[utoipa::path(get, path = "/v1/media/{id}/content", tag = "media",
    params(("id" = MediaId, Path), ("variant" = Option<String>, Query, max_length = 16),
        ("expires" = Option<String>, Query, max_length = 20), ("key" = Option<String>, Query, max_length = 64),
        ("signature" = Option<String>, Query, max_length = 64), ("range" = Option<String>, Header, max_length = 4096),
        ("if-none-match" = Option<String>, Header, max_length = 4096),
        ("if-range" = Option<String>, Header, max_length = 4096)),
    responses((status = 200, description = "The file", content_type = "application/octet-stream"),
        (status = 206, description = "A range of the file", content_type = "application/octet-stream"),
        (status = 304, description = "Not changed"), (status = 403, description = "Expired or altered"),
        (status = 404), (status = 416, description = "Beyond the end")))]
pub(super) async fn content(id: MediaId, context: RequestContext, headers: HeaderMap) -> Answer {
    let signed = links::read(id, &context.query()).ok_or(MediaError::BadLink)?;
    let file = context.app().media().open(&signed).await?;
    let etag = HeaderValue::from_str(&format!("\"{}\"", file.etag)).expect("a tag is hexadecimal and a word");
    if headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|tags| names(tags, &file.etag))
    {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(ETAG, etag);
        response.headers_mut().insert(CACHE_CONTROL, cache_control());
        return Ok(response);
    }
    let is_same = headers.get(IF_RANGE).is_none_or(|tag| *tag == etag);
    let wanted = match headers.get(RANGE).filter(|_| is_same) {
        Some(header) => range::read(header.to_str().unwrap_or_default(), file.size),
        None => Wanted::Whole,
    };
    let mut response = Response::default();
    let (range, size) = match wanted {
        Wanted::Whole => (None, file.size),
        Wanted::Part(range) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let header = format!("bytes {}-{}/{}", range.start, range.end - 1, file.size);
            response.headers_mut().insert(CONTENT_RANGE, ascii(&header));
            let size = range.end - range.start;
            (Some(range), size)
        }
        Wanted::Unsatisfiable => {
            let mut response = ApiError::new(Code::RangeNotSatisfiable).into_response();
            let header = format!("bytes */{}", file.size);
            response.headers_mut().insert(CONTENT_RANGE, ascii(&header));
            return Ok(response);
        }
    };
    describe(&file, response.headers_mut());
    response.headers_mut().insert(ETAG, etag);
    response.headers_mut().insert(CONTENT_LENGTH, size.into());
    let bytes = file.read(range).await?;
    streamed_body::set(&mut response, bytes, size);
    Ok(response)
}

fn describe(file: &OpenFile, headers: &mut HeaderMap) {
    let mut content_type = file.content_type.clone();
    if content_type.starts_with("text/") {
        // Text is stored if it is valid UTF-8.
        content_type.push_str("; charset=utf-8");
    }
    headers.insert(CONTENT_TYPE, ascii(&content_type));
    headers.insert(
        CONTENT_DISPOSITION,
        ascii(&file.file_name.content_disposition(file.disposition)),
    );
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, cache_control());
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
}

/// The bytes never change; the link bounds for how long they can be had.
fn cache_control() -> HeaderValue {
    HeaderValue::from_static("private, max-age=3600, immutable")
}

/// Makes a header value of text that is ASCII already. Anything else would be a fault of a stored name or type.
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// Returns whether a list of entity tags names this one. Weak comparison, as for `If-None-Match`.
fn names(tags: &HeaderValue, etag: &str) -> bool {
    tags.to_str().unwrap_or_default().split(',').any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"') == etag
    })
}
