//! Who may sign up and in, and how long that lasts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::auth::password::Hasher;
use crate::auth::token::{AccessTokens, Claims, Refreshing};
use crate::auth::{
    AuthError, Credential, Generation, Key, PasswordHash, Principal, Revoke, Session, SessionRepository, TokenHash,
};
use crate::cache::Cache;
use crate::event::{Envelope, EventBus};
use crate::id::{IdSource, SessionId, UserId};
use crate::protocol::requests::{ChangePassword, Login, Register};
use crate::protocol::{self, SessionInfo, SignedIn, TokenType, Tokens};
use crate::time::{Clock, Timestamp};
use crate::users::{self, About, Claim, DisplayName, Email, Settings, User, UserRepository, Username};

/// Accounts and sessions.
///
/// ```
/// # use letsapp_core::{LetsApp, protocol::requests::{Password, Register}, users::Username};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let request = Register::new(Username::parse("ana")?, Password::parse("a long password")?);
/// let signed_in = app.auth().register(request).await?;
/// let principal = app.auth().authenticate(&signed_in.tokens.access_token).await?;
/// assert_eq!(principal.user_id, signed_in.user.id);
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct AuthService {
    inner: Arc<Inner>,
}

pub(crate) struct Ports {
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) sessions: Arc<dyn SessionRepository>,
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    /// Newest first.
    pub(crate) access_keys: Vec<Key>,
    /// Newest first.
    pub(crate) refresh_keys: Vec<Key>,
    pub(crate) access_ttl: Duration,
    pub(crate) refresh_ttl: Duration,
}

struct Inner {
    ports: Ports,
    hasher: Hasher,
    tokens: AccessTokens,
    known: Mutex<Cache<SessionId, Known>>,
}

/// What is remembered of a session between requests.
#[derive(Clone)]
struct Known {
    session: Session,
    read_at: Timestamp,
}

/// How long a session is believed to be alive without asking the store.
const BELIEVED: Duration = Duration::from_secs(5);

/// How many sessions are remembered, twice over.
const REMEMBERED: usize = 16_384;

/// How exactly the last use of a session is kept.
const USE_RESOLUTION: Duration = Duration::from_secs(60);

/// How long a replaced refresh token still gets its successor once that has been used: a phone loses replies.
const GRACE: Duration = Duration::from_secs(10);

impl AuthService {
    pub(crate) fn new(ports: Ports) -> Self {
        let tokens = AccessTokens::new(&ports.access_keys);
        let known = Mutex::new(Cache::new(REMEMBERED));
        Self {
            inner: Arc::new(Inner {
                ports,
                hasher: Hasher::new(),
                tokens,
                known,
            }),
        }
    }

    /// Makes an account and signs it in.
    ///
    /// # Errors
    /// [`AuthError::UsernameTaken`], [`AuthError::EmailTaken`].
    pub async fn register(&self, request: Register) -> Result<SignedIn, AuthError> {
        let Register {
            username,
            password,
            display_name,
            email,
            device_name,
        } = request;
        let now = self.inner.ports.clock.now();
        let hash = self.inner.hasher.hash(password, self.inner.salt()).await;
        let user = User {
            id: UserId::from_uuid(self.inner.ports.ids.timed(now)),
            display_name: display_name.unwrap_or_else(|| DisplayName::from(&username)),
            username,
            about: About::default(),
            email,
            avatar_media_id: None,
            settings: Settings::default(),
            created_at: now,
            last_seen_at: None,
            deleted_at: None,
        };
        match self.inner.ports.users.create(user.clone(), hash).await? {
            Claim::Done => self.sign_in(&user, device_name).await,
            Claim::UsernameTaken => Err(AuthError::UsernameTaken),
            Claim::EmailTaken => Err(AuthError::EmailTaken),
        }
    }

    /// Signs in with a username or an address, and a password. It takes the same time whichever of them is wrong.
    ///
    /// # Errors
    /// [`AuthError::WrongCredentials`].
    pub async fn login(&self, request: Login) -> Result<SignedIn, AuthError> {
        let Login {
            username,
            password,
            device_name,
        } = request;
        let credential = match login(&username) {
            Some(login) => self.inner.ports.users.credential(&login).await?,
            None => None,
        };
        let (user_id, expected) = credential.map(|found| (found.user_id, found.password)).unzip();
        if !self.inner.hasher.verify(password, expected).await {
            return Err(AuthError::WrongCredentials);
        }
        let user_id = user_id.ok_or(AuthError::WrongCredentials)?;
        let user = self
            .inner
            .ports
            .users
            .find(&[user_id])
            .await?
            .pop()
            .ok_or(AuthError::WrongCredentials)?;
        self.sign_in(&user, device_name).await
    }

