//! Routes of accounts and sessions.

use letsapp_core::domain::id::SessionId;
use letsapp_core::protocol::requests::{ChangePassword, DeleteAccount, Login, Register};
use letsapp_core::protocol::{SessionInfo, SignedIn, User};
use reqwest::Method;

use crate::{Client, ClientError, collect_pages};

impl Client {
    /// Creates an account and signs in.
    ///
    /// # Errors
    /// `conflict` if the username or the email is taken.
    pub async fn register(&self, request: &Register) -> Result<User, ClientError> {
        let signed_in = self
            .http
            .post(&["auth", "register"], request)
            .without_auth()
            .reply()
            .await?;
        self.start_session(signed_in)
    }

    /// Signs in and stores the tokens.
    ///
    /// # Errors
    /// `unauthenticated` if the username or the password is wrong.
    pub async fn login(&self, request: &Login) -> Result<User, ClientError> {
        let signed_in = self
            .http
            .post(&["auth", "login"], request)
            .without_auth()
            .reply()
            .await?;
        self.start_session(signed_in)
    }

    /// Signs out. The session ends and its tokens are removed from the store.
    ///
    /// # Errors
    /// [`ClientError::SignedOut`] if there was no session.
    pub async fn logout(&self) -> Result<(), ClientError> {
        self.http
            .request(Method::POST, &["auth", "logout"])
            .no_content()
            .await?;
        self.http.session.end()
    }

    /// Changes the password, which ends every other session of the user.
    ///
    /// # Errors
    /// `forbidden` if the current password is wrong.
    pub async fn change_password(&self, request: &ChangePassword) -> Result<(), ClientError> {
        self.http.post(&["auth", "password"], request).no_content().await
    }

    /// Deletes the user's account and ends all its sessions. The tokens are removed from the store.
    ///
    /// # Errors
    /// `forbidden` if the password is wrong.
    pub async fn delete_account(&self, request: &DeleteAccount) -> Result<(), ClientError> {
        self.http.delete_with(&["me"], request).no_content().await?;
        self.http.session.end()
    }

    /// Returns the user's sessions, one per device that is signed in.
    ///
    /// # Errors
    /// Only those common to all requests.
    pub async fn sessions(&self) -> Result<Vec<SessionInfo>, ClientError> {
        collect_pages(|page| page.apply_to(self.http.get(&["auth", "sessions"])).reply()).await
    }

    /// Ends a session, which signs its device out.
    ///
    /// # Errors
    /// `not_found` if the user has no such session.
    pub async fn revoke_session(&self, session_id: SessionId) -> Result<(), ClientError> {
        self.http
            .delete(&["auth", "sessions", &session_id.to_string()])
            .no_content()
            .await
    }

    fn start_session(&self, signed_in: SignedIn) -> Result<User, ClientError> {
        self.http.session.start(signed_in.tokens)?;
        Ok(signed_in.user)
    }
}
