//! Catching panics in tasks that run as long as the server: a bug in one turn must not end the whole task.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// The message of a panic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Panic(pub(crate) String);

/// Runs a future to its end or to its panic. A panic is returned as an error with its message.
///
/// The data that the future works on must stay usable if the future stops at any point.
pub(crate) async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panic> {
    let mut future = pin!(future);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(Panic(words(&*panic)))),
        },
    )
    .await
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_message() {
        assert_eq!(catch_panic(async { 7 }).await, Ok(7));
        let broken = catch_panic(async {
            tokio::task::yield_now().await;
            assert_eq!(1, 2, "arithmetic is off");
        });
        let Panic(words) = broken.await.unwrap_err();
        assert!(words.contains("arithmetic is off"), "{words}");
    }
}
