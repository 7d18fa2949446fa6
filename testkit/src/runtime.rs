//! Runtime of the crate itself, for tests without one, or with a paused clock.

use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// Runtime for the crate's own waiting, since runtimes of tests come and go, and some have a paused clock.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("testkit")
        .enable_all()
        .build()
        .expect("the system gives a test process one more thread")
});

/// Runs a future on a new thread, and blocks the calling thread until the future is done.
///
/// Works anywhere, even inside a runtime.
///
/// # Panics
///
/// Panics if the future does.
pub fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime
            .expect("the system gives a test process a few more file descriptors")
            .block_on(future)
    };
    std::thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

/// Runs a future on the crate's own runtime, without blocking the caller's.
pub(crate) async fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    RUNTIME
        .spawn(future)
        .await
        .unwrap_or_else(|failure| resume_unwind(failure.into_panic()))
}

/// Waits in real time, even if the clock of the caller's runtime is paused.
pub(crate) async fn pause(duration: Duration) {
    run(async move { tokio::time::sleep(duration).await }).await;
}
