//! `/v1/blocks`: the users that the current user blocks.

use std::sync::Arc;

use letsapp_core::domain::id::UserId;
use letsapp_core::protocol::{Block, List};
use warp::Filter;

use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let all = || warp::path!("v1" / "blocks");
    let one = || warp::path!("v1" / "blocks" / UserId);
    let context = request_context(server);
    vec![
        Endpoint::new::<__path_list>(all().and(warp::get()).and(context.clone()).then(list)),
        Endpoint::new::<__path_put>(one().and(warp::put()).and(context.clone()).then(put)),
        Endpoint::new::<__path_remove>(one().and(warp::delete()).and(context).then(remove)),
    ]
}

/// Lists the blocked users, ordered by id.
#[utoipa::path(get, path = "/v1/blocks", tag = "blocks",
    params(("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = List<Block>)), security(("bearer" = [])))]
async fn list(context: RequestContext) -> Answer {
    const LIST: &str = "blocks";
    let principal = context.principal().await?;
    let mut query = context.query();
    let limit = query.limit();
    let after = query.cursor(context.app().cursor_key(), LIST)?;
    let page = context.app().contacts().blocks(&principal, after, limit).await?;
    reply::page(&context, LIST, page)
}

/// Blocks a user.
///
/// Neither can send messages to the other in their direct conversation, or see the other's presence. The blocked user
/// is not notified.
#[utoipa::path(put, path = "/v1/blocks/{user_id}", tag = "blocks", params(("user_id" = UserId, Path)),
    responses((status = 204), (status = 404)), security(("bearer" = [])))]
async fn put(user_id: UserId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    context.app().contacts().block(&principal, user_id).await?;
    reply::done()
}

/// Unblocks a user.
#[utoipa::path(delete, path = "/v1/blocks/{user_id}", tag = "blocks", params(("user_id" = UserId, Path)),
    responses((status = 204, description = "The user is not blocked")), security(("bearer" = [])))]
async fn remove(user_id: UserId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    context.app().contacts().unblock(&principal, user_id).await?;
    reply::done()
}
