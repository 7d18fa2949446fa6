//! The engine: the commit path, rosters, receipts, views, events, presence, typing, sessions and background jobs.
//!
//! Services pass requests to these parts and wait for the results. Rules that need no store belong to
//! [`domain`](crate::domain).

pub(crate) mod access;
pub(crate) mod adding;
pub(crate) mod cluster;
pub(crate) mod commit;
pub(crate) mod departures;
pub(crate) mod detached;
pub(crate) mod driver;
pub mod error;
pub mod events;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod jobs;
pub(crate) mod keyring;
pub(crate) mod large_changes;
pub mod limiter;
pub mod media;
pub(crate) mod panics;
pub(crate) mod passwords;
pub(crate) mod presence;
pub(crate) mod receipts;
pub(crate) mod rosters;
pub(crate) mod sessions;
pub(crate) mod sync;
pub(crate) mod tokens;
pub(crate) mod typing;
pub(crate) mod unopened;
pub(crate) mod views;
pub(crate) mod visibility;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::domain::id::{Epoch, UserId};
use crate::domain::rules::Rules;
use crate::engine::access::Access;
use crate::engine::adding::AddingChecker;
use crate::engine::commit::{Committer, Publisher};
use crate::engine::driver::{DriverWaker, Timed};
use crate::engine::large_changes::LargeChanges;
use crate::engine::media::{FileParts, Files};
use crate::engine::presence::PresenceRegistry;
use crate::engine::receipts::Receipts;
use crate::engine::rosters::Rosters;
use crate::engine::sessions::Sessions;
use crate::engine::typing::TypingTracker;
use crate::engine::views::Views;
use crate::engine::visibility::VisibilityChecker;
use crate::ports::{RepositoryError, Runtime, Stores};
use crate::protocol;

/// All running parts of one application, connected to one store. Services share it.
pub(crate) struct Engine {
    pub(crate) stores: Stores,
    pub(crate) runtime: Runtime,
    /// Epoch of the store, as it was at the start.
    pub(crate) epoch: Epoch,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) visibility: VisibilityChecker,
    pub(crate) access: Access,
    pub(crate) adding: AddingChecker,
    pub(crate) rosters: Arc<Rosters>,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) views: Arc<Views>,
    pub(crate) committer: Arc<Committer>,
    pub(crate) large_changes: LargeChanges,
    pub(crate) presence: Arc<PresenceRegistry>,
    pub(crate) typing: Arc<TypingTracker>,
    /// `None` if the application has no place for files.
    pub(crate) files: Option<Arc<Files>>,
    /// Time that a store may spend on a search.
    pub(crate) search_budget: Duration,
    waker: DriverWaker,
}

impl Engine {
    /// Starts the parts as tasks of the current tokio runtime.
    pub(crate) fn start(
        stores: Stores,
        runtime: Runtime,
        epoch: Epoch,
        sessions: Sessions,
        files: Option<FileParts>,
        rules: &Rules,
    ) -> Self {
        let rosters = Arc::new(Rosters::new(&stores, runtime.clock.clone()));
        let receipts = Receipts::start(stores.clone(), runtime.clone(), rosters.clone());
        let visibility = VisibilityChecker::new(stores.contacts.clone());
        let views = Arc::new(Views::new(stores.clone(), receipts.clone(), visibility.clone()));
        let publisher = Publisher::new(&stores, &runtime, views.clone(), rosters.clone());
        let committer = Committer::new(&stores, rosters.clone(), publisher, rules.edit_window);
        let waker = DriverWaker::default();
        let presence = PresenceRegistry::start(
            stores.clone(),
            runtime.clone(),
            visibility.clone(),
            rules.presence_grace,
            waker.clone(),
        );
        let typing = TypingTracker::new(runtime.clone(), rosters.clone(), rules.typing_timeout, waker.clone());
        let files = files.map(|parts| Files::start(&stores, &runtime, &rosters, parts, rules));
        Self {
            sessions: Arc::new(sessions),
            visibility,
            access: Access {
                conversations: stores.conversations.clone(),
                rosters: rosters.clone(),
            },
            adding: AddingChecker::new(&stores, runtime.clock.clone()),
            rosters,
            receipts,
            views,
            committer,
            large_changes: LargeChanges::new(runtime.clock.clone()),
            presence,
            typing: Arc::new(typing),
            files,
            search_budget: rules.search_budget,
            waker,
            stores,
            runtime,
            epoch,
        }
    }

    /// Returns users by id, with the last-seen times that the viewer may see.
    pub(crate) async fn shown(
        &self,
        viewer: UserId,
        ids: impl Iterator<Item = UserId>,
    ) -> Result<HashMap<UserId, protocol::User>, RepositoryError> {
        let ids: Vec<_> = ids.collect();
        let users = self.stores.users.find(&ids).await?;
        let shown = self.visibility.show(viewer, &users).await?;
        Ok(shown.into_iter().map(|user| (user.id, user)).collect())
    }

    /// Starts the task that passes time to presence and typing. It runs until it is aborted.
    pub(crate) fn start_driver(&self) -> JoinHandle<()> {
        let timed: Vec<Arc<dyn Timed>> = vec![self.presence.clone(), self.typing.clone()];
        driver::start(self.runtime.clock.clone(), self.waker.clone(), timed)
    }

    /// Accepts no more work, and waits until all accepted work is stored.
    pub(crate) async fn close(&self) {
        self.committer.close().await;
        self.receipts.close().await;
        self.presence.close().await;
        if let Some(files) = &self.files {
            files.processing.close();
        }
    }

    /// Accepts no more work without waiting. Accepted work is stored as long as the runtime lives.
    pub(crate) fn stop(&self) {
        self.receipts.stop();
        self.presence.stop();
    }
}
