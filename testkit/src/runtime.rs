use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// Services are shared by tests that each bring, and end, a runtime of their own; what the kit itself awaits must not
/// end with one of those.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("testkit")
        .enable_all()
        .build()
        .expect("the system gives a test process one more thread")
});

/// Runs a future to its end on the kit's own runtime, and blocks the calling thread for as long.
///
/// May be called from anywhere, from inside another runtime too.
///
/// # Panics
///
/// If the future panics.
pub fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let (reply, answer) = mpsc::sync_channel(1);
    RUNTIME.spawn(async move {
        let _ = reply.send(future.await);
    });
    answer
        .recv()
        .expect("the future doesn't panic; if it did, its message is above")
}

/// Runs a future on the kit's own runtime without blocking the caller's.
pub(crate) async fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    unwind(RUNTIME.spawn(future).await)
}

/// Waits in real time, whatever the caller's clock says.
pub(crate) async fn pause(duration: Duration) {
    run(async move { tokio::time::sleep(duration).await }).await;
}

fn unwind<T>(outcome: Result<T, tokio::task::JoinError>) -> T {
    outcome.unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()))
}
