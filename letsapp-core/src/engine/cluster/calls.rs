//! Time limits of calls of the bus.

use std::time::Duration;

use tokio::time::timeout;

use crate::ports::BusError;

/// Time that the bus has for one call. After that the call counts as failed.
const BUS_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits for a call of the bus, at most [`BUS_TIMEOUT`].
pub(super) async fn within<T>(call: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    match timeout(BUS_TIMEOUT, call).await {
        Ok(result) => result,
        Err(_) => Err(BusError::new("no answer in time")),
    }
}

/// Waits before a call that has failed is tried again.
pub(super) async fn pause(length: Duration) {
    let _over = timeout(length, std::future::pending::<()>()).await;
}
