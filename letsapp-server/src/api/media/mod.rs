//! `/v1/media`: uploading, describing, linking, reading and deleting files.

mod content;
pub(crate) mod incoming;
mod links;
mod multipart;
mod range;

use std::sync::Arc;
use std::time::Duration;

use letsapp_core::domain::id::MediaId;
use letsapp_core::protocol::requests::MediaUrlRequest;
use letsapp_core::protocol::{Media, MediaUrl};
use letsapp_core::services::media::UrlFor;
use warp::Filter;

use self::incoming::{Incoming, incoming};
use super::body::{Json, json};
use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let context = request_context(server);
    vec![
        Endpoint::new::<__path_upload>(
            warp::path!("v1" / "media")
                .and(warp::post())
                .and(context.clone())
                .and(incoming())
                .then(upload),
        ),
        Endpoint::new::<__path_find>(
            warp::path!("v1" / "media" / MediaId)
                .and(warp::get())
                .and(context.clone())
                .then(find),
        ),
        Endpoint::new::<__path_delete>(
            warp::path!("v1" / "media" / MediaId)
                .and(warp::delete())
                .and(context.clone())
                .then(delete),
        ),
        Endpoint::new::<__path_url>(
            warp::path!("v1" / "media" / MediaId / "url")
                .and(warp::post())
                .and(context.clone())
                .and(json())
                .then(url),
        ),
        Endpoint::new::<content::__path_content>(
            warp::path!("v1" / "media" / MediaId / "content")
                .and(warp::get())
                .and(context)
                .and(warp::header::headers_cloned())
                .then(content::content),
        ),
    ]
}

/// Uploads a file.
///
/// The body is `multipart/form-data` with the part `file`, or the bytes of the file, with their type in `Content-Type`
/// and the name in `Content-Disposition`. The type is read from the content. Optional parts (or parameters, for bytes):
/// `id`, which makes the upload safe to repeat; `waveform`, a JSON array of 64 numbers from 0 to 100; and the part
/// `preview`, a picture of at most 2 MiB for a file that the server can't draw.
#[utoipa::path(post, path = "/v1/media", tag = "media",
    params(("id" = Option<MediaId>, Query), ("waveform" = Option<String>, Query, max_length = 512)),
    request_body(content((inline(UploadForm) = "multipart/form-data"), (inline(Bytes) = "application/octet-stream"))),
    responses((status = 201, body = Media), (status = 200, description = "Uploaded before", body = Media),
        (status = 409, description = "The id belongs to another file"),
        (status = 413, description = "The file is too large, or there is no room"),
        (status = 415, description = "The type is not allowed, or the name claims another"),
        (status = 422, description = "Not valid, or infected")),
    security(("bearer" = [])))]
async fn upload(context: RequestContext, body: Incoming) -> Answer {
    let principal = context.principal().await?;
    let (media, made) = body.upload(&context, &principal).await?;
    reply::made(made, &media)
}

/// A form that uploads a file.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document")]
struct UploadForm {
    /// The file, with its name.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Id chosen by the client: a UUID of version 4 or 7.
    id: Option<MediaId>,
    /// Picture for a file that the server can't draw.
    #[schema(value_type = Option<String>, format = Binary)]
    preview: Option<Vec<u8>>,
    /// JSON array of 64 numbers from 0 to 100.
    waveform: Option<String>,
}

/// The bytes of a file.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes the body in the OpenAPI document")]
struct Bytes(Vec<u8>);

/// Returns what is known of a file.
#[utoipa::path(get, path = "/v1/media/{id}", tag = "media", params(("id" = MediaId, Path)),
    responses((status = 200, body = Media), (status = 404)), security(("bearer" = [])))]
async fn find(id: MediaId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    reply::ok(&context.app().media().find(&principal, id).await?)
}

/// Deletes a file of the current user that nothing shows.
#[utoipa::path(delete, path = "/v1/media/{id}", tag = "media", params(("id" = MediaId, Path)),
    responses((status = 204), (status = 403, description = "Somebody else's"), (status = 404),
        (status = 409, description = "A message, a profile or a group shows it")),
    security(("bearer" = [])))]
async fn delete(id: MediaId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    context.app().media().delete(&principal, id).await?;
    reply::done()
}

/// Makes a link to a file, which anybody who has it can read until it expires.
#[utoipa::path(post, path = "/v1/media/{id}/url", tag = "media", params(("id" = MediaId, Path)),
    request_body = MediaUrlRequest, responses((status = 200, body = MediaUrl), (status = 404)),
    security(("bearer" = [])))]
async fn url(id: MediaId, context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let MediaUrlRequest { variant, expires_in } = body.read_if_any::<MediaUrlRequest>().await?;
    let expires_in = expires_in.map(Duration::from_secs);
    let link = context
        .app()
        .media()
        .link(&principal, id, variant.unwrap_or_default(), expires_in)
        .await?;
    reply::ok(&match link {
        UrlFor::Link(signed) => MediaUrl {
            url: links::write(&signed),
            expires_at: signed.link.expires_at,
        },
        UrlFor::Elsewhere(url, expires_at) => MediaUrl { url, expires_at },
    })
}
