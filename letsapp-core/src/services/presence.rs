//! Asking who is there.

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

/// Who is there, as far as each user's settings let others see.
///
/// A user is there while a connection of theirs is in the [`Hub`](crate::engine::events::Hub), and for the grace after the last
/// one, so that a reconnect makes no flicker. The connected are told of those whom they list as contacts, and of those
/// whom they [`watch`](Self::watch), by [`Event::Presence`](crate::protocol::Event::Presence): when one of them comes or
/// goes, and when one begins or ceases to let them see it.
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

/// How long [`PresenceService::settled`] waits for a store that does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why it was not told who is there.
#[derive(Debug, thiserror::Error)]
pub enum PresenceError {
    /// So many can't be watched at once.
    #[error("at most {MAX_WATCHED} users can be watched")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

impl PresenceService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Tells which of some users are there, in the order in which they are named first. Whoever shows nothing to the
    /// one who asks is offline, and was never seen; one who does not exist is left out.
    ///
    /// # Errors
    /// [`PresenceError::TooMany`] above [`MAX_WATCHED`], [`PresenceError::Store`] when the store fails.
    pub async fn find(&self, principal: &Principal, user_ids: &[UserId]) -> Result<Vec<Presence>, PresenceError> {
        let pairs = pairs(principal.user_id, user_ids)?;
        let sights = self.engine.presence.sights(&pairs, &pairs).await?;
        let now = self.engine.runtime.clock.now();
        let here = self.engine.presence.lock();
        let found = pairs.iter().filter_map(|pair| {
            let user = sights.users.get(&pair.user_id)?;
            Some(shown(sights.of(*pair), here.present(user.id, user.last_seen_at, now)).into())
        });
        Ok(found.collect())
    }

    /// Has a connection told of some users, beside those whom it watches already, for as long as it lasts; and tells
    /// which of them are there now, as [`find`](Self::find) does. It watches the [`MAX_WATCHED`] whom it named last.
    /// What happens to them from here on is in its outbox. Other connections of its user are told it, too.
    ///
    /// # Errors
    /// [`PresenceError::TooMany`] above [`MAX_WATCHED`], [`PresenceError::Store`] when the store fails: they may be
    /// watched all the same.
    pub async fn watch(
        &self,
        principal: &Principal,
        connection_id: ConnectionId,
        user_ids: &[UserId],
    ) -> Result<Vec<Presence>, PresenceError> {
        let pairs = pairs(principal.user_id, user_ids)?;
        let Some((in_doubt, check)) = self.engine.presence.watch(principal.user_id, connection_id, &pairs) else {
            // It is gone, or its session is over: there is nobody to be told.
            return self.find(principal, user_ids).await;
        };
        let mut doubts = Doubts {
            registry: &self.engine.presence,
            pairs: in_doubt,
        };
        let sights = self.engine.presence.sights(&pairs, &doubts.pairs).await?;
        // From here on nothing is waited for: what is answered is no older than what was told before.
        let now = self.engine.runtime.clock.now();
        let mut here = self.engine.presence.lock();
        let in_doubt = std::mem::take(&mut doubts.pairs);
        self.engine.presence.settle(&mut here, &in_doubt, check, &sights);
        let found = pairs.iter().filter_map(|pair| {
            let user = sights.users.get(&pair.user_id)?;
            let present = here.present(user.id, user.last_seen_at, now);
            Some(here.watchers.answer(*pair, present).into())
        });
        Ok(found.collect())
    }

    /// Waits until somebody who has just connected is told of their contacts, but not for long. Whoever asks for the
    /// present state after that misses nothing.
    pub async fn settled(&self, principal: &Principal) {
        let settled = {
            let mut here = self.engine.presence.lock();
            let Some(person) = here.person(principal.user_id).filter(|person| !person.is_ready) else {
                return;
            };
            let (waiting, settled) = oneshot::channel();
            person.waiting.push(waiting);
            settled
        };
        // It never says anything: it ends.
        let _ended = tokio::time::timeout(PATIENCE, settled).await;
    }
}

/// Watches that are in doubt until the store has answered: somebody else sees to it if the one who asked gives up.
struct Doubts<'a> {
    registry: &'a PresenceRegistry,
    pairs: Vec<ViewerPair>,
}

impl Drop for Doubts<'_> {
    fn drop(&mut self) {
        if !self.pairs.is_empty() {
            self.registry.inquire_later(std::mem::take(&mut self.pairs));
        }
    }
}

/// Pairs the one who asks with each who is named, once.
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
