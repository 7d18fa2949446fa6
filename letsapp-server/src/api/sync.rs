//! `/v1/sync`: all that changed since.

use std::sync::Arc;

use letsapp_core::protocol::{Sync, SyncRequest};
use warp::Filter;

use super::body::{Json, json};
use super::call::{Call, call};
use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use crate::context::Context;

/// Returns the endpoint of this file.
pub(super) fn routes(context: &Arc<Context>) -> Vec<Endpoint> {
    let filter = warp::path!("v1" / "sync")
        .and(warp::post())
        .and(call(context))
        .and(json());
    vec![Endpoint::new::<__path_sync>(filter.then(sync))]
}

/// Returns all that changed since, for a client coming back.
#[utoipa::path(post, path = "/v1/sync", tag = "sync", request_body = SyncRequest,
    responses((status = 200, body = Sync)), security(("bearer" = [])))]
async fn sync(call: Call, body: Json) -> Answer {
    let principal = call.principal().await?;
    let request = body.read::<SyncRequest>().await?;
    reply::ok(&call.app().conversations().sync(&principal, request).await?)
}
