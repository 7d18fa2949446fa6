//! Reading and watching the presence of users.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::id::{ConnectionId, UserId};
use crate::domain::presence::{MAX_WATCHED, shown};
use crate::domain::principal::Principal;
use crate::domain::visibility::ViewerPair;
use crate::engine::Engine;
use crate::engine::presence::PresenceRegistry;
use crate::ports::RepositoryError;
use crate::protocol::Presence;

/// The service for presence: which users are online, as far as their settings let the caller see.
///
/// A user is online while the [`Hub`](crate::engine::events::Hub) has a connection of theirs, and for
/// [`Rules::presence_grace`](crate::Rules::presence_grace) after the last one closes, so that a reconnect causes no
/// events. Connected users get an [`Event::Presence`](crate::protocol::Event::Presence) for each contact, and for each
/// user whom they [`watch`](Self::watch): when that user comes online or goes offline, and when that user's settings or
/// a block change whether they may see it.
///
/// ```
/// # use letsapp_core::{LetsApp, domain::id::ConnectionId, protocol::PresenceStatus};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let (ana, ben) = (app.sign_up("ana", "a long password").await?, app.sign_up("ben", "a long password").await?);
/// let phone = app.hub().connect(ana, ConnectionId::from_uuid(app.ids().random()));
/// let found = app.presence().find(&ben, &[ana.user_id]).await?;
/// assert_eq!(found[0].status, PresenceStatus::Online);
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct PresenceService {
    engine: Arc<Engine>,
}

/// Longest wait of [`PresenceService::settled`] for the store. A new connection should not hang for longer because of
/// presence alone; it gets the state by events as soon as the store answers.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// The reason why presence was not read.
#[derive(Debug, thiserror::Error)]
pub enum PresenceError {
    /// The request names more than [`MAX_WATCHED`] users.
    #[error("at most {MAX_WATCHED} users can be watched at once")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

impl PresenceService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Returns the presence of each user, in the order of `user_ids` and without repetitions.
    ///
    /// A user who hides their presence from the caller is returned as offline, without a last-seen time. An unknown
    /// user is left out.
    ///
    /// # Errors
    /// [`PresenceError::TooMany`] above [`MAX_WATCHED`], [`PresenceError::Store`] when the store fails.
    pub async fn find(&self, principal: &Principal, user_ids: &[UserId]) -> Result<Vec<Presence>, PresenceError> {
        let pairs = pairs(principal.user_id, user_ids)?;
        let visibilities = self.engine.presence.visibilities(&pairs, &pairs).await?;
        let now = self.engine.runtime.clock.now();
        let state = self.engine.presence.lock();
        let found = pairs.iter().filter_map(|pair| {
            let user = visibilities.users.get(&pair.user_id)?;
            Some(shown(visibilities.of(*pair), state.present(user.id, user.last_seen_at, now)).into())
        });
        Ok(found.collect())
    }

    /// Adds users to those that a connection watches, and returns their present state as [`find`](Self::find) does.
    ///
    /// An unknown user is not watched, so that made-up ids take no memory.
    ///
    /// Later changes arrive as events in the outbox of the connection, and of the caller's other connections. Watching
    /// ends with the connection. A connection watches at most [`MAX_WATCHED`] users; further ones replace those that it
    /// named longest ago.
    ///
    /// # Errors
    /// [`PresenceError::TooMany`] for more than [`MAX_WATCHED`] users, [`PresenceError::Store`] when the store fails;
    /// the users may be watched nevertheless.
    pub async fn watch(
        &self,
        principal: &Principal,
        connection_id: ConnectionId,
        user_ids: &[UserId],
    ) -> Result<Vec<Presence>, PresenceError> {
        let pairs = pairs(principal.user_id, user_ids)?;
        let Some((pending, check)) = self.engine.presence.watch(principal.user_id, connection_id, &pairs) else {
            // The connection is closed, so there is nothing to watch for.
            return self.find(principal, user_ids).await;
        };
        let mut checks = PendingChecks {
            registry: &self.engine.presence,
            pairs: pending,
        };
        let visibilities = self.engine.presence.visibilities(&pairs, &checks.pairs).await?;
        // No `await` from here on: the lock keeps events from being published between this reading and the reply, so
        // that the reply is never older than an event that the client has already.
        let now = self.engine.runtime.clock.now();
        let mut state = self.engine.presence.lock();
        let pending = std::mem::take(&mut checks.pairs);
        self.engine.presence.settle(&mut state, &pending, check, &visibilities);
        let is_unknown = |pair: &&ViewerPair| !visibilities.users.contains_key(&pair.user_id);
        let unknown = pairs.iter().filter(is_unknown).copied().collect();
        state.keep_watched(connection_id, &unknown);
        let found = pairs.iter().filter_map(|pair| {
            let user = visibilities.users.get(&pair.user_id)?;
            let present = state.present(user.id, user.last_seen_at, now);
            Some(state.watchers.answer(*pair, present).into())
        });
        Ok(found.collect())
    }

    /// Waits, for two seconds at most, until the contacts of a newly connected user are watched, and other servers find
    /// the connection.
    ///
    /// A client that reads the present state after this gets every later change as an event.
    pub async fn settled(&self, principal: &Principal) {
        let user_id = principal.user_id;
        let settled = async {
            tokio::join!(
                self.watching(user_id),
                self.engine.runtime.connections.findable(user_id)
            )
        };
        let _ended = tokio::time::timeout(SETTLE_TIMEOUT, settled).await;
    }

    /// Waits until the contacts of a connected user are watched.
    async fn watching(&self, user_id: UserId) {
        let settled = {
            let mut state = self.engine.presence.lock();
            let Some(person) = state.person(user_id).filter(|person| !person.is_ready) else {
                return;
            };
            let (waiting, settled) = oneshot::channel();
            person.waiting.push(waiting);
            settled
        };
        // Nothing is ever sent: the registry drops the sender when the contacts are watched.
        let _ended = settled.await;
    }
}

/// Watched users whose visibility is unknown until the store answers.
///
/// If the request is cancelled or fails before that, dropping this hands the check to the registry's background task,
/// so that no pair stays unknown forever.
struct PendingChecks<'a> {
    registry: &'a PresenceRegistry,
    pairs: Vec<ViewerPair>,
}

impl Drop for PendingChecks<'_> {
    fn drop(&mut self) {
        if !self.pairs.is_empty() {
            self.registry.check_later(std::mem::take(&mut self.pairs));
        }
    }
}

/// Pairs the viewer with each distinct user of `user_ids`, in their order.
fn pairs(viewer: UserId, user_ids: &[UserId]) -> Result<Vec<ViewerPair>, PresenceError> {
    if user_ids.len() > MAX_WATCHED {
        return Err(PresenceError::TooMany);
    }
    let mut named = HashSet::new();
    let distinct = user_ids.iter().filter(|user_id| named.insert(**user_id));
    Ok(distinct
        .map(|user_id| ViewerPair {
            viewer,
            user_id: *user_id,
        })
        .collect())
}
