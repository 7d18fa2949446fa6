//! Building a [`LetsApp`]: the store, clock, ids, hub and rules that it runs on.

use std::sync::{Arc, Weak};

use super::LetsApp;
use crate::adapters::memory::MemoryStore;
use crate::domain::id::{Epoch, ServerId};
use crate::domain::limit::Table;
use crate::domain::media::AllowList;
use crate::domain::rules::Rules;
use crate::engine::Engine;
use crate::engine::cluster::Cluster;
use crate::engine::cluster::duties::Duties;
use crate::engine::events::Hub;
use crate::engine::jobs::{cleanup, clock_anchor, key_reload, session_recheck};
use crate::engine::keyring::Keyring;
use crate::engine::media::{FileParts, Unscanned, sweeper};
use crate::engine::presence::PresenceRegistry;
use crate::engine::sessions::{SessionSettings, Sessions};
use crate::ports::{
    AnchoredClock, BlobStore, Clock, Connections, EventBus, EventSink, IdSource, KeyRepository, Repositories,
    RepositoryError, Runtime, Scanner, SharedPaces, Stores, SystemIds,
};

/// A builder for [`LetsApp`].
///
/// Everything is optional: by default, data is kept in memory, the time is that of an [`AnchoredClock`], and the [`Rules`] are those
/// of the server.
#[derive(Default)]
pub struct LetsAppBuilder {
    store: Option<Arc<dyn Repositories>>,
    keys: Option<Arc<dyn KeyRepository>>,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn IdSource>>,
    hub: Option<Arc<Hub>>,
    bus: Option<Arc<dyn EventBus>>,
    rules: Rules,
    limits: Option<Table>,
    shared_paces: Option<Arc<dyn SharedPaces>>,
    blobs: Option<Arc<dyn BlobStore>>,
    scanner: Option<Arc<dyn Scanner>>,
    allowed: AllowList,
    unscanned: Unscanned,
}

impl LetsApp {
    /// Returns a builder with the default parts.
    pub fn builder() -> LetsAppBuilder {
        LetsAppBuilder::default()
    }

    /// Builds an application with the default parts, which keeps its data in memory.
    ///
    /// # Errors
    /// None in practice: the in-memory store does not fail.
    pub async fn in_memory() -> Result<Self, RepositoryError> {
        Self::builder().build().await
    }
}

