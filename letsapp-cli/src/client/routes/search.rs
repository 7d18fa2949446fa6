//! Route of the message search.

use letsapp_core::protocol::SearchResults;
use letsapp_core::protocol::requests::SearchMessages;

use crate::{Client, ClientError, Page};

impl Client {
    /// Searches all messages that the user may see. The best matches come first. The results are `partial` if the
    /// server could not look at everything in time.
    ///
    /// ```no_run
    /// # use letsapp_cli::{Client, ClientError, Page, requests::SearchMessages};
    /// # async fn example(client: Client) -> Result<(), ClientError> {
    /// let found = client.search(&SearchMessages::text("tea at noon")?, Page::of(20)).await?;
    /// for hit in found.items {
    ///     println!("{}: {}", hit.score, hit.message.body);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `not_found` if the request names a conversation that the user was never a member of.
    pub async fn search(&self, request: &SearchMessages, page: Page) -> Result<SearchResults, ClientError> {
        let SearchMessages {
            q,
            conversation_id,
            from,
            before,
            after,
        } = request;
        let request = self
            .http
            .get(&["search"])
            .query("q", Some(q))
            .query("conversation_id", *conversation_id)
            .query("from", *from)
            .query("before", *before)
            .query("after", *after);
        page.apply_to(request).reply().await
    }
}
