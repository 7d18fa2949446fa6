//! Time limits of steps.

use std::future::IntoFuture;
use std::io;
use std::time::Duration;

use mongodb::error::{Error, Result as DriverResult};

/// Runs a step with a time limit. A step that is given up may have been carried out nevertheless; the driver closes
/// its connection.
pub(in crate::adapters::mongodb) async fn timed<T>(
    limit: Duration,
    step: impl IntoFuture<Output = DriverResult<T>>,
) -> DriverResult<T> {
    tokio::time::timeout(limit, step.into_future())
        .await
        .unwrap_or_else(|_| Err(silence()))
}

/// Returns the error of a step that took too long.
pub(in crate::adapters::mongodb) fn silence() -> Error {
    let cause = io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time");
    Error::from(cause)
}
