//! `/v1/conversations/{id}/members`: the members of a conversation.

use std::sync::Arc;

use letsapp_core::domain::id::{ConversationId, UserId};
use letsapp_core::protocol::requests::{AddMembers, ChangeRole};
use letsapp_core::protocol::{Items, List, Member};
use warp::Filter;

use super::body::{Json, json};
use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let all = || warp::path!("v1" / "conversations" / ConversationId / "members");
    let one = || warp::path!("v1" / "conversations" / ConversationId / "members" / UserId);
    let (context, json) = (request_context(server), json());
    vec![
        Endpoint::new::<__path_list>(all().and(warp::get()).and(context.clone()).then(list)),
        Endpoint::new::<__path_add>(all().and(warp::post()).and(context.clone()).and(json.clone()).then(add)),
        Endpoint::new::<__path_change_role>(
            one()
                .and(warp::patch())
                .and(context.clone())
                .and(json)
                .then(change_role),
        ),
        Endpoint::new::<__path_remove>(one().and(warp::delete()).and(context).then(remove)),
    ]
}

/// Lists the members of a conversation in the order in which they joined.
#[utoipa::path(get, path = "/v1/conversations/{id}/members", tag = "members",
    params(("id" = ConversationId, Path), ("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = List<Member>), (status = 403), (status = 404)), security(("bearer" = [])))]
async fn list(id: ConversationId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let list = format!("members:{id}");
    let mut query = context.query();
    let limit = query.limit();
    let after = query.cursor(context.app().cursor_key(), &list)?;
    let page = context
        .app()
        .conversations()
        .members(&principal, id, after, limit)
        .await?;
    reply::page(&context, &list, page)
}

/// Adds users to a group and returns those who were not members before; requires an admin or the owner.
#[utoipa::path(post, path = "/v1/conversations/{id}/members", tag = "members", params(("id" = ConversationId, Path)),
    request_body = AddMembers,
    responses((status = 200, body = Items<Member>),
        (status = 403, description = "The user is neither admin nor owner, or some of the people do not let the user \
            add them to groups; `errors` names them"),
        (status = 404),
        (status = 422, description = "Some fields are not valid; `too_many_strangers`: more people with whom the user \
            shares no contact or conversation than can be added at once")),
    security(("bearer" = [])))]
async fn add(id: ConversationId, context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read::<AddMembers>().await?;
    reply::items(
        context
            .app()
            .conversations()
            .add_members(&principal, id, request, None)
            .await?,
    )
}

/// Changes a member's role; requires the owner. The role `owner` transfers ownership.
#[utoipa::path(patch, path = "/v1/conversations/{id}/members/{user_id}", tag = "members",
    params(("id" = ConversationId, Path), ("user_id" = UserId, Path)), request_body = ChangeRole,
    responses((status = 200, body = Member), (status = 403), (status = 404)), security(("bearer" = [])))]
async fn change_role(id: ConversationId, user_id: UserId, context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read::<ChangeRole>().await?;
    reply::ok(
        &context
            .app()
            .conversations()
            .change_role(&principal, id, user_id, request.role, None)
            .await?,
    )
}

/// Removes a member from a group; with the current user's id, leaves it.
#[utoipa::path(delete, path = "/v1/conversations/{id}/members/{user_id}", tag = "members",
    params(("id" = ConversationId, Path), ("user_id" = UserId, Path)),
    responses((status = 204), (status = 403), (status = 404)), security(("bearer" = [])))]
async fn remove(id: ConversationId, user_id: UserId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    context
        .app()
        .conversations()
        .remove_member(&principal, id, user_id, None)
        .await?;
    reply::done()
}
