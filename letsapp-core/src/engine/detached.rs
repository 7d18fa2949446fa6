//! What is seen through although whoever asked for it is gone: a server drops a request whose client hangs up.
//!
//! What this is not: the way by which conversations change. Their lanes carry out what they have taken by themselves.

use tracing::Instrument as _;

use crate::ports::RepositoryError;

/// Runs some work to its end, also where whoever waits for it gives up: so that what follows from a change in the store
/// follows from it whenever the store has made it.
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
    async fn what_was_begun_is_done_although_nobody_waits_for_it() {
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
    async fn a_fault_is_an_error() {
        let broken = run_detached::<(), _>(async { panic!("a fault of the store's code") }).await;
        assert!(matches!(broken, Err(RepositoryError::Internal(_))), "{broken:?}");
    }
}
