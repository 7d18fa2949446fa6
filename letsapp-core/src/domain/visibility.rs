//! Who sees the presence of a user: the one rule that decides it.
//!
//! Contacts and blocks are looked up elsewhere; this module only decides.

use crate::domain::id::UserId;
use crate::domain::user::Audience;

/// A user, and somebody who may look at their presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ViewerPair {
    /// The one who looks.
    pub(crate) viewer: UserId,
    /// The one whose presence is looked at.
    pub(crate) user_id: UserId,
}

/// Whether the viewer of a [`ViewerPair`] sees the user's presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The presence is shown.
    Visible,
    /// The user appears as offline, and never seen.
    Hidden,
}

/// The relation between a user and a viewer, as far as it decides what the viewer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relation {
    /// The user lists the viewer as a contact.
    pub(crate) listed: bool,
    /// One of the two blocks the other.
    pub(crate) blocked: bool,
}

/// Decides whether a viewer with this relation sees what the user shows to `audience`.
pub(crate) const fn sight(audience: Audience, relation: Relation) -> Sight {
    let visible = !relation.blocked
        && match audience {
            Audience::Everyone => true,
            Audience::Contacts => relation.listed,
            Audience::Nobody => false,
        };
    if visible { Sight::Visible } else { Sight::Hidden }
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
                let visible = sight(audience, relation) == Sight::Visible;
                assert_eq!(visible, expected, "{audience:?} {relation:?}");
            }
        }
    }
}
