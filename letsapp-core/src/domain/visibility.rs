//! The rule that decides who sees the presence of a user.
//!
//! Contacts and blocks are read by the caller; this module only decides.

use crate::domain::id::UserId;
use crate::domain::user::Audience;

/// A viewer, and the user whose presence is viewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ViewerPair {
    /// User who views.
    pub(crate) viewer: UserId,
    /// User whose presence is viewed.
    pub(crate) user_id: UserId,
}

/// Visibility of a user's presence to a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// The actual presence is shown.
    Visible,
    /// The user is shown as offline, without a time.
    Hidden,
}

/// Relation between a user and a viewer, as far as it affects visibility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relation {
    /// Whether the user lists the viewer as a contact.
    pub(crate) listed: bool,
    /// Whether either blocks the other.
    pub(crate) blocked: bool,
}

impl Visibility {
    /// Decides whether a viewer with this relation sees what the user shows to `audience`. A block in either direction
    /// overrides the audience.
    pub(crate) const fn of(audience: Audience, relation: Relation) -> Self {
        let visible = !relation.blocked
            && match audience {
                Audience::Everyone => true,
                Audience::Contacts => relation.listed,
                Audience::Nobody => false,
            };
        if visible { Self::Visible } else { Self::Hidden }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_who_sees_what() {
        use Audience::{Contacts, Everyone, Nobody};
        let table = [
            // audience    a stranger  a contact  blocked  a blocked contact
            (Everyone, [true, true, false, false]),
            (Contacts, [false, true, false, false]),
            (Nobody, [false, false, false, false]),
        ];
        let relations = [(false, false), (true, false), (false, true), (true, true)];
        for (audience, expected) in table {
            for ((listed, blocked), expected) in relations.into_iter().zip(expected) {
                let relation = Relation { listed, blocked };
                let visible = Visibility::of(audience, relation) == Visibility::Visible;
                assert_eq!(visible, expected, "{audience:?} {relation:?}");
            }
        }
    }
}
