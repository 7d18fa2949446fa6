//! The writer thread. Steps that wait for it go into one transaction, and so share one sync of the disk.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::admission::{Admission, Place, Queue};
use super::checkpoint::Checkpointer;
use super::error;
use super::error::closed;
use super::heads::Heads;
use super::messages::last_sent::LastSent;
use super::transaction::{Isolation, Transaction};
use crate::ports::RepositoryError;

/// Handle of the writer thread.
pub(super) struct Writer {
    admission: Admission,
    /// `None` once the writer is finished.
    queue: Mutex<Option<mpsc::Sender<Box<dyn Step>>>>,
    transactions: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Maximum number of steps in one transaction. Bounds the time that the first of them waits.
const MAX_STEPS: usize = 1024;

/// Number of conversation heads that the writer remembers, at 64 bytes each and up to twice as many.
const HEADS: usize = 16 * 1024;

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        connection: Connection,
        checkpointer: Checkpointer,
        last_sent: Arc<LastSent>,
    ) -> io::Result<Self> {
        // Bounded by the admission, in bytes.
        let (queue, steps) = mpsc::channel(Semaphore::MAX_PERMITS);
        let transactions = Arc::new(AtomicU64::new(0));
        let worker = Worker {
            steps,
            transactions: Arc::clone(&transactions),
            connection,
            heads: Heads::with_capacity(HEADS),
            last_sent,
            checkpointer,
        };
        let thread = thread::Builder::new()
            .name("letsapp-sqlite-writer".to_owned())
            .spawn(move || worker.work())?;
        Ok(Self {
            admission: Admission::new(Queue::Writer),
            queue: Mutex::new(Some(queue)),
            transactions,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Runs a step in a transaction, which it may share with other steps, and returns when it is durable. The step runs
    /// a second time if the first transaction is rolled back, unless it has panicked. A caller that stops waiting
    /// cancels nothing.
    pub(super) async fn write<T, F>(&self, run: F) -> Result<T, RepositoryError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.write_sized(0, run).await
    }

    /// Carries out a step like [`write`](Self::write). `bytes` is the memory that the step holds beside its own size.
    pub(super) async fn write_sized<T, F>(&self, bytes: usize, run: F) -> Result<T, RepositoryError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let place = self.admission.admit(size_of::<F>().saturating_add(bytes))?;
        let (reply, answer) = oneshot::channel();
        let step = Box::new(Task {
            run,
            panic: None,
            outcome: None,
            reply,
            place,
        });
        self.queue()
            .as_ref()
            .ok_or_else(closed)?
            .try_send(step)
            .map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Returns the number of steps that wait for the next transaction.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.queue()
            .as_ref()
            .map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// Returns the number of committed transactions.
    pub(super) fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    /// Closes the queue, and waits until the thread has carried out the queued steps and ended.
    pub(super) fn finish(&self) {
        drop(self.queue().take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes has panicked");
        }
    }

    fn queue(&self) -> MutexGuard<'_, Option<mpsc::Sender<Box<dyn Step>>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A caller's step.
trait Step: Send {
    /// Runs the step and keeps its result.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()>;

    /// Keeps an error as the result.
    fn failed(&mut self, error: rusqlite::Error);

    /// Sends the result to the caller, after the commit.
    fn answer(self: Box<Self>);

    /// Sends the error of a failed transaction to the caller.
    fn give_up(self: Box<Self>, error: &Arc<rusqlite::Error>);
}

struct Task<T, F> {
    run: F,
    /// Message of the panic in `run`, after one. It is not run again then, as its state is unknown.
    panic: Option<String>,
    outcome: Option<rusqlite::Result<T>>,
    reply: oneshot::Sender<Result<T, RepositoryError>>,
    /// Given back before the reply, so that the caller's next step finds it free.
    place: Place,
}

impl<T, F> Step for Task<T, F>
where
    T: Send,
    F: FnMut(&mut Transaction<'_>) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()> {
        if let Some(panic) = &self.panic {
            return Err(error::panicked(panic));
        }
        match error::catch_panic(|| (self.run)(transaction)) {
            Ok(result) => self.outcome = Some(Ok(result?)),
            Err(panic) => {
                tracing::error!(
                    panic,
                    "a step of the writer panicked; its caller is answered with an error"
                );
                let error = error::panicked(&panic);
                self.panic = Some(panic);
                return Err(error);
            }
        }
        Ok(())
    }

    fn failed(&mut self, error: rusqlite::Error) {
        self.outcome = Some(Err(error));
    }

    fn answer(self: Box<Self>) {
        drop(self.place);
        if let Some(outcome) = self.outcome {
            // Fails only if the caller has stopped waiting.
            let _gone = self.reply.send(outcome.map_err(error::of));
        }
    }

    fn give_up(self: Box<Self>, error: &Arc<rusqlite::Error>) {
        drop(self.place);
        let _gone = self.reply.send(Err(error::shared(error)));
    }
}

/// State of the writer thread.
struct Worker {
    /// Dropped when the thread ends, also by a panic, so that no caller waits for ever.
    steps: mpsc::Receiver<Box<dyn Step>>,
    transactions: Arc<AtomicU64>,
    connection: Connection,
    heads: Heads,
    last_sent: Arc<LastSent>,
    checkpointer: Checkpointer,
}

impl Worker {
    fn work(mut self) {
        let mut steps = Vec::new();
        while self.steps.blocking_recv_many(&mut steps, MAX_STEPS) > 0 {
            self.carry_out(&mut steps);
            self.checkpointer.after_commit(&self.connection);
        }
        self.checkpointer.finish(&self.connection);
    }

    fn carry_out(&mut self, steps: &mut Vec<Box<dyn Step>>) {
        let committed = self.attempt(steps, Isolation::Together).or_else(|error| {
            tracing::warn!(%error, steps = steps.len(), "a transaction was rolled back; its steps are tried apart");
            self.attempt(steps, Isolation::Apart)
        });
        match committed.map_err(Arc::new) {
            Ok(()) => {
                self.transactions.fetch_add(1, Ordering::Relaxed);
                steps.drain(..).for_each(|step| step.answer());
            }
            Err(error) => steps.drain(..).for_each(|step| step.give_up(&error)),
        }
    }

    fn attempt(&mut self, steps: &mut [Box<dyn Step>], isolation: Isolation) -> rusqlite::Result<()> {
        Transaction::run(
            &self.connection,
            &mut self.heads,
            &self.last_sent,
            isolation,
            |transaction| {
                for step in steps {
                    if let Err(error) = transaction.step(|transaction| step.run(transaction))? {
                        step.failed(error);
                    }
                }
                Ok(())
            },
        )
    }
}
