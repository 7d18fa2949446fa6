//! Rate limits of one socket: frames on it, and operations of its user.

use std::time::Duration;

use letsapp_core::domain::id::UserId;
use letsapp_core::protocol::Op;
use letsapp_core::{
    domain::limit::{Class, Decision, Pace, Verdict},
    engine::limiter::{Limiter, Subject},
};

use crate::rate_limits::{charge_answer, class_of_op};

/// The frames that a socket has received. Counted per socket, so that receiving a frame takes no shared lock.
#[derive(Default)]
pub(super) struct SocketLimits {
    /// Frames received, against [`Class::Frames`].
    frames: Pace,
    /// Requests refused for a limit, against [`Class::Refusals`].
    refusals: Pace,
}

/// The consequence of a frame over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OverLimit {
    /// The request is refused; the client has to wait this long.
    Wait(Duration),
    /// The client kept sending after many refusals; the socket is closed.
    Disconnect,
}

impl SocketLimits {
    /// Counts a frame of any content.
    pub(super) fn count_frame(&mut self, limiter: &Limiter) -> Result<(), OverLimit> {
        let decision = limiter.check_own(Class::Frames, &mut self.frames, 1);
        self.decide(limiter, decision)
    }

    /// Counts an operation for its user, together with those on other sockets and over HTTP.
    pub(super) fn count_op(&mut self, limiter: &Limiter, op: Op, user_id: UserId) -> Result<(), OverLimit> {
        let decision = limiter.check(class_of_op(op), Subject::User(user_id));
        self.decide(limiter, decision)
    }

    /// Counts bytes that were received beyond one unit for each message, as frames.
    pub(super) fn count_units(&mut self, limiter: &Limiter, units: u32) -> Result<(), OverLimit> {
        if units == 0 {
            return Ok(());
        }
        let counted = limiter.check_own(Class::Frames, &mut self.frames, units);
        self.decide_cost(limiter, counted, units)
    }

    /// Charges a reply by its size to its user.
    pub(super) fn charge_reply(&self, limiter: &Limiter, op: Op, user_id: UserId, bytes: usize) {
        charge_answer(limiter, class_of_op(op), user_id, bytes);
    }

    fn decide(&mut self, limiter: &Limiter, decision: Option<Decision>) -> Result<(), OverLimit> {
        self.decide_cost(limiter, decision, 1)
    }

    /// Decides on something that counts as much as `cost` frames; refused, it counts as much again as a refusal.
    fn decide_cost(&mut self, limiter: &Limiter, decision: Option<Decision>, cost: u32) -> Result<(), OverLimit> {
        let denied = |decision: &Decision| decision.verdict == Verdict::Denied;
        let Some(Decision { retry_after, .. }) = decision.filter(denied) else {
            return Ok(());
        };
        match limiter
            .check_own(Class::Refusals, &mut self.refusals, cost)
            .filter(denied)
        {
            Some(_) => Err(OverLimit::Disconnect),
            None => Err(OverLimit::Wait(retry_after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use letsapp_core::domain::limit::{Quota, Table};
    use letsapp_core::{domain::timestamp::Timestamp, ports::ManualClock};

    use super::*;

    #[test]
    fn a_client_that_does_not_wait_is_refused_a_few_times_and_then_disconnected() {
        let minute = Duration::from_secs(60);
        let mut table = Table::default();
        table.set(Class::Frames, Quota::new(4, minute));
        table.set(Class::Refusals, Quota::new(2, minute));
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        let limiter = Limiter::new(table, clock.clone());
        let mut limits = SocketLimits::default();
        let mut outcomes = Vec::new();
        for _ in 0..8 {
            outcomes.push(limits.count_frame(&limiter));
        }
        let wait = Err(OverLimit::Wait(Duration::from_secs(15)));
        let over = Err(OverLimit::Disconnect);
        assert_eq!(outcomes, [Ok(()), Ok(()), Ok(()), Ok(()), wait, wait, over, over]);
        clock.advance(Duration::from_secs(15));
        assert_eq!(limits.count_frame(&limiter), Ok(()));
        assert_eq!(SocketLimits::default().count_frame(&limiter), Ok(()), "another socket");
    }

    #[test]
    fn bytes_without_messages_end_in_a_disconnection_too() {
        let minute = Duration::from_secs(60);
        let mut table = Table::default();
        table.set(Class::Frames, Quota::new(32, minute));
        table.set(Class::Refusals, Quota::new(16, minute));
        let limiter = Limiter::new(table, Arc::new(ManualClock::at(Timestamp::from_millis(0))));
        let mut limits = SocketLimits::default();
        let outcomes: Vec<_> = (0..4).map(|_| limits.count_units(&limiter, 16)).collect();
        let wait = Err(OverLimit::Wait(Duration::from_secs(30)));
        assert_eq!(outcomes, [Ok(()), Ok(()), wait, Err(OverLimit::Disconnect)]);
        assert_eq!(limits.count_units(&limiter, 0), Ok(()));
    }

    #[test]
    fn a_large_answer_counts_as_several_requests() {
        let mut table = Table::default();
        table.set(Class::Syncs, Quota::new(20, Duration::from_secs(60)));
        let limiter = Limiter::new(table, Arc::new(ManualClock::at(Timestamp::from_millis(0))));
        let (ana, mut limits) = (UserId::from_bytes([1; 16]), SocketLimits::default());
        assert_eq!(limits.count_op(&limiter, Op::Sync, ana), Ok(()));
        limits.charge_reply(&limiter, Op::Sync, ana, 1_000);
        assert_eq!(
            limits.count_op(&limiter, Op::Sync, ana),
            Ok(()),
            "a small one costs no more"
        );
        limits.charge_reply(&limiter, Op::Sync, ana, 4 * 1024 * 1024);
        assert_eq!(limits.count_op(&limiter, Op::Sync, ana), Ok(()));
        limits.charge_reply(&limiter, Op::Sync, ana, 4 * 1024 * 1024);
        assert!(
            limits.count_op(&limiter, Op::Sync, ana).is_err(),
            "what was left is charged"
        );
    }

    #[test]
    fn an_operation_counts_for_its_user_on_all_sockets() {
        let mut table = Table::default();
        table.set(Class::Writes, Quota::new(2, Duration::from_secs(60)));
        let limiter = Limiter::new(table, Arc::new(ManualClock::at(Timestamp::from_millis(0))));
        let ana = UserId::from_bytes([1; 16]);
        let (mut phone, mut tablet) = (SocketLimits::default(), SocketLimits::default());
        assert_eq!(phone.count_op(&limiter, Op::MessageSend, ana), Ok(()));
        assert_eq!(tablet.count_op(&limiter, Op::MessageReact, ana), Ok(()));
        assert_eq!(
            phone.count_op(&limiter, Op::MessageEdit, ana),
            Err(OverLimit::Wait(Duration::from_secs(30)))
        );
        assert_eq!(phone.count_op(&limiter, Op::Receipt, ana), Ok(()), "that is no write");
        let ben = UserId::from_bytes([2; 16]);
        assert_eq!(phone.count_op(&limiter, Op::MessageSend, ben), Ok(()));
    }
}
