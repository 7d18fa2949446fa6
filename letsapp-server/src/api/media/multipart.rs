//! An upload as a form (RFC 7578). Parts are taken in the order in which they come; the file is never held in memory.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use letsapp_core::domain::media::{ContentType, FileName};
use letsapp_core::domain::principal::Principal;
use letsapp_core::ports::{BoxError, ByteStream};
use letsapp_core::protocol::Media;
use letsapp_core::services::Made;
use letsapp_core::services::media::{FileDetails, FileDraft, NewFile};
use multer::{Field, Multipart};
use tokio::sync::mpsc;

use super::incoming::{broken, id, waveform};
use crate::api::request_context::RequestContext;
use crate::error::ApiError;

/// Maximum size of the part `preview` in bytes.
const MAX_PREVIEW: usize = 2 << 20;

/// Maximum size of the other parts in bytes.
const MAX_TEXT: usize = 4 << 10;

/// Maximum number of parts.
const MAX_PARTS: usize = 16;

/// Uploads the file of a form.
pub(super) async fn upload(
    context: &RequestContext,
    principal: &Principal,
    content_type: &str,
    body: ByteStream,
) -> Result<(Media, Made), ApiError> {
    let boundary =
        multer::parse_boundary(content_type).map_err(|_| broken("the content type of the form names no boundary"))?;
    let mut form = Multipart::new(body, boundary);
    let mut draft: Option<FileDraft> = None;
    let mut details = FileDetails::default();
    for _ in 0..MAX_PARTS {
        let Some(part) = form.next_field().await.map_err(|error| unreadable(&error))? else {
            let draft = draft.ok_or_else(|| ApiError::field("file", "required", "is missing"))?;
            return Ok(context.app().media().finish(draft, details).await?);
        };
        match part.name() {
            Some("file") if draft.is_some() => {
                return Err(ApiError::field("file", "too_many", "a form has one file"));
            }
            Some("file") => draft = Some(receive(context, principal, part).await?),
            Some("preview") => details.preview = Some(collect(part, "preview", MAX_PREVIEW).await?),
            Some("id") => {
                let text = collect(part, "id", MAX_TEXT).await?;
                details.id = Some(id(&String::from_utf8_lossy(&text))?);
            }
            Some("waveform") => {
                let text = collect(part, "waveform", MAX_TEXT).await?;
                details.waveform = Some(waveform(&String::from_utf8_lossy(&text))?);
            }
            // Unknown fields are ignored, as in JSON. They are read past.
            _ => {
                collect(part, "form", MAX_TEXT).await?;
            }
        }
    }
    Err(broken("the form has too many parts"))
}

/// Receives the file. Its bytes pass through a channel, since a part borrows the form and the service takes a stream
/// that owns its bytes.
async fn receive(context: &RequestContext, principal: &Principal, mut part: Field<'_>) -> Result<FileDraft, ApiError> {
    let file = NewFile {
        name: FileName::new(part.file_name().unwrap_or_default()),
        content_type: part
            .headers()
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| ContentType::parse(value.to_str().ok()?).ok()),
    };
    let (sender, receiver) = mpsc::channel::<Result<Bytes, BoxError>>(1);
    let bytes = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    });
    let feed = async {
        loop {
            let chunk = match part.chunk().await {
                Ok(Some(chunk)) => Ok(chunk),
                Ok(None) => break,
                Err(error) => Err(BoxError::from(error)),
            };
            let is_last = chunk.is_err();
            // Fails once the file is refused.
            if sender.send(chunk).await.is_err() || is_last {
                break;
            }
        }
        drop(sender);
    };
    let mut received = pin!(context.app().media().receive(principal, file, bytes.boxed()));
    // A file that is refused is not waited for.
    let received = tokio::select! {
        biased;
        received = &mut received => received,
        () = feed => received.await,
    };
    Ok(received?)
}

async fn collect(mut part: Field<'_>, name: &str, max: usize) -> Result<Bytes, ApiError> {
    let mut all = BytesMut::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| unreadable(&error))? {
        if all.len() + chunk.len() > max {
            return Err(ApiError::field(name, "too_long", format!("has more than {max} bytes")));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

fn unreadable(error: &multer::Error) -> ApiError {
    broken(format!("the form can't be read: {error}"))
}
