//! Deleting accounts.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::UserId;
use crate::domain::principal::Principal;
use crate::engine::Engine;
use crate::engine::detached::run_detached;
use crate::engine::error::AuthError;
use crate::engine::jobs::erasure;
use crate::ports::{Fact, Login};
use crate::protocol::requests::DeleteAccount;

/// The service for deleting accounts.
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

/// Longest wait of [`ErasureService::delete_account`] for sessions to end and groups to be left. The account is erased
/// before that, so a longer wait would only delay the reply; the work goes on in the background.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(5);

impl ErasureService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Erases the account of the caller.
    ///
    /// The profile is gone and no one can sign in any more once the future is ready. The username is never given out
    /// again. Messages of the account stay, as from a deleted user. Ending its sessions and leaving its groups takes a
    /// few more steps, which are finished later if the store fails in between.
    ///
    /// # Errors
    /// [`AuthError::WrongPassword`] when the password is wrong, [`AuthError::Unauthenticated`] when the account is
    /// already erased.
    pub async fn delete_account(&self, principal: &Principal, request: DeleteAccount) -> Result<(), AuthError> {
        let user_id = principal.user_id;
        let credential = self.engine.sessions.check_password(user_id, request.password).await?;
        let engine = Arc::clone(&self.engine);
        let erase = async move {
            let at = engine.runtime.clock.now();
            let erased = engine.stores.users.erase(user_id, &credential.password, at).await;
            // The presence of an erased user is hidden. Also after an error, because the store may have erased the
            // account before it failed.
            engine.presence.settings_changed(user_id);
            engine.runtime.sink.announce(Fact::UserErased { user_id });
            if !erased? {
                return Err(not_erased(&engine, user_id).await);
            }
            let begun = tokio::spawn(async move {
                if let Err(error) = erasure::carry_out(&engine, user_id).await {
                    tracing::warn!(%error, user.id = %user_id, "account erased, but not all cleanup done; will retry");
                }
            });
            let _late = tokio::time::timeout(CLEANUP_TIMEOUT, begun).await;
            Ok(())
        };
        run_detached(erase).await
    }
}

/// Finds the reason why an account was not erased although its password was right a moment ago.
async fn not_erased(engine: &Engine, user_id: UserId) -> AuthError {
    match engine.stores.users.credential(&Login::Id(user_id)).await {
        // Another device has changed the password since.
        Ok(Some(_)) => AuthError::WrongPassword,
        // Another device has erased the account.
        Ok(None) => AuthError::Unauthenticated,
        Err(error) => error.into(),
    }
}
