use std::panic::Location;
use std::time::{Duration, Instant};

/// Waits until `condition` holds.
///
/// The deadline is in real time, also under a paused tokio clock.
///
/// # Panics
///
/// If the condition doesn't hold by the deadline; the message names the caller.
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

/// Waits until `attempt` yields something, and returns it.
///
/// # Panics
///
/// If there is nothing by the deadline; the message names the caller.
#[track_caller]
pub fn until_some<T, F>(deadline: Duration, attempt: impl FnMut() -> F) -> impl Future<Output = T>
where
    F: Future<Output = Option<T>>,
{
    poll(deadline, attempt, Location::caller())
}

async fn poll<T, F>(deadline: Duration, mut attempt: impl FnMut() -> F, caller: &'static Location<'static>) -> T
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(outcome) = attempt().await {
            return outcome;
        }
        assert!(start.elapsed() < deadline, "still waiting after {deadline:?}: {caller}");
        crate::runtime::pause(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
