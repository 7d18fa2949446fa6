//! The connection to the database, with the concerns and limits that everything here relies on.

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
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use super::error::{Fault, Key, Reply, is_passing};
use super::retry;
use super::retry::{Backoff, Deadline};
use crate::ports::{BoxError, RepositoryError};

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not one.
    #[error("the MongoDB address is not valid: {0}")]
    Address(#[source] BoxError),
    /// Nobody answers there.
    #[error("MongoDB at {hosts} can't be reached: {cause}")]
    Unreachable {
        /// Who was asked.
        hosts: String,
        /// What went wrong.
        #[source]
        cause: BoxError,
    },
    /// It is a single server that keeps no log of what it writes, so nothing can be acknowledged by a majority.
    #[error(
        "MongoDB at {hosts} is neither a replica set nor a sharded cluster; to make it a replica set, restart it with \
         `mongod --replSet rs0 …`, then run `mongosh --eval 'rs.initiate()'`"
    )]
    Standalone {
        /// Who was asked.
        hosts: String,
    },
    /// The collections could not be made, or are not as this version needs them.
    #[error("the MongoDB database `{database}` can't be used: {cause}")]
    Schema {
        /// Which database.
        database: String,
        /// What is wrong with it.
        #[source]
        cause: BoxError,
    },
}

impl ConnectError {
    pub(super) fn address(cause: Error) -> Self {
        Self::Address(cause.into())
    }
}

/// The database, and what this instance knows of its time.
#[derive(Clone)]
pub(super) struct Connection {
    client: Client,
    database: Database,
    /// The newest operation time that this instance was told. Reads ask for nothing older, so that after a failover
    /// the new primary does not show less than the old one has acknowledged.
    seen: Arc<AtomicU64>,
    closed: Arc<RwLock<bool>>,
    pass: Option<Arc<Pass>>,
}

/// Holds the store open.
type Pass = OwnedRwLockReadGuard<bool>;

/// The right to ask the database something, as long as the store is open.
pub(super) struct Session {
    session: ClientSession,
    seen: Arc<AtomicU64>,
    _pass: Arc<Pass>,
}

impl Connection {
    /// Connects, and refuses a server that can't keep our promises.
    pub(super) async fn open(mut options: ClientOptions, default_database: &str) -> Result<Self, ConnectError> {
        options.app_name = Some(APP_NAME.to_owned());
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
        if !hello.contains_key("setName") && hello.get_str("msg").ok() != Some("isdbgrid") {
            client.shutdown().immediate(true).await;
            return Err(ConnectError::Standalone { hosts });
        }
        Ok(Self {
            database: client.database(&name),
            client,
            seen: Arc::default(),
            closed: Arc::default(),
            pass: None,
        })
    }

    pub(super) const fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the database that commands about the server itself go to.
    pub(super) fn admin(&self) -> Database {
        let concern = DatabaseOptions::builder().read_concern(ReadConcern::local()).build();
        self.client.database_with_options("admin", concern)
    }

    pub(super) fn collection<D: Send + Sync>(&self, name: &str) -> Collection<D> {
        self.database.collection(name)
    }

    /// Returns the connection with the right to finish a task of several steps, even if the store is closed meanwhile.
    pub(super) async fn admit(&self) -> Result<Arc<Self>, RepositoryError> {
        let pass = self.pass().await?;
        Ok(Arc::new(Self {
            pass: Some(pass),
            ..self.clone()
        }))
    }

    async fn pass(&self) -> Result<Arc<Pass>, RepositoryError> {
        if let Some(pass) = &self.pass {
            return Ok(Arc::clone(pass));
        }
        let pass = Arc::clone(&self.closed).read_owned().await;
        if *pass {
            return Err(RepositoryError::unavailable("the store is closed"));
        }
        Ok(Arc::new(pass))
    }

    /// Opens a session: every read and every single write has one, so that it sees all that came before it.
    pub(super) async fn session(&self) -> Result<Session, RepositoryError> {
        let pass = self.pass().await?;
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

    /// Reads documents, in one query.
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

    /// Reads what a pipeline makes of a collection.
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

    /// Writes several documents in one command, once; of an [admitted](Self::admit) connection. An error leaves it unknown whether it was carried out.
    pub(super) async fn write(&self, mut command: RawDocumentBuf) -> DriverResult<Reply> {
        command.append(
            cstr!("writeConcern"),
            rawdoc! {"w": "majority", "j": true, "wtimeout": millis(retry::MAJORITY_TIMEOUT)},
        );
        command.append(cstr!("maxTimeMS"), millis(retry::WRITE_TIMEOUT));
        let answer = timed(retry::STEP_TIMEOUT, self.database.run_raw_command(command)).await?;
        if let Ok(time) = answer.get_timestamp("operationTime") {
            saw(&self.seen, time);
        }
        Reply::read(&RawDocumentBuf::try_from(&answer)?)
    }

    /// Adds one document; or returns the unique key that another one has.
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

    /// Writes what may be written twice, until it is acknowledged.
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

    /// Waits for what has begun, and lets go of the connections.
    pub(super) async fn close(&self) {
        let mut closed = self.closed.write().await;
        if !*closed {
            *closed = true;
            self.client.clone().shutdown().immediate(true).await;
        }
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
    /// Runs one step in the time that a step has.
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
        if let Some(time) = self.session.operation_time() {
            saw(&self.seen, time);
        }
    }
}

/// What the database is told that we are.
pub(super) const APP_NAME: &str = "letsapp";
/// How many documents one answer of the server holds at most.
const CURSOR_BATCH_SIZE: u32 = 4096;

/// What every write waits for.
pub(super) fn write_concern() -> WriteConcern {
    WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .w_timeout(retry::MAJORITY_TIMEOUT)
        .build()
}

/// Gives a step up after a while. Whether it was carried out is then not known; its connection is closed.
pub(super) async fn timed<T>(limit: Duration, step: impl IntoFuture<Output = DriverResult<T>>) -> DriverResult<T> {
    let silence = || Error::from(io::Error::new(io::ErrorKind::TimedOut, "the server is silent"));
    tokio::time::timeout(limit, step.into_future())
        .await
        .unwrap_or_else(|_| Err(silence()))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn saw(seen: &AtomicU64, time: Timestamp) {
    seen.fetch_max(pack(time), Ordering::AcqRel);
}

fn pack(time: Timestamp) -> u64 {
    u64::from(time.time) << 32 | u64::from(time.increment)
}

fn unpack(packed: u64) -> Option<Timestamp> {
    let low = |half: u64| u32::try_from(half & u64::from(u32::MAX)).expect("32 bits are left");
    (packed != 0).then(|| Timestamp {
        time: low(packed >> 32),
        increment: low(packed),
    })
}
