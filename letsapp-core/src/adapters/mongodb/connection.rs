//! The connection to the database, with the concerns and limits that everything here relies on.

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, Timestamp, doc, rawdoc};
use mongodb::error::{Error, Result as DriverResult};
use mongodb::options::{
    Acknowledgment, AggregateOptions, ClientOptions, FindOptions, ReadConcern, ReadPreference, SelectionCriteria,
    WriteConcern,
};
use mongodb::{Client, ClientSession, Collection, Database};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use super::error::{Reply, is_passing};
use super::patience::{self, Backoff, Deadline};
use crate::storage::{BoxError, RepositoryError};

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
pub(super) struct Connection {
    client: Client,
    database: Database,
    /// The newest operation time that this instance was told. Reads ask for nothing older, so that after a failover
    /// the new primary does not show less than the old one has acknowledged.
    seen: AtomicU64,
    closed: Arc<RwLock<bool>>,
}

/// The right to ask the database something, as long as the store is open.
pub(super) struct Session {
    session: ClientSession,
    connection: Arc<Connection>,
    _open: OwnedRwLockReadGuard<bool>,
}

impl Connection {
    /// Connects, and refuses a server that can't keep our promises.
    pub(super) async fn open(mut options: ClientOptions, default_database: &str) -> Result<Self, ConnectError> {
        options.app_name.get_or_insert_with(|| "letsapp".to_owned());
        options.max_pool_size.get_or_insert(64);
        options.connect_timeout = Some(patience::SELECTION);
        options.server_selection_timeout = Some(patience::SELECTION);
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
        let hello = match timed(patience::STEP, admin.run_command(doc! {"hello": 1})).await {
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
            seen: AtomicU64::new(0),
            closed: Arc::default(),
        })
    }

    pub(super) const fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn collection<D: Send + Sync>(&self, name: &str) -> Collection<D> {
        self.database.collection(name)
    }

    /// Opens a session: every read and every single write has one, so that it sees all that came before it.
    pub(super) async fn session(self: &Arc<Self>) -> Result<Session, RepositoryError> {
        let open = Arc::clone(&self.closed).read_owned().await;
        if *open {
            return Err(RepositoryError::unavailable("the store is closed"));
        }
        let mut session = self.client.start_session().causal_consistency(true).await?;
        if let Some(seen) = unpack(self.seen.load(Ordering::Acquire)) {
            session.advance_operation_time(seen);
        }
        Ok(Session {
            session,
            connection: Arc::clone(self),
            _open: open,
        })
    }

    /// Reads documents, in one query.
    pub(super) async fn find<D>(
        self: &Arc<Self>,
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
            options.batch_size.get_or_insert(BATCH);
            let found = collection.find(filter).with_options(options).session(&mut *session);
            found.await?.stream(&mut session).try_collect().await
        };
        Ok(timed(patience::STEP, query).await?)
    }

    /// Reads what a pipeline makes of a collection.
    pub(super) async fn aggregate<D>(
        self: &Arc<Self>,
        collection: &str,
        pipeline: Vec<Document>,
    ) -> Result<Vec<D>, RepositoryError>
    where
        D: DeserializeOwned + Send + Sync,
    {
        let mut session = self.session().await?;
        let options = AggregateOptions::builder().batch_size(BATCH).build();
        let query = async {
            let collection = self.collection::<Document>(collection);
            let made = collection.aggregate(pipeline).with_type::<D>().with_options(options);
            made.session(&mut *session)
                .await?
                .stream(&mut session)
                .try_collect()
                .await
        };
        Ok(timed(patience::STEP, query).await?)
    }

    /// Writes several documents in one command, once. An error leaves it unknown whether it was carried out.
    pub(super) async fn write(&self, mut command: RawDocumentBuf) -> DriverResult<Reply> {
        command.append(
            mongodb::bson::cstr!("writeConcern"),
            rawdoc! {"w": "majority", "j": true, "wtimeout": i64::try_from(patience::MAJORITY.as_millis()).unwrap_or(i64::MAX)},
        );
        let answer = timed(patience::STEP, self.database.run_raw_command(command)).await?;
        if let Ok(time) = answer.get_timestamp("operationTime") {
            self.has_seen(Some(time));
        }
        Reply::read(&RawDocumentBuf::try_from(&answer)?)
    }

    /// Writes what may be written twice, until it is acknowledged.
    pub(super) async fn persist(&self, command: RawDocumentBuf) -> Result<(), RepositoryError> {
        let deadline = Deadline::after(patience::COMMIT);
        let mut backoff = Backoff::new();
        loop {
            let failure = match self.write(command.clone()).await {
                Ok(Reply {
                    refusal: None,
                    unconfirmed: None,
                    ..
                }) => return Ok(()),
                Ok(reply) => match reply.refusal.map(|refusal| refusal.fault) {
                    Some(super::error::Fault::Lasting(cause)) => return Err(RepositoryError::internal(cause)),
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

    fn has_seen(&self, time: Option<Timestamp>) {
        if let Some(time) = time {
            self.seen.fetch_max(pack(time), Ordering::AcqRel);
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
        timed(patience::STEP, step).await
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
        self.connection.has_seen(self.session.operation_time());
    }
}

/// How many documents one answer of the server holds at most.
const BATCH: u32 = 4096;

/// What every write waits for.
pub(super) fn write_concern() -> WriteConcern {
    WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .w_timeout(patience::MAJORITY)
        .build()
}

/// Gives a step up after a while. Whether it was carried out is then not known; its connection is closed.
pub(super) async fn timed<T>(limit: Duration, step: impl IntoFuture<Output = DriverResult<T>>) -> DriverResult<T> {
    let silence = || Error::from(io::Error::new(io::ErrorKind::TimedOut, "the server is silent"));
    tokio::time::timeout(limit, step.into_future())
        .await
        .unwrap_or_else(|_| Err(silence()))
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
