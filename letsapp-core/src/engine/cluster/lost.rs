//! Parts of what goes to other servers, and the users who have missed some of it.

use std::collections::HashSet;
use std::mem::take;

use crate::domain::id::UserId;
use crate::engine::cluster::bundle::Header;
use crate::ports::{Audience, Envelope, Fact};

/// Largest number of users whose losses are kept apart. With more, everybody is asked to sync.
const MAX_LOST_USERS: usize = 4_096;

/// Something for other servers.
#[derive(Debug)]
pub(super) enum Outgoing {
    Event(Envelope),
    Fact(Fact),
}

/// The users who may have missed events.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Lost {
    #[default]
    Nobody,
    Users(HashSet<UserId>),
    Everyone,
}

impl Lost {
    /// Adds the users to whom an event was addressed. A fact concerns caches of everybody.
    pub(super) fn add(&mut self, outgoing: &Outgoing) {
        metrics::counter!("letsapp_bus_dropped_total").increment(1);
        let ids: &[UserId] = match outgoing {
            Outgoing::Event(Envelope { audience, .. }) => match audience {
                Audience::Users { ids, .. } => ids,
                Audience::Connection { user_id, .. } | Audience::EndOfSession { user_id, .. } => {
                    std::slice::from_ref(user_id)
                }
            },
            Outgoing::Fact(_) => return *self = Self::Everyone,
        };
        match self {
            Self::Everyone => {}
            Self::Users(users) => users.extend(ids),
            Self::Nobody => *self = Self::Users(ids.iter().copied().collect()),
        }
        if matches!(self, Self::Users(users) if users.len() > MAX_LOST_USERS) {
            *self = Self::Everyone;
        }
    }

    /// Adds what another attempt has lost.
    pub(super) fn merge(&mut self, other: Self) {
        *self = match (take(self), other) {
            (Self::Nobody, lost) | (lost, Self::Nobody) => lost,
            (Self::Users(mut users), Self::Users(more)) => {
                users.extend(more);
                if users.len() > MAX_LOST_USERS {
                    Self::Everyone
                } else {
                    Self::Users(users)
                }
            }
            (Self::Everyone, _) | (_, Self::Everyone) => Self::Everyone,
        };
    }

    pub(super) fn header(&self) -> Option<Header> {
        let user_ids = match self {
            Self::Nobody => return None,
            Self::Users(users) => Some(users.iter().copied().collect()),
            Self::Everyone => None,
        };
        Some(Header::Lost { user_ids })
    }
}