    /// Takes a refresh token for the next pair of tokens. The token just replaced gets the same successor again until
    /// that has been used, and for ten seconds after; then its use revokes the session, as does that of any older one.
    ///
    /// # Errors
    /// [`AuthError::Unauthenticated`].
    pub async fn refresh(&self, token: &str) -> Result<Tokens, AuthError> {
        let ports = &self.inner.ports;
        let presented = Refreshing::read(token, &ports.refresh_keys).ok_or(AuthError::Unauthenticated)?;
        let now = ports.clock.now();
        let mut session = self.inner.session(presented.session_id, now).await?;
        if presented.number == session.refresh.number {
            if let Some(rotated) = self.inner.rotate(&session, token, now).await? {
                return Ok(self.inner.issue(&rotated, rotated.refresh.number, now));
            }
            // Somebody else presented the same token a moment ago; they and we get the same successor.
            session = self.inner.session(presented.session_id, now).await?;
        }
        let successor = presented.number.saturating_add(1);
        let in_grace = match session.refresh.number.checked_sub(presented.number) {
            Some(1) => session
                .refresh
                .used_at
                .is_none_or(|used_at| now.since(used_at) <= GRACE),
            Some(2) => now.since(session.refresh.issued_at) <= GRACE,
            _ => false,
        };
        if in_grace {
            return Ok(self.inner.issue(&session, successor, now));
        }
        tracing::warn!(user.id = %session.user_id, session.id = %session.id, "a spent refresh token was used again");
        self.inner
            .end(session.user_id, Revoke::One(session.id), "refresh_token_reused")
            .await?;
        Err(AuthError::Unauthenticated)
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// [`AuthError::Store`] when the store fails.
    pub async fn logout(&self, principal: &Principal) -> Result<(), AuthError> {
        self.inner
            .end(principal.user_id, Revoke::One(principal.session_id), "logged_out")
            .await
            .map(drop)
    }

    /// Replaces one's password and ends every other session.
    ///
    /// # Errors
    /// [`AuthError::WrongPassword`] when the current one is not right.
    pub async fn change_password(&self, principal: &Principal, request: ChangePassword) -> Result<(), AuthError> {
        let credential = self.proven(principal.user_id, request.current_password).await?;
        let hash = self.inner.hasher.hash(request.new_password, self.inner.salt()).await;
        // Sessions first: should we stop in between, nobody who knew the old password stays signed in.
        self.inner
            .end(
                principal.user_id,
                Revoke::AllBut(principal.session_id),
                "password_changed",
            )
            .await?;
        let users = &self.inner.ports.users;
        if users
            .replace_password(principal.user_id, &credential.password, hash)
            .await?
        {
            // Whoever signed in with the old password in between is out as well.
            self.inner
                .end(
                    principal.user_id,
                    Revoke::AllBut(principal.session_id),
                    "password_changed",
                )
                .await?;
            Ok(())
        } else {
            Err(AuthError::WrongPassword)
        }
    }

    /// Returns the devices that one is signed in with, the newest first.
    ///
    /// # Errors
    /// [`AuthError::Store`] when the store fails.
    pub async fn sessions(&self, principal: &Principal) -> Result<Vec<SessionInfo>, AuthError> {
        let now = self.inner.ports.clock.now();
        let sessions = self.inner.ports.sessions.of_user(principal.user_id).await?;
        let alive = sessions.into_iter().filter(|session| session.expires_at > now);
        Ok(alive
            .map(|session| SessionInfo {
                id: session.id,
                device_name: session.device_name,
                created_at: session.created_at,
                last_used_at: session.last_used_at,
                current: session.id == principal.session_id,
            })
            .collect())
    }

    /// Ends one of one's own sessions.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when there is no such session of one's own.
    pub async fn revoke_session(&self, principal: &Principal, id: SessionId) -> Result<(), AuthError> {
        let ended = self.inner.end(principal.user_id, Revoke::One(id), "revoked").await?;
        if ended.is_empty() {
            Err(AuthError::NotFound)
        } else {
            Ok(())
        }
    }

    /// Tells who presents an access token.
    ///
    /// # Errors
    /// [`AuthError::TokenExpired`] when it is too old, [`AuthError::Unauthenticated`] when it is not ours or its
    /// session is over.
    pub async fn authenticate(&self, token: &str) -> Result<Principal, AuthError> {
        let now = self.inner.ports.clock.now();
        let claims = self.inner.tokens.check(token, now)?;
        let known = self.inner.lock().lookup(&claims.sid);
        let session = match known {
            Some(known) if now.since(known.read_at) < BELIEVED => known.session,
            _ => self.inner.session(claims.sid, now).await?,
        };
        if session.user_id != claims.sub || session.expires_at <= now {
            return Err(AuthError::Unauthenticated);
        }
        self.inner.note_use(session, claims.generation, now).await?;
        Ok(Principal {
            user_id: claims.sub,
            session_id: claims.sid,
        })
    }

    /// Tells connections whose sessions are over, wherever they were ended; called every few seconds with all who are
    /// connected.
    ///
    /// # Errors
    /// [`AuthError::Store`] when the store fails.
    pub(crate) async fn recheck(&self, mut connected: Vec<Principal>) -> Result<(), AuthError> {
        connected.sort_unstable_by_key(|principal| principal.session_id);
        connected.dedup();
        let now = self.inner.ports.clock.now();
        for part in connected.chunks(1_000) {
            let ids: Vec<_> = part.iter().map(|principal| principal.session_id).collect();
            let mut alive: Vec<_> = self.inner.ports.sessions.find(&ids).await?;
            alive.retain(|session| session.expires_at > now);
            let alive: std::collections::HashSet<_> = alive.into_iter().map(|session| session.id).collect();
            for principal in part.iter().filter(|principal| !alive.contains(&principal.session_id)) {
                self.inner.lock().forget(&principal.session_id);
                let envelope = Envelope::end_of_session(principal.user_id, principal.session_id, "revoked");
                self.inner.ports.bus.publish(envelope);
            }
        }
        Ok(())
    }

    async fn sign_in(&self, user: &User, device_name: Option<String>) -> Result<SignedIn, AuthError> {
        let ports = &self.inner.ports;
        let now = ports.clock.now();
        let id = SessionId::from_uuid(ports.ids.random());
        let session = Session {
            id,
            user_id: user.id,
            device_name,
            created_at: now,
            last_used_at: now,
            expires_at: now.plus(ports.refresh_ttl),
            refresh: self.inner.generation(id, 1, now),
            previous: None,
        };
        ports.sessions.create(session.clone()).await?;
        Ok(SignedIn {
            user: protocol::User::from(user),
            tokens: self.inner.issue(&session, 1, now),
        })
    }

    async fn proven(
        &self,
        user_id: UserId,
        password: crate::protocol::requests::Password,
    ) -> Result<Credential, AuthError> {
        let login = users::Login::Id(user_id);
        let credential = self
            .inner
            .ports
            .users
            .credential(&login)
            .await?
            .ok_or(AuthError::Unauthenticated)?;
        let expected = PasswordHash::clone(&credential.password);
        if self.inner.hasher.verify(password, Some(expected)).await {
            Ok(credential)
        } else {
            Err(AuthError::WrongPassword)
        }
    }
}

impl Inner {
    /// Reads a session that is alive, and remembers it.
    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Session, AuthError> {
        let session = self
            .ports
            .sessions
            .find(&[id])
            .await?
            .pop()
            .filter(|session| session.expires_at > now);
        let mut known = self.lock();
        match session {
            Some(session) => {
                known.insert(
                    id,
                    Known {
                        session: session.clone(),
                        read_at: now,
                    },
                );
                Ok(session)
            }
            None => {
                known.forget(&id);
                Err(AuthError::Unauthenticated)
            }
        }
    }

