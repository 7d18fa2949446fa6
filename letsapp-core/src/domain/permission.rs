//! What the roles of a group allow: one table, no exceptions elsewhere.

use crate::domain::role::Role;

/// What somebody wants to do to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Change title, description or picture.
    Describe,
    /// Bring somebody in.
    Add,
    /// Put a member of this role out.
    Remove(Role),
    /// Go.
    Leave,
    /// Change the role of a member who has this one.
    Assign(Role),
    /// Make a member who has this role the owner, in one's own place.
    HandOver(Role),
    /// Delete a message of somebody else for everyone.
    DeleteMessage,
    /// Delete the group itself.
    Dissolve,
}

/// Tells whether a member of this role may do it.
pub(crate) const fn allows(actor: Role, action: Action) -> bool {
    match (actor, action) {
        (Role::Owner, _) | (_, Action::Leave) => true,
        (Role::Admin, Action::Describe | Action::Add | Action::DeleteMessage | Action::Remove(Role::Member)) => true,
        (Role::Admin, Action::Remove(Role::Admin | Role::Owner)) => false,
        (Role::Admin, Action::Assign(_) | Action::HandOver(_) | Action::Dissolve) => false,
        (Role::Member, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_who_may_do_what() {
        use Action::{Add, Assign, DeleteMessage, Describe, Dissolve, HandOver, Leave, Remove};
        use Role::{Admin, Member, Owner};
        let table = [
            // action              member  admin  owner
            (Describe, [false, true, true]),
            (Add, [false, true, true]),
            (Remove(Member), [false, true, true]),
            (Remove(Admin), [false, false, true]),
            (Remove(Owner), [false, false, true]),
            (Leave, [true, true, true]),
            (Assign(Member), [false, false, true]),
            (Assign(Admin), [false, false, true]),
            (Assign(Owner), [false, false, true]),
            (HandOver(Member), [false, false, true]),
            (HandOver(Admin), [false, false, true]),
            (HandOver(Owner), [false, false, true]),
            (DeleteMessage, [false, true, true]),
            (Dissolve, [false, false, true]),
        ];
        for (action, expected) in table {
            for (actor, expected) in [Member, Admin, Owner].into_iter().zip(expected) {
                assert_eq!(allows(actor, action), expected, "{actor:?} {action:?}");
            }
        }
    }
}
