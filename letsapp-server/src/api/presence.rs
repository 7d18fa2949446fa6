//! `/v1/presence`: who is there.

use std::sync::Arc;

use letsapp_core::domain::id::UserId;
use letsapp_core::protocol::{Items, Presence};
use warp::Filter;

use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// How many can be asked about at once.
const MAX_USER_IDS: usize = 200;

/// Returns the endpoint of this file.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let filter = warp::path!("v1" / "presence")
        .and(warp::get())
        .and(request_context(server));
    vec![Endpoint::new::<__path_find>(filter.then(find))]
}

/// Tells which of some users are there, as far as each shows it to the one who asks: whoever does not is offline, and
/// was never seen. Of one who is online, `last_seen_at` is now; one who does not exist is left out.
#[utoipa::path(get, path = "/v1/presence", tag = "presence",
    params(("user_ids" = String, Query, description = "At most 200 ids, with commas between them")),
    responses((status = 200, body = Items<Presence>)), security(("bearer" = [])))]
async fn find(context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let mut query = context.query();
    let user_ids: Vec<UserId> = query.ids("user_ids", MAX_USER_IDS);
    query.finish()?;
    reply::items(context.app().presence().find(&principal, &user_ids).await?)
}
