//! Closing connections whose sessions were ended by another server.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::error::AuthError;
use crate::engine::events::Hub;
use crate::engine::sessions::Sessions;

/// Interval between two checks of all connected sessions: the longest time for which a connection outlives a session
/// that was ended on another server.
const RECHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Closes, every few seconds, the connections whose sessions were ended by another server.
pub(crate) async fn recheck(sessions: Arc<Sessions>, hub: Arc<Hub>) {
    let mut tick = tokio::time::interval(RECHECK_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let connected = hub.principals();
        if connected.is_empty() {
            continue;
        }
        if let Err(AuthError::Store(error)) = sessions.recheck(connected).await {
            tracing::warn!(%error, "checking the sessions of connections failed; it is tried again in a few seconds");
        }
    }
}
