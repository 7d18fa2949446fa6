//! Connection to the database, with the read and write concerns and the time limits that the whole adapter relies on.

mod operation_time;
mod reads;
mod session;
mod time_limit;
mod writes;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mongodb::bson::doc;
use mongodb::options::{
    Acknowledgment, ClientOptions, DatabaseOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection, Database};
use tokio::sync::OnceCell;

pub(super) use self::operation_time::{pack, unpack};
pub(super) use self::session::Session;
pub(super) use self::time_limit::{silence, timed};
use super::connect_error::ConnectError;
use super::gate::{Gate, Pass};
use super::retry;
use super::topology::Topology;
use crate::ports::RepositoryError;

/// Client for one database, with the newest operation time that this server has seen.
#[derive(Clone)]
pub(super) struct Connection {
    client: Client,
    database: Database,
    topology: Topology,
    /// Newest operation time in any reply of the server, packed by [`pack`]; 0 before the first. Reads ask for nothing
    /// older, so that after a failover the new primary does not show less than the old one has acknowledged.
    seen: Arc<AtomicU64>,
    /// Gate through which operations pass until the store is closed.
    gate: Arc<Gate>,
    /// Set once the driver's connections are closed.
    ended: Arc<OnceCell<()>>,
    /// Pass of an [admitted](Self::admit) connection, shared by all its steps.
    pass: Option<Arc<Pass>>,
}

impl Connection {
    /// Connects, and refuses a server that can't acknowledge writes by a majority.
    ///
    /// # Errors
    /// [`ConnectError`] if the options are not valid, no server answers, or the server is standalone.
    pub(super) async fn open(mut options: ClientOptions, default_database: &str) -> Result<Self, ConnectError> {
        options.app_name = Some(APP_NAME.to_owned());
        // Enough for the parallel commands of commits and for reads beside them; the driver's default of 10
        // would make reads queue behind commits. An address may set another size.
        options.max_pool_size.get_or_insert(64);
        options.connect_timeout = Some(retry::SERVER_SELECTION_TIMEOUT);
        options.server_selection_timeout = Some(retry::SERVER_SELECTION_TIMEOUT);
        options.read_concern = Some(ReadConcern::majority());
        options.write_concern = Some(write_concern());
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let hosts = options
            .hosts
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        let name = options
            .default_database
            .clone()
            .unwrap_or_else(|| default_database.to_owned());

        let client = Client::with_options(options).map_err(ConnectError::address)?;
        let admin = client.database("admin");
        let hello = match timed(retry::STEP_TIMEOUT, admin.run_command(doc! {"hello": 1})).await {
            Ok(hello) => hello,
            Err(cause) => {
                client.shutdown().immediate(true).await;
                return Err(ConnectError::Unreachable {
                    hosts,
                    cause: cause.into(),
                });
            }
        };
        // A member of a replica set names its set, and a router of a sharded cluster says `isdbgrid`.
        let topology = if hello.contains_key("setName") {
            Topology::ReplicaSet
        } else if hello.get_str("msg").ok() == Some("isdbgrid") {
            Topology::Sharded
        } else {
            client.shutdown().immediate(true).await;
            return Err(ConnectError::Standalone { hosts });
        };
        Ok(Self {
            database: client.database(&name),
            client,
            topology,
            seen: Arc::default(),
            gate: Arc::default(),
            ended: Arc::default(),
            pass: None,
        })
    }

    /// Returns the database that holds the collections.
    pub(super) const fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the arrangement of the database's servers.
    pub(super) const fn topology(&self) -> Topology {
        self.topology
    }

    /// Returns the `admin` database, for commands about the server itself. `$currentOp` accepts no read concern but
    /// local.
    pub(super) fn admin(&self) -> Database {
        let concern = DatabaseOptions::builder().read_concern(ReadConcern::local()).build();
        self.client.database_with_options("admin", concern)
    }

    /// Returns a collection of the database.
    pub(super) fn collection<D: Send + Sync>(&self, name: &str) -> Collection<D> {
        self.database.collection(name)
    }

    /// Returns the connection with a pass for a task of several steps, so that closing the store waits for the task.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] if the store is closed.
    pub(super) async fn admit(&self) -> Result<Arc<Self>, RepositoryError> {
        let pass = self.pass()?;
        Ok(Arc::new(Self {
            pass: Some(pass),
            ..self.clone()
        }))
    }

    /// Returns a pass: the connection's own if it has one, else a new one unless the store is closed.
    fn pass(&self) -> Result<Arc<Pass>, RepositoryError> {
        if let Some(pass) = &self.pass {
            // Not a second one, which a closing store refuses: a task that has begun is carried out as a whole.
            return Ok(Arc::clone(pass));
        }
        let pass = self.gate.enter();
        let pass = pass.ok_or_else(|| RepositoryError::unavailable("the store is closed"))?;
        Ok(Arc::new(pass))
    }

    /// Opens a session that reads nothing older than the newest operation time seen. Every read and every single write
    /// uses one.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] if the store is closed or no server is found.
    pub(super) async fn session(&self) -> Result<Session, RepositoryError> {
        let pass = self.pass()?;
        let mut session = self.client.start_session().causal_consistency(true).await?;
        if let Some(seen) = unpack(self.seen.load(Ordering::Acquire)) {
            session.advance_operation_time(seen);
        }
        Ok(Session::new(session, Arc::clone(&self.seen), pass))
    }

    /// Returns the newest operation time that this server has seen, [packed](pack). Every later read shows all changes
    /// up to it.
    pub(super) fn newest_seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    /// Closes the store: waits for operations under way, then closes the driver's connections. Later operations fail. A
    /// second call waits until the first is done.
    pub(super) async fn close(&self) {
        let end = || async {
            self.gate.close().await;
            self.client.clone().shutdown().immediate(true).await;
        };
        self.ended.get_or_init(end).await;
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("database", &self.database.name())
            .finish_non_exhaustive()
    }
}

/// Application name that MongoDB shows for this client's connections and sessions.
pub(super) const APP_NAME: &str = "letsapp";

/// Returns the write concern of every write: the journal of a majority.
pub(super) fn write_concern() -> WriteConcern {
    WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .w_timeout(retry::MAJORITY_TIMEOUT)
        .build()
}
