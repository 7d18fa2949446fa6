//! What was asked over the socket and is not answered yet: a queue that survives connections, without any of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use letsapp_core::protocol::{Op, Problem, Request};
use serde_json::Value;

use crate::client::is_temporary;

/// How many requests may be without an answer at a time.
const MAX_IN_FLIGHT: usize = 64;

/// How long to wait where the server says "not now", and not how long.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Requests in the order asked, each with whoever waits for its answer.
///
/// Every request may be sent more than once: a message has an id, and the other operations change nothing the second
/// time.
#[derive(Debug)]
pub(super) struct RequestQueue<W> {
    waiting: BTreeMap<u64, Entry<W>>,
    in_flight: BTreeMap<u64, Entry<W>>,
    last_id: u64,
    paused_until: Duration,
}

#[derive(Debug)]
struct Entry<W> {
    op: Op,
    data: Value,
    waiter: W,
}

/// A request that has its answer.
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

    /// Takes a number for a request that is not kept here.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Takes a request in.
    pub(super) fn push(&mut self, op: Op, data: Value, waiter: W) {
        let id = self.next_id();
        self.waiting.insert(id, Entry { op, data, waiter });
    }

    /// Returns what is to be sent next, and counts it as sent.
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

    /// Takes an answer in. `None` when nobody asked, or when the server said "not now": the request will be sent again.
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

    /// Puts all that is without an answer back in line: the connection is gone.
    pub(super) fn requeue_in_flight(&mut self) {
        self.waiting.append(&mut self.in_flight);
    }

    /// Gives everything up.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = W> + use<W> {
        self.requeue_in_flight();
        std::mem::take(&mut self.waiting)
            .into_values()
            .map(|entry| entry.waiter)
    }

    /// When a pause ends and something can be sent.
    pub(super) fn deadline(&self, now: Duration) -> Option<Duration> {
        (!self.waiting.is_empty() && self.paused_until > now).then_some(self.paused_until)
    }
}

/// How long the server wants no more of this.
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
    fn what_was_not_answered_goes_out_again_unchanged_and_in_order() {
        let mut queue = queue(4);
        let first: Vec<_> = std::iter::from_fn(|| queue.pop(NOW)).collect();
        assert_eq!(queue.complete(2, Ok(json!({})), NOW).unwrap().waiter, 2);
        queue.requeue_in_flight();
        let again: Vec<_> = std::iter::from_fn(|| queue.pop(NOW)).collect();
        let unanswered: Vec<_> = first.into_iter().filter(|request| request.id != 2).collect();
        assert_eq!(again, unanswered);
        assert_eq!(queue.complete(2, Ok(json!({})), NOW), None, "answered once");
    }

    #[test]
    fn only_so_many_are_under_way() {
        let mut queue = queue(100);
        assert_eq!(send(&mut queue).len(), MAX_IN_FLIGHT);
        queue.complete(1, Ok(json!({})), NOW).unwrap();
        assert_eq!(send(&mut queue), [MAX_IN_FLIGHT as u64 + 1]);
    }

    #[test]
    fn not_now_means_later_in_the_same_order() {
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
    fn a_refusal_is_an_answer() {
        let mut queue = queue(1);
        send(&mut queue);
        let refused = queue.complete(1, Err(Problem::new(Code::Forbidden)), NOW).unwrap();
        assert_eq!(refused.result.unwrap_err().code, Code::Forbidden);
    }

    #[test]
    fn giving_up_tells_everyone_who_waits() {
        let mut queue = queue(3);
        queue.pop(NOW);
        assert_eq!(queue.drain().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(queue.pop(NOW), None);
    }
}
