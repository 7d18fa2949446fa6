//! Routes of contacts and blocks.

use letsapp_core::domain::id::UserId;
use letsapp_core::protocol::requests::PutContact;
use letsapp_core::protocol::{Block, Contact, List};
use reqwest::Method;

use crate::{Client, ClientError, Page};

impl Client {
    /// Returns the user's contacts.
    ///
    /// # Errors
    /// Only those common to all requests.
    pub async fn contacts(&self, page: Page) -> Result<List<Contact>, ClientError> {
        page.apply_to(self.http.get(&["contacts"])).reply().await
    }

    /// Adds a contact, or changes the alias of an existing one.
    ///
    /// # Errors
    /// `not_found` if there is no such user, `validation_failed` for the user's own id.
    pub async fn put_contact(&self, user_id: UserId, request: &PutContact) -> Result<Contact, ClientError> {
        self.http
            .put(&["contacts", &user_id.to_string()], request)
            .reply()
            .await
    }

    /// Removes a contact.
    ///
    /// # Errors
    /// Only those common to all requests.
    pub async fn remove_contact(&self, user_id: UserId) -> Result<(), ClientError> {
        self.http.delete(&["contacts", &user_id.to_string()]).no_content().await
    }

    /// Returns the users that this user has blocked.
    ///
    /// # Errors
    /// Only those common to all requests.
    pub async fn blocks(&self, page: Page) -> Result<List<Block>, ClientError> {
        page.apply_to(self.http.get(&["blocks"])).reply().await
    }

    /// Blocks a user.
    ///
    /// # Errors
    /// `not_found` if there is no such user, `validation_failed` for the user's own id.
    pub async fn block(&self, user_id: UserId) -> Result<(), ClientError> {
        self.http
            .request(Method::PUT, &["blocks", &user_id.to_string()])
            .no_content()
            .await
    }

    /// Removes a block.
    ///
    /// # Errors
    /// Only those common to all requests.
    pub async fn unblock(&self, user_id: UserId) -> Result<(), ClientError> {
        self.http.delete(&["blocks", &user_id.to_string()]).no_content().await
    }
}
