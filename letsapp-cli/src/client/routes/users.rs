//! Routes of profiles and presence.

use letsapp_core::domain::id::UserId;
use letsapp_core::protocol::requests::UpdateMe;
use letsapp_core::protocol::{Items, List, MyProfile, Presence, User};

use crate::{Client, ClientError, Page};

impl Client {
    /// Returns the user's own profile.
    ///
    /// # Errors
    /// Only those common to all requests.
    pub async fn me(&self) -> Result<MyProfile, ClientError> {
        self.http.get(&["me"]).reply().await
    }

    /// Changes the user's own profile.
    ///
    /// # Errors
    /// `conflict` if another account has the email address.
    pub async fn update_me(&self, request: &UpdateMe) -> Result<MyProfile, ClientError> {
        self.http.patch(&["me"], request).reply().await
    }

    /// Returns a user's profile.
    ///
    /// # Errors
    /// `not_found` if there is no such user.
    pub async fn user(&self, user_id: UserId) -> Result<User, ClientError> {
        self.http.get(&["users", &user_id.to_string()]).reply().await
    }

    /// Returns the users whose username or display name starts with `query`.
    ///
    /// # Errors
    /// Only those common to all requests.
    pub async fn find_users(&self, query: &str, page: Page) -> Result<List<User>, ClientError> {
        page.apply_to(self.http.get(&["users"]).query("query", Some(query)))
            .reply()
            .await
    }

    /// Returns the presence of up to 200 users. Unknown users are left out.
    ///
    /// # Errors
    /// `validation_failed` for more than 200 ids.
    pub async fn presence(&self, user_ids: &[UserId]) -> Result<Vec<Presence>, ClientError> {
        let ids: Vec<_> = user_ids.iter().map(ToString::to_string).collect();
        let request = self.http.get(&["presence"]).query("user_ids", Some(ids.join(",")));
        let found: Items<Presence> = request.reply().await?;
        Ok(found.items)
    }
}
