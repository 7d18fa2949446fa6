//! `/v1/search`: finding messages again.

use std::sync::Arc;

use letsapp_core::domain::id::{ConversationId, UserId};
use letsapp_core::domain::search::Rank;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::protocol::requests::SearchMessages;
use letsapp_core::protocol::{List, SearchHit};
use warp::Filter;

use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Returns the endpoints of this file.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let search = warp::path!("v1" / "search")
        .and(warp::get())
        .and(request_context(server));
    vec![Endpoint::new::<__path_search>(search.then(self::search))]
}

/// Finds messages among all that the caller may see, the best first.
///
/// All words of `q` must be there, whatever their case and accents; the last one may be the beginning of a word, unless
/// something follows it. Nothing in `q` is an operator. What answers better comes first (see `score`), and of equals
/// what was sent later.
#[utoipa::path(get, path = "/v1/search", tag = "search",
    params(("q" = String, Query, min_length = 1, max_length = 256, description = "The words"),
        ("conversation_id" = Option<ConversationId>, Query, description = "Only in this conversation"),
        ("from" = Option<UserId>, Query, description = "Only what this user sent"),
        ("before" = Option<Timestamp>, Query, description = "Only what was sent before this moment"),
        ("after" = Option<Timestamp>, Query, description = "Only what was sent after this moment"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 200), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = List<SearchHit>),
        (status = 404, description = "The caller never was in the conversation")), security(("bearer" = [])))]
async fn search(context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let mut query = context.query();
    let (request, limit) = (query.request::<SearchMessages>(), query.limit());
    // A cursor leads on in its own list: the same words, looked for in the same place.
    let list = format!("search:{}", serde_json::json!(request));
    let past: Option<Rank> = query.cursor(context.app().cursor_key(), &list)?;
    let request = request.expect("what can't be read is a fault, which ended the reading");
    let page = context
        .app()
        .messages()
        .search(&principal, request, past, limit)
        .await?;
    reply::page(&context, &list, page)
}
