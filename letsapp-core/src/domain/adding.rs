//! The rule that decides who may add a user to a group.
//!
//! Contacts, blocks and conversations are read by the caller; this module only decides.

use crate::domain::user::Adders;

/// Relation between a user who is to be added to a group and the one who adds, as far as it affects adding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddingRelation {
    /// Whether the user blocks the one who adds.
    pub(crate) blocks: bool,
    /// Whether the user lists the one who adds as a contact.
    pub(crate) lists: bool,
    /// Whether the one who adds lists the user as a contact.
    pub(crate) is_listed: bool,
}

/// Decision on adding a user to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adding {
    /// The user may be added.
    Allowed,
    /// The user may be added, and counts as a stranger unless the two share a conversation.
    AllowedIfFew,
    /// The user may not be added.
    Refused,
}

/// Decides whether a user with this setting may be added. A block overrides the setting.
pub(crate) const fn adding(adders: Adders, relation: AddingRelation) -> Adding {
    match adders {
        _ if relation.blocks => Adding::Refused,
        Adders::Contacts if !relation.lists => Adding::Refused,
        Adders::Contacts | Adders::Everyone if relation.lists || relation.is_listed => Adding::Allowed,
        Adders::Contacts | Adders::Everyone => Adding::AllowedIfFew,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_who_may_be_added() {
        use Adding::{Allowed, AllowedIfFew, Refused};
        let table = [
            // blocks, lists, is listed     everyone       contacts
            ((false, false, false), [AllowedIfFew, Refused]),
            ((false, false, true), [Allowed, Refused]),
            ((false, true, false), [Allowed, Allowed]),
            ((false, true, true), [Allowed, Allowed]),
            ((true, false, false), [Refused, Refused]),
            ((true, false, true), [Refused, Refused]),
            ((true, true, false), [Refused, Refused]),
            ((true, true, true), [Refused, Refused]),
        ];
        for ((blocks, lists, is_listed), expected) in table {
            let relation = AddingRelation {
                blocks,
                lists,
                is_listed,
            };
            for (adders, expected) in [Adders::Everyone, Adders::Contacts].into_iter().zip(expected) {
                assert_eq!(adding(adders, relation), expected, "{adders:?} {relation:?}");
            }
        }
    }
}
