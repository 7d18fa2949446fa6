//! Profiles, and who is there.

use letsapp_core::id::UserId;
use letsapp_core::protocol::requests::UpdateMe;
use letsapp_core::protocol::{Items, List, MyProfile, Presence, User};

use crate::{Client, ClientError, Page};

impl Client {
    /// Returns one's own profile.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn me(&self) -> Result<MyProfile, ClientError> {
        self.http.get(&["me"]).reply().await
    }

    /// Changes one's own profile.
    ///
    /// # Errors
    /// `conflict` when the email is another account's.
    pub async fn update_me(&self, request: &UpdateMe) -> Result<MyProfile, ClientError> {
        self.http.patch(&["me"], request).reply().await
    }

    /// Returns somebody's profile.
    ///
    /// # Errors
    /// `not_found` when there is no such user.
    pub async fn user(&self, user_id: UserId) -> Result<User, ClientError> {
        self.http.get(&["users", &user_id.to_string()]).reply().await
    }

    /// Finds users whose username or display name begins like that.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn find_users(&self, query: &str, page: Page) -> Result<List<User>, ClientError> {
        page.apply_to(self.http.get(&["users"]).query("query", Some(query)))
            .reply()
            .await
    }

    /// Asks who of some users is there, 200 of them at most. One who does not exist is left out.
    ///
    /// # Errors
    /// `validation_failed` for more.
    pub async fn presence(&self, user_ids: &[UserId]) -> Result<Vec<Presence>, ClientError> {
        let ids: Vec<_> = user_ids.iter().map(ToString::to_string).collect();
        let request = self.http.get(&["presence"]).query("user_ids", Some(ids.join(",")));
        let found: Items<Presence> = request.reply().await?;
        Ok(found.items)
    }
}
