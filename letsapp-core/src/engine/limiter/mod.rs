//! Rate limits and login limits: how often a client or user may do something, and how long a client is locked out after
//! wrong passwords.
//!
//! - Rate limits count requests of a [`Class`] per [`Subject`] against the [`Quota`] of
//!   the [`Table`]; see [`Limiter::check`].
//! - Login limits slow down password guesses, at login and wherever the password is asked for again: failed attempts
//!   are counted per account and address, and per account, and each further failure doubles the lock-out, up to a
//!   maximum; see [`Limiter::attempt`].
//!
//! The rules are pure state machines: a [`Pace`] is stepped by a quota, [`Attempts`] by an
//! [`Escalation`](crate::domain::limit::Escalation). A [`Limiter`] keeps their states in bounded memory, on one server.
//! Several servers count separately, so together they let through that many times as much, unless they
//! [share](Limiter::share) their counts of requests. Failed logins are always counted by each server.
//!
//! The limiter does not know requests: the server decides the class of a request and answers a refused one.

mod keyed;
mod shared;
mod subject;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::domain::limit::{AttemptEvent, Attempts, Class, Client, Decision, Pace, Quota, Table, Verdict, Wait};

use crate::domain::id::UserId;
use crate::domain::steady_time::SteadyTime;
use crate::domain::user::{Email, Username};
use crate::engine::limiter::keyed::{Keyed, State};
use crate::engine::limiter::shared::{Breaker, SharedLimits};
pub use crate::engine::limiter::subject::Subject;
use crate::ports::{Clock, SharedPaces};

/// Counts requests and failed logins, and refuses those beyond the limits.
///
/// ```
/// # use std::sync::Arc;
/// # use letsapp_core::domain::limit::{Class, Client, Table, Verdict};
/// # use letsapp_core::engine::limiter::{Limiter, Subject};
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
    /// Failed logins (password guesses) for an account from one address.
    failures: Keyed<Attempt, Attempts>,
    /// Failed logins for an account from all addresses that are not familiar to it.
    strangers: Keyed<Account, Attempts>,
    /// Addresses from which a login to the account succeeded lately. They are exempt from `strangers`.
    familiar: Keyed<Attempt, Visit>,
    /// Hashes login names with a random key, so that nobody can construct two names that share a counter.
    names: RandomState,
    /// Count of all servers, if they share it.
    shared: OnceLock<Arc<SharedLimits>>,
    breaker: Breaker,
}

/// An account that a client tries to log in to, or whose password is to be proven again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Account(AccountKey);

/// The key under which the attempts at an account are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum AccountKey {
    /// Hash of the login name. Names without an account are counted too, so that a lock-out does not reveal which
    /// accounts exist.
    Named(u64),
    /// The user of a valid token, who is asked for the password once more.
    Own(UserId),
}

/// A login attempt that was begun, to be [settled](Limiter::settle). An attempt that is never settled counts as a
/// failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "an attempt that is not settled counts as a failure"]
pub struct Attempt {
    account: Account,
    /// Address of the client; `None` if failures count whatever the address is.
    client: Option<Client>,
}

/// The outcome of a login attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The password was right.
    Right,
    /// The password was wrong.
    Wrong,
    /// The password was not checked, because of an error.
    Missing,
}

/// Time of the last successful login to an account from an address, if there was one.
#[derive(Clone, Copy, Default)]
struct Visit(Option<SteadyTime>);

