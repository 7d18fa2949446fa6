//! A connection's queue of events: bounded in bytes, so that one slow reader can't eat the server.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::domain::id::ConnectionId;
use crate::domain::principal::Principal;
use crate::engine::events::encoded::Delivery;

/// The events that wait for one connection.
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
    /// Who waits for events.
    reader: Option<Waker>,
}

/// Why a connection gets no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It read too slowly: what it missed it learns by sync when it comes back.
    TooSlow,
    /// Its session is over.
    SessionEnded,
}

impl Outbox {
    /// Makes the queue of a connection, holding at most `capacity` bytes.
    pub(super) fn new(principal: Principal, connection_id: ConnectionId, capacity: usize) -> Self {
        Self {
            principal,
            connection_id,
            capacity,
            queue: Mutex::default(),
        }
    }

    /// Returns whose connection it is.
    pub const fn principal(&self) -> Principal {
        self.principal
    }

    /// Returns which connection it is.
    pub const fn connection_id(&self) -> ConnectionId {
        self.connection_id
    }

    /// Waits for events and moves all that wait into `events`. At most one task waits at a time.
    ///
    /// # Errors
    /// [`Closed`] once the queue is closed and everything before that was taken.
    pub async fn drain(&self, events: &mut Vec<Delivery>) -> Result<(), Closed> {
        poll_fn(|context| self.poll_drain(context, events)).await
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
        match &mut queue.reader {
            Some(reader) => reader.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Adds an event; one that does not fit any more closes the queue.
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

    /// Closes the queue behind what is in it.
    pub(super) fn close(&self, why: Closed) {
        let mut queue = self.lock();
        queue.closed.get_or_insert(why);
        Self::wake(queue);
    }

    /// Wakes who waits; never while the queue is locked, which is the first thing that they will want.
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
