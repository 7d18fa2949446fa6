//! Connections of a listener that carry no request. Where no place is left, the one that has been idle longest makes
//! room, so that clients who only hold connections open can't keep others out.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The places of a listener, and which of its connections are idle.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    idle: Mutex<Idle>,
    /// Wakes the one who waits for a place when a connection becomes idle.
    became_idle: Notify,
    /// Wakes the one who waits for a place when the connection that was to make room can't.
    kept: Notify,
}

/// The idle connections, each with the notification that ends it.
#[derive(Default)]
struct Idle {
    /// Number of the next one to become idle: the lowest number has been idle longest.
    next: u64,
    ends: BTreeMap<u64, Arc<Notify>>,
}

/// The activity of one connection. It is idle at first, and leaves the list when this is dropped.
pub(crate) struct Activity {
    places: Arc<Places>,
    state: Mutex<State>,
    end: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// Requests that are being answered.
    requests: usize,
    /// Number among the idle connections.
    number: Option<u64>,
}

/// A request in progress; the connection is not idle until this is dropped.
pub(crate) struct Busy(Arc<Activity>);

/// A response's body that keeps its connection from counting as idle.
pub(crate) struct BusyBody<B> {
    body: B,
    _busy: Busy,
}

impl Places {
    /// Creates places for `count` connections.
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(count)),
            idle: Mutex::default(),
            became_idle: Notify::new(),
            kept: Notify::new(),
        })
    }

    /// Takes a place. If there is none, ends the connection that has been idle longest, and waits for its place.
    pub(crate) async fn take(&self) -> OwnedSemaphorePermit {
        const OPEN: &str = "the semaphore is never closed";
        let mut place = std::pin::pin!(Arc::clone(&self.free).acquire_owned());
        tokio::select! {
            biased;
            place = &mut place => return place.expect(OPEN),
            () = std::future::ready(()) => {}
        }
        loop {
            let (became_idle, kept) = (self.became_idle.notified(), self.kept.notified());
            let longest = self.lock().ends.pop_first();
            let has_ended_one = longest.is_some();
            if let Some((_, end)) = longest {
                end.notify_one();
            }
            tokio::select! {
                biased;
                place = &mut place => return place.expect(OPEN),
                // Exactly one was ended for this place; any other that becomes idle meanwhile is spared.
                () = kept, if has_ended_one => {}
                () = became_idle, if !has_ended_one => {}
            }
        }
    }

    /// Adds a connection, which is idle until its first request.
    pub(crate) fn enter(self: &Arc<Self>) -> Arc<Activity> {
        let activity = Activity {
            places: Arc::clone(self),
            state: Mutex::default(),
            end: Arc::new(Notify::new()),
        };
        activity.idle(&mut activity.lock());
        Arc::new(activity)
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    /// Marks the connection as busy with a request.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        let mut state = self.lock();
        state.requests += 1;
        if let Some(number) = state.number.take() {
            self.places.lock().ends.remove(&number);
        }
        drop(state);
        Busy(Arc::clone(self))
    }

    /// Waits until the connection has to make room for another.
    pub(crate) async fn ended(&self) {
        self.end.notified().await;
    }

    /// Keeps the connection's place although it was to make room, as a request has come before it did. Another one then
    /// makes room.
    pub(crate) fn keep_place(&self) {
        self.places.kept.notify_waiters();
    }

    /// Returns whether no request is being answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.lock().requests == 0
    }

    fn idle(&self, state: &mut State) {
        let mut idle = self.places.lock();
        let number = idle.next;
        idle.next += 1;
        idle.ends.insert(number, Arc::clone(&self.end));
        state.number = Some(number);
        drop(idle);
        self.places.became_idle.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        if let Some(number) = self.lock().number {
            self.places.lock().ends.remove(&number);
        }
    }
}

impl Busy {
    /// Keeps the connection busy until a response's body was written.
    pub(crate) fn until_written<B>(self, body: B) -> BusyBody<B> {
        BusyBody { body, _busy: self }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.requests -= 1;
        if state.requests == 0 {
            self.0.idle(&mut state);
        }
    }
}

impl<B: Body + Unpin> Body for BusyBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_connection_that_has_been_idle_longest_makes_room() {
        let places = Places::new(2);
        let (first_place, _second_place) = (places.take().await, places.take().await);
        let (first, second) = (places.enter(), places.enter());
        // A request makes the first one the latest to become idle.
        drop(first.begin());
        let mut third = std::pin::pin!(places.take());
        assert!(third.as_mut().now_or_never().is_none(), "its place is not free yet");
        assert!(second.ended().now_or_never().is_some());
        assert!(first.ended().now_or_never().is_none(), "one was enough");
        drop(first_place);
        assert!(third.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_busy_connection_is_not_ended_until_it_is_idle() {
        let places = Places::new(1);
        let place = places.take().await;
        let activity = places.enter();
        let busy = activity.begin();
        let mut next = std::pin::pin!(places.take());
        assert!(next.as_mut().now_or_never().is_none());
        assert!(!activity.is_idle() && activity.ended().now_or_never().is_none());
        drop(busy);
        assert!(next.as_mut().now_or_never().is_none());
        assert!(activity.ended().now_or_never().is_some());
        drop(place);
        assert!(next.now_or_never().is_some());
    }

    #[tokio::test]
    async fn another_connection_makes_room_for_one_that_is_needed_again() {
        let places = Places::new(2);
        let (_first_place, second_place) = (places.take().await, places.take().await);
        let (first, second) = (places.enter(), places.enter());
        let mut third = std::pin::pin!(places.take());
        assert!(third.as_mut().now_or_never().is_none());
        let _busy = first.begin();
        assert!(first.ended().now_or_never().is_some() && !first.is_idle());
        first.keep_place();
        assert!(third.as_mut().now_or_never().is_none());
        assert!(second.ended().now_or_never().is_some());
        drop(second_place);
        assert!(third.now_or_never().is_some());
    }
}
