use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// Where the kit itself waits: the runtimes of tests come and go, and some have a clock that is not the time.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("testkit")
        .enable_all()
        .build()
        .expect("the system gives a test process one more thread")
});

/// Runs a future to its end on a thread of its own, and blocks the calling thread for as long.
///
/// May be called from anywhere, from inside a runtime too.
///
/// # Panics
///
/// If the future panics.
pub fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime
            .expect("the system gives a test process a few more file descriptors")
            .block_on(future)
    };
    std::thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

/// Runs a future on the kit's own runtime without blocking the caller's.
pub(crate) async fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    RUNTIME
        .spawn(future)
        .await
        .unwrap_or_else(|failure| resume_unwind(failure.into_panic()))
}

/// Waits in real time, whatever the caller's clock says.
pub(crate) async fn pause(duration: Duration) {
    run(async move { tokio::time::sleep(duration).await }).await;
}
