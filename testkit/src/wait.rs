//! Waiting for conditions instead of sleeping.

use std::panic::Location;
use std::time::Duration;

use crate::runtime::pause;

/// Waits until `condition` holds.
///
/// `deadline` counts in real time, even if tokio's clock is paused.
///
/// # Panics
///
/// Panics if the condition doesn't hold by the deadline. The message names the caller.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # letsapp_testkit::block_on(async {
/// letsapp_testkit::until(Duration::from_secs(5), async || 1 + 1 == 2).await;
/// # });
/// ```
#[track_caller]
pub fn until<F>(deadline: Duration, mut condition: impl FnMut() -> F) -> impl Future<Output = ()>
where
    F: Future<Output = bool>,
{
    let attempt = move || {
        let holds = condition();
        async move { holds.await.then_some(()) }
    };
    poll(deadline, attempt, Location::caller())
}

/// Waits until `attempt` returns a value, and returns that.
///
/// # Panics
///
/// Panics if there is none by the deadline. The message names the caller.
#[track_caller]
pub fn until_some<T, F>(deadline: Duration, attempt: impl FnMut() -> F) -> impl Future<Output = T>
where
    F: Future<Output = Option<T>>,
{
    poll(deadline, attempt, Location::caller())
}

async fn poll<T, F>(deadline: Duration, attempt: impl FnMut() -> F, caller: &'static Location<'static>) -> T
where
    F: Future<Output = Option<T>>,
{
    tokio::select! {
        outcome = retry(attempt) => outcome,
        () = pause(deadline) => panic!("still waiting after {deadline:?}: {caller}"),
    }
}

async fn retry<T, F>(mut attempt: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let mut wait = Duration::from_millis(1);
    loop {
        if let Some(outcome) = attempt().await {
            return outcome;
        }
        pause(wait).await;
        wait = (wait * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test(start_paused = true)]
    async fn a_condition_is_tried_until_it_holds() {
        let tries = Cell::new(0);
        let counted = until_some(LONG, || async {
            tries.set(tries.get() + 1);
            (tries.get() == 5).then_some("five")
        });
        assert_eq!(counted.await, "five");
    }

    #[tokio::test]
    #[should_panic(expected = "wait.rs")]
    async fn a_condition_that_never_holds_fails_where_it_was_stated() {
        until(SHORT, || async { false }).await;
    }

    #[tokio::test]
    #[should_panic(expected = "still waiting after 20ms")]
    async fn an_attempt_that_never_ends_does_not_outlast_the_deadline() {
        until(SHORT, pending::<bool>).await;
    }
}
