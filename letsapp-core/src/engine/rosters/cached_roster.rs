//! A roster as it was read, with indexes for the hot path.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::domain::conversation::Roster;
use crate::domain::id::{Seq, UserId};
use crate::domain::member::Member;
use crate::domain::steady_time::SteadyTime;
use crate::domain::window::Window;
use crate::engine::rosters::direct_policy::DirectPolicy;

/// A roster as it was read, with indexes for the hot path.
#[derive(Debug)]
pub(crate) struct CachedRoster {
    pub(crate) roster: Roster,
    /// The blocks and erased accounts of a direct conversation.
    pub(crate) direct_policy: DirectPolicy,
    /// Time at which `direct_policy` was read.
    pub(super) policy_read_at: SteadyTime,
    /// The current members, who receive its messages.
    pub(crate) member_ids: Arc<[UserId]>,
    /// Index of each member in the roster's list.
    places: HashMap<UserId, usize>,
    /// Highest `seq` known to exist in the conversation, raised by commits. A reply to a message up to it needs no
    /// read.
    reached: AtomicU64,
    /// Time at which the roster was read.
    pub(super) read_at: SteadyTime,
    /// Moment at which the reading began.
    since: Moment,
    /// True while a caller reads the roster again, so that only one does.
    renewing: AtomicBool,
}

/// A position in the order of readings and removals. A counter is used instead of a clock, since two events in the same
/// millisecond have to be told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Returns the moment after this one.
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl CachedRoster {
    pub(crate) fn new(roster: Roster, direct_policy: DirectPolicy, read_at: SteadyTime, since: Moment) -> Self {
        let member_ids = roster.members.iter().map(|member| member.user_id).collect();
        let places = roster
            .members
            .iter()
            .enumerate()
            .map(|(place, member)| (member.user_id, place))
            .collect();
        let reached = AtomicU64::new(roster.fence.0);
        Self {
            roster,
            direct_policy,
            policy_read_at: read_at,
            member_ids,
            places,
            reached,
            read_at,
            since,
            renewing: AtomicBool::new(false),
        }
    }

    /// Returns the same roster with a policy that was read again.
    pub(super) fn with_policy(&self, direct_policy: DirectPolicy, policy_read_at: SteadyTime) -> Self {
        Self {
            policy_read_at,
            reached: AtomicU64::new(self.reached.load(Ordering::Relaxed)),
            ..Self::new(self.roster.clone(), direct_policy, self.read_at, self.since)
        }
    }

    /// Returns the memory that the roster takes, in bytes, about.
    pub(super) fn size(&self) -> usize {
        // A member with a window, its place in the index, and its id in the list of ids.
        const MEMBER: usize = size_of::<Member>() + size_of::<Window>() + 2 * size_of::<(UserId, usize)>();
        size_of::<Self>() + self.roster.members.len() * MEMBER
    }

    /// Returns true if its reading began after `moment`.
    pub(crate) fn is_newer(&self, moment: Moment) -> bool {
        self.since > moment
    }

    /// Returns a current member.
    pub(crate) fn member(&self, user_id: UserId) -> Option<&Member> {
        self.places.get(&user_id).map(|place| &self.roster.members[*place])
    }

    /// Returns true if the message at `seq` is known to exist.
    pub(crate) fn has_reached(&self, seq: Seq) -> bool {
        seq.0 <= self.reached.load(Ordering::Relaxed)
    }

    /// Records that the message at `seq` exists.
    pub(crate) fn reach(&self, seq: Seq) {
        self.reached.fetch_max(seq.0, Ordering::Relaxed);
    }
}

/// The duty of reading a roster again. Dropping it releases the duty, also after an error or when the caller goes away.
pub(super) struct Renewal<'a>(&'a CachedRoster);

impl<'a> Renewal<'a> {
    /// Takes the duty; `None` if another caller has it.
    pub(super) fn of(roster: &'a CachedRoster) -> Option<Self> {
        (!roster.renewing.swap(true, Ordering::Relaxed)).then_some(Self(roster))
    }
}

impl Drop for Renewal<'_> {
    fn drop(&mut self) {
        self.0.renewing.store(false, Ordering::Relaxed);
    }
}
