//! Builds the responses of handlers.

use http::StatusCode;
use letsapp_core::domain::page::Page;
use letsapp_core::protocol::{Items, List};
use letsapp_core::services::Made;
use serde::Serialize;
use warp::reply::Response;

use super::request_context::RequestContext;
use crate::error::ApiError;
use crate::response;

/// The result of a handler.
pub(crate) type Answer = Result<Response, ApiError>;

/// Responds 200 with a value.
pub(super) fn ok(value: &impl Serialize) -> Answer {
    Ok(json(StatusCode::OK, value))
}

/// Responds 201 for a value that was created now, 200 if an earlier request with the same id had created it.
pub(super) fn made(made: Made, value: &impl Serialize) -> Answer {
    let status = match made {
        Made::Now => StatusCode::CREATED,
        Made::Before => StatusCode::OK,
    };
    Ok(json(status, value))
}

/// Responds 204 without a body.
pub(super) fn done() -> Answer {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Responds 200 with a complete list.
pub(super) fn items<T: Serialize>(items: Vec<T>) -> Answer {
    ok(&Items { items })
}

/// Responds 200 with a page of the list called `name`. The name is sealed into the cursor, so that it fits no other
/// list.
pub(super) fn page<T: Serialize, P: Serialize>(context: &RequestContext, name: &str, page: Page<T, P>) -> Answer {
    let next_cursor = page
        .next
        .map(|position| context.app().cursor_key().seal(name, &position));
    ok(&List {
        items: page.items,
        next_cursor,
    })
}

/// Responds with a status and a value as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    response::json(status, "application/json", value)
}
