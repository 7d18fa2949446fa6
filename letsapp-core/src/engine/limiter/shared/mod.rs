//! Limits that several servers count together.
//!
//! Each server counts for itself first. Where a request can wait a moment, the shared count is asked too, and the stricter
//! decision holds; if it does not answer in time, this server's own holds. Uses on sockets, which are many and must keep
//! their order, are added to the shared count behind, and what it says holds from then on.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::domain::limit::{Class, Decision, Quota};
use crate::domain::steady_time::SteadyTime;
use crate::engine::limiter::subject::Subject;
use crate::ports::{BusError, Excess, PaceStep, SharedPaces};

/// Time that a request waits for the shared count.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(100);

/// Time for which the shared count is not asked after it has failed: requests must not all wait for what is down.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Largest number of keys that wait to be reported. Beyond it, uses are counted by this server alone.
const MAX_WAITING: usize = 16_384;

/// Largest number of keys that are reported at once.
const BATCH: usize = 512;

/// The shared count, and what is to be added to it.
pub(super) struct SharedLimits {
    paces: Arc<dyn SharedPaces>,
    waiting: Mutex<HashMap<(Class, Subject), (Quota, u32)>>,
    wake: Notify,
}

impl SharedLimits {
    pub(super) fn new(paces: Arc<dyn SharedPaces>) -> Self {
        Self {
            paces,
            waiting: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Steps the shared count.
    pub(super) async fn step(
        &self,
        class: Class,
        subject: Subject,
        quota: Quota,
        cost: u32,
    ) -> Result<Decision, BusError> {
        let step = PaceStep {
            key: key(class, subject),
            quota,
            cost,
            excess: Excess::Denied,
        };
        let steps = [step];
        let answered = timeout(ANSWER_TIMEOUT, self.paces.step(&steps)).await;
        let decisions = answered.map_err(|_| BusError::new("no answer in time"))??;
        decisions.first().copied().ok_or_else(|| BusError::new("no decision"))
    }

    /// Notes a use that this server has counted, to be added to the shared count.
    pub(super) fn report(&self, class: Class, subject: Subject, quota: Quota, cost: u32) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MAX_WAITING && !waiting.contains_key(&(class, subject)) {
            return;
        }
        let (_, costs) = waiting.entry((class, subject)).or_insert((quota, 0));
        *costs = costs.saturating_add(cost);
        drop(waiting);
        self.wake.notify_one();
    }

    /// Adds the uses on sockets to the shared count, until `adopt`, which takes what the count says, breaks.
    pub(super) async fn report_uses(&self, adopt: impl Fn(Class, Subject, Decision) -> ControlFlow<()>) {
        loop {
            self.wake.notified().await;
            loop {
                let uses = self.take();
                if uses.is_empty() {
                    break;
                }
                let steps: Vec<_> = uses
                    .iter()
                    .map(|((class, subject), (quota, cost))| PaceStep {
                        key: key(*class, *subject),
                        quota: *quota,
                        cost: *cost,
                        excess: Excess::Charged,
                    })
                    .collect();
                match timeout(FAILURE_PAUSE, self.paces.step(&steps)).await {
                    Ok(Ok(decisions)) => {
                        for (((class, subject), _), decision) in uses.into_iter().zip(decisions) {
                            if adopt(class, subject, decision).is_break() {
                                return;
                            }
                        }
                    }
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "uses were not added to the shared limits");
                        let _pause = timeout(FAILURE_PAUSE, std::future::pending::<()>()).await;
                    }
                    Err(_) => tracing::debug!("uses were not added to the shared limits in time"),
                }
            }
        }
    }

    fn take(&self) -> Vec<((Class, Subject), (Quota, u32))> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() <= BATCH {
            return waiting.drain().collect();
        }
        let keys: Vec<_> = waiting.keys().take(BATCH).copied().collect();
        keys.into_iter().filter_map(|key| waiting.remove_entry(&key)).collect()
    }
}

fn key(class: Class, subject: Subject) -> String {
    match subject {
        Subject::Client(client) => format!("{}:{client}", class.as_str()),
        Subject::User(user_id) => format!("{}:{user_id}", class.as_str()),
    }
}

/// Keeps requests from asking a shared count that has just failed.
#[derive(Debug, Default)]
pub(super) struct Breaker(AtomicI64);

impl Breaker {
    pub(super) fn is_open(&self, now: SteadyTime) -> bool {
        now.as_millis() < self.0.load(Ordering::Relaxed)
    }

    pub(super) fn open(&self, now: SteadyTime) {
        let until = now.plus(FAILURE_PAUSE).as_millis();
        self.0.store(until, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
