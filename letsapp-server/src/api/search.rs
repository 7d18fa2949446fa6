//! `/v1/search`: full-text search in messages.

use std::sync::Arc;

use letsapp_core::domain::id::{ConversationId, UserId};
use letsapp_core::domain::search::{Rank, SearchText};
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::protocol::SearchResults;
use letsapp_core::protocol::requests::SearchMessages;
use warp::Filter;

use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let search = warp::path!("v1" / "search")
        .and(warp::get())
        .and(request_context(server));
    vec![Endpoint::new::<__path_search>(search.then(self::search))]
}

/// Searches the messages that the current user may see, the best match first.
///
/// A message matches if it contains all words of `q`, regardless of case and accents. The last word may be the
/// beginning of a word, unless a space or a punctuation mark follows it. There are no operators. Results are ordered by
/// `score`, then from the newest to the oldest. The answer is `partial` if not all could be looked at in time.
#[utoipa::path(get, path = "/v1/search", tag = "search",
    params(("q" = inline(SearchText), Query, description = "Words to search for"),
        ("conversation_id" = Option<ConversationId>, Query, description = "Only messages of this conversation"),
        ("from" = Option<UserId>, Query, description = "Only messages from this user"),
        ("before" = Option<Timestamp>, Query, description = "Only messages sent before this time"),
        ("after" = Option<Timestamp>, Query, description = "Only messages sent after this time"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = SearchResults),
        (status = 404, description = "The current user never was a member")), security(("bearer" = [])))]
async fn search(context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let mut query = context.query();
    let (request, limit) = (query.request::<SearchMessages>(), query.limit());
    // The whole request is the list's name, so that a cursor is accepted for the same search only.
    let list = format!("search:{}", serde_json::json!(request));
    let past: Option<Rank> = query.cursor(context.app().cursor_key(), &list)?;
    let request = request.expect("an invalid request is an error, which `cursor` has returned");
    let page = context
        .app()
        .messages()
        .search(&principal, request, past, limit)
        .await?;
    let key = context.app().cursor_key();
    reply::ok(&SearchResults {
        items: page.items,
        next_cursor: page.next.map(|position| key.seal(&list, &position)),
        partial: page.partial,
    })
}
