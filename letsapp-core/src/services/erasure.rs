//! Erasing one's own account.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::UserId;
use crate::domain::principal::Principal;
use crate::engine::Engine;
use crate::engine::detached::run_detached;
use crate::engine::error::AuthError;
use crate::engine::jobs::erasure;
use crate::ports::Login;
use crate::protocol::requests::DeleteAccount;

/// The end of accounts.
///
/// ```
/// # use letsapp_core::{LetsApp, protocol::requests::{DeleteAccount, Password}};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let (ana, ben) = (app.sign_up("ana", "a long password").await?, app.sign_up("ben", "a long password").await?);
/// let password = Password::parse("a long password")?;
/// app.erasure().delete_account(&ana, DeleteAccount { password }).await?;
/// assert!(app.users().find(&ben, ana.user_id).await?.deleted);
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct ErasureService {
    engine: Arc<Engine>,
}

/// How long somebody who deletes their account waits for what follows from it; the rest goes on without them.
const PATIENCE: Duration = Duration::from_secs(5);

impl ErasureService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Erases one's own account. Once this is done, nobody signs in to it any more and its profile is gone; its
    /// username is never given out again, and what it wrote stays as from a deleted user. Its sessions end and its
    /// groups are left at once, or as soon as the store allows it.
    ///
    /// # Errors
    /// [`AuthError::WrongPassword`] when the password is not right; [`AuthError::Unauthenticated`] when the account is
    /// erased already.
    pub async fn delete_account(&self, principal: &Principal, request: DeleteAccount) -> Result<(), AuthError> {
        let user_id = principal.user_id;
        let credential = self.engine.sessions.proven(user_id, request.password).await?;
        let engine = Arc::clone(&self.engine);
        let erase = async move {
            let at = engine.runtime.clock.now();
            let erased = engine.stores.users.erase(user_id, &credential.password, at).await;
            // Nobody sees any more whether they are there; perhaps, where the store did not say.
            engine.presence.settings_changed(user_id);
            if !erased? {
                return Err(not_erased(&engine, user_id).await);
            }
            let begun = tokio::spawn(async move {
                if let Err(error) = erasure::carry_out(&engine, user_id).await {
                    tracing::warn!(%error, user.id = %user_id, "an account is erased, but not all that follows; it is tried again");
                }
            });
            let _late = tokio::time::timeout(PATIENCE, begun).await;
            Ok(())
        };
        run_detached(erase).await
    }
}

/// Says why an account was not erased that was proven a moment ago.
async fn not_erased(engine: &Engine, user_id: UserId) -> AuthError {
    match engine.stores.users.credential(&Login::Id(user_id)).await {
        // Its password has been replaced in between.
        Ok(Some(_)) => AuthError::WrongPassword,
        // Another device has erased it.
        Ok(None) => AuthError::Unauthenticated,
        Err(error) => error.into(),
    }
}
