//! Methods of [`Client`](crate::Client) for the routes of the HTTP API, one file per feature.

mod auth;
mod contacts;
mod conversations;
mod media;
mod messages;
mod search;
mod users;

use std::future::Future;

use letsapp_core::domain::id::Seq;
use letsapp_core::protocol::List;

use super::ClientError;
use super::http::ApiRequest;
pub(crate) use messages::with_message_id;

/// Selects a page of a list. The default is the first page with the server's default number of items.
///
/// ```
/// # use letsapp_cli::Page;
/// let first = Page::of(20);
/// let next = first.clone().after("cursor of the first");
/// # assert_ne!(first, next);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Selects a part of a conversation's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryRange {
    /// The newest messages, newest first.
    #[default]
    Newest,
    /// Messages before this one, newest first.
    Before(Seq),
    /// Messages after this one, oldest first.
    After(Seq),
    /// Messages between two others, without these, oldest first.
    Between {
        /// The message after which to begin.
        after: Seq,
        /// The message before which to end.
        before: Seq,
    },
}

impl Page {
    /// Selects the first page, with at most `limit` items (1 to 200).
    pub fn of(limit: usize) -> Self {
        Self {
            limit: Some(limit),
            cursor: None,
        }
    }

    /// Selects the page that starts at a list's `next_cursor`.
    #[must_use]
    pub fn after(self, cursor: impl Into<String>) -> Self {
        Self {
            cursor: Some(cursor.into()),
            ..self
        }
    }

    /// Adds the page's parameters to a request.
    fn apply_to<'a>(&self, request: ApiRequest<'a>) -> ApiRequest<'a> {
        request.query("limit", self.limit).query("cursor", self.cursor.as_ref())
    }
}

/// Requests a list page by page and returns all its items.
///
/// ```no_run
/// # use letsapp_cli::{Client, collect_pages};
/// # async fn example(client: Client) -> Result<(), letsapp_cli::ClientError> {
/// let chats = collect_pages(|page| client.conversations(page)).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// The first error of a request.
pub async fn collect_pages<T, F>(mut request: impl FnMut(Page) -> F) -> Result<Vec<T>, ClientError>
where
    F: Future<Output = Result<List<T>, ClientError>>,
{
    let mut all = Vec::new();
    // The largest page that the server allows, to make as few requests as possible.
    let mut page = Page::of(200);
    loop {
        let part = request(page.clone()).await?;
        all.extend(part.items);
        match part.next_cursor {
            Some(cursor) => page = page.after(cursor),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_pages_of_a_list_are_collected() {
        let mut requested = Vec::new();
        let all = collect_pages(|page| {
            requested.push(page.cursor);
            let n = requested.len();
            let next_cursor = (n < 3).then(|| n.to_string());
            std::future::ready(Ok(List {
                items: vec![n, n],
                next_cursor,
            }))
        });
        assert_eq!(all.await.unwrap(), [1, 1, 2, 2, 3, 3]);
        assert_eq!(requested, [None, Some("1".to_owned()), Some("2".to_owned())]);
    }
}
