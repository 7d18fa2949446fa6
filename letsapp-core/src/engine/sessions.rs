//! Sessions: caching them between requests, issuing their tokens, and ending them.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::cache::Cache;
use crate::domain::credential::Credential;
use crate::domain::id::{SessionId, UserId};
use crate::domain::principal::Principal;
use crate::domain::session::{Generation, Session, TokenHash};
use crate::domain::steady_time::SteadyTime;
use crate::domain::timestamp::Timestamp;
use crate::engine::detached::run_detached;
use crate::engine::error::AuthError;
use crate::engine::keyring::Keyring;
use crate::engine::passwords::Hasher;
use crate::engine::tokens::{Claims, RefreshToken};
use crate::ports::{Envelope, Fact, Login, Revoke, Runtime, Stores};
use crate::protocol::requests::Password;
use crate::protocol::{TokenType, Tokens};

/// Sessions of users, with a cache of those that were read lately.
pub(crate) struct Sessions {
    pub(crate) stores: Stores,
    pub(crate) runtime: Runtime,
    pub(crate) settings: SessionSettings,
    pub(crate) hasher: Hasher,
    pub(crate) keyring: Keyring,
    known: Mutex<Known>,
}

/// The lifetimes of tokens.
pub(crate) struct SessionSettings {
    /// Lifetime of an access token.
    pub(crate) access_ttl: Duration,
    /// Time after which a session ends unless it is refreshed.
    pub(crate) refresh_ttl: Duration,
}

struct Known {
    /// Sessions by id, as they were read from the store.
    sessions: Cache<SessionId, CachedSession>,
    /// Number of times that a session was dropped from the cache.
    removals: u64,
}

/// A session as it was read from the store.
#[derive(Clone)]
pub(crate) struct CachedSession {
    session: Session,
    /// Time of the reading.
    at: SteadyTime,
    /// Value of [`Known::removals`] when the reading began.
    removals: u64,
}

impl Deref for CachedSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

/// Time for which a cached session is used without asking the store: the longest time for which a session that was
/// ended on another server is still accepted here. Short, and yet it saves nearly all queries of an active client.
const SESSION_TTL: Duration = Duration::from_secs(5);

/// Capacity of each generation of the session cache; it holds at most twice as many.
const CACHED_SESSIONS: usize = 16_384;

/// Resolution of a session's last use: it is stored at most once in this time, so that requests don't each cause a
/// write.
const USE_RESOLUTION: Duration = Duration::from_secs(60);

impl Sessions {
    pub(crate) fn new(stores: Stores, runtime: Runtime, keyring: Keyring, settings: SessionSettings) -> Self {
        Self {
            hasher: Hasher::new(),
            keyring,
            known: Mutex::new(Known {
                sessions: Cache::new(CACHED_SESSIONS),
                removals: 0,
            }),
            stores,
            runtime,
            settings,
        }
    }

    /// Reads a session that has not ended from the store, and caches it.
    ///
    /// # Errors
    /// [`AuthError::Unauthenticated`] if there is no such session or it has expired.
    pub(crate) async fn session(&self, id: SessionId, now: Timestamp) -> Result<CachedSession, AuthError> {
        // Taken before the query: a session that is dropped while it is read must not be cached in its old state.
        let (removals, at) = (self.lock().removals, self.runtime.clock.steady());
        let session = self
            .stores
            .sessions
            .find(&[id])
            .await?
            .pop()
            .filter(|session| session.expires_at > now)
            .ok_or(AuthError::Unauthenticated)?;
        let read = CachedSession { session, at, removals };
        self.lock().remember(read.clone());
        Ok(read)
    }

    /// Returns a session that had not ended within the last [`SESSION_TTL`], as it was then. If `generation` is newer
    /// than the cached one, the session is read again.
    pub(crate) async fn recent(
        &self,
        id: SessionId,
        generation: u32,
        now: Timestamp,
    ) -> Result<CachedSession, AuthError> {
        let steady = self.runtime.clock.steady();
        if let Some(known) = self.lock().lookup(id)
            && steady.since(known.at) < SESSION_TTL
            && generation <= known.session.refresh.number
            && now < known.session.expires_at
        {
            return Ok(known);
        }
        self.session(id, now).await
    }

    /// Records a use of a session, unless the store knows of a recent one.
    pub(crate) async fn note_use(
        &self,
        mut read: CachedSession,
        generation: u32,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let session = &mut read.session;
        let first = generation == session.refresh.number && session.refresh.used_at.is_none();
        if !first && now.since(session.last_used_at) < USE_RESOLUTION {
            return Ok(());
        }
        self.stores.sessions.used(session.id, generation, now).await?;
        session.last_used_at = now;
        if first {
            session.refresh.used_at = Some(now);
        }
        self.lock().remember(read);
        Ok(())
    }

    /// Replaces a session's refresh token by the successor of the one with the number `presented`; `None` if a
    /// concurrent request has replaced it.
    pub(crate) async fn rotate(
        &self,
        session: &Session,
        presented: u32,
        now: Timestamp,
    ) -> Result<Option<Session>, AuthError> {
        let next = self.generation(session.id, presented.saturating_add(1), now);
        let from = session.refresh.hash;
        let expires_at = now.plus(self.settings.refresh_ttl);
        if !self
            .stores
            .sessions
            .rotate(session.id, from, next.clone(), expires_at)
            .await?
        {
            return Ok(None);
        }
        // The cached session has the old token.
        self.forget(session.id);
        Ok(Some(Session {
            refresh: next,
            previous: Some(from),
            expires_at,
            ..session.clone()
        }))
    }

