//! `/v1/conversations/{id}/messages/{seq}/reactions`: reactions to a message.

use std::sync::Arc;

use letsapp_core::domain::emoji::Emoji;
use letsapp_core::domain::id::{ConversationId, Seq};
use letsapp_core::protocol::{List, Message, UserReaction};
use percent_encoding::percent_decode_str;
use warp::Filter;

use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::error::ApiError;
use crate::server_context::ServerContext;

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let all = || warp::path!("v1" / "conversations" / ConversationId / "messages" / u64 / "reactions");
    let one = || warp::path!("v1" / "conversations" / ConversationId / "messages" / u64 / "reactions" / String);
    let context = request_context(server);
    vec![
        Endpoint::new::<__path_list>(all().and(warp::get()).and(context.clone()).then(list)),
        Endpoint::new::<__path_react>(one().and(warp::put()).and(context.clone()).then(react)),
        Endpoint::new::<__path_unreact>(one().and(warp::delete()).and(context).then(unreact)),
    ]
}

/// Lists the reactions to a message with their users.
#[utoipa::path(get, path = "/v1/conversations/{id}/messages/{seq}/reactions", tag = "reactions",
    params(("id" = ConversationId, Path), ("seq" = Seq, Path),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = List<UserReaction>), (status = 404)), security(("bearer" = [])))]
async fn list(id: ConversationId, seq: u64, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let list = format!("reactions:{id}:{seq}");
    let mut query = context.query();
    let limit = query.limit();
    let after = query.cursor(context.app().cursor_key(), &list)?;
    let page = context
        .app()
        .messages()
        .reactions(&principal, id, Seq(seq), after, limit)
        .await?;
    reply::page(&context, &list, page)
}

/// Sets the current user's reaction to a message; replaces an earlier one.
#[utoipa::path(put, path = "/v1/conversations/{id}/messages/{seq}/reactions/{emoji}", tag = "reactions",
    params(("id" = ConversationId, Path), ("seq" = Seq, Path), ("emoji" = inline(Emoji), Path)),
    responses((status = 200, body = Message), (status = 403), (status = 404)), security(("bearer" = [])))]
async fn react(id: ConversationId, seq: u64, emoji: String, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let emoji = read(&emoji)?;
    reply::ok(
        &context
            .app()
            .messages()
            .react(&principal, id, Seq(seq), Some(emoji), None)
            .await?,
    )
}

/// Removes the current user's reaction from a message, if it is this emoji.
#[utoipa::path(delete, path = "/v1/conversations/{id}/messages/{seq}/reactions/{emoji}", tag = "reactions",
    params(("id" = ConversationId, Path), ("seq" = Seq, Path), ("emoji" = inline(Emoji), Path)),
    responses((status = 200, body = Message), (status = 403), (status = 404)), security(("bearer" = [])))]
async fn unreact(id: ConversationId, seq: u64, emoji: String, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let emoji = read(&emoji)?;
    reply::ok(
        &context
            .app()
            .messages()
            .unreact(&principal, id, Seq(seq), emoji, None)
            .await?,
    )
}

/// Parses an emoji from a percent-encoded path segment.
fn read(segment: &str) -> Result<Emoji, ApiError> {
    let text = percent_decode_str(segment).decode_utf8();
    let text = text.map_err(|_| ApiError::field("emoji", "invalid_format", "must be UTF-8"))?;
    Emoji::parse(&text).map_err(|error| ApiError::field("emoji", error.code(), error.to_string()))
}
