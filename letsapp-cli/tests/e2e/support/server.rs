//! A server that runs within the test process.

use std::net::SocketAddr;
use std::sync::Arc;

use letsapp_server::config::{Limits, StoreUrl};
use letsapp_server::{Config, Listeners, compose, run};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A server with its own port and data directory.
pub(crate) struct Server {
    config: Config,
    pub(crate) address: SocketAddr,
    stop: Arc<Notify>,
    served: JoinHandle<()>,
    _data: TempDir,
}

impl Server {
    /// Starts a server that keeps its data in memory.
    pub(crate) async fn start() -> Self {
        Self::start_on(Some(StoreUrl::Memory)).await
    }

    /// Starts a server that keeps its data on disk.
    pub(crate) async fn start_on_disk() -> Self {
        Self::start_on(None).await
    }

    /// Restarts the server with the same address and data.
    pub(crate) async fn restart(self) -> Self {
        self.stop.notify_one();
        self.served.await.unwrap();
        let config = Config {
            listen: self.address.to_string(),
            ..self.config
        };
        Self::serve(config, self._data).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn start_on(store: Option<StoreUrl>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = Config {
            listen: "127.0.0.1:0".to_owned(),
            admin_listen: "127.0.0.1:0".to_owned(),
            store,
            data_dir: data.path().to_owned(),
            limits: Limits::Off,
            ..Config::default()
        };
        Self::serve(config, data).await
    }

    async fn serve(config: Config, data: TempDir) -> Self {
        let listeners = Listeners::bind(&config).await.unwrap();
        let address = listeners.public.local_addr().unwrap();
        let app = compose::open(&config).await.unwrap();
        let stop = Arc::new(Notify::new());
        let served = tokio::spawn({
            let (config, stop) = (config.clone(), Arc::clone(&stop));
            async move { run(app, &config, listeners, async move { stop.notified().await }).await }
        });
        Self {
            config,
            address,
            stop,
            served,
            _data: data,
        }
    }
}
