//! The connection for commands, shared by all callers, and made anew after a failure.

use std::future::pending;
use std::time::Duration;

use redis::{FromRedisValue, Pipeline, RedisError};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::connector::{Connector, Link};
use crate::ports::BusError;

/// Time limit of a call, connecting included.
pub(super) const CALL_LIMIT: Duration = Duration::from_millis(1_800);

/// The connection for commands.
///
/// After a failure the next call connects again, so that nothing waits in the queue of a connection that is dead.
pub(super) struct Commands {
    connector: Connector,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    link: Option<Link>,
    /// Number of links made so far.
    made: u64,
}

impl Commands {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            current: Mutex::default(),
        }
    }

    pub(super) const fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Sends commands at once, and returns their replies. In a cluster all keys and channels are of one slot.
    ///
    /// # Errors
    /// [`BusError`] if there is no answer within [`CALL_LIMIT`], or one of the commands failed.
    pub(super) async fn run<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, BusError> {
        within(async {
            let (number, mut link) = self.link().await?;
            let answer = link.run(commands).await;
            if let Err(error) = &answer
                && (error.is_io_error() || error.is_unrecoverable_error())
            {
                self.give_up(number).await;
            }
            answer
        })
        .await
    }

    /// Returns the connection and its number. Makes one if there is none.
    async fn link(&self) -> Result<(u64, Link), RedisError> {
        let mut current = self.current.lock().await;
        if let Some(link) = &current.link {
            return Ok((current.made, link.clone()));
        }
        let link = self.connector.open().await?;
        current.made += 1;
        current.link = Some(link.clone());
        Ok((current.made, link))
    }

    /// Drops the connection that failed, unless it has been replaced already.
    async fn give_up(&self, number: u64) {
        let mut current = self.current.lock().await;
        if current.made == number {
            current.link = None;
        }
    }
}

/// Waits for a call, at most [`CALL_LIMIT`].
pub(super) async fn within<T>(call: impl Future<Output = Result<T, RedisError>>) -> Result<T, BusError> {
    match timeout(CALL_LIMIT, call).await {
        Ok(outcome) => outcome.map_err(BusError::new),
        Err(_) => Err(BusError::new("Redis did not answer in time")),
    }
}

/// Waits for a while, before something is tried again.
pub(super) async fn pause(length: Duration) {
    let _over = timeout(length, pending::<()>()).await;
}