/// Time for which an address stays familiar after a successful login: 30 days, so that monthly visitors keep it.
const FAMILIAR_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Limiter {
    /// Creates a limiter with these limits and no counts.
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self {
            table,
            clock,
            paces: Keyed::new(),
            failures: Keyed::new(),
            strangers: Keyed::new(),
            familiar: Keyed::new(),
            names: RandomState::new(),
            shared: OnceLock::new(),
            breaker: Breaker::default(),
        }
    }

    /// Returns the limits.
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// Counts together with other servers from now on, on the current tokio runtime. Does nothing the second time.
    pub fn share(self: &Arc<Self>, paces: Arc<dyn SharedPaces>) {
        let shared = Arc::new(SharedLimits::new(paces));
        if self.shared.set(Arc::clone(&shared)).is_ok() {
            let limiter = Arc::downgrade(self);
            let adopt = move |class, subject, everywhere| match limiter.upgrade() {
                Some(limiter) => {
                    limiter.adopt(class, subject, everywhere);
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(()),
            };
            tokio::spawn(async move { shared.report_uses(adopt).await });
        }
    }

    /// Decides the same as [`check_cost`](Self::check_cost), together with other servers. Their count is waited for, a
    /// tenth of a second at most; without it this server decides by its own.
    pub async fn check_everywhere(&self, class: Class, subject: Subject, cost: u32) -> Option<Decision> {
        let quota = self.table.quota(class)?;
        let here = self.step(class, subject, quota, cost);
        let Some(shared) = self.shared.get().filter(|_| here.verdict == Verdict::Allowed) else {
            return Some(here);
        };
        if self.breaker.is_open(self.clock.steady()) {
            return Some(here);
        }
        match shared.step(class, subject, quota, cost).await {
            Ok(everywhere) => {
                self.adopt(class, subject, everywhere);
                Some(everywhere)
            }
            Err(error) => {
                metrics::counter!("letsapp_shared_limits_failed_total").increment(1);
                tracing::debug!(%error, "the shared limits don't answer; this server counts alone");
                self.breaker.open(self.clock.steady());
                Some(here)
            }
        }
    }

    /// Takes over what other servers have counted.
    fn adopt(&self, class: Class, subject: Subject, everywhere: Decision) {
        let now = self.clock.steady();
        let adopt = |pace: Pace| (pace.at_least(everywhere.reset_after, now), ());
        self.paces.step((class, subject), now, adopt);
    }

    fn step(&self, class: Class, subject: Subject, quota: Quota, cost: u32) -> Decision {
        let now = self.clock.steady();
        self.paces
            .step((class, subject), now, |pace: Pace| pace.step(quota, cost, now))
    }

    /// Decides whether a subject may make one more request of a class, and counts it if so; `None` if the class is not
    /// limited.
    pub fn check(&self, class: Class, subject: Subject) -> Option<Decision> {
        self.check_cost(class, subject, 1)
    }

    /// Decides the same for something that counts as much as `cost` requests.
    pub fn check_cost(&self, class: Class, subject: Subject, cost: u32) -> Option<Decision> {
        let quota = self.table.quota(class)?;
        let decision = self.step(class, subject, quota, cost);
        if decision.verdict == Verdict::Allowed {
            self.report(class, subject, quota, cost);
        }
        Some(decision)
    }

    /// Counts something that has happened already as much as `cost` requests, or as many as are left: the subject then
    /// waits before the next one.
    pub fn charge(&self, class: Class, subject: Subject, cost: u32) {
        let Some(quota) = self.table.quota(class) else { return };
        let now = self.clock.steady();
        self.paces.step((class, subject), now, |pace: Pace| {
            let (_, left) = pace.step(quota, 0, now);
            pace.step(quota, cost.min(left.remaining), now)
        });
        self.report(class, subject, quota, cost);
    }

    /// Has a use added to the count of all servers.
    fn report(&self, class: Class, subject: Subject, quota: Quota, cost: u32) {
        if let Some(shared) = self.shared.get()
            && cost > 0
        {
            shared.report(class, subject, quota, cost);
        }
    }

    /// Decides the same as [`check_cost`](Self::check_cost) for something that keeps its own pace, such as a socket.
    pub fn check_own(&self, class: Class, pace: &mut Pace, cost: u32) -> Option<Decision> {
        let (next, decision) = pace.step(self.table.quota(class)?, cost, self.clock.steady());
        *pace = next;
        Some(decision)
    }

    /// Returns the account with this username or email address, in any spelling. It need not exist.
    pub fn account(&self, name: &str) -> Account {
        let hash = match (Username::parse(name), Email::parse(name)) {
            (Ok(username), _) => self.names.hash_one(username.as_str()),
            (_, Ok(email)) => self.names.hash_one(email.key()),
            _ => self.names.hash_one(name),
        };
        Account(AccountKey::Named(hash))
    }

    /// Begins a login attempt, or another check of a password, before the password is hashed, which is expensive.
    ///
    /// Failures (password guesses) are counted per account and address, and per account alone, so that using many
    /// addresses does not help. An address from which a login succeeded lately is exempt from the count per account:
    /// strangers must not lock users out where they usually sign in, nor for long elsewhere.
    ///
    /// The attempt counts as a failure until it is [settled](Self::settle), so that many concurrent guesses are limited
    /// like guesses one after the other.
    ///
    /// # Errors
    /// [`Wait`] after too many failures: the time for which logins are locked out.
    pub fn attempt(&self, account: Account, client: Option<Client>) -> Result<Attempt, Wait> {
        let attempt = match account.0 {
            AccountKey::Named(_) => Attempt { account, client },
            // The owner of a token is known, so the address does not matter.
            AccountKey::Own(_) => Attempt { account, client: None },
        };
        self.note(attempt, AttemptEvent::Begun)?;
        self.note_stranger(attempt, AttemptEvent::Begun).inspect_err(|_| {
            // The attempt is refused before the password was tried.
            let _ = self.note(attempt, AttemptEvent::Abandoned);
        })?;
        Ok(attempt)
    }

    /// Records the outcome of a login attempt. A success clears the failures from the same address and no others (NIST
    /// SP 800-63B, section 5.2.2): otherwise an attacker's failures would vanish whenever the owner logs in.
    pub fn settle(&self, attempt: Attempt, proof: Proof) {
        let event = match proof {
            // The failure was counted when the attempt began.
            Proof::Wrong => return,
            Proof::Missing => AttemptEvent::Abandoned,
            Proof::Right => AttemptEvent::Succeeded,
        };
        // Only the beginning of an attempt can be refused.
        let _ = self.note(attempt, event);
        // Takes back this attempt only: the other failures from strange addresses may be an attacker's.
        let _ = self.note_stranger(attempt, AttemptEvent::Abandoned);
        if proof == Proof::Right && attempt.client.is_some() {
            let now = self.clock.steady();
            self.familiar.step(attempt, now, |_| (Visit(Some(now)), ()));
        }
    }

    fn note(&self, attempt: Attempt, event: AttemptEvent) -> Result<(), Wait> {
        let Some(rule) = self.table.failures else {
            return Ok(());
        };
        let now = self.clock.steady();
        self.failures.step(attempt, now, |attempts| {
            noted(attempts, attempts.step(rule, event, now))
        })
    }

    fn note_stranger(&self, attempt: Attempt, event: AttemptEvent) -> Result<(), Wait> {
        let Some(rule) = self.table.account_failures else {
            return Ok(());
        };
        let now = self.clock.steady();
        let is_known = |visit: Visit| (visit, !visit.is_over(now));
        if matches!(attempt.account.0, AccountKey::Own(_)) || self.familiar.step(attempt, now, is_known) {
            return Ok(());
        }
        self.strangers.step(attempt.account, now, |attempts| {
            noted(attempts, attempts.step(rule, event, now))
        })
    }
}

impl Account {
    /// Returns the account of a signed-in user who is asked for the password once more.
    pub const fn of(user_id: UserId) -> Self {
        Self(AccountKey::Own(user_id))
    }
}

impl State for Visit {
    fn is_over(self, now: SteadyTime) -> bool {
        self.0.is_none_or(|at| now.since(at) >= FAMILIAR_TTL)
    }
}

/// Keeps the state unchanged if the step was refused.
fn noted(before: Attempts, stepped: Result<Attempts, Wait>) -> (Attempts, Result<(), Wait>) {
    match stepped {
        Ok(after) => (after, Ok(())),
        Err(wait) => (before, Err(wait)),
    }
}