impl LetsAppBuilder {
    /// Sets the store for all data.
    #[must_use]
    pub fn store(mut self, store: impl Repositories + 'static) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sets the store for all data, where the program needs it as well. [`LetsApp::shutdown`] closes it.
    #[must_use]
    pub fn shared_store(mut self, store: Arc<dyn Repositories>) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets a separate place for the keys that sign tokens and seal cursors. By default they are kept in the store.
    #[must_use]
    pub fn keys(mut self, keys: impl KeyRepository + 'static) -> Self {
        self.keys = Some(Arc::new(keys));
        self
    }

    /// Sets the clock. Tests use it to advance time by hand.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the source of ids, salts and keys. It must be unpredictable, except in tests.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Sets the hub that delivers events to connections.
    #[must_use]
    pub fn hub(mut self, hub: Hub) -> Self {
        self.hub = Some(Arc::new(hub));
        self
    }

    /// Sets the bus that connects this application with others on the same store, so that users of one reach those of
    /// another. By default there is none, and each application delivers to its own connections only.
    #[must_use]
    pub fn bus(mut self, bus: Arc<dyn EventBus>) -> Self {
        self.bus = Some(bus);
        self
    }

    /// Sets the lifetimes of tokens and the other limits in [`Rules`].
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Sets the limits. The application counts how many people a user adds to groups, [`Class::Additions`] and
    /// [`Class::Strangers`]; a server counts the requests of all other classes with the same table, by
    /// [`LetsApp::limiter_or`]. By default the limits are those of the server, and without one there are none.
    ///
    /// [`Class::Additions`]: crate::domain::limit::Class::Additions
    /// [`Class::Strangers`]: crate::domain::limit::Class::Strangers
    #[must_use]
    pub fn limits(mut self, table: Table) -> Self {
        self.limits = Some(table);
        self
    }

    /// Sets where the limits are counted together with other servers. By default each server counts alone.
    #[must_use]
    pub fn shared_limits(mut self, paces: Arc<dyn SharedPaces>) -> Self {
        self.shared_paces = Some(paces);
        self
    }

    /// Sets the place for the bytes of files. By default it is the store's own: memory, files beside SQLite, GridFS.
    #[must_use]
    pub fn blobs(mut self, blobs: Arc<dyn BlobStore>) -> Self {
        self.blobs = Some(blobs);
        self
    }

    /// Sets the scanner that every file must pass. Without one, files are not scanned.
    #[must_use]
    pub fn scanner(mut self, scanner: Arc<dyn Scanner>) -> Self {
        self.scanner = Some(scanner);
        self
    }

    /// Sets what becomes of files when the scanner gives no verdict; they are refused by default.
    #[must_use]
    pub fn unscanned_files(mut self, unscanned: Unscanned) -> Self {
        self.unscanned = unscanned;
        self
    }

    /// Sets the media types that may be uploaded; all but programs by default.
    #[must_use]
    pub fn allowed_files(mut self, allowed: AllowList) -> Self {
        self.allowed = allowed;
        self
    }

    /// Builds the application and starts its tasks on the current tokio runtime.
    ///
    /// # Errors
    /// [`RepositoryError`] when the time, the keys or the epoch can't be read or created.
    ///
    /// # Panics
    /// Panics outside a tokio runtime.
    pub async fn build(self) -> Result<LetsApp, RepositoryError> {
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let clock = self.clock.unwrap_or_else(|| Arc::new(AnchoredClock::new()));
        // Before anything is dated.
        clock_anchor::anchor(&*store, &*clock).await?;
        let ids = self.ids.unwrap_or_else(|| Arc::new(SystemIds));
        let hub = self.hub.unwrap_or_default();
        let keys = self.keys.unwrap_or_else(|| store.keys());
        let keyring = Keyring::read(keys, ids.clone(), clock.clone()).await?;

        let meta = store.meta().meta(Epoch::from_uuid(ids.random())).await?;
        if let Some(warning) = meta.search_warning() {
            tracing::warn!("{warning}");
        }

        let stores = Stores::of(&*store);
        let server_id = ServerId::from_uuid(ids.random());
        let cluster = self.bus.map(|bus| Cluster::new(bus, server_id, hub.clone()));
        let (sink, connections): (Arc<dyn EventSink>, Arc<dyn Connections>) = match &cluster {
            Some(cluster) => (cluster.clone(), cluster.clone()),
            None => (hub.clone(), hub.clone()),
        };
        let runtime = Runtime {
            clock,
            ids,
            local: hub.clone(),
            sink,
            connections,
        };
        let settings = SessionSettings {
            access_ttl: self.rules.access_ttl,
            refresh_ttl: self.rules.refresh_ttl,
        };
        let sessions = Sessions::new(stores.clone(), runtime.clone(), keyring, settings);
        let blobs = match self.blobs {
            Some(blobs) => Some(blobs),
            None => store.blobs().map_err(RepositoryError::internal)?,
        };
        let files = blobs.map(|blobs| FileParts {
            blobs,
            scanner: self.scanner,
            allowed: self.allowed,
            unscanned: self.unscanned,
        });
        let engine = Arc::new(Engine::start(stores, runtime, meta.epoch, sessions, files, &self.rules));
        if let Some(paces) = self.shared_paces {
            engine.adding.share(paces);
        }
        if let Some(table) = self.limits {
            engine.adding.limiter_or(table);
        }
        // Weak, because the registry holds the hub: two strong references would never be freed.
        let observer: Weak<PresenceRegistry> = Arc::downgrade(&engine.presence);
        hub.observe(observer);
        let duties = cluster.as_ref().map_or(Duties::all(), |cluster| cluster.duties());
        let mut tasks = vec![
            engine.start_driver(),
            tokio::spawn(clock_anchor::keep(Arc::downgrade(&store), engine.runtime.clock.clone())),
            tokio::spawn(session_recheck::recheck(engine.sessions.clone(), hub.clone())),
            tokio::spawn(cleanup::run(engine.clone(), duties.clone())),
            tokio::spawn(key_reload::reload(engine.sessions.clone())),
        ];
        if let Some(cluster) = &cluster {
            tasks.extend(cluster.start(&engine));
        }
        if let Some(files) = &engine.files {
            tasks.push(tokio::spawn(sweeper::run(files.sweeper(), duties)));
            tasks.push(tokio::spawn(files.processing.clone().run()));
        }
        Ok(LetsApp::new(store, hub, cluster, engine, tasks))
    }
}
