//! The job that reads the server's keys again, so that keys that were removed are no longer accepted.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::sessions::Sessions;

/// Interval at which the keys are read again. Added keys are picked up sooner, by the first token made with one.
const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

/// Reads the keys at each interval until it is aborted.
pub(crate) async fn reload(sessions: Arc<Sessions>) {
    let mut tick = tokio::time::interval(RELOAD_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick is due at once, and the keys were read at the start.
    tick.tick().await;
    loop {
        tick.tick().await;
        if let Err(error) = sessions.keyring.reload().await {
            tracing::warn!(%error, "reading the keys again failed; the former ones stay in use");
        }
    }
}
