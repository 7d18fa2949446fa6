//! Signals that ask the program to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Returns a future that is ready once SIGTERM or SIGINT has come. From this call on, neither kills the process by
/// itself.
///
/// # Errors
/// If the operating system refuses.
pub fn stop_request() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