    pub(crate) fn generation(&self, session_id: SessionId, number: u32, now: Timestamp) -> Generation {
        let keys = self.keyring.current();
        let key = keys.newest_refresh_key();
        let token = RefreshToken { session_id, number }.token(key);
        Generation {
            number,
            hash: TokenHash::of(&token),
            kid: key.kid.clone(),
            issued_at: now,
            used_at: None,
        }
    }

    /// Creates the access and refresh token of one of a session's generations: the current one or the previous one.
    ///
    /// # Errors
    /// [`AuthError::Unauthenticated`] if the key of the refresh token is gone, [`AuthError::Store`] if it can't be read.
    pub(crate) async fn issue(&self, session: &Session, number: u32, now: Timestamp) -> Result<Tokens, AuthError> {
        let refreshing = RefreshToken {
            session_id: session.id,
            number,
        };
        let refresh_token = self.keyring.derive(refreshing, &session.refresh.kid).await?;
        let expires_in = self.settings.access_ttl.as_secs();
        let exp = now.plus(self.settings.access_ttl).as_millis() / 1_000;
        let claims = Claims {
            sub: session.user_id,
            sid: session.id,
            generation: number,
            exp,
        };
        Ok(Tokens {
            access_token: self.keyring.current().access.sign(claims),
            refresh_token,
            token_type: TokenType::Bearer,
            expires_in,
        })
    }

    /// Returns the credential of a signed-in user who proves the password again.
    ///
    /// # Errors
    /// [`AuthError::WrongPassword`] if it is wrong, [`AuthError::Unauthenticated`] if the account is gone.
    pub(crate) async fn check_password(&self, user_id: UserId, password: Password) -> Result<Credential, AuthError> {
        let login = Login::Id(user_id);
        let credential = self.stores.users.credential(&login).await?;
        let credential = credential.ok_or(AuthError::Unauthenticated)?;
        let expected = credential.password.clone();
        if self.hasher.verify(password, Some(expected)).await {
            Ok(credential)
        } else {
            Err(AuthError::WrongPassword)
        }
    }

    /// Ends sessions. On this server they end at once: they leave the cache and their connections are closed. The work
    /// runs to its end even if the caller goes away, so that no ended session keeps a connection.
    pub(crate) async fn end(
        self: &Arc<Self>,
        user_id: UserId,
        which: Revoke,
        reason: &'static str,
    ) -> Result<Vec<SessionId>, AuthError> {
        let sessions = Arc::clone(self);
        let end = async move {
            let ended = sessions.stores.sessions.revoke(user_id, which).await?;
            for id in &ended {
                sessions.forget(*id);
                let envelope = Envelope::end_of_session(user_id, *id, reason);
                sessions.runtime.sink.publish(envelope);
            }
            if !ended.is_empty() {
                sessions.runtime.sink.announce(Fact::SessionsEnded {
                    user_id,
                    session_ids: ended.as_slice().into(),
                    reason: reason.to_owned(),
                });
            }
            Ok(ended)
        };
        run_detached(end).await
    }

    /// Closes the connections whose sessions have ended, on whichever server. Called every few seconds with all
    /// connected principals.
    ///
    /// # Errors
    /// [`AuthError::Store`] when the store fails.
    pub(crate) async fn recheck(&self, mut connected: Vec<Principal>) -> Result<(), AuthError> {
        connected.sort_unstable_by_key(|principal| principal.session_id);
        connected.dedup();
        let now = self.runtime.clock.now();
        for part in connected.chunks(1_000) {
            let ids: Vec<_> = part.iter().map(|principal| principal.session_id).collect();
            let mut alive: Vec<_> = self.stores.sessions.find(&ids).await?;
            alive.retain(|session| session.expires_at > now);
            let alive: HashSet<_> = alive.into_iter().map(|session| session.id).collect();
            for principal in part.iter().filter(|principal| !alive.contains(&principal.session_id)) {
                self.forget(principal.session_id);
                let envelope = Envelope::end_of_session(principal.user_id, principal.session_id, "revoked");
                self.runtime.sink.publish(envelope);
            }
        }
        Ok(())
    }

    /// Removes a session from the cache, because it changed or ended.
    pub(crate) fn forget(&self, id: SessionId) {
        let mut known = self.lock();
        known.removals += 1;
        known.sessions.forget(&id);
    }

    pub(crate) fn salt(&self) -> [u8; 16] {
        let mut salt = [0; 16];
        self.runtime.ids.fill(&mut salt);
        salt
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Returns a cached session. It counts as read now: it was not dropped since, whatever other sessions were.
    fn lookup(&mut self, id: SessionId) -> Option<CachedSession> {
        let mut read = self.sessions.lookup(&id)?;
        read.removals = self.removals;
        Some(read)
    }

    /// Caches a session that was read, unless any session was dropped since the reading began: it could be this one, in
    /// its old state.
    fn remember(&mut self, read: CachedSession) {
        if read.removals == self.removals {
            self.sessions.insert(read.session.id, read);
        }
    }
}
