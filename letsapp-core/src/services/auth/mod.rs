//! Signing up and in, and the sessions and tokens that result.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::id::{SessionId, UserId};
use crate::domain::page::Page;
use crate::domain::principal::Principal;
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, DisplayName, Email, Settings, User, Username};
use crate::engine::Engine;
use crate::engine::detached::run_detached;
use crate::engine::error::AuthError;
use crate::ports::{Claim, Envelope, Revoke};
use crate::protocol::requests::{ChangePassword, Login, Register};
use crate::protocol::{LastSeen, SessionInfo, SignedIn, Tokens};
use crate::{ports, protocol};

/// The service for accounts, passwords and sessions.
///
/// Each sign-in starts one session, which belongs to one device. A session has a short-lived access token, which
/// [`authenticate`](Self::authenticate) checks, and a refresh token, which [`refresh`](Self::refresh) replaces at each
/// use.
///
/// ```
/// # use letsapp_core::{LetsApp, domain::user::Username, protocol::requests::{Password, Register}};
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
    engine: Arc<Engine>,
}

/// A position in the list of a user's sessions, which begins with the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionPosition(Timestamp, SessionId);

/// Time for which a replaced refresh token is still accepted after its successor was first used.
///
/// A phone that loses the reply to a refresh tries again within seconds; a thief rarely comes that soon.
const REFRESH_GRACE: Duration = Duration::from_secs(10);

