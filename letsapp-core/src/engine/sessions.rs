//! Sessions between requests: what is remembered of them, their tokens, and their end.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::cache::Cache;
use crate::domain::credential::Credential;
use crate::domain::id::{SessionId, UserId};
use crate::domain::key::Key;
use crate::domain::principal::Principal;
use crate::domain::session::{Generation, Session, TokenHash};
use crate::domain::timestamp::Timestamp;
use crate::engine::detached::run_detached;
use crate::engine::error::AuthError;
use crate::engine::passwords::Hasher;
use crate::engine::tokens::{AccessTokens, Claims, Refreshing};
use crate::ports::{Envelope, Login, Revoke, Runtime, Stores};
use crate::protocol::requests::Password;
use crate::protocol::{TokenType, Tokens};

/// What the service works with, and what it remembers.
pub(crate) struct Sessions {
    pub(crate) stores: Stores,
    pub(crate) runtime: Runtime,
    pub(crate) settings: SessionSettings,
    pub(crate) hasher: Hasher,
    pub(crate) tokens: AccessTokens,
    known: Mutex<Known>,
}

/// The keys and the lifetimes of tokens.
pub(crate) struct SessionSettings {
    /// Keys of access tokens, the newest first.
    pub(crate) access_keys: Vec<Key>,
    /// Keys of refresh tokens, the newest first.
    pub(crate) refresh_keys: Vec<Key>,
    /// Lifetime of an access token.
    pub(crate) access_ttl: Duration,
    /// Time after which a session ends that is not refreshed.
    pub(crate) refresh_ttl: Duration,
}

struct Known {
    sessions: Cache<SessionId, CachedSession>,
    /// How often something was forgotten.
    forgettings: u64,
}

/// A session as it was read from the store.
#[derive(Clone)]
pub(crate) struct CachedSession {
    session: Session,
    at: Timestamp,
    /// How often something had been forgotten before.
    forgettings: u64,
}

impl Deref for CachedSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

/// How long a session is believed to be alive without asking the store.
const SESSION_TTL: Duration = Duration::from_secs(5);

/// How many sessions are remembered, twice over.
const CACHED_SESSIONS: usize = 16_384;

/// How exactly the last use of a session is kept.
const USE_RESOLUTION: Duration = Duration::from_secs(60);

impl Sessions {
    pub(crate) fn new(stores: Stores, runtime: Runtime, settings: SessionSettings) -> Self {
        Self {
            hasher: Hasher::new(),
            tokens: AccessTokens::new(&settings.access_keys),
            known: Mutex::new(Known {
                sessions: Cache::new(CACHED_SESSIONS),
                forgettings: 0,
            }),
            stores,
            runtime,
            settings,
        }
    }

    /// Reads a session that is alive, and remembers it.
    pub(crate) async fn session(&self, id: SessionId, now: Timestamp) -> Result<CachedSession, AuthError> {
        let forgettings = self.lock().forgettings;
        let session = self
            .stores
            .sessions
            .find(&[id])
            .await?
            .pop()
            .filter(|session| session.expires_at > now)
            .ok_or(AuthError::Unauthenticated)?;
        let read = CachedSession {
            session,
            at: now,
            forgettings,
        };
        self.lock().remember(read.clone());
        Ok(read)
    }

    /// Returns a session that was alive within the last few seconds, as it was then. One whose `generation` has come
    /// about since is read anew.
    pub(crate) async fn recent(
        &self,
        id: SessionId,
        generation: u32,
        now: Timestamp,
    ) -> Result<CachedSession, AuthError> {
        if let Some(known) = self.lock().lookup(id)
            && now.since(known.at) < SESSION_TTL
            && generation <= known.session.refresh.number
            && now < known.session.expires_at
        {
            return Ok(known);
        }
        self.session(id, now).await
    }

    /// Notes a use of a session, where the store does not know of one as recent.
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

    /// Replaces a session's refresh token; `None` if somebody else has done so.
    pub(crate) async fn rotate(
        &self,
        session: &Session,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, AuthError> {
        let next = self.generation(session.id, session.refresh.number.saturating_add(1), now);
        let from = TokenHash::of(token);
        let expires_at = now.plus(self.settings.refresh_ttl);
        if !self
            .stores
            .sessions
            .rotate(session.id, from, next.clone(), expires_at)
            .await?
        {
            return Ok(None);
        }
        self.forget(session.id);
        Ok(Some(Session {
            refresh: next,
            previous: Some(from),
            expires_at,
            ..session.clone()
        }))
    }

    pub(crate) fn generation(&self, session_id: SessionId, number: u32, now: Timestamp) -> Generation {
        let key = self.newest_refresh_key();
        let token = Refreshing { session_id, number }.token(key);
        Generation {
            number,
            hash: TokenHash::of(&token),
            kid: key.kid.clone(),
            issued_at: now,
            used_at: None,
        }
    }

    /// Makes the pair of tokens of one of a session's generations: the present one, or the one before.
    pub(crate) fn issue(&self, session: &Session, number: u32, now: Timestamp) -> Tokens {
        let keys = &self.settings.refresh_keys;
        let key = keys
            .iter()
            .find(|key| key.kid == session.refresh.kid)
            .unwrap_or(self.newest_refresh_key());
        let expires_in = self.settings.access_ttl.as_secs();
        let exp = now.plus(self.settings.access_ttl).as_millis() / 1_000;
        let claims = Claims {
            sub: session.user_id,
            sid: session.id,
            generation: number,
            exp,
        };
        Tokens {
            access_token: self.tokens.sign(claims),
            refresh_token: Refreshing {
                session_id: session.id,
                number,
            }
            .token(key),
            token_type: TokenType::Bearer,
            expires_in,
        }
    }

    /// Returns the credential of a user who proves the password again.
    pub(crate) async fn proven(&self, user_id: UserId, password: Password) -> Result<Credential, AuthError> {
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

    /// Ends sessions, here at once.
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
                sessions.runtime.bus.publish(envelope);
            }
            Ok(ended)
        };
        run_detached(end).await
    }

    /// Tells connections whose sessions are over, wherever they were ended; called every few seconds with all who are
    /// connected.
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
                self.runtime.bus.publish(envelope);
            }
        }
        Ok(())
    }

    /// Forgets a session that is not what it was.
    pub(crate) fn forget(&self, id: SessionId) {
        let mut known = self.lock();
        known.forgettings += 1;
        known.sessions.forget(&id);
    }

    fn newest_refresh_key(&self) -> &Key {
        self.settings
            .refresh_keys
            .first()
            .expect("a store has at least one key of each purpose")
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
    /// Returns what is remembered: it was not forgotten up to now, whatever else was.
    fn lookup(&mut self, id: SessionId) -> Option<CachedSession> {
        let mut read = self.sessions.lookup(&id)?;
        read.forgettings = self.forgettings;
        Some(read)
    }

    /// Keeps what was read, unless something was forgotten since: it may be what was to be forgotten.
    fn remember(&mut self, read: CachedSession) {
        if read.forgettings == self.forgettings {
            self.sessions.insert(read.session.id, read);
        }
    }
}
