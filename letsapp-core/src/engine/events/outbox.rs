//! A connection's queue of events, bounded in bytes so that a slow reader can't fill the server's memory.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::domain::id::ConnectionId;
use crate::domain::principal::Principal;
use crate::engine::events::encoded::Delivery;

/// The queued events of one connection.
pub struct Outbox {
    principal: Principal,
    connection_id: ConnectionId,
    capacity: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Delivery>,
    bytes: usize,
    closed: Option<Closed>,
    /// Waker of the task that waits for events, if one does.
    reader: Option<Waker>,
}

/// The reason why a connection gets no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The client read too slowly. It fetches what it missed by a sync after reconnecting.
    TooSlow,
    /// The session has ended.
    SessionEnded,
    /// The user has opened more connections than one may have, and this was the oldest.
    TooMany,
}

impl Queue {
    /// Notes the task to wake at the next change.
    fn wait(&mut self, context: &Context<'_>) {
        match &mut self.reader {
            Some(reader) => reader.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }
}

impl Outbox {
    /// Creates the queue of a connection for at most `capacity` bytes.
    pub(super) fn new(principal: Principal, connection_id: ConnectionId, capacity: usize) -> Self {
        Self {
            principal,
            connection_id,
            capacity,
            queue: Mutex::default(),
        }
    }

    /// Returns the user and the session of the connection.
    pub const fn principal(&self) -> Principal {
        self.principal
    }

    /// Returns the id of the connection.
    pub const fn connection_id(&self) -> ConnectionId {
        self.connection_id
    }

    /// Waits for events and moves all queued ones into `events`. At most one task may wait at a time.
    ///
    /// # Errors
    /// [`Closed`] once the queue is closed and all events queued before that were taken.
    pub async fn drain(&self, events: &mut Vec<Delivery>) -> Result<(), Closed> {
        poll_fn(|context| self.poll_drain(context, events)).await
    }

    /// Waits until the queue is closed, whatever is in it, and returns the reason. For a reader that can't take events
    /// at present; the same task may wait for one of this and [`drain`](Self::drain) at a time.
    pub async fn closed(&self) -> Closed {
        poll_fn(|context| {
            let mut queue = self.lock();
            match queue.closed {
                Some(closed) => Poll::Ready(closed),
                None => {
                    queue.wait(context);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Returns whether the queue is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed.is_some()
    }

    fn poll_drain(&self, context: &Context<'_>, events: &mut Vec<Delivery>) -> Poll<Result<(), Closed>> {
        let mut queue = self.lock();
        if !queue.events.is_empty() {
            queue.bytes = 0;
            events.extend(queue.events.drain(..));
            return Poll::Ready(Ok(()));
        }
        if let Some(closed) = queue.closed {
            return Poll::Ready(Err(closed));
        }
        queue.wait(context);
        Poll::Pending
    }

    /// Queues an event. An event that does not fit closes the queue and drops what is in it, since the client has to
    /// sync anyway. A single event always fits into an empty queue, however large it is.
    pub(super) fn push(&self, event: Delivery) {
        let size = event.frame().len();
        let mut queue = self.lock();
        if queue.closed.is_some() {
            return;
        }
        if queue.bytes + size > self.capacity && !queue.events.is_empty() {
            metrics::counter!("letsapp_connections_cut_off_total").increment(1);
            metrics::counter!("letsapp_events_dropped_total").increment(queue.events.len() as u64 + 1);
            queue.closed = Some(Closed::TooSlow);
            queue.events = VecDeque::new();
        } else {
            queue.bytes += size;
            queue.events.push_back(event);
        }
        Self::wake(queue);
    }

    /// Closes the queue; the events in it can still be taken. The first reason stays.
    pub(super) fn close(&self, why: Closed) {
        let mut queue = self.lock();
        queue.closed.get_or_insert(why);
        Self::wake(queue);
    }

    /// Wakes the waiting task after unlocking the queue: the task locks it first thing.
    fn wake(mut queue: MutexGuard<'_, Queue>) {
        let reader = queue.reader.take();
        drop(queue);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
