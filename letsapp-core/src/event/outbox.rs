//! A connection's queue of events: bounded in bytes, so that one slow reader can't eat the server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::auth::Principal;
use crate::event::Shared;
use crate::id::ConnectionId;

/// The events that wait for one connection.
pub struct Outbox {
    principal: Principal,
    connection_id: ConnectionId,
    capacity: usize,
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Arc<Shared>>,
    bytes: usize,
    closed: Option<Closed>,
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
            filled: Notify::new(),
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
    pub async fn drain(&self, events: &mut Vec<Arc<Shared>>) -> Result<(), Closed> {
        loop {
            {
                let mut queue = self.lock();
                if !queue.events.is_empty() {
                    queue.bytes = 0;
                    events.extend(queue.events.drain(..));
                    return Ok(());
                }
                if let Some(closed) = queue.closed {
                    return Err(closed);
                }
            }
            self.filled.notified().await;
        }
    }

    /// Adds an event; one that does not fit any more closes the queue.
    pub(super) fn push(&self, event: Arc<Shared>) {
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
        drop(queue);
        self.filled.notify_one();
    }

    /// Closes the queue behind what is in it.
    pub(super) fn close(&self, why: Closed) {
        self.lock().closed.get_or_insert(why);
        self.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
