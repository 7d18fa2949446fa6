//! The connection that gets no event, because a reply tells it the same.

use crate::domain::id::ConnectionId;

/// The connections that learn of a change by the replies to their own requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ExcludedConnection {
    /// No connection.
    #[default]
    Nobody,
    /// Exactly one connection.
    One(ConnectionId),
    /// More than one connection.
    Several,
}

impl ExcludedConnection {
    /// Adds the connection that a request came from, if it came from one; requests over HTTP don't.
    pub(crate) fn add(&mut self, origin: Option<ConnectionId>) {
        self.merge(origin.map_or(Self::Nobody, Self::One));
    }

    /// Adds the connections that learn of another change, which is published together with this one.
    pub(crate) fn merge(&mut self, other: Self) {
        *self = match (*self, other) {
            (these, Self::Nobody) | (Self::Nobody, these) => these,
            (Self::One(one), Self::One(other)) if one == other => Self::One(one),
            (Self::One(_) | Self::Several, Self::One(_) | Self::Several) => Self::Several,
        };
    }

    /// Returns the one connection to leave out. If several connections requested what became one change, none is left
    /// out: an event that repeats what a client knows does no harm, a missing one would.
    pub(crate) const fn except(self) -> Option<ConnectionId> {
        match self {
            Self::One(one) => Some(one),
            Self::Nobody | Self::Several => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_requesting_connection_is_excluded() {
        let [a, b] = [1, 2].map(|n| ConnectionId::from_bytes([n; 16]));
        let except = |origins: &[Option<ConnectionId>]| {
            let mut excluded = ExcludedConnection::default();
            origins.iter().for_each(|origin| excluded.add(*origin));
            excluded.except()
        };
        assert_eq!(except(&[]), None);
        assert_eq!(except(&[None]), None);
        assert_eq!(except(&[Some(a)]), Some(a));
        assert_eq!(
            except(&[None, Some(a), None]),
            Some(a),
            "what asks over HTTP gets no events"
        );
        assert_eq!(except(&[Some(a), Some(a)]), Some(a));
        assert_eq!(except(&[Some(a), Some(b)]), None);
        assert_eq!(except(&[Some(a), Some(b), Some(a)]), None);
    }
}
