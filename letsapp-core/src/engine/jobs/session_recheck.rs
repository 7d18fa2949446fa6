//! Ending the connections whose sessions were ended elsewhere.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::error::AuthError;
use crate::engine::events::Hub;
use crate::engine::sessions::Sessions;

/// How often the sessions of all who are connected are looked up: one that was ended elsewhere stops within this.
const RECHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Ends, every few seconds, the connections whose sessions were ended elsewhere.
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
            tracing::warn!(%error, "sessions could not be rechecked");
        }
    }
}
