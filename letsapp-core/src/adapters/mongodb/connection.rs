//! Connection to the database, with the read and write concerns and the time limits that the whole adapter relies on.

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::raw::RawArrayBuf;
use mongodb::bson::{Document, RawDocumentBuf, Timestamp, cstr, doc, rawdoc, serialize_to_raw_document_buf};
use mongodb::error::{Error, Result as DriverResult};
use mongodb::options::{
    Acknowledgment, AggregateOptions, ClientOptions, DatabaseOptions, FindOptions, ReadConcern, ReadPreference,
    SelectionCriteria, WriteConcern,
};
use mongodb::{Client, ClientSession, Collection, Database};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::connect_error::ConnectError;
use super::error::{Fault, Key, Reply, is_passing};
use super::gate::{Gate, Pass};
use super::retry;
use super::retry::{Backoff, Deadline};
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

/// A causally consistent session of the driver, which keeps the store open while it lives.
pub(super) struct Session {
    session: ClientSession,
    seen: Arc<AtomicU64>,
    _pass: Arc<Pass>,
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
        Ok(Session {
            session,
            seen: Arc::clone(&self.seen),
            _pass: pass,
        })
    }

    /// Returns the newest operation time that this server has seen, [packed](pack). Every later read shows all changes
    /// up to it.
    pub(super) fn newest_seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    /// Reads the documents that a filter selects, in one query.
    ///
    /// # Errors
    /// [`RepositoryError`] if the query fails or takes longer than [`retry::STEP_TIMEOUT`].
    pub(super) async fn find<D>(
        &self,
        collection: &str,
        filter: Document,
        options: FindOptions,
    ) -> Result<Vec<D>, RepositoryError>
    where
        D: DeserializeOwned + Send + Sync,
    {
        let mut session = self.session().await?;
        let query = async {
            let collection = self.collection::<D>(collection);
            let mut options = options;
            options.batch_size.get_or_insert(CURSOR_BATCH_SIZE);
            let found = collection.find(filter).with_options(options).session(&mut *session);
            found.await?.stream(&mut session).try_collect().await
        };
        Ok(timed(retry::STEP_TIMEOUT, query).await?)
    }

    /// Reads the documents that an aggregation pipeline returns.
    ///
    /// # Errors
    /// [`RepositoryError`] if the query fails or takes longer than [`retry::STEP_TIMEOUT`].
    pub(super) async fn aggregate<D>(
        &self,
        collection: &str,
        pipeline: Vec<Document>,
        mut options: AggregateOptions,
    ) -> Result<Vec<D>, RepositoryError>
    where
        D: DeserializeOwned + Send + Sync,
    {
        let mut session = self.session().await?;
        options.batch_size.get_or_insert(CURSOR_BATCH_SIZE);
        let query = async {
            let collection = self.collection::<Document>(collection);
            let made = collection.aggregate(pipeline).with_type::<D>().with_options(options);
            made.session(&mut *session)
                .await?
                .stream(&mut session)
                .try_collect()
                .await
        };
        Ok(timed(retry::STEP_TIMEOUT, query).await?)
    }

    /// Sends a write command once, without retries; for an [admitted](Self::admit) connection.
    ///
    /// # Errors
    /// The driver's error. Unless it is a refusal, the command may have been carried out nevertheless.
    pub(super) async fn write(&self, command: RawDocumentBuf) -> DriverResult<Reply> {
        self.write_within(command, retry::WRITE_TIMEOUT, retry::STEP_TIMEOUT)
            .await
    }

    /// Sends a write command like [`write`](Self::write), with time limits of its own: for the server's work, and for
    /// the reply to arrive.
    ///
    /// # Errors
    /// The driver's error, as for [`write`](Self::write).
    pub(super) async fn write_within(
        &self,
        mut command: RawDocumentBuf,
        server_limit: Duration,
        client_limit: Duration,
    ) -> DriverResult<Reply> {
        command.append(
            cstr!("writeConcern"),
            rawdoc! {"w": "majority", "j": true, "wtimeout": millis(retry::MAJORITY_TIMEOUT)},
        );
        command.append(cstr!("maxTimeMS"), millis(server_limit));
        // Without a session, which a single write does not need; its operation time is noted below.
        let answer = timed(client_limit, self.database.run_raw_command(command)).await;
        // Errors have an operation time too. A read that asks for it sees what an interrupted command has written.
        let time = match &answer {
            Ok(answer) => answer.get_timestamp("operationTime").ok(),
            Err(error) => error
                .server_response()
                .and_then(|answer| answer.get_timestamp("operationTime").ok()),
        };
        if let Some(time) = time {
            saw(&self.seen, time);
        }
        Reply::read(&RawDocumentBuf::try_from(&answer?)?)
    }

    /// Inserts one document, or returns the unique key that another document already has.
    ///
    /// # Errors
    /// [`RepositoryError`] for any failure but a duplicate key.
    pub(super) async fn insert(
        &self,
        collection: &str,
        document: &impl Serialize,
    ) -> Result<Option<Key>, RepositoryError> {
        let document = serialize_to_raw_document_buf(document).map_err(RepositoryError::internal)?;
        let mut command = rawdoc! {"insert": collection};
        command.append(cstr!("documents"), RawArrayBuf::from_iter([document]));
        let reply = self.admit().await?.write(command).await?;
        match (reply.refusal.map(|refusal| refusal.fault), reply.unconfirmed) {
            (None, None) => Ok(None),
            (Some(Fault::Duplicate(key)), _) => Ok(Some(key)),
            (Some(Fault::Lasting(cause)), _) => Err(RepositoryError::internal(cause)),
            (Some(Fault::Passing(cause)), _) | (None, Some(cause)) => Err(RepositoryError::unavailable(cause)),
        }
    }

    /// Sends an idempotent write command until a majority acknowledges it.
    ///
    /// # Errors
    /// [`RepositoryError::Internal`] if the server refuses it for good, [`RepositoryError::Unavailable`] if it is not
    /// acknowledged within [`retry::COMMIT_TIMEOUT`].
    pub(super) async fn persist(&self, command: RawDocumentBuf) -> Result<(), RepositoryError> {
        let deadline = Deadline::after(retry::COMMIT_TIMEOUT);
        let mut backoff = Backoff::new();
        loop {
            let failure = match self.write(command.clone()).await {
                Ok(Reply {
                    refusal: None,
                    unconfirmed: None,
                    ..
                }) => return Ok(()),
                Ok(reply) => match reply.refusal.map(|refusal| refusal.fault) {
                    Some(Fault::Lasting(cause)) => return Err(RepositoryError::internal(cause)),
                    _ => RepositoryError::unavailable("not acknowledged by a majority"),
                },
                Err(error) if is_passing(&error) => RepositoryError::unavailable(error),
                Err(error) => return Err(RepositoryError::internal(error)),
            };
            if deadline.has_passed() {
                return Err(failure);
            }
            backoff.pause().await;
        }
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

impl Session {
    /// Runs one step within [`retry::STEP_TIMEOUT`].
    pub(super) async fn step<T>(step: impl IntoFuture<Output = DriverResult<T>>) -> DriverResult<T> {
        timed(retry::STEP_TIMEOUT, step).await
    }
}

impl Deref for Session {
    type Target = ClientSession;

    fn deref(&self) -> &ClientSession {
        &self.session
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut ClientSession {
        &mut self.session
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // On drop, so that no path out of an operation forgets to note the time.
        if let Some(time) = self.session.operation_time() {
            saw(&self.seen, time);
        }
    }
}

/// Application name that MongoDB shows for this client's connections and sessions.
pub(super) const APP_NAME: &str = "letsapp";
/// Maximum number of documents per reply of a query. Larger than any roster, so that nearly every query takes one round
/// trip; the server's default for the first reply is 101.
const CURSOR_BATCH_SIZE: u32 = 4096;

/// Returns the write concern of every write: the journal of a majority.
pub(super) fn write_concern() -> WriteConcern {
    WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .w_timeout(retry::MAJORITY_TIMEOUT)
        .build()
}

/// Runs a step with a time limit. A step that is given up may have been carried out nevertheless; the driver closes
/// its connection.
pub(super) async fn timed<T>(limit: Duration, step: impl IntoFuture<Output = DriverResult<T>>) -> DriverResult<T> {
    tokio::time::timeout(limit, step.into_future())
        .await
        .unwrap_or_else(|_| Err(silence()))
}

/// Returns the error of a step that took too long.
pub(super) fn silence() -> Error {
    let cause = io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time");
    Error::from(cause)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Raises the newest operation time seen; an older time changes nothing.
fn saw(seen: &AtomicU64, time: Timestamp) {
    seen.fetch_max(pack(time), Ordering::AcqRel);
}

/// Packs an operation time into one integer of the same order, so that a plain atomic can hold the maximum.
pub(super) fn pack(time: Timestamp) -> u64 {
    u64::from(time.time) << 32 | u64::from(time.increment)
}

/// Unpacks an operation time; `None` for 0, before any was seen.
pub(super) fn unpack(packed: u64) -> Option<Timestamp> {
    let low = |half: u64| u32::try_from(half & u64::from(u32::MAX)).expect("32 bits are left");
    (packed != 0).then(|| Timestamp {
        time: low(packed >> 32),
        increment: low(packed),
    })
}
