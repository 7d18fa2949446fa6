//! Table of rate limits: classes of requests, by whom each is counted, and their default quotas.
//!
//! Limits are graduated by cost and sensitivity: authentication is strictest, then searches, then writes, then reads.
//! The defaults do not restrict a person, or a busy program that acts for one; an installation can change them.

use std::time::Duration;

use crate::domain::limit::escalation::Escalation;
use crate::domain::limit::quota::{Decision, Quota};

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $word:literal $per:ident $amount:literal in $seconds:literal,)*) => {
        /// Class of requests that are counted together.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Class {
            $($(#[$doc])* $name,)*
        }

        impl Class {
            /// All classes.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the name, as used in configuration and shown to clients.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Returns by whom the class is counted.
            pub const fn per(self) -> Per {
                match self { $(Self::$name => Per::$per,)* }
            }

            /// Returns the quota that applies unless an installation configures another.
            pub const fn default_quota(self) -> Quota {
                match self {
                    $(Self::$name => match Quota::new($amount, Duration::from_secs($seconds)) {
                        Some(quota) => quota,
                        None => panic!("a default quota is invalid"),
                    },)*
                }
            }
        }
    };
}

classes! {
    /// Registration, login and other checks of a password, each of which computes a slow hash. Sixty at once, for the
    /// users who share an address, then one every ten seconds.
    Credentials = "credentials" Client 60 in 600,
    /// Refreshes of a session. Refresh tokens cannot be guessed, and a device refreshes once per quarter of an hour.
    Refreshes = "refreshes" Client 600 in 600,
    /// New sockets. All users who share an address reconnect at the same time after an interruption.
    Connections = "connections" Client 600 in 60,
    /// All API requests, counted before the user is known.
    Requests = "requests" Client 12_000 in 60,
    /// Searches for messages or users.
    Searches = "searches" User 120 in 60,
    /// Requests for all changes since the last sync.
    Syncs = "syncs" User 120 in 60,
    /// Requests that change data.
    Writes = "writes" User 1_200 in 60,
    /// People added to groups, whoever they are.
    Additions = "additions" User 1_200 in 3_600,
    /// People added to groups who share no contact or conversation with the user who adds them.
    Strangers = "strangers" User 20 in 3_600,
    /// Requests that read data.
    Reads = "reads" User 3_000 in 60,
    /// Small and frequent requests: receipts, typing, pings.
    Signals = "signals" User 6_000 in 60,
    /// All frames received on one socket.
    Frames = "frames" Connection 6_000 in 60,
    /// Frames received on one socket while it is over its limit. A socket that exceeds this quota too is closed.
    Refusals = "refusals" Connection 600 in 60,
}

/// Subject by which a class is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// Network of the client, before the user is known.
    Client,
    /// User, over all devices.
    User,
    /// Socket, each on its own.
    Connection,
}

/// State of one limit after something was counted against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitState {
    /// Class that the limit is for.
    pub class: Class,
    /// Uses per window.
    pub quota: Quota,
    /// Outcome of counting, with the remaining uses.
    pub decision: Decision,
}

/// Rate limits of an installation.
///
/// ```
/// # use letsapp_core::domain::limit::{Class, Table};
/// let mut table = Table::default();
/// assert_eq!(table.quota(Class::Writes), Some(Class::Writes.default_quota()));
/// table.set(Class::Writes, None);
/// assert_eq!(table.quota(Class::Writes), None, "unlimited");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    quotas: [Option<Quota>; Class::ALL.len()],
    /// Waits after failed authentication from one network; `None` for no waits.
    pub failures: Option<Escalation>,
    /// Waits after failed authentication at one account, from all networks except those from which its owner has signed
    /// in; `None` for no waits. The maximum is short, since strangers can impose it on the owner.
    pub account_failures: Option<Escalation>,
}

impl Default for Table {
    fn default() -> Self {
        let mut table = Self {
            failures: Some(Escalation {
                free: 5,
                first: Duration::from_secs(1),
                longest: Duration::from_secs(15 * 60),
            }),
            account_failures: Some(Escalation {
                free: 20,
                first: Duration::from_secs(1),
                longest: Duration::from_secs(60),
            }),
            ..Self::UNLIMITED
        };
        for class in Class::ALL {
            table.set(*class, Some(class.default_quota()));
        }
        table
    }
}

impl Table {
    /// Table without any limits.
    pub const UNLIMITED: Self = Self {
        quotas: [None; Class::ALL.len()],
        failures: None,
        account_failures: None,
    };

    /// Returns the quota of a class; `None` if unlimited.
    pub const fn quota(&self, class: Class) -> Option<Quota> {
        self.quotas[class as usize]
    }

    /// Sets the quota of a class; `None` for unlimited.
    pub const fn set(&mut self, class: Class, quota: Option<Quota>) {
        self.quotas[class as usize] = quota;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costly_and_sensitive_classes_are_stricter() {
        let rate = |class: Class| {
            let quota = class.default_quota();
            f64::from(quota.amount()) / quota.window().as_secs_f64()
        };
        let order = [
            Class::Credentials,
            Class::Refreshes,
            Class::Searches,
            Class::Connections,
            Class::Writes,
            Class::Reads,
            Class::Signals,
            Class::Requests,
        ];
        for pair in order.windows(2) {
            assert!(rate(pair[0]) < rate(pair[1]), "{pair:?}");
        }
        assert!(rate(Class::Refusals) < rate(Class::Frames));
        assert!(rate(Class::Searches) <= rate(Class::Syncs));
    }

    #[test]
    fn names_are_unique_words() {
        let mut names: Vec<_> = Class::ALL.iter().map(|class| class.as_str()).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase())));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Class::ALL.len());
    }

    #[test]
    fn each_class_has_its_own_entry() {
        let mut table = Table::UNLIMITED;
        for class in Class::ALL {
            assert_eq!(table.quota(*class), None);
            table.set(*class, Some(class.default_quota()));
        }
        assert_eq!(
            Table {
                failures: None,
                account_failures: None,
                ..Table::default()
            },
            table
        );
    }
}
