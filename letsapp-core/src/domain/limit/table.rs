//! The table of limits: what is counted together, for whom, and how much of it there is.
//!
//! Graduated by what a thing costs and how sensitive it is: what proves who one is is tightest, then what is searched for,
//! then what is written, then what is read. The numbers leave a person, and a busy program that acts for one, alone;
//! an installation can have others.

use std::time::Duration;

use crate::domain::limit::escalation::Escalation;
use crate::domain::limit::quota::Quota;

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $word:literal $per:ident $amount:literal in $seconds:literal,)*) => {
        /// What is counted together.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Class {
            $($(#[$doc])* $name,)*
        }

        impl Class {
            /// Every class.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns its name, as clients are told it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Returns for whom it is counted.
            pub const fn per(self) -> Per {
                match self { $(Self::$name => Per::$per,)* }
            }

            /// Returns how much of it there is, unless an installation says otherwise.
            pub const fn default_quota(self) -> Quota {
                match self {
                    $(Self::$name => match Quota::new($amount, Duration::from_secs($seconds)) {
                        Some(quota) => quota,
                        None => panic!("it is a sensible quota"),
                    },)*
                }
            }
        }
    };
}

classes! {
    /// Proving who one is by a password, and getting one: each takes a hash that is slow on purpose. Sixty at once, for
    /// those who share an address, then one each ten seconds.
    Credentials = "credentials" Client 60 in 600,
    /// Rotating a refresh token, which nobody can guess; a device does so each quarter of an hour.
    Refreshes = "refreshes" Client 600 in 600,
    /// Opening sockets: all who share an address come back at once after an interruption.
    Connections = "connections" Client 600 in 60,
    /// Everything that is asked of the API, before it is known by whom.
    Requests = "requests" Client 12_000 in 60,
    /// Searching, for messages or people.
    Searches = "searches" User 120 in 60,
    /// Asking for all that changed since.
    Syncs = "syncs" User 120 in 60,
    /// Whatever changes something.
    Writes = "writes" User 1_200 in 60,
    /// Whatever reads.
    Reads = "reads" User 3_000 in 60,
    /// What is small and comes often: receipts, typing, pings.
    Signals = "signals" User 6_000 in 60,
    /// What comes in on one socket, whatever it says.
    Frames = "frames" Connection 6_000 in 60,
    /// What comes in on one socket although it was told to wait: beyond this it is closed.
    Refusals = "refusals" Connection 600 in 60,
}

/// For whom something is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// Those who share an address, before anything is known of them.
    Client,
    /// A user, on all devices.
    User,
    /// One socket, which counts for itself.
    Connection,
}

/// The limits of an installation.
///
/// ```
/// # use letsapp_core::engine::limiter::{Class, Table};
/// let mut table = Table::default();
/// assert_eq!(table.quota(Class::Writes), Some(Class::Writes.default_quota()));
/// table.set(Class::Writes, None);
/// assert_eq!(table.quota(Class::Writes), None, "as many as anybody likes");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    quotas: [Option<Quota>; Class::ALL.len()],
    /// Failures to prove that one has an account, from one address.
    pub failures: Option<Escalation>,
    /// Failures to prove that one has an account, from all addresses together but those that it was used from before.
    /// Its longest wait is short, since it is one that strangers can put somebody to.
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
    /// No limits at all.
    pub const UNLIMITED: Self = Self {
        quotas: [None; Class::ALL.len()],
        failures: None,
        account_failures: None,
    };

    /// Returns how much there is of a class; `None` for as much as anybody likes.
    pub const fn quota(&self, class: Class) -> Option<Quota> {
        self.quotas[class as usize]
    }

    /// Says how much there is of a class; `None` for as much as anybody likes.
    pub const fn set(&mut self, class: Class, quota: Option<Quota>) {
        self.quotas[class as usize] = quota;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sensitive_or_costs_more_is_tighter() {
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
    fn names_are_words_of_their_own() {
        let mut names: Vec<_> = Class::ALL.iter().map(|class| class.as_str()).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase())));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Class::ALL.len());
    }

    #[test]
    fn each_class_has_a_place_of_its_own() {
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
