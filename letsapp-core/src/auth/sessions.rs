//! Sessions between requests: what is remembered of them, their tokens, and their end.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::auth::password::Hasher;
use crate::auth::ports::Ports;
use crate::auth::token::{AccessTokens, Claims, Refreshing};
use crate::auth::{AuthError, Credential, Generation, Key, Revoke, Session, TokenHash};
use crate::cache::Cache;
use crate::event::Envelope;
use crate::id::{SessionId, UserId};
use crate::protocol::requests::Password;
use crate::protocol::{TokenType, Tokens};
use crate::task::see_through;
use crate::time::Timestamp;
use crate::users::Login;

/// What the service works with, and what it remembers.
pub(crate) struct Sessions {
    pub(super) ports: Ports,
    pub(super) hasher: Hasher,
    pub(super) tokens: AccessTokens,
    known: Mutex<Known>,
}

struct Known {
    sessions: Cache<SessionId, Read>,
    /// How often something was forgotten.
    forgettings: u64,
}

/// A session as it was read from the store.
#[derive(Clone)]
pub(super) struct Read {
    session: Session,
    at: Timestamp,
    /// How often something had been forgotten before.
    forgettings: u64,
}

impl Deref for Read {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

/// How long a session is believed to be alive without asking the store.
const BELIEVED: Duration = Duration::from_secs(5);

/// How many sessions are remembered, twice over.
const REMEMBERED: usize = 16_384;

/// How exactly the last use of a session is kept.
const USE_RESOLUTION: Duration = Duration::from_secs(60);

impl Sessions {
    pub(super) fn new(ports: Ports) -> Self {
        Self {
            hasher: Hasher::new(),
            tokens: AccessTokens::new(&ports.access_keys),
            known: Mutex::new(Known {
                sessions: Cache::new(REMEMBERED),
                forgettings: 0,
            }),
            ports,
        }
    }

    /// Reads a session that is alive, and remembers it.
    pub(super) async fn session(&self, id: SessionId, now: Timestamp) -> Result<Read, AuthError> {
        let forgettings = self.lock().forgettings;
        let session = self
            .ports
            .sessions
            .find(&[id])
            .await?
            .pop()
            .filter(|session| session.expires_at > now)
            .ok_or(AuthError::Unauthenticated)?;
        let read = Read {
            session,
            at: now,
            forgettings,
        };
        self.lock().remember(read.clone());
        Ok(read)
    }

    /// Returns a session that was alive within the last few seconds, as it was then. One whose `generation` has come
    /// about since is read anew.
    pub(super) async fn recent(&self, id: SessionId, generation: u32, now: Timestamp) -> Result<Read, AuthError> {
        if let Some(known) = self.lock().lookup(id)
            && now.since(known.at) < BELIEVED
            && generation <= known.session.refresh.number
            && now < known.session.expires_at
        {
            return Ok(known);
        }
        self.session(id, now).await
    }

    /// Notes a use of a session, where the store does not know of one as recent.
    pub(super) async fn note_use(&self, mut read: Read, generation: u32, now: Timestamp) -> Result<(), AuthError> {
        let session = &mut read.session;
        let first = generation == session.refresh.number && session.refresh.used_at.is_none();
        if !first && now.since(session.last_used_at) < USE_RESOLUTION {
            return Ok(());
        }
        self.ports.sessions.used(session.id, generation, now).await?;
        session.last_used_at = now;
        if first {
            session.refresh.used_at = Some(now);
        }
        self.lock().remember(read);
        Ok(())
    }

    /// Replaces a session's refresh token; `None` if somebody else has done so.
    pub(super) async fn rotate(
        &self,
        session: &Session,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, AuthError> {
        let next = self.generation(session.id, session.refresh.number.saturating_add(1), now);
        let from = TokenHash::of(token);
        let expires_at = now.plus(self.ports.refresh_ttl);
        if !self
            .ports
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

    pub(super) fn generation(&self, session_id: SessionId, number: u32, now: Timestamp) -> Generation {
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
    pub(super) fn issue(&self, session: &Session, number: u32, now: Timestamp) -> Tokens {
        let keys = &self.ports.refresh_keys;
        let key = keys
            .iter()
            .find(|key| key.kid == session.refresh.kid)
            .unwrap_or(self.newest_refresh_key());
        let expires_in = self.ports.access_ttl.as_secs();
        let exp = now.plus(self.ports.access_ttl).as_millis() / 1_000;
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
        let credential = self.ports.users.credential(&login).await?;
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
            let ended = sessions.ports.sessions.revoke(user_id, which).await?;
            for id in &ended {
                sessions.forget(*id);
                let envelope = Envelope::end_of_session(user_id, *id, reason);
                sessions.ports.bus.publish(envelope);
            }
            Ok(ended)
        };
        see_through(end).await
    }

    /// Forgets a session that is not what it was.
    pub(super) fn forget(&self, id: SessionId) {
        let mut known = self.lock();
        known.forgettings += 1;
        known.sessions.forget(&id);
    }

    fn newest_refresh_key(&self) -> &Key {
        self.ports
            .refresh_keys
            .first()
            .expect("a store has at least one key of each purpose")
    }

    pub(super) fn salt(&self) -> [u8; 16] {
        let mut salt = [0; 16];
        self.ports.ids.fill(&mut salt);
        salt
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Returns what is remembered: it was not forgotten up to now, whatever else was.
    fn lookup(&mut self, id: SessionId) -> Option<Read> {
        let mut read = self.sessions.lookup(&id)?;
        read.forgettings = self.forgettings;
        Some(read)
    }

    /// Keeps what was read, unless something was forgotten since: it may be what was to be forgotten.
    fn remember(&mut self, read: Read) {
        if read.forgettings == self.forgettings {
            self.sessions.insert(read.session.id, read);
        }
    }
}