    /// Notes a use of a session, where the store does not know of one as recent.
    async fn note_use(&self, session: Session, generation: u32, now: Timestamp) -> Result<(), AuthError> {
        let first = generation == session.refresh.number && session.refresh.used_at.is_none();
        if !first && now.since(session.last_used_at) < USE_RESOLUTION {
            return Ok(());
        }
        self.ports.sessions.used(session.id, generation, now).await?;
        let mut session = session;
        session.last_used_at = now;
        if first {
            session.refresh.used_at = Some(now);
        }
        self.lock().insert(session.id, Known { session, read_at: now });
        Ok(())
    }

    /// Replaces a session's refresh token; `None` if somebody else has done so.
    async fn rotate(&self, session: &Session, token: &str, now: Timestamp) -> Result<Option<Session>, AuthError> {
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
        self.lock().forget(&session.id);
        Ok(Some(Session {
            refresh: next,
            previous: Some(from),
            expires_at,
            ..session.clone()
        }))
    }

    fn generation(&self, session_id: SessionId, number: u32, now: Timestamp) -> Generation {
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
    fn issue(&self, session: &Session, number: u32, now: Timestamp) -> Tokens {
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

    /// Ends sessions, here at once.
    async fn end(&self, user_id: UserId, which: Revoke, reason: &str) -> Result<Vec<SessionId>, AuthError> {
        let ended = self.ports.sessions.revoke(user_id, which).await?;
        for id in &ended {
            self.lock().forget(id);
            self.ports.bus.publish(Envelope::end_of_session(user_id, *id, reason));
        }
        Ok(ended)
    }

    fn newest_refresh_key(&self) -> &Key {
        self.ports
            .refresh_keys
            .first()
            .expect("a store has at least one key of each purpose")
    }

    fn salt(&self) -> [u8; 16] {
        let mut salt = [0; 16];
        self.ports.ids.fill(&mut salt);
        salt
    }

    fn lock(&self) -> MutexGuard<'_, Cache<SessionId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what somebody signs in with; `None` if it can be neither a username nor an address.
fn login(text: &str) -> Option<users::Login> {
    if text.contains('@') {
        Email::parse(text).ok().map(users::Login::Email)
    } else {
        Username::parse(text).ok().map(users::Login::Username)
    }
}
