//! `/v1/conversations/{id}/messages` and `…/changes`: sends, lists, edits and deletes messages.

use std::sync::Arc;

use letsapp_core::domain::id::{ConversationId, Rev, Seq};
use letsapp_core::ports::Range;
use letsapp_core::protocol::requests::{EditMessage, SendMessage};
use letsapp_core::protocol::{Changes, List, Message};
use warp::Filter;

use super::body::{Json, json};
use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let all = || warp::path!("v1" / "conversations" / ConversationId / "messages");
    let one = || warp::path!("v1" / "conversations" / ConversationId / "messages" / u64);
    let since = warp::path!("v1" / "conversations" / ConversationId / "changes");
    let (context, json) = (request_context(server), json());
    vec![
        Endpoint::new::<__path_send>(
            all()
                .and(warp::post())
                .and(context.clone())
                .and(json.clone())
                .then(send),
        ),
        Endpoint::new::<__path_history>(all().and(warp::get()).and(context.clone()).then(history)),
        Endpoint::new::<__path_find>(one().and(warp::get()).and(context.clone()).then(find)),
        Endpoint::new::<__path_edit>(one().and(warp::patch()).and(context.clone()).and(json).then(edit)),
        Endpoint::new::<__path_delete>(one().and(warp::delete()).and(context.clone()).then(delete)),
        Endpoint::new::<__path_changes>(since.and(warp::get()).and(context).then(changes)),
    ]
}

/// Sends a message; it is durable once the response arrives.
#[utoipa::path(post, path = "/v1/conversations/{id}/messages", tag = "messages",
    params(("id" = ConversationId, Path)), request_body = SendMessage,
    responses((status = 201, body = Message), (status = 200, body = Message, description = "It was sent already"),
        (status = 403), (status = 404), (status = 409, description = "The id belongs to another message")),
    security(("bearer" = [])))]
async fn send(id: ConversationId, context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read::<SendMessage>().await?;
    let (message, made) = context.app().messages().send(&principal, id, request, None).await?;
    reply::made(made, &message)
}

/// Lists messages by `seq`, the newest first; with `after`, the oldest first; with `before` too, up to that one.
#[utoipa::path(get, path = "/v1/conversations/{id}/messages", tag = "messages",
    params(("id" = ConversationId, Path), ("before" = Option<Seq>, Query), ("after" = Option<Seq>, Query),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = List<Message>), (status = 404)), security(("bearer" = [])))]
async fn history(id: ConversationId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let mut query = context.query();
    let (before, after, limit) = (query.number("before"), query.number("after"), query.limit());
    // The direction is part of the list's name, so that a cursor is accepted for its own direction only.
    let list = if after.is_some() {
        format!("messages:{id}:up")
    } else {
        format!("messages:{id}:down")
    };
    let next: Option<Seq> = query.cursor(context.app().cursor_key(), &list)?;
    let range = match (before.map(Seq), after.map(Seq)) {
        (None, Some(after)) => Range::After(next.unwrap_or(after)),
        (Some(before), Some(after)) => Range::Between {
            after: next.unwrap_or(after),
            before,
        },
        (before, None) => next.or(before).map_or(Range::Newest, Range::Before),
    };
    let page = context.app().messages().history(&principal, id, range, limit).await?;
    reply::page(&context, &list, page)
}

/// Returns one message.
#[utoipa::path(get, path = "/v1/conversations/{id}/messages/{seq}", tag = "messages",
    params(("id" = ConversationId, Path), ("seq" = Seq, Path)),
    responses((status = 200, body = Message), (status = 404)), security(("bearer" = [])))]
async fn find(id: ConversationId, seq: u64, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    reply::ok(&context.app().messages().find(&principal, id, Seq(seq)).await?)
}

/// Edits a message of the current user, within the edit window (15 minutes by default).
#[utoipa::path(patch, path = "/v1/conversations/{id}/messages/{seq}", tag = "messages",
    params(("id" = ConversationId, Path), ("seq" = Seq, Path)), request_body = EditMessage,
    responses((status = 200, body = Message), (status = 403), (status = 404)), security(("bearer" = [])))]
async fn edit(id: ConversationId, seq: u64, context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read::<EditMessage>().await?;
    reply::ok(
        &context
            .app()
            .messages()
            .edit(&principal, id, Seq(seq), request, None)
            .await?,
    )
}

/// Deletes a message for everyone and returns its placeholder; requires its sender or an admin.
#[utoipa::path(delete, path = "/v1/conversations/{id}/messages/{seq}", tag = "messages",
    params(("id" = ConversationId, Path), ("seq" = Seq, Path)),
    responses((status = 200, body = Message), (status = 403), (status = 404)), security(("bearer" = [])))]
async fn delete(id: ConversationId, seq: u64, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    reply::ok(&context.app().messages().delete(&principal, id, Seq(seq), None).await?)
}

/// Lists the messages that changed after a `rev`, in the order of the changes, each in its current state.
#[utoipa::path(get, path = "/v1/conversations/{id}/changes", tag = "messages",
    params(("id" = ConversationId, Path), ("after" = Option<Rev>, Query),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = Changes), (status = 404)), security(("bearer" = [])))]
async fn changes(id: ConversationId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let mut query = context.query();
    let (after, limit) = (query.number("after").map(Rev), query.limit());
    let list = format!("changes:{id}");
    let next = query.cursor(context.app().cursor_key(), &list)?;
    let after = next.or(after).unwrap_or_default();
    let changes = context.app().messages().changes(&principal, id, after, limit).await?;
    let next_cursor = changes.next.map(|rev| context.app().cursor_key().seal(&list, &rev));
    reply::ok(&Changes {
        items: changes.items,
        next_cursor,
        rev: changes.rev,
    })
}
