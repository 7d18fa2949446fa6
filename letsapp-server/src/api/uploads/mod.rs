//! `/v1/uploads`: resumable uploads by the protocol tus 1.0.0 (<https://tus.io/protocols/resumable-upload>), with its
//! extensions creation, termination, expiration and checksum.

mod headers;

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use letsapp_core::domain::id::MediaId;
use letsapp_core::domain::media::{ContentType, FileName};
use letsapp_core::protocol::Code;
use letsapp_core::services::media::{AppendedPart, NewFile, NewUpload, UploadState};
use letsapp_core::services::{Made, MediaError};
use warp::Filter;
use warp::reply::Response;

use self::headers::{Metadata, checksum, metadata, number, written};
use super::endpoint::Endpoint;
use super::media::incoming::{Incoming, incoming};
use super::reply::Answer;
use super::request_context::{RequestContext, request_context};
use crate::error::ApiError;
use crate::server_context::ServerContext;

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_MEDIA_ID: HeaderName = HeaderName::from_static("upload-media-id");

/// Beginning of the paths of single uploads, whose HEAD is a request of its own.
pub(crate) const PATH: &str = "/v1/uploads/";

/// The one version of the protocol.
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let context = request_context(server);
    let headers = warp::header::headers_cloned;
    let upload = || warp::path!("v1" / "uploads" / MediaId);
    vec![
        Endpoint::new::<__path_options>(
            warp::path!("v1" / "uploads")
                .and(warp::options())
                .and(context.clone())
                .then(options)
                .map(resumable),
        ),
        Endpoint::new::<__path_create>(
            warp::path!("v1" / "uploads")
                .and(warp::post())
                .and(context.clone())
                .and(headers())
                .then(create)
                .map(resumable),
        ),
        // No GET shows the same with a body, as elsewhere.
        Endpoint::new::<__path_state>(
            upload()
                .and(warp::head())
                .and(context.clone())
                .and(headers())
                .then(state)
                .map(resumable),
        ),
        Endpoint::new::<__path_append>(
            upload()
                .and(warp::patch())
                .and(context.clone())
                .and(incoming())
                .then(append)
                .map(resumable),
        ),
        Endpoint::new::<__path_end>(
            upload()
                .and(warp::delete())
                .and(context)
                .and(headers())
                .then(end)
                .map(resumable),
        ),
    ]
}

/// Tells what this server can do.
#[utoipa::path(options, path = "/v1/uploads", tag = "media", responses((status = 204)))]
async fn options(context: RequestContext) -> Answer {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(TUS_VERSION, VERSION);
    headers.insert(
        TUS_EXTENSION,
        HeaderValue::from_static("creation,termination,expiration,checksum"),
    );
    headers.insert(TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static("sha256"));
    headers.insert(TUS_MAX_SIZE, context.app().media().max_file_bytes().into());
    Ok(response)
}

/// Begins a resumable upload.
///
/// `Upload-Metadata` has `filename` and, if known, `filetype` and `id`, each in Base64. The same `id` again is the same
/// upload; once that has become a file, `Upload-Media-Id` names it. An empty file is made at once.
#[utoipa::path(post, path = "/v1/uploads", tag = "media",
    params(("tus-resumable" = String, Header, max_length = 8), ("upload-length" = u64, Header, maximum = 9_007_199_254_740_991_i64),
        ("upload-metadata" = Option<String>, Header, max_length = 4096)),
    responses((status = 201, description = "Begun: its address is in `Location`"),
        (status = 200, description = "Begun before"), (status = 409, description = "The id belongs to another"),
        (status = 412, description = "Another version of tus"),
        (status = 413, description = "No room, or too many unfinished uploads"),
        (status = 415, description = "An empty file whose name claims another type"),
        (status = 422, description = "An empty file that is refused")),
    security(("bearer" = [])))]
async fn create(context: RequestContext, headers: HeaderMap) -> Answer {
    let principal = context.principal().await?;
    check_version(&headers)?;
    let length = number(&headers, &UPLOAD_LENGTH)?;
    let Metadata { name, content_type, id } = metadata(&headers)?;
    let new = NewUpload {
        id,
        file: NewFile {
            name: FileName::new(&name.unwrap_or_default()),
            content_type: content_type.and_then(|text| ContentType::parse(&text).ok()),
        },
        length,
    };
    let (upload, made) = context.app().media().start_upload(&principal, new).await?;
    let mut response = empty(match made {
        Made::Now => StatusCode::CREATED,
        Made::Before => StatusCode::OK,
    });
    let location = written(&format!("/v1/uploads/{}", upload.id));
    response.headers_mut().insert(LOCATION, location);
    describe(&upload, response.headers_mut());
    Ok(response)
}

