//! Puts a [`LetsApp`] together.

use std::sync::{Arc, Weak};

use super::LetsApp;
use crate::adapters::memory::MemoryStore;
use crate::domain::key::{Key, KeyPurpose, Kid};
use crate::domain::page::CursorKey;
use crate::domain::rules::Rules;
use crate::engine::Engine;
use crate::engine::events::Hub;
use crate::engine::jobs::{cleanup, session_recheck};
use crate::engine::presence::PresenceRegistry;
use crate::engine::sessions::{SessionSettings, Sessions};
use crate::ports::{
    Clock, IdSource, KeyRepository, Repositories, RepositoryError, Runtime, Stores, SystemClock, SystemIds,
};

/// Puts a [`LetsApp`] together. What is not said is as in the server: the store in memory, the computer's clock.
#[derive(Default)]
pub struct LetsAppBuilder {
    store: Option<Arc<dyn Repositories>>,
    keys: Option<Arc<dyn KeyRepository>>,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn IdSource>>,
    hub: Option<Arc<Hub>>,
    rules: Rules,
}

impl LetsApp {
    /// Starts to build one.
    pub fn builder() -> LetsAppBuilder {
        LetsAppBuilder::default()
    }

    /// Builds one in memory, with everything else as it is by default.
    ///
    /// # Errors
    /// None in practice: the store in memory does not fail.
    pub async fn in_memory() -> Result<Self, RepositoryError> {
        Self::builder().build().await
    }
}

impl LetsAppBuilder {
    /// Keeps everything in this store.
    #[must_use]
    pub fn store(mut self, store: impl Repositories + 'static) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Keeps everything in this store, which others hold too.
    #[must_use]
    pub fn shared_store(mut self, store: Arc<dyn Repositories>) -> Self {
        self.store = Some(store);
        self
    }

    /// Keeps the server's keys here instead of in the store.
    #[must_use]
    pub fn keys(mut self, keys: impl KeyRepository + 'static) -> Self {
        self.keys = Some(Arc::new(keys));
        self
    }

    /// Takes the time from this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Takes randomness from this source.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Delivers events through this hub.
    #[must_use]
    pub fn hub(mut self, hub: Hub) -> Self {
        self.hub = Some(Arc::new(hub));
        self
    }

    /// Goes by these rules.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Builds it, and starts its tasks on the present tokio runtime.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store can't give the server's keys.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn build(self) -> Result<LetsApp, RepositoryError> {
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let ids = self.ids.unwrap_or_else(|| Arc::new(SystemIds));
        let hub = self.hub.unwrap_or_default();
        let keys = self.keys.unwrap_or_else(|| store.keys());
        let key_of = |purpose| load_keys(&*keys, purpose, &*ids, &*clock);
        let (access_keys, refresh_keys) = (key_of(KeyPurpose::Access).await?, key_of(KeyPurpose::Refresh).await?);
        let cursor_key = key_of(KeyPurpose::Cursor).await?.remove(0).secret;

        let stores = Stores::of(&*store);
        let runtime = Runtime {
            clock,
            ids,
            bus: hub.clone(),
        };
        let settings = SessionSettings {
            access_keys,
            refresh_keys,
            access_ttl: self.rules.access_ttl,
            refresh_ttl: self.rules.refresh_ttl,
        };
        let sessions = Sessions::new(stores.clone(), runtime.clone(), settings);
        let engine = Arc::new(Engine::start(stores, runtime, sessions, &self.rules));
        let observer: Weak<PresenceRegistry> = Arc::downgrade(&engine.presence);
        hub.observe(observer);
        let tasks = vec![
            engine.start_driver(),
            tokio::spawn(session_recheck::recheck(engine.sessions.clone(), hub.clone())),
            tokio::spawn(cleanup::finish(engine.clone())),
        ];
        Ok(LetsApp::new(store, hub, engine, CursorKey::new(cursor_key), tasks))
    }
}

async fn load_keys(
    keys: &dyn KeyRepository,
    purpose: KeyPurpose,
    ids: &dyn IdSource,
    clock: &dyn Clock,
) -> Result<Vec<Key>, RepositoryError> {
    let mut secret = [0; 32];
    ids.fill(&mut secret);
    let candidate = Key {
        kid: Kid(ids.random().simple().to_string()),
        purpose,
        secret,
        created_at: clock.now(),
    };
    let keys = keys.keys(purpose, candidate).await?;
    if keys.is_empty() {
        return Err(RepositoryError::internal(format!(
            "the store has no {} key",
            purpose.as_str()
        )));
    }
    Ok(keys)
}
