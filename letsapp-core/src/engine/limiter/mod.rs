//! Limits: how often somebody may do something, and how long who fails to prove who they are has to wait.
//!
//! The machines are pure: a [`Pace`] is stepped by a [`Quota`], [`Attempts`] by an [`Escalation`]. The [`Table`] says how
//! much there is of what. A [`Limiter`] remembers who has used what, in bounded memory, on one server: several servers
//! each have their own, and so together let through as many times as much.
//!
//! What this is not: a place that knows requests. Which class a request is of, and what one that is denied is told, is
//! the server's.

mod keyed;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::limit::{AttemptEvent, Attempts, Class, Client, Decision, Pace, Table, Wait};

use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{Email, Username};
use crate::engine::limiter::keyed::{Keyed, State};
use crate::ports::Clock;

/// Remembers who has done what how often.
///
/// ```
/// # use std::sync::Arc;
/// # use letsapp_core::engine::limiter::{Class, Client, Limiter, Subject, Table, Verdict};
/// # use letsapp_core::ports::SystemClock;
/// let limiter = Limiter::new(Table::default(), Arc::new(SystemClock));
/// let client = Subject::Client(Client::at([192, 0, 2, 1].into()));
/// let decision = limiter.check(Class::Credentials, client).expect("it is limited");
/// assert_eq!((decision.verdict, decision.remaining), (Verdict::Allowed, 59));
/// ```
pub struct Limiter {
    table: Table,
    clock: Arc<dyn Clock>,
    paces: Keyed<(Class, Subject), Pace>,
    /// Failures for an account from one address.
    failures: Keyed<Attempt, Attempts>,
    /// Failures for an account from all addresses that are not familiar.
    strangers: Keyed<Account, Attempts>,
    familiar: Keyed<Attempt, Visit>,
    names: RandomState,
}

/// For whom something is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Those who share an address.
    Client(Client),
    /// A user.
    User(UserId),
}

/// An account that somebody tries to prove is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Account(Proven);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Proven {
    /// The hash of what they call it; whether there is one of this name makes no difference.
    Named(u64),
    /// Theirs, as a token says; the password is asked for once more.
    Own(UserId),
}

/// An attempt that was begun, to be [settled](Limiter::settle); one that never is counts as a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "an attempt that is not settled counts as a failure"]
pub struct Attempt {
    account: Account,
    /// From where, if that is told apart.
    client: Option<Client>,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It was they.
    Right,
    /// It was not.
    Wrong,
    /// It was not found out.
    Missing,
}

/// When somebody last proved from an address that an account is theirs, if they did.
#[derive(Clone, Copy, Default)]
struct Visit(Option<Timestamp>);

/// How long an address stays familiar.
const FAMILIAR_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Limiter {
    /// Makes one that goes by a table, and has seen nobody.
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self {
            table,
            clock,
            paces: Keyed::new(),
            failures: Keyed::new(),
            strangers: Keyed::new(),
            familiar: Keyed::new(),
            names: RandomState::new(),
        }
    }

    /// Returns the table.
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// Decides whether somebody may do one more of a class, and counts it if so; `None` where that is not limited.
    pub fn check(&self, class: Class, subject: Subject) -> Option<Decision> {
        let quota = self.table.quota(class)?;
        let now = self.clock.now();
        let step = |pace: Pace| pace.step(quota, 1, now);
        Some(self.paces.step((class, subject), now, step))
    }

    /// Decides the same for what counts for itself, such as a socket, and keeps its own pace.
    pub fn check_own(&self, class: Class, pace: &mut Pace) -> Option<Decision> {
        let (next, decision) = pace.step(self.table.quota(class)?, 1, self.clock.now());
        *pace = next;
        Some(decision)
    }

    /// Names the account that somebody calls by its username or address, in whatever spelling.
    pub fn account(&self, name: &str) -> Account {
        let hash = match (Username::parse(name), Email::parse(name)) {
            (Ok(username), _) => self.names.hash_one(username.as_str()),
            (_, Ok(email)) => self.names.hash_one(email.key()),
            _ => self.names.hash_one(name),
        };
        Account(Proven::Named(hash))
    }

    /// Begins an attempt to prove that an account is one's own, before it costs anything.
    ///
    /// Failures count for the account together with the address they come from, and for the account alone, so that many
    /// addresses are no way around. An address from which it was proven before is not held to the latter: strangers must
    /// not keep somebody from signing in where they always do, nor for long elsewhere.
    ///
    /// # Errors
    /// [`Wait`] after too many failures.
    pub fn attempt(&self, account: Account, client: Option<Client>) -> Result<Attempt, Wait> {
        let attempt = match account.0 {
            Proven::Named(_) => Attempt { account, client },
            // Who has a token is no stranger.
            Proven::Own(_) => Attempt { account, client: None },
        };
        self.note(attempt, AttemptEvent::Begun)?;
        self.note_stranger(attempt, AttemptEvent::Begun).inspect_err(|_| {
            // It was never tried.
            let _ = self.note(attempt, AttemptEvent::Abandoned);
        })?;
        Ok(attempt)
    }

    /// Says what came of an attempt. Success makes up for all failures from the same address, and for no others (NIST SP
    /// 800-63B, section 5.2.2).
    pub fn settle(&self, attempt: Attempt, proof: Proof) {
        let event = match proof {
            Proof::Wrong => return,
            Proof::Missing => AttemptEvent::Abandoned,
            Proof::Right => AttemptEvent::Succeeded,
        };
        // Only what is begun can be refused.
        let _ = self.note(attempt, event);
        let _ = self.note_stranger(attempt, AttemptEvent::Abandoned);
        if proof == Proof::Right && attempt.client.is_some() {
            let now = self.clock.now();
            self.familiar.step(attempt, now, |_| (Visit(Some(now)), ()));
        }
    }

    fn note(&self, attempt: Attempt, event: AttemptEvent) -> Result<(), Wait> {
        let Some(rule) = self.table.failures else {
            return Ok(());
        };
        let now = self.clock.now();
        self.failures.step(attempt, now, |attempts| {
            noted(attempts, attempts.step(rule, event, now))
        })
    }

    fn note_stranger(&self, attempt: Attempt, event: AttemptEvent) -> Result<(), Wait> {
        let Some(rule) = self.table.account_failures else {
            return Ok(());
        };
        let now = self.clock.now();
        let is_known = |visit: Visit| (visit, !visit.is_over(now));
        if matches!(attempt.account.0, Proven::Own(_)) || self.familiar.step(attempt, now, is_known) {
            return Ok(());
        }
        self.strangers.step(attempt.account, now, |attempts| {
            noted(attempts, attempts.step(rule, event, now))
        })
    }
}

impl Account {
    /// Names the account of somebody who is signed in, and is asked for the password once more.
    pub const fn of(user_id: UserId) -> Self {
        Self(Proven::Own(user_id))
    }
}

impl State for Visit {
    fn is_over(self, now: Timestamp) -> bool {
        self.0.is_none_or(|at| now.since(at) >= FAMILIAR_TTL)
    }
}

/// Keeps the state as it was where a step is refused.
fn noted(before: Attempts, stepped: Result<Attempts, Wait>) -> (Attempts, Result<(), Wait>) {
    match stepped {
        Ok(after) => (after, Ok(())),
        Err(wait) => (before, Err(wait)),
    }
}
