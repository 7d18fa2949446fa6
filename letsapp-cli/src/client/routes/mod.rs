//! The routes, a file for each part of the contract.

mod auth;
mod contacts;
mod conversations;
mod messages;
mod search;
mod users;

use std::future::Future;

use letsapp_core::id::Seq;
use letsapp_core::protocol::List;

use super::ClientError;
use super::http::ApiRequest;
pub(crate) use messages::with_message_id;

/// Which part of a list to ask for; by default the first, as long as the server likes.
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

/// Where to cut a conversation's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryRange {
    /// The newest messages, the newest first.
    #[default]
    Newest,
    /// Those before this one, the newest first.
    Before(Seq),
    /// Those after this one, the oldest first.
    After(Seq),
}

impl Page {
    /// Asks for the first part, with at most so many items (1 to 200).
    pub fn of(limit: usize) -> Self {
        Self {
            limit: Some(limit),
            cursor: None,
        }
    }

    /// Asks for the part where a list's `next_cursor` leads.
    #[must_use]
    pub fn after(self, cursor: impl Into<String>) -> Self {
        Self {
            cursor: Some(cursor.into()),
            ..self
        }
    }

    fn apply_to<'a>(&self, request: ApiRequest<'a>) -> ApiRequest<'a> {
        request.query("limit", self.limit).query("cursor", self.cursor.as_ref())
    }
}

/// Collects a list to its end, part by part.
///
/// ```no_run
/// # use letsapp_cli::{Client, collect_pages};
/// # async fn example(client: Client) -> Result<(), letsapp_cli::ClientError> {
/// let chats = collect_pages(|page| client.conversations(page)).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// What asking for a part fails with.
pub async fn collect_pages<T, F>(mut request: impl FnMut(Page) -> F) -> Result<Vec<T>, ClientError>
where
    F: Future<Output = Result<List<T>, ClientError>>,
{
    let mut all = Vec::new();
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
    async fn a_list_is_collected_to_its_end() {
        let mut asked = Vec::new();
        let all = collect_pages(|page| {
            asked.push(page.cursor);
            let n = asked.len();
            let next_cursor = (n < 3).then(|| n.to_string());
            std::future::ready(Ok(List {
                items: vec![n, n],
                next_cursor,
            }))
        });
        assert_eq!(all.await.unwrap(), [1, 1, 2, 2, 3, 3]);
        assert_eq!(asked, [None, Some("1".to_owned()), Some("2".to_owned())]);
    }
}
