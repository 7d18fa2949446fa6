//! Checks of who may see whom: when a user begins to watch, and whenever a setting, contact or block changes the
//! answer.
//!
//! From the moment at which a check starts until the store has answered, watchers are notified of nothing. So a block
//! or a changed setting takes effect at once, however slow the store is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::UserId;
use crate::domain::presence::{Cause, CheckId};
use crate::domain::user::User;
use crate::domain::visibility::{ViewerPair, Visibility};
use crate::engine::presence::registry::{Contacts, ContactsRead, PresenceRegistry, RegistryState};
use crate::ports::{Envelope, Listing, RepositoryError};
use crate::protocol::Event;

/// Maximum number of contacts of one user that are watched, the first ones by id. Bounds the memory that one user
/// takes.
const MAX_WATCHED_CONTACTS: usize = 4_096;

/// Maximum number of pairs or contacts in one query to the store.
const STORE_BATCH: usize = 1_000;

/// Pause before a query that failed is tried again. Presence may be late; a failing store should not be asked in a
/// loop.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The users read from the store, and the pairs whose viewer may see the user.
#[derive(Default)]
pub(crate) struct Visibilities {
    pub(crate) users: HashMap<UserId, User>,
    visible: HashSet<ViewerPair>,
}

impl PresenceRegistry {
    /// Starts checks after a user changed who may see their presence.
    pub(crate) fn settings_changed(&self, user_id: UserId) {
        let mut state = self.lock();
        let pairs = state.watchers.pairs_of(user_id);
        self.start_check(&mut state, pairs);
    }

    /// Updates the watches and starts checks after a contact was added to a list or removed from it.
    pub(crate) fn contact_changed(&self, owner_id: UserId, user_id: UserId, listing: Listing) {
        let mut state = self.lock();
        let theirs = ViewerPair {
            viewer: owner_id,
            user_id,
        };
        let mut pairs = Vec::new();
        if let Some(person) = state.person(owner_id) {
            match (&mut person.contacts, listing) {
                (Contacts::Unread, _) | (Contacts::Watched(_), Listing::Unknown) => {}
                (Contacts::Reading { outdated, .. }, _) => *outdated = true,
                (Contacts::Watched(listed), Listing::Listed) => {
                    if listed.len() < MAX_WATCHED_CONTACTS && listed.insert(user_id) {
                        pairs = state.watch_listed(owner_id, [user_id]);
                    }
                }
                (Contacts::Watched(listed), Listing::Unlisted) => {
                    if listed.remove(&user_id) {
                        state.watchers.remove(theirs, Cause::Listed);
                    }
                }
            }
        }
        // A listed user may see what the owner shows only to contacts.
        pairs.push(ViewerPair {
            viewer: user_id,
            user_id: owner_id,
        });
        self.start_check(&mut state, pairs);
    }

    /// Starts checks in both directions after a block between two users was added or removed.
    pub(crate) fn block_changed(&self, one: UserId, other: UserId) {
        let mut state = self.lock();
        let pair = |viewer, user_id| ViewerPair { viewer, user_id };
        self.start_check(&mut state, vec![pair(one, other), pair(other, one)]);
    }

    /// Starts reading the contacts of a user, unless they were read or are being read.
    pub(crate) fn begin_to_read_contacts(&self, state: &mut RegistryState, viewer: UserId) {
        let reading = ContactsRead(state.last_reading.0 + 1);
        let Some(person) = state.person(viewer) else { return };
        if !matches!(person.contacts, Contacts::Unread) {
            return;
        }
        person.contacts = Contacts::Reading {
            reading,
            outdated: false,
        };
        state.last_reading = reading;
        if let Some(registry) = self.me.upgrade() {
            self.tasks.spawn(registry.read_contacts(viewer, reading));
        }
    }

    async fn read_contacts(self: Arc<Self>, viewer: UserId, reading: ContactsRead) {
        loop {
            let read = self.contacts_of(viewer).await;
            let listed = match read {
                Ok(listed) => listed,
                Err(error) => {
                    tracing::warn!(%error, user.id = %viewer, "reading contacts for presence failed; trying again");
                    if self.pause().await && self.is_awaited(viewer, reading) {
                        continue;
                    }
                    return;
                }
            };
            let (pairs, check) = {
                let mut state = self.lock();
                let Some(person) = state.person(viewer) else { return };
                match &mut person.contacts {
                    Contacts::Reading {
                        reading: latest,
                        outdated,
                    } if *latest == reading => {
                        // The list changed while it was read, so what was read may be incomplete.
                        if std::mem::take(outdated) {
                            continue;
                        }
                    }
                    // The user left in the meantime; if they came back, another task reads the list.
                    _ => return,
                }
                person.contacts = Contacts::Watched(listed.iter().copied().collect());
                let pairs = state.watch_listed(viewer, listed);
                let check = state.watchers.start_check(&pairs);
                (pairs, check)
            };
            self.resolve(&pairs, check).await;
            if let Some(person) = self.lock().person(viewer)
                && matches!(person.contacts, Contacts::Watched(_))
            {
                person.is_ready = true;
                person.waiting.clear();
            }
            return;
        }
    }

