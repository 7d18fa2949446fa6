//! Threads for long computations on files: few, and of low priority, so that logins and messages never wait for them.
//!
//! Tokio's threads for blocking work have the priority of all others, and a single pool for everything.

use std::num::NonZero;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use crate::engine::media::scheduling::{Scheduled, lower_priority};
use crate::engine::panics::{Panic, catch_panic};

/// A bounded number of threads. They are started with the first work, and end when the pool is dropped or closed, each
/// after the work that it is at.
pub(super) struct LowPriorityThreads {
    count: usize,
    patience: Duration,
    /// A permit per thread. Nothing is queued behind a busy thread: who waits for a permit can still go away.
    idle: Arc<Semaphore>,
    jobs: Mutex<Jobs>,
    scheduled: Arc<Scheduled>,
}

/// A thread that is reserved for the work of its holder.
pub(super) struct Reserved {
    _permit: OwnedSemaphorePermit,
}

/// Reason why work has no result.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotDone {
    /// The pool is closed.
    #[error("the application is shutting down")]
    Closed,
    /// The system has no thread to spare.
    #[error("no thread could be started")]
    NoThread,
    /// The work panicked, with this message.
    #[error("it panicked: {0}")]
    Panicked(String),
}

type Job = Box<dyn FnOnce() + Send>;

enum Jobs {
    NotStarted,
    Running(mpsc::Sender<Job>),
    Closed,
}

/// Time that work may take before it is hurried, some ten times as long as it takes where cores are free. On a computer
/// that always has more to do than it can, threads of the lowest priority would get nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest rest of a thread. Each rests as long as it has worked, so that a burst of pictures takes half of its cores: the
/// host of a virtual machine that takes all of its share stops it for many milliseconds, messages included.
const MAX_REST: Duration = Duration::from_secs(1);

/// Maximum number of threads, however many cores there are. A decoder may take 320 MiB for the largest picture.
const MAX_THREADS: usize = 4;

