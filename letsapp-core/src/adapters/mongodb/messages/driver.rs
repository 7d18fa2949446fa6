//! Loop that drives a [`Sequencer`]: sends its requests, and hands it the replies as they arrive.

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;

use super::sequencer::{Reply, Request, RequestId, Sequencer};
use crate::adapters::mongodb::retry;
use crate::ports::Settled;

/// Receiver of a sequencer's requests.
pub(super) trait Database {
    /// Sends a request, and returns the reply.
    fn answer(&self, request: Request) -> BoxFuture<'static, Reply>;

    /// Keeps the knowledge that holds beyond the commit; called after each reply.
    fn learn(&self, sequencer: &mut Sequencer);
}

/// A commit under way.
pub(super) struct Driver<D> {
    database: D,
    sequencer: Sequencer,
    began: Instant,
    in_flight: FuturesUnordered<BoxFuture<'static, (RequestId, Reply)>>,
}

impl<D: Database> Driver<D> {
    /// Begins a commit. The sequencer's times are counted from now.
    pub(super) fn new(database: D, sequencer: Sequencer) -> Self {
        Self {
            database,
            sequencer,
            began: retry::now(),
            in_flight: FuturesUnordered::new(),
        }
    }

    /// Returns the next outcome, with the index of its change; `None` after the last one.
    pub(super) async fn next(&mut self) -> Option<Settled> {
        loop {
            if let Some(settled) = self.sequencer.next_settled() {
                return Some(settled);
            }
            if self.sequencer.is_done() {
                return None;
            }
            self.send();
            // Time that has passed settles changes too, and then there may be nothing left to wait for.
            if !self.sequencer.has_settled() {
                self.wait().await;
            }
        }
    }

    /// Sends the requests that are due.
    fn send(&mut self) {
        for (id, request) in self.sequencer.poll(self.began.elapsed()) {
            let answer = self.database.answer(request).map(move |reply| (id, reply));
            self.in_flight.push(answer.boxed());
        }
    }

    /// Waits for a reply or the sequencer's next deadline.
    async fn wait(&mut self) {
        let deadline = self.sequencer.deadline().map(|deadline| self.began + deadline);
        tokio::select! {
            Some((id, reply)) = self.in_flight.next() => self.handle(id, reply),
            () = retry::until(deadline) => {}
        }
    }

    /// Hands over a reply, and those that have arrived with it, so that what follows goes out together.
    fn handle(&mut self, id: RequestId, reply: Reply) {
        let now = self.began.elapsed();
        self.sequencer.handle(id, reply, now);
        while let Some(Some((id, reply))) = self.in_flight.next().now_or_never() {
            self.sequencer.handle(id, reply, now);
        }
        self.database.learn(&mut self.sequencer);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::adapters::mongodb::messages::sequencer::{ReadError, Recalled, WriteResult, fixtures};
    use crate::adapters::mongodb::topology::Topology;
    use crate::ports::RepositoryError;

    /// A database that answers nothing in time: writes after a fixed time without a result, lookups after another one
    /// with an error.
    struct Silent {
        write: Duration,
        read: Duration,
    }

    impl Database for Silent {
        fn answer(&self, request: Request) -> BoxFuture<'static, Reply> {
            let unanswered = || "no answer".to_owned();
            let (after, reply) = match request {
                Request::Insert { messages, .. } => {
                    let result = WriteResult::Interrupted(unanswered());
                    (
                        self.write,
                        Reply::Write {
                            sent: messages.len(),
                            result,
                        },
                    )
                }
                Request::LookUp { .. } => (self.read, Reply::Found(Err(ReadError::Unavailable(unanswered())))),
                Request::ReadHeads(_) => (self.read, Reply::Heads(Err(ReadError::Unavailable(unanswered())))),
                Request::EndAbandonedTransactions => (Duration::ZERO, Reply::Ended),
                other => panic!("{other:?} is not expected"),
            };
            let due = retry::now() + after;
            retry::until(Some(due)).map(move |()| reply).boxed()
        }

        fn learn(&self, _: &mut Sequencer) {}
    }

    #[tokio::test(start_paused = true)]
    async fn changes_given_up_with_the_last_reply_are_reported() {
        // The last lookup is answered at some time around the end of all attempts.
        for read in (7_000..8_500).step_by(50) {
            let id = fixtures::conversation_id(1);
            let change = fixtures::append(fixtures::text(id, 1), 0);
            let recall = |_| Recalled {
                head: Some(fixtures::head(1, 1, 1, 0)),
                ..Recalled::default()
            };
            let sequencer = Sequencer::new(vec![change], Topology::ReplicaSet, 512, recall, Duration::ZERO);
            let database = Silent {
                write: Duration::from_millis(225),
                read: Duration::from_millis(read),
            };
            let mut driver = Driver::new(database, sequencer);
            let settled = tokio::time::timeout(Duration::from_secs(60), driver.next()).await;
            let outcome = settled.unwrap_or_else(|_| panic!("no outcome with reads of {read} ms"));
            assert!(
                matches!(outcome, Some((0, Err(RepositoryError::Unavailable(_))))),
                "{outcome:?}"
            );
            assert!(driver.next().await.is_none());
        }
    }
}