    /// Returns true if a user still waits for this reading of their contacts.
    fn is_awaited(&self, viewer: UserId, reading: ContactsRead) -> bool {
        let mut state = self.lock();
        let contacts = state.person(viewer).map(|person| &person.contacts);
        matches!(contacts, Some(Contacts::Reading { reading: latest, .. }) if *latest == reading)
    }

    async fn contacts_of(&self, owner_id: UserId) -> Result<Vec<UserId>, RepositoryError> {
        let mut listed: Vec<UserId> = Vec::new();
        loop {
            let part = self
                .stores
                .contacts
                .contacts(owner_id, listed.last().copied(), STORE_BATCH);
            let part = part.await?;
            let is_last = part.len() < STORE_BATCH;
            listed.extend(part.into_iter().map(|contact| contact.user_id));
            if is_last || listed.len() >= MAX_WATCHED_CONTACTS {
                listed.truncate(MAX_WATCHED_CONTACTS);
                return Ok(listed);
            }
        }
    }

    /// Starts a check of what may be seen. Until it is done, the watchers of these pairs are notified of nothing.
    fn start_check(&self, state: &mut RegistryState, mut pairs: Vec<ViewerPair>) {
        pairs.retain(|pair| state.watchers.contains(*pair));
        if pairs.is_empty() || state.closed {
            return;
        }
        let check = state.watchers.start_check(&pairs);
        if let Some(registry) = self.me.upgrade() {
            self.tasks.spawn(async move { registry.resolve(&pairs, check).await });
        }
    }

    /// Starts a check without waiting for it, after a caller could not finish its own.
    pub(crate) fn check_later(&self, pairs: Vec<ViewerPair>) {
        self.start_check(&mut self.lock(), pairs);
    }

    /// Carries out a check and notifies the watchers of the result. Tries again until the store answers or the registry
    /// closes.
    async fn resolve(&self, pairs: &[ViewerPair], check: CheckId) {
        for part in pairs.chunks(STORE_BATCH) {
            loop {
                // Pairs that are watched no longer, or that a later check covers, are left out.
                let pending = self.lock().watchers.still_pending(part, check);
                if pending.is_empty() {
                    break;
                }
                match self.visibilities(&pending, &pending).await {
                    Ok(visibilities) => {
                        self.settle(&mut self.lock(), &pending, check, &visibilities);
                        break;
                    }
                    Err(error) => {
                        tracing::warn!(%error, watches = pending.len(), "presence checks failed; trying again");
                        if !self.pause().await {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Reads the users of all pairs, and checks the `pending` pairs: whether their viewer may see the user.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn visibilities(
        &self,
        all: &[ViewerPair],
        pending: &[ViewerPair],
    ) -> Result<Visibilities, RepositoryError> {
        let mut ids: Vec<_> = all.iter().map(|pair| pair.user_id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(Visibilities::default());
        }
        let users = self.stores.users.find(&ids).await?;
        let users: HashMap<_, _> = users.into_iter().map(|user| (user.id, user)).collect();
        let found = pending
            .iter()
            .filter_map(|pair| Some((pair.viewer, users.get(&pair.user_id)?)));
        let visible = self.visibility.among(found).await?;
        Ok(Visibilities { users, visible })
    }

    /// Settles a check and notifies the watchers for whom the result is news.
    pub(crate) fn settle(
        &self,
        state: &mut RegistryState,
        pairs: &[ViewerPair],
        check: CheckId,
        visibilities: &Visibilities,
    ) {
        let now = self.runtime.clock.now();
        for pair in pairs {
            let stored = visibilities.users.get(&pair.user_id).and_then(|user| user.last_seen_at);
            let present = state.present(pair.user_id, stored, now);
            if let Some(news) = state.watchers.settle(*pair, check, visibilities.of(*pair), present) {
                let event = Event::Presence(news.into());
                self.runtime
                    .local
                    .publish(Envelope::to_users([pair.viewer], None, event));
            }
        }
    }

    /// Waits before another try; false once the registry closes.
    async fn pause(&self) -> bool {
        let ends = self.closing.notified();
        !self.lock().closed && tokio::time::timeout(RETRY_PAUSE, ends).await.is_err()
    }
}

impl Visibilities {
    pub(crate) fn of(&self, pair: ViewerPair) -> Visibility {
        if self.visible.contains(&pair) {
            Visibility::Visible
        } else {
            Visibility::Hidden
        }
    }
}
