//! Fetching the changes of a conversation over HTTP, to fill a gap between events.

use futures_util::future::BoxFuture;
use letsapp_core::domain::id::{ConversationId, Rev};
use letsapp_core::protocol::Code;

use super::tracker::{FetchError, Fetched};
use crate::{Client, Page};

/// A fetch in progress.
pub(super) type Fetching = BoxFuture<'static, (ConversationId, Result<Fetched, FetchError>)>;

/// Fetches all changes after `after`, page by page.
pub(super) async fn fetch(
    client: Client,
    id: ConversationId,
    after: Rev,
) -> (ConversationId, Result<Fetched, FetchError>) {
    let mut fetched = Fetched {
        items: Vec::new(),
        rev: after,
    };
    let mut page = Page::of(200);
    loop {
        match client.changes(id, after, page.clone()).await {
            Ok(changes) => {
                fetched.items.extend(changes.items);
                fetched.rev = changes.rev;
                match changes.next_cursor {
                    Some(cursor) => page = page.after(cursor),
                    None => return (id, Ok(fetched)),
                }
            }
            Err(error) => {
                tracing::debug!(%error, conversation.id = %id, "fetching changes failed");
                let is_gone = matches!(error.code(), Some(Code::NotFound | Code::Forbidden));
                return (id, Err(if is_gone { FetchError::Gone } else { FetchError::Later }));
            }
        }
    }
}
