//! `/v1/conversations`: creates, lists, changes and deletes conversations.

use std::sync::Arc;

use letsapp_core::domain::id::ConversationId;
use letsapp_core::domain::member::PreferencesPatch;
use letsapp_core::protocol::requests::{CreateConversation, UpdateConversation, UpdateMyConversation};
use letsapp_core::protocol::{Conversation, List};
use warp::Filter;

use super::body::{Json, json};
use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let all = || warp::path!("v1" / "conversations");
    let one = || warp::path!("v1" / "conversations" / ConversationId);
    let mine = || warp::path!("v1" / "conversations" / ConversationId / "me");
    let (context, json) = (request_context(server), json());
    vec![
        Endpoint::new::<__path_list>(all().and(warp::get()).and(context.clone()).then(list)),
        Endpoint::new::<__path_create>(
            all()
                .and(warp::post())
                .and(context.clone())
                .and(json.clone())
                .then(create),
        ),
        Endpoint::new::<__path_find>(one().and(warp::get()).and(context.clone()).then(find)),
        Endpoint::new::<__path_update>(
            one()
                .and(warp::patch())
                .and(context.clone())
                .and(json.clone())
                .then(update),
        ),
        Endpoint::new::<__path_delete>(one().and(warp::delete()).and(context.clone()).then(delete)),
        Endpoint::new::<__path_update_mine>(
            mine()
                .and(warp::patch())
                .and(context.clone())
                .and(json)
                .then(update_mine),
        ),
        Endpoint::new::<__path_unlist>(mine().and(warp::delete()).and(context).then(unlist)),
    ]
}

/// Lists the conversations of the current user, the latest activity first, with those that the user has left.
#[utoipa::path(get, path = "/v1/conversations", tag = "conversations",
    params(("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = List<Conversation>)), security(("bearer" = [])))]
async fn list(context: RequestContext) -> Answer {
    const LIST: &str = "conversations";
    let principal = context.principal().await?;
    let mut query = context.query();
    let limit = query.limit();
    let after = query.cursor(context.app().cursor_key(), LIST)?;
    let page = context.app().conversations().list(&principal, after, limit).await?;
    reply::page(&context, LIST, page)
}

/// Creates a group, or the direct conversation of two users.
#[utoipa::path(post, path = "/v1/conversations", tag = "conversations", request_body = CreateConversation,
    responses((status = 201, body = Conversation),
        (status = 200, body = Conversation, description = "It existed already"),
        (status = 403, description = "Some of the people do not let the user add them to groups"),
        (status = 409, description = "The id belongs to another conversation"),
        (status = 422, description = "Some fields are not valid; `too_many_strangers`: more people with whom the user \
            shares no contact or conversation than can be added at once")),
    security(("bearer" = [])))]
async fn create(context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read::<CreateConversation>().await?;
    let (conversation, made) = context.app().conversations().create(&principal, request, None).await?;
    reply::made(made, &conversation)
}

/// Returns a conversation.
#[utoipa::path(get, path = "/v1/conversations/{id}", tag = "conversations", params(("id" = ConversationId, Path)),
    responses((status = 200, body = Conversation), (status = 404)), security(("bearer" = [])))]
async fn find(id: ConversationId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    reply::ok(&context.app().conversations().find(&principal, id).await?)
}

/// Changes a group's title, description or picture; requires an admin or the owner.
#[utoipa::path(patch, path = "/v1/conversations/{id}", tag = "conversations", params(("id" = ConversationId, Path)),
    request_body = UpdateConversation,
    responses((status = 200, body = Conversation), (status = 403), (status = 404)), security(("bearer" = [])))]
async fn update(id: ConversationId, context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read::<UpdateConversation>().await?;
    reply::ok(
        &context
            .app()
            .conversations()
            .update(&principal, id, request, None)
            .await?,
    )
}

/// Deletes a group for all present and former members; requires the owner.
#[utoipa::path(delete, path = "/v1/conversations/{id}", tag = "conversations", params(("id" = ConversationId, Path)),
    responses((status = 204), (status = 403), (status = 404)), security(("bearer" = [])))]
async fn delete(id: ConversationId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    context.app().conversations().delete(&principal, id, None).await?;
    reply::done()
}

/// Changes the current user's preferences for a conversation, also for one that they have left: muted, archived, pinned.
#[utoipa::path(patch, path = "/v1/conversations/{id}/me", tag = "conversations", params(("id" = ConversationId, Path)),
    request_body = UpdateMyConversation,
    responses((status = 200, body = Conversation), (status = 404)), security(("bearer" = [])))]
async fn update_mine(id: ConversationId, context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let patch = PreferencesPatch::from(body.read::<UpdateMyConversation>().await?);
    reply::ok(
        &context
            .app()
            .conversations()
            .update_mine(&principal, id, patch, None)
            .await?,
    )
}

/// Removes a conversation that the current user has left from their list, where it is shown as it was at leaving. It
/// comes back when the user is added again.
#[utoipa::path(delete, path = "/v1/conversations/{id}/me", tag = "conversations", params(("id" = ConversationId, Path)),
    responses((status = 204), (status = 403, description = "The user is still a member"), (status = 404)),
    security(("bearer" = [])))]
async fn unlist(id: ConversationId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    context.app().conversations().unlist(&principal, id, None).await?;
    reply::done()
}
