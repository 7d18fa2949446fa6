//! `/v1/presence`: which users are online.

use std::sync::Arc;

use letsapp_core::domain::id::UserId;
use letsapp_core::protocol::{Items, Presence};
use warp::Filter;

use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Maximum number of users per request: their ids have to fit into a request's head.
const MAX_USER_IDS: usize = 200;

/// Returns the endpoint of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let filter = warp::path!("v1" / "presence")
        .and(warp::get())
        .and(request_context(server));
    vec![Endpoint::new::<__path_find>(filter.then(find))]
}

/// Returns the presence of users.
///
/// A user who hides their presence from the current user is reported as offline and never seen. For a user who is
/// online, `last_seen_at` is the present time. Users that don't exist are left out.
#[utoipa::path(get, path = "/v1/presence", tag = "presence",
    params(("user_ids" = String, Query, max_length = 7399, pattern =
        "^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\
         (,[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}){0,199})?$",
        description = "At most 200 user ids, separated by commas")),
    responses((status = 200, body = Items<Presence>)), security(("bearer" = [])))]
async fn find(context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let mut query = context.query();
    let user_ids: Vec<UserId> = query.ids("user_ids", MAX_USER_IDS);
    query.finish()?;
    reply::items(context.app().presence().find(&principal, &user_ids).await?)
}