impl LowPriorityThreads {
    /// Creates a pool for half of the cores.
    pub(super) fn for_this_computer() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::new((cores / 2).clamp(1, MAX_THREADS), PATIENCE)
    }

    fn new(count: usize, patience: Duration) -> Self {
        Self {
            count,
            patience,
            idle: Arc::new(Semaphore::new(count)),
            jobs: Mutex::new(Jobs::NotStarted),
            scheduled: Arc::default(),
        }
    }

    /// Returns the number of threads.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Waits for an idle thread. Those who wait get one in the order in which they came.
    ///
    /// # Errors
    /// [`NotDone::Closed`].
    pub(super) async fn reserve(&self) -> Result<Reserved, NotDone> {
        let mut permit = pin!(Arc::clone(&self.idle).acquire_owned());
        let permit = match timeout(self.patience, &mut permit).await {
            Ok(permit) => permit,
            Err(_) => {
                self.scheduled.hurry();
                permit.await
            }
        };
        permit.map(|_permit| Reserved { _permit }).map_err(|_| NotDone::Closed)
    }

    /// Runs work on a reserved thread. If the returned future is dropped before the work has begun, it is not done.
    ///
    /// # Errors
    /// [`NotDone`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        reserved: Reserved,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let (answer, mut result) = oneshot::channel();
        let job = move || {
            if !answer.is_closed() {
                let done = catch_panic(async { work() });
                let done = done.now_or_never().expect("work without an await never waits");
                answer.send(done.map_err(|Panic(words)| NotDone::Panicked(words))).ok();
            }
            // Only now: by then the thread is idle but for a few instructions.
            drop(reserved);
        };
        self.send(Box::new(job))?;
        let result = match timeout(self.patience, &mut result).await {
            Ok(result) => result,
            Err(_) => {
                self.scheduled.hurry();
                result.await
            }
        };
        result.unwrap_or(Err(NotDone::Closed))
    }

    /// Takes no more work. What a thread is at is left to its end, which nobody has to wait for.
    pub(super) fn close(&self) {
        self.idle.close();
        *self.lock() = Jobs::Closed;
    }

    fn send(&self, job: Job) -> Result<(), NotDone> {
        let mut jobs = self.lock();
        if let Jobs::NotStarted = *jobs {
            *jobs = Jobs::Running(start(self.count, &self.scheduled)?);
        }
        match &*jobs {
            Jobs::Running(sender) => sender.send(job).map_err(|_| NotDone::NoThread),
            Jobs::NotStarted | Jobs::Closed => Err(NotDone::Closed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts threads that do what is sent to them, until the sender is dropped. One is enough to go on with.
fn start(count: usize, scheduled: &Arc<Scheduled>) -> Result<mpsc::Sender<Job>, NotDone> {
    let (sender, receiver) = mpsc::channel::<Job>();
    let receiver = Arc::new(Mutex::new(receiver));
    let mut started = 0;
    for _ in 0..count {
        let (receiver, scheduled) = (Arc::clone(&receiver), Arc::clone(scheduled));
        let work = move || {
            let _registered = scheduled.register();
            loop {
                let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(job) = next else { return };
                lower_priority();
                let begin = now();
                // A panic is caught inside; this is for the destructors of what it has left.
                std::panic::catch_unwind(AssertUnwindSafe(job)).ok();
                rest(begin.elapsed().min(MAX_REST));
            }
        };
        match thread::Builder::new().name("previews".to_owned()).spawn(work) {
            Ok(_) => started += 1,
            Err(error) => tracing::warn!(%error, "a thread for previews can't be started"),
        }
    }
    if started > 0 {
        Ok(sender)
    } else {
        Err(NotDone::NoThread)
    }
}

/// Reads the monotonic clock by which threads rest.
#[expect(
    clippy::disallowed_methods,
    reason = "measures how long work took, and is never stored"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a thread of the pool serves nobody else")]
fn rest(time: Duration) {
    thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    const SOON: Duration = Duration::from_secs(30);

    async fn run<T: Send + 'static>(
        pool: &LowPriorityThreads,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let reserved = pool.reserve().await?;
        pool.run(reserved, work).await
    }

    #[test]
    fn at_most_half_of_the_cores_are_used_and_one_at_least() {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let count = LowPriorityThreads::for_this_computer().count();
        assert!(count >= 1 && (count == 1 || count <= cores / 2), "{count} of {cores}");
    }

    #[tokio::test]
    async fn no_more_work_runs_at_once_than_there_are_threads() {
        let pool = LowPriorityThreads::new(2, SOON);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = |_| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            run(&pool, move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
            })
        };
        let done = join_all((0..200).map(work)).await;
        assert!(done.iter().all(Result::is_ok));
        assert!(most.load(Ordering::SeqCst) <= 2);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_only_get_the_time_that_others_leave() {
        use thread_priority::unix::{NormalThreadSchedulePolicy::Idle, ThreadSchedulePolicy, thread_schedule_policy};
        let policy = run(&LowPriorityThreads::new(1, SOON), thread_schedule_policy)
            .await
            .unwrap();
        assert_eq!(policy.unwrap(), ThreadSchedulePolicy::Normal(Idle));
        assert_ne!(thread_schedule_policy().unwrap(), ThreadSchedulePolicy::Normal(Idle));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_that_takes_too_long_is_hurried_and_the_next_is_not() {
        use thread_priority::unix::{NormalThreadSchedulePolicy::Idle, ThreadSchedulePolicy, thread_schedule_policy};
        let is_low = || thread_schedule_policy().unwrap() == ThreadSchedulePolicy::Normal(Idle);
        let pool = LowPriorityThreads::new(1, Duration::from_millis(5));
        let starved = run(&pool, move || {
            while is_low() {
                thread::yield_now();
            }
        });
        assert_eq!(tokio::time::timeout(SOON, starved).await, Ok(Ok(())));
        assert_eq!(run(&pool, is_low).await, Ok(true));
    }

    #[tokio::test]
    async fn a_panic_is_contained() {
        let pool = LowPriorityThreads::new(1, SOON);
        let broken = run(&pool, || panic!("a decoder's fault")).await;
        assert_eq!(broken, Err::<(), _>(NotDone::Panicked("a decoder's fault".to_owned())));
        assert_eq!(run(&pool, || 7).await, Ok(7), "the thread goes on");
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_keeps_no_thread() {
        let pool = LowPriorityThreads::new(1, SOON);
        let (go, wait) = mpsc::channel::<()>();
        let reserved = pool.reserve().await.unwrap();
        let given_up = pool.run(reserved, move || wait.recv()).now_or_never();
        assert!(given_up.is_none(), "it waits, and is dropped");
        drop(go);
        assert_eq!(tokio::time::timeout(SOON, run(&pool, || 7)).await, Ok(Ok(7)));
    }

    #[tokio::test]
    async fn a_closed_pool_takes_nothing_and_its_threads_end() {
        let pool = LowPriorityThreads::new(2, SOON);
        let (alive, ended) = mpsc::channel::<()>();
        let (go, wait) = mpsc::channel::<()>();
        let reserved = pool.reserve().await.unwrap();
        let waiting_for_thread = pool.reserve().await.unwrap();
        let under_way = pool.run(reserved, move || {
            wait.recv().ok();
            drop(alive);
            7
        });
        let mut under_way = Box::pin(under_way);
        assert!((&mut under_way).now_or_never().is_none());
        pool.close();
        assert!(matches!(pool.reserve().await, Err(NotDone::Closed)));
        assert_eq!(pool.run(waiting_for_thread, || 7).await, Err(NotDone::Closed));
        drop(go);
        assert_eq!(under_way.await, Ok(7), "what was begun is done");
        assert_eq!(ended.recv_timeout(SOON), Err(mpsc::RecvTimeoutError::Disconnected));
    }
}
