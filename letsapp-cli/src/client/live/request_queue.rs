//! Queue of the requests that have no reply yet. It outlives connections and does no I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use letsapp_core::protocol::{Op, Problem, Request};
use serde_json::Value;

use crate::client::is_temporary;

/// Maximum number of requests without a reply. Keeps the pipeline full on a slow network, and is within the number that
/// the server accepts from one connection.
const MAX_IN_FLIGHT: usize = 64;

/// Shortest pause after the server has refused a request for now. Used when the server does not say how long to wait.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Requests in the order they were made, each with the receiver of its reply.
///
/// Any request may be sent more than once: messages carry an id, and repeating one of the other operations has no
/// effect.
#[derive(Debug)]
pub(super) struct RequestQueue<W> {
    // Keyed by the request's id. Ids grow, so a request that is sent again keeps its place in the order.
    waiting: BTreeMap<u64, Entry<W>>,
    in_flight: BTreeMap<u64, Entry<W>>,
    last_id: u64,
    paused_until: Duration,
}

/// A request without a reply. `waiter` gets the reply.
#[derive(Debug)]
struct Entry<W> {
    op: Op,
    data: Value,
    waiter: W,
}

/// A request that has got its reply.
#[derive(Debug, PartialEq)]
pub(super) struct Completed<W> {
    pub(super) op: Op,
    pub(super) waiter: W,
    pub(super) result: Result<Value, Problem>,
}

impl<W> RequestQueue<W> {
    pub(super) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            last_id: 0,
            paused_until: Duration::ZERO,
        }
    }

    /// Returns the next request id, for a request that is not queued here.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Adds a request to the queue.
    pub(super) fn push(&mut self, op: Op, data: Value, waiter: W) {
        let id = self.next_id();
        self.waiting.insert(id, Entry { op, data, waiter });
    }

    /// Returns the next request to send and marks it as sent. `None` if there is none, or while too many are without a
    /// reply.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Request> {
        if now < self.paused_until || self.in_flight.len() >= MAX_IN_FLIGHT {
            return None;
        }
        let (id, entry) = self.waiting.pop_first()?;
        let request = Request {
            id,
            op: entry.op,
            data: entry.data.clone(),
        };
        self.in_flight.insert(id, entry);
        Some(request)
    }

    /// Takes a reply. Returns `None` if no request has this id, or if the server refuses it for now: then it is sent
    /// again later.
    pub(super) fn complete(&mut self, id: u64, result: Result<Value, Problem>, now: Duration) -> Option<Completed<W>> {
        let entry = self.in_flight.remove(&id)?;
        if let Some(delay) = result
            .as_ref()
            .err()
            .filter(|problem| is_temporary(problem))
            .map(retry_delay)
        {
            self.paused_until = self.paused_until.max(now + delay);
            self.waiting.insert(id, entry);
            return None;
        }
        Some(Completed {
            op: entry.op,
            waiter: entry.waiter,
            result,
        })
    }

    /// Marks all requests without a reply as not sent, after the connection was lost.
    pub(super) fn requeue_in_flight(&mut self) {
        self.waiting.append(&mut self.in_flight);
    }

    /// Removes all requests and returns the receivers of their replies.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = W> + use<W> {
        self.requeue_in_flight();
        std::mem::take(&mut self.waiting)
            .into_values()
            .map(|entry| entry.waiter)
    }

    /// Returns when the pause ends, if there are requests to send.
    pub(super) fn deadline(&self, now: Duration) -> Option<Duration> {
        (!self.waiting.is_empty() && self.paused_until > now).then_some(self.paused_until)
    }
}

/// Returns how long the server asks to wait, but at least [`RETRY_DELAY`].
fn retry_delay(problem: &Problem) -> Duration {
    problem
        .retry_after
        .map_or(RETRY_DELAY, Duration::from_secs)
        .max(RETRY_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use letsapp_core::protocol::Code;
    use serde_json::json;

    const NOW: Duration = Duration::from_secs(100);

    fn queue(count: u64) -> RequestQueue<u64> {
        let mut queue = RequestQueue::new();
        for n in 1..=count {
            queue.push(Op::MessageSend, json!({"id": format!("message {n}")}), n);
        }
        queue
    }

    fn send(queue: &mut RequestQueue<u64>) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop(NOW))
            .map(|request| request.id)
            .collect()
    }

    #[test]
    fn requests_without_a_reply_are_sent_again_unchanged_and_in_order() {
        let mut queue = queue(4);
        let first: Vec<_> = std::iter::from_fn(|| queue.pop(NOW)).collect();
        assert_eq!(queue.complete(2, Ok(json!({})), NOW).unwrap().waiter, 2);
        queue.requeue_in_flight();
        let again: Vec<_> = std::iter::from_fn(|| queue.pop(NOW)).collect();
        let unanswered: Vec<_> = first.into_iter().filter(|request| request.id != 2).collect();
        assert_eq!(again, unanswered);
        assert_eq!(queue.complete(2, Ok(json!({})), NOW), None, "completed once");
    }

    #[test]
    fn the_number_of_requests_in_flight_is_limited() {
        let mut queue = queue(100);
        assert_eq!(send(&mut queue).len(), MAX_IN_FLIGHT);
        queue.complete(1, Ok(json!({})), NOW).unwrap();
        assert_eq!(send(&mut queue), [MAX_IN_FLIGHT as u64 + 1]);
    }

    #[test]
    fn temporarily_refused_requests_are_repeated_in_order() {
        let mut queue = queue(3);
        assert_eq!(send(&mut queue), [1, 2, 3]);
        let busy = Problem {
            retry_after: Some(5),
            ..Problem::new(Code::RateLimited)
        };
        assert_eq!(queue.complete(2, Err(busy), NOW), None);
        assert_eq!(queue.complete(1, Err(Problem::new(Code::Unavailable)), NOW), None);
        assert_eq!(queue.deadline(NOW), Some(NOW + Duration::from_secs(5)));
        assert_eq!(queue.pop(NOW + Duration::from_millis(4_999)), None);
        let later = NOW + Duration::from_secs(5);
        let ids: Vec<_> = std::iter::from_fn(|| queue.pop(later))
            .map(|request| request.id)
            .collect();
        assert_eq!(ids, [1, 2]);
        assert_eq!(queue.deadline(later), None);
    }

    #[test]
    fn a_refusal_completes_a_request() {
        let mut queue = queue(1);
        send(&mut queue);
        let refused = queue.complete(1, Err(Problem::new(Code::Forbidden)), NOW).unwrap();
        assert_eq!(refused.result.unwrap_err().code, Code::Forbidden);
    }

    #[test]
    fn drain_returns_all_receivers() {
        let mut queue = queue(3);
        queue.pop(NOW);
        assert_eq!(queue.drain().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(queue.pop(NOW), None);
    }
}
