//! `/v1/sync`: brings a client up to date.

use std::sync::Arc;

use letsapp_core::protocol::{Sync, SyncRequest};
use warp::Filter;

use super::body::{Json, json};
use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Returns the endpoint of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let filter = warp::path!("v1" / "sync")
        .and(warp::post())
        .and(request_context(server))
        .and(json());
    vec![Endpoint::new::<__path_sync>(filter.then(sync))]
}

/// Returns the changes since a client was last connected.
#[utoipa::path(post, path = "/v1/sync", tag = "sync", request_body = SyncRequest,
    responses((status = 200, body = Sync)), security(("bearer" = [])))]
async fn sync(context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read::<SyncRequest>().await?;
    reply::ok(&context.app().conversations().sync(&principal, request).await?)
}