/// Tells how far a resumable upload is. For a day after the last part, `Upload-Media-Id` names the file.
#[utoipa::path(head, path = "/v1/uploads/{id}", tag = "media",
    params(("id" = MediaId, Path), ("tus-resumable" = String, Header, max_length = 8)),
    responses((status = 200, description = "See `Upload-Offset`"), (status = 404),
        (status = 410, description = "The upload is over"), (status = 412, description = "Another version of tus")),
    security(("bearer" = [])))]
async fn state(id: MediaId, context: RequestContext, headers: HeaderMap) -> Answer {
    let principal = context.principal().await?;
    check_version(&headers)?;
    let upload = context.app().media().upload(&principal, id).await?;
    let mut response = empty(StatusCode::OK);
    describe(&upload, response.headers_mut());
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Sends the next part of a resumable upload. The answer to the last one names the file in `Upload-Media-Id`.
#[utoipa::path(patch, path = "/v1/uploads/{id}", tag = "media",
    params(("id" = MediaId, Path), ("tus-resumable" = String, Header, max_length = 8),
        ("upload-offset" = u64, Header, maximum = 9_007_199_254_740_991_i64), ("upload-checksum" = Option<String>, Header, max_length = 64)),
    request_body(content = inline(Part), content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "Kept: see `Upload-Offset`"), (status = 404),
        (status = 409, description = "Not the offset at which the upload goes on"),
        (status = 410, description = "The upload is over"), (status = 412, description = "Another version of tus"),
        (status = 415, description = "Not the content type of a part"), (status = 413, description = "Too long"),
        (status = 422, description = "The complete file is refused")),
    security(("bearer" = [])))]
async fn append(id: MediaId, context: RequestContext, body: Incoming) -> Answer {
    let principal = context.principal().await?;
    let headers = body.headers();
    check_version(headers)?;
    if headers
        .get(CONTENT_TYPE)
        .is_none_or(|value| value != "application/offset+octet-stream")
    {
        let detail = "the content type must be application/offset+octet-stream";
        return Err(ApiError::with_detail(Code::UnsupportedMediaType, detail));
    }
    let offset = number(headers, &UPLOAD_OFFSET)?;
    let checksum = checksum(headers)?;
    let appended = context
        .app()
        .media()
        .append(&principal, id, offset, checksum, body.bytes());
    let mut response = empty(StatusCode::NO_CONTENT);
    match appended.await {
        Ok(AppendedPart::Continues(upload)) => describe(&upload, response.headers_mut()),
        Ok(AppendedPart::Complete { media, length }) => {
            let headers = response.headers_mut();
            headers.insert(UPLOAD_OFFSET, length.into());
            headers.insert(UPLOAD_MEDIA_ID, written(&media.id.to_string()));
        }
        Err(error) => {
            let at = match &error {
                MediaError::WrongOffset(at) => Some(*at),
                _ => None,
            };
            let mut response = ApiError::from(error).into_response();
            if let Some(at) = at {
                response.headers_mut().insert(UPLOAD_OFFSET, at.into());
            }
            return Ok(response);
        }
    }
    Ok(response)
}

/// The bytes of a part.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes the body in the OpenAPI document")]
struct Part(Vec<u8>);

/// Ends a resumable upload without a file.
#[utoipa::path(delete, path = "/v1/uploads/{id}", tag = "media",
    params(("id" = MediaId, Path), ("tus-resumable" = String, Header, max_length = 8)),
    responses((status = 204), (status = 404), (status = 410, description = "The upload is over"),
        (status = 412, description = "Another version of tus")),
    security(("bearer" = [])))]
async fn end(id: MediaId, context: RequestContext, headers: HeaderMap) -> Answer {
    let principal = context.principal().await?;
    check_version(&headers)?;
    context.app().media().end_upload(&principal, id).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// Names the protocol in an answer, as every one must, refusals included. One to another version names those that this
/// server speaks.
fn resumable(answer: Answer) -> Answer {
    let mut response = answer.unwrap_or_else(ApiError::into_response);
    let is_other_version = response.status() == StatusCode::PRECONDITION_FAILED;
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, VERSION);
    if is_other_version {
        headers.insert(TUS_VERSION, VERSION);
    }
    Ok(response)
}

fn describe(upload: &UploadState, headers: &mut HeaderMap) {
    headers.insert(UPLOAD_OFFSET, upload.offset.into());
    headers.insert(UPLOAD_LENGTH, upload.length.into());
    headers.insert(UPLOAD_EXPIRES, written(&headers::date(upload.expires_at)));
    if let Some(media_id) = upload.media_id {
        headers.insert(UPLOAD_MEDIA_ID, written(&media_id.to_string()));
    }
}

/// Refuses requests of another version of the protocol.
fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.get(&TUS_RESUMABLE).is_some_and(|version| version == VERSION) {
        return Ok(());
    }
    let detail = "the header Tus-Resumable must be 1.0.0";
    Err(ApiError::with_detail(Code::InvalidRequest, detail).with_status(StatusCode::PRECONDITION_FAILED))
}
