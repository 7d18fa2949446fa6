//! Contacts and blocks.

use letsapp_core::id::UserId;
use letsapp_core::protocol::requests::PutContact;
use letsapp_core::protocol::{Block, Contact, List};
use reqwest::Method;

use crate::{Client, ClientError, Page};

impl Client {
    /// Returns one's contacts.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn contacts(&self, page: Page) -> Result<List<Contact>, ClientError> {
        page.apply_to(self.http.get(&["contacts"])).reply().await
    }

    /// Lists somebody, or changes what one calls them.
    ///
    /// # Errors
    /// `not_found` when there is no such user, `validation_failed` for oneself.
    pub async fn put_contact(&self, user_id: UserId, request: &PutContact) -> Result<Contact, ClientError> {
        self.http
            .put(&["contacts", &user_id.to_string()], request)
            .reply()
            .await
    }

    /// Takes somebody off one's list.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn remove_contact(&self, user_id: UserId) -> Result<(), ClientError> {
        self.http.delete(&["contacts", &user_id.to_string()]).no_content().await
    }

    /// Returns whom one blocks.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn blocks(&self, page: Page) -> Result<List<Block>, ClientError> {
        page.apply_to(self.http.get(&["blocks"])).reply().await
    }

    /// Blocks somebody.
    ///
    /// # Errors
    /// `not_found` when there is no such user, `validation_failed` for oneself.
    pub async fn block(&self, user_id: UserId) -> Result<(), ClientError> {
        self.http
            .request(Method::PUT, &["blocks", &user_id.to_string()])
            .no_content()
            .await
    }

    /// Takes a block down.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn unblock(&self, user_id: UserId) -> Result<(), ClientError> {
        self.http.delete(&["blocks", &user_id.to_string()]).no_content().await
    }
}
