//! `/v1/conversations/{id}/receipts` and `…/messages/{seq}/receipts`: how far members have received and read.

use std::sync::Arc;

use letsapp_core::domain::id::{ConversationId, Seq};
use letsapp_core::domain::member::Watermarks;
use letsapp_core::protocol::requests::ReceiptRequest;
use letsapp_core::protocol::{self, List, MessageReceipt, Receipt};
use warp::Filter;

use super::body::{Json, json};
use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let all = || warp::path!("v1" / "conversations" / ConversationId / "receipts");
    let one = warp::path!("v1" / "conversations" / ConversationId / "messages" / u64 / "receipts");
    let context = request_context(server);
    vec![
        Endpoint::new::<__path_list>(all().and(warp::get()).and(context.clone()).then(list)),
        Endpoint::new::<__path_advance>(all().and(warp::post()).and(context.clone()).and(json()).then(advance)),
        Endpoint::new::<__path_of_message>(one.and(warp::get()).and(context).then(of_message)),
    ]
}

/// Lists how far each member has received and read, as far as their privacy settings allow.
#[utoipa::path(get, path = "/v1/conversations/{id}/receipts", tag = "receipts",
    params(("id" = ConversationId, Path), ("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = List<Receipt>), (status = 403), (status = 404)), security(("bearer" = [])))]
async fn list(id: ConversationId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let list = format!("receipts:{id}");
    let mut query = context.query();
    let limit = query.limit();
    let after = query.cursor(context.app().cursor_key(), &list)?;
    let page = context
        .app()
        .conversations()
        .receipts(&principal, id, after, limit)
        .await?;
    reply::page(&context, &list, page)
}

/// Advances how far the current user has received and read; lower values change nothing.
#[utoipa::path(post, path = "/v1/conversations/{id}/receipts", tag = "receipts",
    params(("id" = ConversationId, Path)), request_body = ReceiptRequest,
    responses((status = 200, body = protocol::Watermarks), (status = 403), (status = 404)),
    security(("bearer" = [])))]
async fn advance(id: ConversationId, context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let to = Watermarks::from(body.read::<ReceiptRequest>().await?);
    reply::ok(&context.app().messages().advance(&principal, id, to, None).await?)
}

/// Lists for each member but the sender whether a message was received and read.
#[utoipa::path(get, path = "/v1/conversations/{id}/messages/{seq}/receipts", tag = "receipts",
    params(("id" = ConversationId, Path), ("seq" = Seq, Path),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = List<MessageReceipt>), (status = 403), (status = 404)),
    security(("bearer" = [])))]
async fn of_message(id: ConversationId, seq: u64, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let list = format!("receipts:{id}:{seq}");
    let mut query = context.query();
    let limit = query.limit();
    let after = query.cursor(context.app().cursor_key(), &list)?;
    let page = context
        .app()
        .messages()
        .message_receipts(&principal, id, Seq(seq), after, limit)
        .await?;
    reply::page(&context, &list, page)
}
