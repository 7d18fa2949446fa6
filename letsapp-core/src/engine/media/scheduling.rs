//! Scheduling of the threads for previews: below all others, unless they have got nothing for too long.
//!
//! On Linux by the policy for idle time, not by niceness: only threads of that policy give way at once to one that wakes
//! up, while a nice one first ends its slice of some milliseconds. Where the system refuses, or has nothing like it, the
//! bound of the pool is all that there is.

use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::{Mutex, PoisonError};

use thread_priority::ThreadPriority;
#[cfg(target_os = "linux")]
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadId, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Threads that can be hurried.
#[derive(Default)]
pub(super) struct Scheduled {
    #[cfg(target_os = "linux")]
    threads: Mutex<Vec<ThreadId>>,
}

/// The calling thread, as long as it can be hurried.
pub(super) struct Registered(Arc<Scheduled>);

impl Scheduled {
    /// Adds the calling thread.
    pub(super) fn register(self: &Arc<Self>) -> Registered {
        #[cfg(target_os = "linux")]
        self.with_threads(|threads| threads.push(thread_native_id()));
        Registered(Arc::clone(self))
    }

    /// Has the threads run like all others, each until it lowers its priority again.
    #[cfg(target_os = "linux")]
    pub(super) fn hurry(self: &Arc<Self>) {
        let scheduled = Arc::clone(self);
        let raise = move || {
            // None of the threads ends meanwhile: it would have to be removed first.
            scheduled.with_threads(|threads| {
                for thread in threads {
                    set(*thread, NormalThreadSchedulePolicy::Other);
                }
            });
        };
        // On a thread of its own, since the library sets the niceness of the one that calls it.
        if let Err(error) = std::thread::Builder::new().spawn(raise) {
            tracing::debug!(%error, "threads for previews can't be hurried");
        }
    }

    /// Does nothing, as no thread has the lowest priority here.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn hurry(self: &Arc<Self>) {}

    #[cfg(target_os = "linux")]
    fn with_threads(&self, change: impl FnOnce(&mut Vec<ThreadId>)) {
        change(&mut self.threads.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        self.0
            .with_threads(|threads| threads.retain(|thread| *thread != thread_native_id()));
    }
}

/// Has the system run any other thread before the calling one.
pub(super) fn lower_priority() {
    #[cfg(target_os = "linux")]
    set(thread_native_id(), NormalThreadSchedulePolicy::Idle);
    #[cfg(not(target_os = "linux"))]
    if let Err(error) = thread_priority::set_current_thread_priority(ThreadPriority::Min) {
        tracing::debug!(?error, "a thread for previews has the priority of all others");
    }
}

#[cfg(target_os = "linux")]
fn set(thread: ThreadId, policy: NormalThreadSchedulePolicy) {
    if let Err(error) =
        set_thread_priority_and_policy(thread, ThreadPriority::Min, ThreadSchedulePolicy::Normal(policy))
    {
        tracing::debug!(?error, "a thread for previews keeps its priority");
    }
}
