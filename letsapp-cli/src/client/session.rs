//! The tokens of the current session. However many requests find them expired, they are refreshed once.

use std::sync::{Arc, Mutex, PoisonError};

use letsapp_core::protocol::Tokens;
use letsapp_core::protocol::requests::RefreshToken;

use super::{ClientError, TokenStore};

/// Tokens of the current session, cached in memory and kept in a store.
#[derive(Debug)]
pub(crate) struct Session {
    store: Arc<dyn TokenStore>,
    current: Mutex<Option<Tokens>>,
    /// Held while a task of this process refreshes the tokens.
    refreshing: tokio::sync::Mutex<()>,
}

impl Session {
    pub(crate) fn new(store: Arc<dyn TokenStore>) -> Self {
        Self {
            store,
            current: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the current access token, loading the tokens from the store on first use.
    pub(crate) fn access_token(&self) -> Result<String, ClientError> {
        if let Some(tokens) = &*self.current() {
            return Ok(tokens.access_token.clone());
        }
        let tokens = self
            .store
            .load()
            .map_err(ClientError::Tokens)?
            .ok_or(ClientError::SignedOut)?;
        let access = tokens.access_token.clone();
        *self.current() = Some(tokens);
        Ok(access)
    }

    /// Starts a session with these tokens.
    pub(crate) fn start(&self, tokens: Tokens) -> Result<(), ClientError> {
        self.store.save(&tokens).map_err(ClientError::Tokens)?;
        *self.current() = Some(tokens);
        Ok(())
    }

    /// Ends the session and removes its tokens from the store.
    pub(crate) fn end(&self) -> Result<(), ClientError> {
        *self.current() = None;
        self.store.clear().map_err(ClientError::Tokens)
    }

    /// Returns an access token newer than `stale`, which the server has rejected.
    ///
    /// Of all concurrent callers, in this process and in others that share the store, only one calls `refresh`. The
    /// others get its result, since a refresh token can be used only once.
    pub(crate) async fn renew(
        &self,
        stale: &str,
        refresh: impl AsyncFnOnce(RefreshToken) -> Result<Tokens, ClientError>,
    ) -> Result<String, ClientError> {
        let _alone_here = self.refreshing.lock().await;
        if let Some(access) = self.access_other_than(stale) {
            return Ok(access);
        }
        let store = Arc::clone(&self.store);
        let locked = tokio::task::spawn_blocking(move || store.lock()).await;
        let _alone_everywhere = locked.expect("locking does not panic").map_err(ClientError::Tokens)?;
        // Another process may have refreshed the tokens while this one waited for the lock.
        *self.current() = self.store.load().map_err(ClientError::Tokens)?;
        if let Some(access) = self.access_other_than(stale) {
            return Ok(access);
        }
        let held = self.current().clone().ok_or(ClientError::SignedOut)?;
        // A lost reply does no harm: the server returns the same new tokens when the same refresh token is presented
        // again.
        match refresh(RefreshToken::new(held.refresh_token)).await {
            Ok(tokens) => {
                let access = tokens.access_token.clone();
                self.start(tokens)?;
                Ok(access)
            }
            Err(ClientError::SignedOut) => {
                self.end()?;
                Err(ClientError::SignedOut)
            }
            Err(error) => Err(error),
        }
    }

    fn access_other_than(&self, stale: &str) -> Option<String> {
        let current = self.current();
        let access = &current.as_ref()?.access_token;
        (access != stale).then(|| access.clone())
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Tokens>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use letsapp_core::protocol::TokenType;

    use super::*;
    use crate::{FileTokens, MemoryTokens};

    fn tokens(generation: usize) -> Tokens {
        Tokens {
            access_token: format!("access {generation}"),
            refresh_token: format!("refresh {generation}"),
            token_type: TokenType::Bearer,
            expires_in: 900,
        }
    }

    #[tokio::test]
    async fn many_requests_refresh_once() {
        let session = Session::new(Arc::new(MemoryTokens::default()));
        session.start(tokens(0)).unwrap();
        let refreshed = AtomicUsize::new(0);
        let renewals = (0..20).map(|_| {
            session.renew("access 0", async |presented| {
                assert_eq!(presented.expose(), "refresh 0");
                refreshed.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(tokens(1))
            })
        });
        for access in join_all(renewals).await {
            assert_eq!(access.unwrap(), "access 1");
        }
        assert_eq!(refreshed.into_inner(), 1);
    }

    #[tokio::test]
    async fn two_processes_that_share_a_file_refresh_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.json");
        let sessions = [0, 1].map(|_| Session::new(Arc::new(FileTokens::new(&path))));
        sessions[0].start(tokens(0)).unwrap();
        assert_eq!(sessions[1].access_token().unwrap(), "access 0");
        let refreshed = AtomicUsize::new(0);
        let renewals = sessions.iter().map(|session| {
            session.renew("access 0", async |_| {
                refreshed.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(tokens(1))
            })
        });
        for access in join_all(renewals).await {
            assert_eq!(access.unwrap(), "access 1");
        }
        assert_eq!(refreshed.into_inner(), 1);
    }

    #[tokio::test]
    async fn after_a_lost_reply_the_same_refresh_token_is_used() {
        let session = Session::new(Arc::new(MemoryTokens::default()));
        session.start(tokens(0)).unwrap();
        let lost = session
            .renew("access 0", async |_| Err(ClientError::unreachable(&"x", "lost")))
            .await;
        assert!(lost.unwrap_err().is_temporary());
        let presented = session
            .renew("access 0", async |presented| {
                assert_eq!(presented.expose(), "refresh 0");
                Ok(tokens(1))
            })
            .await;
        assert_eq!(presented.unwrap(), "access 1");
    }

    #[tokio::test]
    async fn the_tokens_of_an_ended_session_are_removed() {
        let store = Arc::new(MemoryTokens::default());
        let session = Session::new(Arc::clone(&store) as _);
        session.start(tokens(0)).unwrap();
        let over = session.renew("access 0", async |_| Err(ClientError::SignedOut)).await;
        assert!(matches!(over, Err(ClientError::SignedOut)));
        assert_eq!(store.load().unwrap(), None);
        assert!(matches!(session.access_token(), Err(ClientError::SignedOut)));
        let again = session
            .renew("access 0", async |_| unreachable!("there is no token to refresh"))
            .await;
        assert!(matches!(again, Err(ClientError::SignedOut)));
    }
}
