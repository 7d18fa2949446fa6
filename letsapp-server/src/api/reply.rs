//! Answers.

use http::StatusCode;
use letsapp_core::domain::page::Page;
use letsapp_core::protocol::{Items, List};
use letsapp_core::services::Made;
use serde::Serialize;
use warp::reply::Response;

use super::request_context::RequestContext;
use crate::error::ApiError;
use crate::response;

/// What a handler comes back with.
pub(crate) type Answer = Result<Response, ApiError>;

/// Answers 200.
pub(super) fn ok(value: &impl Serialize) -> Answer {
    Ok(json(StatusCode::OK, value))
}

/// Answers 201 for what was made now, 200 for what a request like it made before.
pub(super) fn made(made: Made, value: &impl Serialize) -> Answer {
    let status = match made {
        Made::Now => StatusCode::CREATED,
        Made::Before => StatusCode::OK,
    };
    Ok(json(status, value))
}

/// Answers 204.
pub(super) fn done() -> Answer {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Answers with a whole list.
pub(super) fn items<T: Serialize>(items: Vec<T>) -> Answer {
    ok(&Items { items })
}

/// Answers with a part of the list called `name`.
pub(super) fn page<T: Serialize, P: Serialize>(context: &RequestContext, name: &str, page: Page<T, P>) -> Answer {
    let next_cursor = page
        .next
        .map(|position| context.app().cursor_key().seal(name, &position));
    ok(&List {
        items: page.items,
        next_cursor,
    })
}

/// Answers with JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    response::json(status, "application/json", value)
}
