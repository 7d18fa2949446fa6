//! Keeping the clock at the time of the store, or of the computer where no other server shares the store.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::ports::{Anchor, Clock, Repositories, RepositoryError};

/// Interval between two corrections. Clocks of computers drift apart by a few milliseconds in this time.
const ANCHOR_INTERVAL: Duration = Duration::from_secs(30);

/// Corrects the clock once.
///
/// # Errors
/// [`RepositoryError`] if the store does not tell its time.
pub(crate) async fn anchor(store: &dyn Repositories, clock: &dyn Clock) -> Result<(), RepositoryError> {
    let time = store.time().await?;
    clock.anchor(time.map_or(Anchor::Computer, Anchor::Store));
    Ok(())
}

/// Corrects the clock every half minute. The store is not kept open for it.
pub(crate) async fn keep(store: Weak<dyn Repositories>, clock: Arc<dyn Clock>) {
    let mut tick = tokio::time::interval(ANCHOR_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(store) = store.upgrade() else { return };
        if let Err(error) = anchor(&*store, &*clock).await {
            tracing::debug!(%error, "the store does not tell its time; the clock goes on by itself");
        }
    }
}
