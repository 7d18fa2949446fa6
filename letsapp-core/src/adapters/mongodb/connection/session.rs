//! Sessions of the driver, which note the operation time of every reply.

use std::future::IntoFuture;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use mongodb::ClientSession;
use mongodb::error::Result as DriverResult;

use super::operation_time::saw;
use super::time_limit::timed;
use crate::adapters::mongodb::gate::Pass;
use crate::adapters::mongodb::retry;

/// A causally consistent session of the driver, which keeps the store open while it lives.
pub(in crate::adapters::mongodb) struct Session {
    session: ClientSession,
    seen: Arc<AtomicU64>,
    _pass: Arc<Pass>,
}

impl Session {
    /// Wraps a session. Its operation time is noted in `seen` when it is dropped.
    pub(super) const fn new(session: ClientSession, seen: Arc<AtomicU64>, pass: Arc<Pass>) -> Self {
        Self {
            session,
            seen,
            _pass: pass,
        }
    }

    /// Runs one step within [`retry::STEP_TIMEOUT`].
    pub(in crate::adapters::mongodb) async fn step<T>(
        step: impl IntoFuture<Output = DriverResult<T>>,
    ) -> DriverResult<T> {
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