impl AuthService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Creates an account and starts its first session.
    ///
    /// # Errors
    /// [`AuthError::UsernameTaken`] or [`AuthError::EmailTaken`] when another account has the name or the address.
    pub async fn register(&self, request: Register) -> Result<SignedIn, AuthError> {
        let Register {
            username,
            password,
            display_name,
            email,
            device_name,
        } = request;
        let now = self.engine.runtime.clock.now();
        let hash = self
            .engine
            .sessions
            .hasher
            .hash(password, self.engine.sessions.salt())
            .await;
        let user = User {
            id: UserId::from_uuid(self.engine.runtime.ids.timed(now)),
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
        match self.engine.stores.users.create(user.clone(), hash).await? {
            Claim::Done => Ok(self.start(&user, device_name).await?.1),
            Claim::UsernameTaken => Err(AuthError::UsernameTaken),
            Claim::EmailTaken => Err(AuthError::EmailTaken),
        }
    }

    /// Starts a session for a username or an email address, and a password.
    ///
    /// An unknown name takes as long as a wrong password, so that the time does not tell which names exist.
    ///
    /// # Errors
    /// [`AuthError::WrongCredentials`] when the name or the password is wrong.
    pub async fn login(&self, request: Login) -> Result<SignedIn, AuthError> {
        let Login {
            username,
            password,
            device_name,
        } = request;
        let credential = match login(&username) {
            Some(login) => self.engine.stores.users.credential(&login).await?,
            None => None,
        };
        let expected = credential.as_ref().map(|credential| credential.password.clone());
        if !self.engine.sessions.hasher.verify(password, expected).await {
            return Err(AuthError::WrongCredentials);
        }
        let credential = credential.ok_or(AuthError::WrongCredentials)?;
        let user = self.engine.stores.users.find(&[credential.user_id]).await?.pop();
        let user = user.ok_or(AuthError::WrongCredentials)?;
        let (session_id, signed_in) = self.start(&user, device_name).await?;
        // A change of the password ends the sessions that it finds. If it ran between the check of the old password and
        // the start of this session, it has missed this one, so read the password once more.
        let now = self.engine.stores.users.credential(&ports::Login::Id(user.id)).await?;
        if now.is_none_or(|now| now.password != credential.password) {
            self.engine
                .sessions
                .end(user.id, Revoke::One(session_id), "password_changed")
                .await?;
            return Err(AuthError::WrongCredentials);
        }
        Ok(signed_in)
    }

    /// Exchanges a refresh token for a new access token and a new refresh token.
    ///
    /// A client may lose the reply and repeat the request, so the token that was replaced last still gets the same
    /// successor until that successor is used, and for ten seconds after. Later uses of it, and any use of an older
    /// token, mean that the token was stolen, and revoke the session. A token that is newer than the store's is
    /// accepted, since a store that was restored from an older copy has forgotten its last tokens.
    ///
    /// # Errors
    /// [`AuthError::Unauthenticated`] when the token is not valid, or its session has ended.
    pub async fn refresh(&self, token: &str) -> Result<Tokens, AuthError> {
        let Engine { runtime, sessions, .. } = &*self.engine;
        let presented = sessions.keyring.decode(token).await?;
        let now = runtime.clock.now();
        let mut session = self.engine.sessions.session(presented.session_id, now).await?;
        // A token newer than the store's is one that this installation has issued, as its proof says, before the store
        // was restored from an older copy. That is no theft: the client goes on from its own token.
        if presented.number >= session.refresh.number {
            if let Some(rotated) = self.engine.sessions.rotate(&session, presented.number, now).await? {
                return self.engine.sessions.issue(&rotated, rotated.refresh.number, now).await;
            }
            // Another request with the same token was faster. Both get the same successor.
            session = self.engine.sessions.session(presented.session_id, now).await?;
        }
        let successor = presented.number.saturating_add(1);
        // Tokens are numbered by rotation: a difference of one is the token that was replaced last. A difference of two
        // occurs when the successor has itself just been replaced.
        let in_grace = match session.refresh.number.checked_sub(presented.number) {
            Some(1) => session
                .refresh
                .used_at
                .is_none_or(|used_at| now.since(used_at) <= REFRESH_GRACE),
            Some(2) => now.since(session.refresh.issued_at) <= REFRESH_GRACE,
            _ => false,
        };
        if in_grace {
            return self.engine.sessions.issue(&session, successor, now).await;
        }
        tracing::warn!(
            security = "token_reuse",
            account = %session.user_id,
            session.id = %session.id,
            outcome = "revoked",
            "security event: an old refresh token was used again, and its session ends"
        );
        self.engine
            .sessions
            .end(session.user_id, Revoke::One(session.id), "refresh_token_reused")
            .await?;
        Err(AuthError::Unauthenticated)
    }

    /// Ends the session of the caller.
    ///
    /// # Errors
    /// [`AuthError::Store`] when the store fails.
    pub async fn logout(&self, principal: &Principal) -> Result<(), AuthError> {
        self.engine
            .sessions
            .end(principal.user_id, Revoke::One(principal.session_id), "logged_out")
            .await
            .map(drop)
    }

    /// Replaces the password of the caller and ends all their other sessions.
    ///
    /// # Errors
    /// [`AuthError::WrongPassword`] when the current password is wrong, or another device has changed it meanwhile.
    pub async fn change_password(&self, principal: &Principal, request: ChangePassword) -> Result<(), AuthError> {
        let credential = self
            .engine
            .sessions
            .check_password(principal.user_id, request.current_password)
            .await?;
        let hash = self
            .engine
            .sessions
            .hasher
            .hash(request.new_password, self.engine.sessions.salt())
            .await;
        let (engine, user_id) = (Arc::clone(&self.engine), principal.user_id);
        let others = Revoke::AllBut(principal.session_id);
        let change = async move {
            // Sessions first: if the process stops between the two steps, no device that signed in with the old
            // password stays signed in.
            engine.sessions.end(user_id, others, "password_changed").await?;
            let users = &engine.stores.users;
            if !users.replace_password(user_id, &credential.password, hash).await? {
                return Err(AuthError::WrongPassword);
            }
            // Again, for sessions that were started with the old password between the two steps.
            engine.sessions.end(user_id, others, "password_changed").await?;
            Ok(())
        };
        run_detached(change).await
    }

    /// Returns the sessions of the caller that have not expired, the newest first: all of them, unless these are more
    /// than an answer can hold. `after` is where the previous page ended.
    ///
    /// # Errors
    /// [`AuthError::Store`] when the store fails.
    pub async fn sessions(
        &self,
        principal: &Principal,
        after: Option<SessionPosition>,
    ) -> Result<Page<SessionInfo, SessionPosition>, AuthError> {
        let now = self.engine.runtime.clock.now();
        let mut sessions = self.engine.stores.sessions.of_user(principal.user_id).await?;
        let place = |session: &Session| SessionPosition(session.created_at, session.id);
        sessions.sort_unstable_by_key(|session| Reverse(place(session)));
        sessions.retain(|session| session.expires_at > now && after.is_none_or(|after| place(session) < after));
        let shown = sessions.into_iter().map(|session| {
            let position = place(&session);
            let info = SessionInfo {
                id: session.id,
                device_name: session.device_name,
                created_at: session.created_at,
                last_used_at: session.last_used_at,
                current: session.id == principal.session_id,
            };
            (position, info)
        });
        Ok(Page::fit(shown))
    }

    /// Ends a session of the caller.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when the caller has no such session.
    pub async fn revoke_session(&self, principal: &Principal, id: SessionId) -> Result<(), AuthError> {
        let ended = self
            .engine
            .sessions
            .end(principal.user_id, Revoke::One(id), "revoked")
            .await?;
        if ended.is_empty() {
            Err(AuthError::NotFound)
        } else {
            Ok(())
        }
    }

    /// Returns the user and the session to which an access token belongs.
    ///
    /// # Errors
    /// [`AuthError::TokenExpired`] when the token is too old; [`AuthError::Unauthenticated`] when it was not
    /// signed with a key of this server, or its session has ended.
    pub async fn authenticate(&self, token: &str) -> Result<Principal, AuthError> {
        let now = self.engine.runtime.clock.now();
        let claims = self.engine.sessions.keyring.check(token, now).await?;
        let session = self.engine.sessions.recent(claims.sid, claims.generation, now).await?;
        if session.user_id != claims.sub {
            return Err(AuthError::Unauthenticated);
        }
        self.engine.sessions.note_use(session, claims.generation, now).await?;
        Ok(Principal {
            user_id: claims.sub,
            session_id: claims.sid,
        })
    }

    /// Checks once more that a session has not ended, and closes its connections if it has.
    ///
    /// Call this after [`connect`](crate::engine::events::Hub::connect). A session that ends between
    /// [`authenticate`](Self::authenticate) and `connect` closes only the connections that the
    /// [`Hub`](crate::engine::events::Hub) has at that moment, and the new one is not among them.
    ///
    /// # Errors
    /// [`AuthError::Unauthenticated`] when the session has ended, [`AuthError::Store`] when the store fails.
    pub async fn confirm(&self, principal: &Principal) -> Result<(), AuthError> {
        let now = self.engine.runtime.clock.now();
        match self.engine.sessions.recent(principal.session_id, 0, now).await {
            Ok(session) if session.user_id == principal.user_id => Ok(()),
            Ok(_) | Err(AuthError::Unauthenticated) => {
                let envelope = Envelope::end_of_session(principal.user_id, principal.session_id, "revoked");
                self.engine.runtime.sink.publish(envelope);
                Err(AuthError::Unauthenticated)
            }
            Err(error) => Err(error),
        }
    }

    /// Creates a session and its first pair of tokens.
    async fn start(&self, user: &User, device_name: Option<String>) -> Result<(SessionId, SignedIn), AuthError> {
        let Engine {
            stores,
            runtime,
            sessions,
            ..
        } = &*self.engine;
        let now = runtime.clock.now();
        let id = SessionId::from_uuid(runtime.ids.random());
        let session = Session {
            id,
            user_id: user.id,
            device_name,
            created_at: now,
            last_used_at: now,
            expires_at: now.plus(sessions.settings.refresh_ttl),
            refresh: self.engine.sessions.generation(id, 1, now),
            previous: None,
        };
        stores.sessions.create(session.clone()).await?;
        let signed_in = SignedIn {
            user: protocol::User::new(user, LastSeen::Shown),
            tokens: self.engine.sessions.issue(&session, 1, now).await?,
        };
        Ok((id, signed_in))
    }
}

/// Reads the name of a sign-in: an email address if it contains `@`, else a username. Returns `None` if it is neither.
fn login(text: &str) -> Option<ports::Login> {
    if text.contains('@') {
        Email::parse(text).ok().map(ports::Login::Email)
    } else {
        Username::parse(text).ok().map(ports::Login::Username)
    }
}
