//! Running work to its end even if its caller goes away: a server drops the future of a request whose client hangs up.
//!
//! Changes of conversations don't need this, since the commit path finishes every submission that it has accepted.

use tracing::Instrument as _;

use crate::ports::RepositoryError;

/// Runs work to its end on a task of its own, even if the caller stops waiting. What has to follow from a change in the
/// store (events, caches to clear) then follows whenever the store has made the change.
///
/// # Errors
/// The error of the work itself, or [`RepositoryError::Internal`] if it panicked.
pub(crate) async fn run_detached<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<RepositoryError> + Send + 'static,
{
    match tokio::spawn(work.in_current_span()).await {
        Ok(outcome) => outcome,
        Err(fault) => Err(RepositoryError::internal(fault).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn work_is_finished_although_its_caller_is_gone() {
        let (go, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let work = {
            let (go, done) = (go.clone(), done.clone());
            async move {
                go.notified().await;
                done.notify_one();
                Ok::<_, RepositoryError>(())
            }
        };
        assert!(run_detached(work).now_or_never().is_none(), "it waits, and is dropped");
        go.notify_one();
        done.notified().await;
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let broken = run_detached::<(), _>(async { panic!("a fault of the store's code") }).await;
        assert!(matches!(broken, Err(RepositoryError::Internal(_))), "{broken:?}");
    }
}
